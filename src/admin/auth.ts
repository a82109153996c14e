import { adminErrors } from "../errors.ts";
import type { Peer } from "../host.ts";
import type { Token } from "./admin.ts";

/** Throws `AdminError` for a request that a page of another origin makes: whatever it asks, it gets nothing to read. */
export function refuseForeign(request: Request, peer: Peer): void {
  const origin = request.headers.get("origin");
  const site = request.headers.get("sec-fetch-site");
  const foreign = site !== null && site !== "same-origin" && site !== "none";
  // A link on another page may lead to the page for people: it is opened, not read.
  const opened = foreign && request.headers.get("sec-fetch-dest") === "document" && request.method === "GET";
  const own = new URL(request.url).origin;
  const asked = peer.secure ? own.replace(/^http:/, "https:") : own;
  if ((foreign && !opened) || (origin !== null && origin !== asked)) throw adminErrors.forbiddenOrigin();
}

/** Throws `AdminError` where the request does not carry the token. */
export async function requireToken(request: Request, token: Token): Promise<void> {
  if (!(await hasToken(request, token))) throw adminErrors.unauthorized();
}

async function hasToken(request: Request, token: Token): Promise<boolean> {
  const given = /^Bearer +([^\s]{1,1000})$/i.exec(request.headers.get("authorization") ?? "")?.[1];
  return given !== undefined && (await token.accepts(given));
}

/** Headers by which a proxy before askonce tells that the client is somewhere else. */
const FORWARDED = [
  "forwarded",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-real-ip",
  "via",
  "cf-connecting-ip",
];

/** Whether metrics and reasons may be told: to this machine itself, and to who has the token. */
export async function mayObserve(request: Request, peer: Peer, token: Token): Promise<boolean> {
  const near = isLoopback(peer.address) && peer.behindProxy !== true;
  const here = near && !FORWARDED.some((name) => request.headers.has(name));
  return here || (await hasToken(request, token));
}

function isLoopback(address: string): boolean {
  return /^(?:::ffff:)?127\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}$/i.test(address) || address === "::1";
}

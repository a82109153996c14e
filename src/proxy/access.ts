import { proxyErrors } from "../errors.ts";
import type { Peer } from "../host.ts";
import { requestUrl } from "./call.ts";
import { decode, MASKED_VALUE } from "./credential.ts";
import { sha256Pieces } from "./digest.ts";
import { clientOf } from "./forwarded.ts";
import { isKnownPreflight } from "./origin.ts";
import type { ProxyParts } from "./parts.ts";
import { refuseUnread } from "./refuse.ts";

/** A request as everything behind the door sees it: no access token is left in its path. */
export interface Entered {
  readonly request: Request;
  readonly peer: Peer;
}

/** Those that have a guard of their own, or tell nothing. */
const OWN_GUARD = /^\/(?:healthz|readyz|metrics|admin(?:\/.*)?)$/;

/**
 * The door that every request passes first: says who asks, takes the access token off the path, and answers 401 to
 * whom none of the configured tokens lets in.
 */
export function enter(parts: ProxyParts, request: Request, peer: Peer): Entered | Response {
  const config = parts.config();
  const from =
    config.trustedProxies.length === 0 ? peer : clientOf(request.headers, peer, config.trustedProxies);
  const { plain: rest, token } = withoutPathToken(request);
  if (config.accessTokens.length === 0) return { request: rest, peer: from };
  const plain = withoutStrayTokens(rest, config.accessTokens);
  const entered = { request: plain, peer: from };
  const given = [token, request.headers.get("x-askonce-token")?.trim()];
  if (given.some((one) => one && isKnownToken(one, config.accessTokens))) return entered;
  const path = requestUrl(plain)?.pathname ?? "/-";
  if (OWN_GUARD.test(path) || isKnownPreflight(plain, config.allowedOrigins)) return entered;
  const id = parts.newId();
  const unread = { request: plain, peer: from, id, allowedOrigins: config.allowedOrigins };
  return refuseUnread(parts, unread, proxyErrors.unauthorized());
}

const FIRST_SEGMENT = /^((?:https?:\/\/[^/?#]*)?)\/(?:~|%7e)([^/?#]*)([^?#]*)(.*)$/is;

/** A URL without the access token before its path, and that token; undefined where there is none. */
export function takeToken(url: string): { readonly url: string; readonly token: string } | undefined {
  const [, origin = "", token, path, rest = ""] = FIRST_SEGMENT.exec(url) ?? [];
  return token === undefined ? undefined : { url: `${origin}${path || "/"}${rest}`, token };
}

/** It is taken off where no token is asked for, too: it is nobody's but this askonce's. */
function withoutPathToken(request: Request): { plain: Request; token: string | undefined } {
  const { url } = request;
  const taken = url.includes("/~") || /\/%7e/i.test(url) ? takeToken(url) : undefined;
  if (taken === undefined) return { plain: request, token: undefined };
  const whole = taken.url.startsWith("/") ? `http://localhost${taken.url}` : taken.url;
  return { plain: withUrl(request, whole), token: taken.token };
}

const SHORTEST_TOKEN = 16;
const WORDS = /[^/?&=#:;,@]{16,}/g;
/** No path is so long that somebody put a token there by mistake; each word of it costs a digest. */
const MOST_WORDS = 100;

/**
 * Without the tokens that stand where none is looked for: behind a namespace, twice, without `~`, in the query. They
 * open nothing there, and would go up and be kept with the path.
 */
function withoutStrayTokens(request: Request, tokens: readonly string[]): Request {
  let words = 0;
  const masked = request.url.replace(WORDS, (word) => {
    const bare = decode(word).replace(/^~/, "");
    if (bare.length < SHORTEST_TOKEN || ++words > MOST_WORDS) return word;
    return isKnownToken(bare, tokens) ? MASKED_VALUE : word;
  });
  return masked === request.url ? request : withUrl(request, masked);
}

/** The same request at another URL. Not a new `Request`: adapters hand in ones of their own, which it cannot copy. */
function withUrl(request: Request, url: string): Request {
  return new Proxy(request, {
    get(target, name) {
      if (name === "url") return url;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

let digested: { readonly of: readonly string[]; readonly digests: readonly string[] } | undefined;

/** In a time that says nothing of which token it is like, and where they differ: whole digests of all are compared. */
function isKnownToken(given: string, tokens: readonly string[]): boolean {
  if (digested?.of !== tokens) digested = { of: tokens, digests: tokens.map(digestOf) };
  const digest = plainDigest(given);
  let known = 0;
  for (const one of digested.digests) {
    let differences = 0;
    for (let at = 0; at < digest.length; at++) differences |= digest.charCodeAt(at) ^ one.charCodeAt(at);
    known |= differences === 0 ? 1 : 0;
  }
  return known === 1;
}

/** A token in the settings may stand there as its digest. */
function digestOf(token: string): string {
  return token.startsWith("sha256:") ? token.slice("sha256:".length) : plainDigest(token);
}

function plainDigest(text: string): string {
  return sha256Pieces([new TextEncoder().encode(text)]);
}

import { headerCase } from "../../header-case.ts";
import type { UpstreamInit } from "../../host.ts";

/** Where a URL's server is, and what to ask it for. */
export interface Place {
  /** Name or address, an IPv6 address without its brackets. */
  readonly hostname: string;
  readonly port: number;
  /** As `Host` has it. */
  readonly authority: string;
  /** Path and query. */
  readonly target: string;
}

const REMEMBERED = 200;
const places = new Map<string, Place>();

/** Reads an `http:` URL; those lately seen are remembered. */
export function placeOf(url: string): Place {
  const known = places.get(url);
  if (known !== undefined) return known;
  const { hostname, port, host, pathname, search } = new URL(url);
  const place = {
    hostname: hostname.replace(/^\[|\]$/g, ""),
    port: port === "" ? 80 : Number(port),
    authority: host,
    target: pathname + search,
  };
  if (places.size >= REMEMBERED) places.clear();
  places.set(url, place);
  return place;
}

/** Those that frame the body, or belong to the connection. */
const OWN = new Set([
  "connection",
  "keep-alive",
  "transfer-encoding",
  "content-length",
  "host",
  "te",
  "upgrade",
]);
/** RFC 9110 §8.6: methods whose requests say so where they have no body. */
const WITH_BODY = new Set(["POST", "PUT", "PATCH"]);

/** Request line and header lines with the empty line behind them, Latin-1. */
export function requestHead({ authority, target }: Place, { method, headers, body }: Sent): string {
  const lines = linesOf(headers);
  const size = body?.byteLength ?? 0;
  const length = size > 0 || WITH_BODY.has(method) ? `Content-Length: ${size}\r\n` : "";
  return `${method} ${target} HTTP/1.1\r\nHost: ${authority}\r\n${lines}${length}Connection: keep-alive\r\n\r\n`;
}

/** Requests with the same head go up with the same headers, which nobody changes once they were sent. */
const written = new WeakMap<Headers, string>();

function linesOf(headers: Headers): string {
  const known = written.get(headers);
  if (known !== undefined) return known;
  let lines = "";
  for (const [name, value] of headers) if (!OWN.has(name)) lines += `${headerCase(name)}: ${value}\r\n`;
  if (!headers.has("accept")) lines += "Accept: */*\r\n";
  written.set(headers, lines);
  return lines;
}

export type Sent = Pick<UpstreamInit, "method" | "headers"> & { readonly body: Uint8Array | undefined };

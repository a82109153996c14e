import type { Peer } from "../host.ts";
import { addressBytes, isWithin, type Network } from "../network.ts";

/**
 * Who asks, where a proxy of the operator's stands between: the address that the nearest of `trusted` proxies took
 * the request from. Each of them appends whom it heard, so the list is read from its end, and whatever stands before
 * an address that is no trusted proxy's may be invented. `X-Forwarded-For` counts before `Forwarded` (RFC 7239):
 * a proxy that writes one of them often lets the other pass as the client sent it.
 */
export function clientOf(headers: Headers, peer: Peer, trusted: readonly Network[]): Peer {
  if (!isWithin(peer.address, trusted)) return peer;
  const list = headers.get("x-forwarded-for");
  const hops = list === null ? forwardedFor(headers.get("forwarded")) : list.split(",");
  let { address } = peer;
  for (const hop of hops.toReversed()) {
    const heard = bareAddress(hop);
    if (heard === undefined) break;
    address = heard;
    if (!isWithin(heard, trusted)) break;
  }
  const scheme = headers.get("x-forwarded-proto")?.split(",").at(-1)?.trim().toLowerCase();
  return { ...peer, address, behindProxy: true, ...(scheme === "https" && { secure: true }) };
}

function forwardedFor(header: string | null): readonly string[] {
  if (header === null) return [];
  return header.split(",").map((hop) => /(?:^|;)\s*for\s*=\s*("[^"]*"|[^;\s]+)/i.exec(hop)?.[1] ?? "");
}

/** Without quotes, brackets and port; undefined for what is no address (`unknown`, `_hidden`). */
function bareAddress(hop: string): string | undefined {
  const text = hop.trim().replace(/^"(.*)"$/, "$1");
  const bare =
    /^\[([^[\]]+)\](?::\d+)?$/.exec(text)?.[1] ?? /^(\d+(?:\.\d+){3}):\d+$/.exec(text)?.[1] ?? text;
  return addressBytes(bare) === undefined ? undefined : bare;
}

/** The headers that `clientOf` reads, and nothing else of a request. */
export function forwardedOf(headers: Headers): Headers {
  const some = new Headers();
  for (const name of ["x-forwarded-for", "forwarded", "x-forwarded-proto"]) {
    const value = headers.get(name);
    if (value !== null) some.set(name, value);
  }
  return some;
}

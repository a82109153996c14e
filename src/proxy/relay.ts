import type { Peer } from "../host.ts";
import { joined } from "./gather.ts";

/** A request as one worker hands it on to another: as it came, with what its connection knew. */
export interface Relayed {
  readonly method: string;
  readonly url: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Who asks, as the door has it. */
  readonly client: Pick<Peer, "address" | "behindProxy" | "secure">;
  /** Epoch ms at which it came, and for how many ms it had been worked on when it was handed on. */
  readonly at: number;
  readonly waitedMs: number;
}

/** Bytes of the length in front of the head. */
const PREFIX = 4;

/** Head and body in one: the head's length, the head as JSON, then the body as it came. */
export function packed(head: Relayed, body: Uint8Array): Uint8Array {
  const text = new TextEncoder().encode(JSON.stringify(head));
  const prefix = new Uint8Array(PREFIX);
  new DataView(prefix.buffer).setUint32(0, text.byteLength);
  return joined([prefix, text, body], PREFIX + text.byteLength + body.byteLength);
}

/**
 * The request that another worker handed on, as if it had come here. `signal` aborts when its client is gone;
 * `worker` is that worker.
 */
export function unpacked(
  bytes: Uint8Array,
  { signal, worker }: { signal: AbortSignal; worker: Peer },
): { request: Request; peer: Peer } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = PREFIX + view.getUint32(0);
  const head = JSON.parse(new TextDecoder().decode(bytes.subarray(PREFIX, end))) as Relayed;
  const body = bytes.subarray(end);
  const { method, url, client, at, waitedMs } = head;
  const request = new Request(url, {
    method,
    headers: head.headers as [string, string][],
    body: method === "GET" || method === "HEAD" ? null : (body as BodyInit),
    signal,
  });
  const { takesDirect = false } = worker;
  return { request, peer: { ...client, takesDirect, body, relayed: { at, waitedMs } } };
}

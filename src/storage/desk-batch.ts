import type { CacheKey } from "../cache/entry.ts";
import type { NewRequest } from "../requests/kept.ts";
import type { Queued } from "./archive-queue.ts";

/**
 * Requests as they are handed to the thread: one text and one buffer for all of them. The structured clone of a hundred
 * nested objects takes longer than all else that the loop does for them.
 */
export interface Batch {
  readonly text: string;
  /** The bodies behind each other, but for those sent ahead in pieces. */
  readonly bodies: Uint8Array<ArrayBuffer>;
}

/** A request to be remembered. */
export interface Keepable {
  readonly key: CacheKey;
  readonly request: NewRequest;
}

type Line = readonly [key: CacheKey, request: Omit<NewRequest, "body">, size: number, pieces: number];

/** `piecesOf` tells in how many pieces a body was sent ahead, 0 where it was not. */
export function packBatch(batch: readonly Queued[], piecesOf: (queued: Queued) => number): Batch {
  const here = batch.filter((queued) => piecesOf(queued) === 0);
  const bodies = new Uint8Array(here.reduce((sum, { request }) => sum + request.body.byteLength, 0));
  let at = 0;
  const lines = batch.map((queued): Line => {
    const { body, ...request } = queued.request;
    const pieces = piecesOf(queued);
    if (pieces > 0) return [queued.key, request, 0, pieces];
    bodies.set(body, at);
    at += body.byteLength;
    return [queued.key, request, body.byteLength, 0];
  });
  return { text: JSON.stringify(lines), bodies };
}

/** `whole` puts the body together that was sent in so many pieces. */
export function unpackBatch({ text, bodies }: Batch, whole: (pieces: number) => Uint8Array): Keepable[] {
  let at = 0;
  return (JSON.parse(text) as Line[]).map(([key, request, size, pieces]) => {
    const body = pieces > 0 ? whole(pieces) : bodies.subarray(at, at + size);
    at += size;
    return { key, request: { ...request, body } };
  });
}

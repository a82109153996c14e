import type { ChunkMark, Entry } from "../cache/entry.ts";
import type { Reader } from "../cache/recording.ts";
import type { Pace } from "../config-pace.ts";

/**
 * Reads a stored stream at a pace: undefined where the pace has nothing to say (at once, or no stream). Bytes come
 * never earlier than their time, and late ones at once: a client that is slow does not make the replay longer.
 */
export function paced(
  entry: Entry,
  reader: Reader,
  options: { pace: Pace; now: () => number },
): Reader | undefined {
  const { pace, now } = options;
  const { chunks } = entry;
  if (pace.kind === "instant" || chunks === undefined || chunks.length === 0) return undefined;
  const began = now();
  let held: Uint8Array = new Uint8Array(0);
  let offset = 0;
  let pieces = 0;
  let gone = false;
  /** Bytes of `held` that go out together, and when, in ms after the start. */
  const next = (): { length: number; dueMs: number } => {
    if (pace.kind === "tps") return { length: eventLength(held), dueMs: (pieces * 1000) / pace.rate };
    while (pieces < chunks.length - 1 && (chunks[pieces]?.end ?? 0) <= offset) pieces++;
    const { end, atMs } = chunks[pieces] as ChunkMark;
    const length = end > offset ? Math.min(end - offset, held.byteLength) : held.byteLength;
    return { length, dueMs: atMs / pace.factor };
  };
  return {
    async read() {
      if (held.byteLength === 0) held = (await reader.read()) ?? held;
      if (held.byteLength === 0 || gone) return undefined;
      const { length, dueMs } = next();
      const waitMs = began + dueMs - now();
      if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
      if (gone) return undefined;
      const piece = held.subarray(0, length);
      held = held.subarray(length);
      offset += length;
      if (pace.kind === "tps") pieces++;
      return piece;
    },
    leave() {
      gone = true;
      reader.leave();
    },
  };
}

const LF = 0x0a;
const CR = 0x0d;

/** Bytes of the first event: to its blank line, or of the first line where the stream is one of JSON lines. */
function eventLength(bytes: Uint8Array): number {
  const lines = bytes[0] === 0x7b;
  for (let at = bytes.indexOf(LF); at >= 0; at = bytes.indexOf(LF, at + 1)) {
    if (lines || bytes[at + 1] === LF) return at + (lines ? 1 : 2);
    if (bytes[at + 1] === CR && bytes[at + 2] === LF) return at + 3;
  }
  return bytes.byteLength;
}

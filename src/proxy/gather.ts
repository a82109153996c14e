import type { Reader } from "../cache/recording.ts";

export interface GatherBounds {
  readonly maxBytes: number;
  readonly patienceMs: number;
}

/**
 * Reads a body that is no stream to its end, if that comes soon: then it goes out in one piece, with its length.
 * Else (too long, too slow, broken off) answers a reader that begins with what was read.
 */
export async function gather(reader: Reader, bounds: GatherBounds): Promise<Uint8Array | Reader> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<"late">((resolve) => {
    timer = setTimeout(resolve, bounds.patienceMs, "late");
  });
  try {
    while (size <= bounds.maxBytes) {
      const pending = reader.read();
      // A rejection is for whoever reads on, not for the process.
      pending.catch(() => {});
      let chunk: Uint8Array | undefined | "late";
      try {
        chunk = await Promise.race([pending, late]);
      } catch {
        return resumed(chunks, pending, reader);
      }
      if (chunk === "late") return resumed(chunks, pending, reader);
      if (chunk === undefined) return joined(chunks, size);
      chunks.push(chunk);
      size += chunk.byteLength;
    }
    return resumed(chunks, undefined, reader);
  } finally {
    clearTimeout(timer);
  }
}

function resumed(
  chunks: Uint8Array[],
  pending: Promise<Uint8Array | undefined> | undefined,
  reader: Reader,
): Reader {
  let next = pending;
  return {
    read() {
      const held = chunks.shift();
      if (held !== undefined) return Promise.resolve(held);
      const read = next ?? reader.read();
      next = undefined;
      return read;
    },
    leave: () => reader.leave(),
  };
}

/** The chunks in one piece. */
export function joined(chunks: readonly Uint8Array[], size: number): Uint8Array {
  const [only] = chunks;
  if (only !== undefined && chunks.length === 1) return only;
  const whole = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.byteLength;
  }
  return whole;
}

import { Reply } from "../direct-reply.ts";
import type { Source } from "../host.ts";

/** Gives up an answer that nobody gets. */
export function leave(response: Response): void {
  if (response instanceof Reply && response.direct !== undefined) {
    if (!(response.direct instanceof Uint8Array)) response.direct.leave();
  } else response.body?.cancel().catch(() => {});
}

/** A stream as a source. */
export function sourceOf(stream: ReadableStream<Uint8Array>): Source {
  const reader = stream.getReader();
  return {
    async read() {
      return (await reader.read()).value;
    },
    leave: () => void reader.cancel().catch(() => {}),
  };
}

/** What was read already, the read under way, then the rest. */
export function resumed(
  pieces: Uint8Array[],
  source: Source,
  pending: Promise<Uint8Array | undefined>,
): Source {
  let waiting: Promise<Uint8Array | undefined> | undefined = pending;
  return {
    async read() {
      const held = pieces.shift();
      if (held !== undefined) return held;
      const next = waiting ?? source.read();
      waiting = undefined;
      return await next;
    },
    leave: () => source.leave(),
  };
}

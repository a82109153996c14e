import type { Reader } from "../cache/recording.ts";
import type { BatchForm } from "../providers/embeddings.ts";
import { joinVectors, type Vector } from "./batch-answer.ts";
import type { Call } from "./call.ts";
import { atOnce, counted } from "./counted.ts";
import { joined } from "./gather.ts";
import { type ReplyOptions, respond } from "./reply.ts";
import { type Turns, turnsOf } from "./turns.ts";

/** Up to this size an answer goes out in one piece, with its length. */
const ONE_PIECE = 1024 * 1024;
/** Smaller pieces are gathered into chunks of about this size; a larger one goes out as it lies. */
const CHUNK = 32 * 1024;

/** An answer put together from vectors, in their order. */
export function replyVectors(
  call: Call,
  answer: { headers: Headers; vectors: readonly Vector[]; form: BatchForm },
  options: ReplyOptions,
): Response {
  const { headers, vectors, form } = answer;
  const reader = chunked(joinVectors(vectors, form), turnsOf({ monotonic: options.now }));
  const estimate = vectors.reduce((sum, { element }) => sum + element.end - element.start, 0);
  if (estimate > ONE_PIECE)
    return respond(call, { status: 200, headers, body: counted(reader, options) }, options);
  const chunks: Uint8Array[] = [];
  for (let chunk = reader.next(); chunk !== undefined; chunk = reader.next()) chunks.push(chunk);
  const size = chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0);
  options.ended(atOnce(size, options.now()));
  return respond(call, { status: 200, headers, body: joined(chunks, size) }, options);
}

/** The pieces as chunks of some size, since each chunk costs a turn through the runtime's streams. */
function chunked(pieces: Generator<Uint8Array>, turns: Turns): Reader & { next(): Uint8Array | undefined } {
  let waiting: Uint8Array | undefined;
  const next = () => {
    const held: Uint8Array[] = [];
    let size = 0;
    while (size < CHUNK) {
      const piece = waiting ?? pieces.next().value;
      waiting = undefined;
      if (piece === undefined) break;
      if (size > 0 && piece.byteLength >= CHUNK) {
        waiting = piece;
        break;
      }
      held.push(piece);
      size += piece.byteLength;
    }
    return size === 0 ? undefined : joined(held, size);
  };
  return {
    next,
    async read() {
      // A client that takes all at once would keep the loop in microtasks.
      const turn = turns();
      if (turn) await turn;
      return next();
    },
    leave: () => {},
  };
}

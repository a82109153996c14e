import { PIPE_WINDOW, type Reader } from "../cache/recording.ts";
import { behindLastBlank } from "../providers/event-bytes.ts";
import type { AnswerFlight, FlightHead } from "./flight.ts";
import { joined } from "./gather.ts";
import { mediaType } from "./headers.ts";

/** What stands before a blank line's last byte. */
const BLANK_BYTES = 3;
const LF = 0x0a;

/**
 * A stream that another credential's request leads: it breaks off before the first byte of the event that says that
 * the answer is bound to its leader's account. What an event says is known at its end, so events come whole.
 */
export function foreignReader(flight: AnswerFlight, head: FlightHead, reader: Required<Reader>): Reader {
  const events = new WholeEvents(behindOf(mediaType(head.headers)));
  /** Null: nothing for now. */
  const take = (chunk: Uint8Array | undefined): Uint8Array | undefined | null => {
    // What is held of a pipe nobody else holds any more, so it has the pipe's bound.
    if (flight.bound() || (flight.recording.piped && events.held > PIPE_WINDOW)) {
      reader.leave();
      throw new Error("bound to another account, for all that is known");
    }
    return chunk === undefined ? events.rest() : events.take(chunk);
  };
  return {
    async read() {
      for (;;) {
        const taken = take(await reader.read());
        if (taken !== null) return taken;
      }
    },
    leave: () => reader.leave(),
    poll(ready) {
      for (;;) {
        const chunk = reader.poll(ready);
        const taken = chunk === null ? take(EMPTY) : take(chunk);
        if (chunk === null || taken !== null) return taken;
      }
    },
  };
}

const EMPTY = new Uint8Array(0);

/** Where the last whole event of some bytes ends, 0 for none. */
type Behind = (bytes: Uint8Array) => number;

function behindOf(type: string): Behind {
  if (type === "text/event-stream") return behindLastBlank;
  if (/ndjson|jsonl|stream\+json/.test(type)) return (bytes) => bytes.lastIndexOf(LF) + 1;
  return (bytes) => bytes.byteLength;
}

/** Bytes in pieces, let through up to the end of the last whole event. */
class WholeEvents {
  readonly #behind: Behind;
  #held: Uint8Array[] = [];
  #size = 0;
  /** The last bytes that are held. */
  #tail: Uint8Array = EMPTY;

  constructor(behind: Behind) {
    this.#behind = behind;
  }

  /** Bytes of an event that is not whole yet. */
  get held(): number {
    return this.#size;
  }

  take(chunk: Uint8Array): Uint8Array | null {
    if (chunk.byteLength === 0) return null;
    // A blank line may lie across pieces.
    const before = this.#tail;
    const end = this.#behind(
      before.byteLength === 0 ? chunk : joined([before, chunk], before.byteLength + chunk.byteLength),
    );
    const whole = end - before.byteLength;
    if (whole <= 0) {
      this.#hold(chunk);
      return null;
    }
    const out = this.#all(chunk.subarray(0, whole));
    if (whole < chunk.byteLength) this.#hold(chunk.subarray(whole));
    return out;
  }

  /** What is left at the end; undefined where nothing is. */
  rest(): Uint8Array | undefined {
    return this.#size === 0 ? undefined : this.#all(EMPTY);
  }

  #all(last: Uint8Array): Uint8Array {
    const pieces = [...this.#held, last];
    const size = this.#size + last.byteLength;
    this.#held = [];
    this.#size = 0;
    this.#tail = EMPTY;
    return joined(pieces, size);
  }

  /** As they lie in the recording, which never changes what it showed. */
  #hold(bytes: Uint8Array): void {
    this.#held.push(bytes);
    this.#size += bytes.byteLength;
    const end = bytes.slice(-BLANK_BYTES);
    this.#tail = joined([this.#tail, end], this.#tail.byteLength + end.byteLength).slice(-BLANK_BYTES);
  }
}

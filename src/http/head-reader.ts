import type { Backlog } from "./backlog.ts";
import { MAX_HEAD } from "./head.ts";
import type { Heads, KnownHead } from "./heads.ts";
import { CR, copyOf, EMPTY, LF, type Octets } from "./octets.ts";
import { Refusal, refusals } from "./refusal.ts";

/** Heads up to this size are compared with the next one's bytes. */
const MAX_LAST = 16 * 1024;

/** Finds the heads in one connection's bytes. */
export class HeadReader {
  readonly #octets: Octets;
  readonly #heads: Heads;
  #last: KnownHead | undefined;
  #lastBytes: Uint8Array = EMPTY;
  /** How many bytes of an incomplete head have been searched for its end. */
  #searched = 0;

  constructor(octets: Octets, heads: Heads) {
    this.#octets = octets;
    this.#heads = heads;
  }

  /** Takes the next head off the backlog; undefined where it is not complete yet. */
  next(backlog: Backlog): KnownHead | Refusal | undefined {
    const last = this.#lastBytes;
    if (this.#last !== undefined && this.#repeats(backlog, last)) {
      backlog.at += last.byteLength;
      this.#searched = 0;
      return this.#last;
    }
    const { bytes, end } = backlog;
    // RFC 9112 §2.2: empty lines before a request are no request.
    while (backlog.at + 2 <= end && bytes[backlog.at] === CR && bytes[backlog.at + 1] === LF) backlog.at += 2;
    const from = backlog.at;
    const blank = this.#octets.headEnd(bytes, from + Math.max(0, this.#searched - 3));
    if (blank < 0 || blank + 4 > end) return this.#incomplete(backlog);
    this.#searched = 0;
    if (blank - from > MAX_HEAD) return refusals.headTooLarge();
    const found = this.#heads.find(this.#octets.latin1(bytes, from, blank));
    if (found instanceof Refusal) return found;
    if (blank + 4 - from <= MAX_LAST) {
      this.#last = found;
      this.#lastBytes = copyOf(bytes, from, blank + 4);
    }
    backlog.at = blank + 4;
    return found;
  }

  #repeats(backlog: Backlog, last: Uint8Array): boolean {
    return backlog.size >= last.byteLength && this.#octets.has(backlog.bytes, last, backlog.at);
  }

  /** What is there of a head has to be such that it can still become a good one. */
  #incomplete({ bytes, at, end, size }: Backlog): Refusal | undefined {
    if (size > MAX_HEAD) return refusals.headTooLarge();
    for (let i = at + this.#searched; i < end; i++) {
      // A line that ends without CR never brings the end that is searched for.
      if (bytes[i] === LF && (i === at || bytes[i - 1] !== CR)) return refusals.line();
    }
    this.#searched = size;
    return undefined;
  }
}

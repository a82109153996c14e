import { EMPTY, type Octets } from "./octets.ts";

/** Bytes that were read off a socket and not used yet, from `at` to `end`; the buffer may have room behind them. */
export class Backlog {
  readonly #octets: Octets;
  bytes: Uint8Array = EMPTY;
  at = 0;
  end = 0;
  /** Whether the buffer is ours to write behind `end`. */
  #owned = false;

  constructor(octets: Octets) {
    this.#octets = octets;
  }

  get size(): number {
    return this.end - this.at;
  }

  /** Adds what follows `from`. Where nothing is held the buffer itself is kept, uncopied. */
  add(bytes: Uint8Array, from: number): void {
    const size = bytes.byteLength - from;
    if (size === 0) return;
    if (this.at === this.end) {
      this.bytes = bytes;
      this.at = from;
      this.end = bytes.byteLength;
      this.#owned = false;
      return;
    }
    if (!this.#owned || this.end + size > this.bytes.byteLength) this.#grow(size);
    this.bytes.set(from === 0 ? bytes : bytes.subarray(from), this.end);
    this.end += size;
  }

  /** All that is held, as a view. */
  rest(): Uint8Array {
    return this.bytes.subarray(this.at, this.end);
  }

  /** Uses `size` bytes, of which somebody keeps views: nothing is written into their buffer any more. */
  lend(size: number): void {
    this.at += size;
    this.#owned = false;
  }

  /** Lets the buffer go where nothing is held. */
  tidy(): void {
    if (this.at < this.end) return;
    this.bytes = EMPTY;
    this.at = this.end = 0;
    this.#owned = false;
  }

  clear(): void {
    this.at = this.end;
    this.tidy();
  }

  #grow(size: number): void {
    const held = this.size;
    const grown = this.#octets.alloc(Math.max(4096, 2 * (held + size)));
    grown.set(this.bytes.subarray(this.at, this.end), 0);
    this.bytes = grown;
    this.at = 0;
    this.end = held;
    this.#owned = true;
  }
}

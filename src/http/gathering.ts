import type { KnownHead } from "./heads.ts";

const GATHER_MS = 5_000;

/** A body that may be a repeat's, gathered in one piece of its length as it comes. */
export class Gathering {
  readonly known: KnownHead;
  /** Room for the whole; as much of it as `size` says has come. */
  readonly body: Uint8Array;
  /** Monotonic ms of its begin. */
  readonly #since: number;
  size = 0;

  constructor(known: KnownHead, options: { readonly room: Uint8Array; readonly since: number }) {
    this.known = known;
    this.body = options.room;
    this.#since = options.since;
  }

  /** Whether it has taken longer than a body at hand does. */
  overdue(now: number): boolean {
    return now - this.#since > GATHER_MS;
  }

  get complete(): boolean {
    return this.size === this.body.byteLength;
  }

  /** What has come, where it is to go on as a stream. */
  get soFar(): Uint8Array {
    return this.body.subarray(0, this.size);
  }

  /** Copies from `from` on what belongs to the body; answers where that ends. */
  add(bytes: Uint8Array, from: number): number {
    const to = Math.min(bytes.byteLength, from + this.body.byteLength - this.size);
    this.body.set(from === 0 && to === bytes.byteLength ? bytes : bytes.subarray(from, to), this.size);
    this.size += to - from;
    return to;
  }
}

import { SLICE_BYTES } from "./entry.ts";

const FIRST_SLAB = 4 * 1024;

interface Slab {
  /** Offset of its first byte among all. */
  readonly start: number;
  readonly bytes: Uint8Array;
  used: number;
}

/**
 * Bytes in order, in slabs with offsets: an event stream of half a million small chunks costs its bytes, not an
 * object each. A slab's written part never changes, so readers get views of it.
 */
export class Slabs {
  #slabs: Slab[] = [];
  #last: Slab | undefined;
  #size = 0;

  /** Bytes taken so far, those let go included. */
  get size(): number {
    return this.#size;
  }

  /** Copies small chunks into a growing slab; a big one is a slab of its own. */
  add(chunk: Uint8Array): void {
    const last = this.#last;
    const { byteLength } = chunk;
    if (last && byteLength <= last.bytes.byteLength - last.used) {
      last.bytes.set(chunk, last.used);
      last.used += byteLength;
    } else if (byteLength >= FIRST_SLAB || this.#size === 0) {
      this.#begin({ start: this.#size, bytes: chunk, used: byteLength });
    } else {
      const length = Math.min(SLICE_BYTES, Math.max(FIRST_SLAB, this.#size));
      const slab = { start: this.#size, bytes: new Uint8Array(length), used: byteLength };
      slab.bytes.set(chunk, 0);
      this.#begin(slab);
    }
    this.#size += byteLength;
  }

  #begin(slab: Slab): void {
    this.#slabs.push(slab);
    this.#last = slab;
  }

  /** Lets go of whole slabs up to an offset. */
  release(passed: number): void {
    let gone = 0;
    for (const slab of this.#slabs) {
      if (slab.start + slab.used > passed || slab.used < slab.bytes.byteLength) break;
      gone++;
    }
    if (gone === 0) return;
    this.#slabs.splice(0, gone);
    this.#last = this.#slabs.at(-1);
  }

  /** The bytes from `offset` to the end of its slab, at most `most`. */
  at(offset: number, most = Number.POSITIVE_INFINITY): Uint8Array {
    let low = 0;
    let high = this.#slabs.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#slabs[middle] as Slab).start <= offset) low = middle;
      else high = middle - 1;
    }
    const slab = this.#slabs[low];
    if (slab === undefined || offset < slab.start) throw new Error("bytes let go");
    const from = offset - slab.start;
    return slab.bytes.subarray(from, Math.min(slab.used, from + most));
  }

  /** All in one piece. */
  whole(): Uint8Array {
    const [first] = this.#slabs;
    if (first && this.#slabs.length === 1) return first.bytes.subarray(0, first.used);
    const whole = new Uint8Array(this.#size);
    for (const slab of this.#slabs) whole.set(slab.bytes.subarray(0, slab.used), slab.start);
    return whole;
  }

  /** What is held, in order, as views. */
  *[Symbol.iterator](): Generator<Uint8Array> {
    for (const slab of this.#slabs) yield slab.bytes.subarray(0, slab.used);
  }
}

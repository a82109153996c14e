import { CR, LF, type Octets } from "./octets.ts";

/** Bytes of a line that says a chunk's size, extensions included. */
const MAX_LINE = 1024;
/** Bytes of all trailer lines, which are read and dropped. */
const MAX_TRAILERS = 16 * 1024;
/** Hex digits of a size: 2^52 bytes, which no number rounds. */
const MAX_DIGITS = 13;

type State =
  | "size"
  | "extension"
  | "size-lf"
  | "data"
  | "data-cr"
  | "data-lf"
  | "line"
  | "line-lf"
  | "last-lf";

/** Undoes the chunked coding (RFC 9112 §7.1), in whatever pieces the bytes come. */
export class ChunkDecoder {
  #state: State = "size";
  #digits = 0;
  #size = 0;
  #line = 0;
  #trailers = 0;
  /** Whether the last chunk and the trailers have been read. */
  complete = false;

  /**
   * Reads from `from` on and tells `take` where data stands, from one offset to another. Answers where it stopped: at
   * the end of `bytes`, or behind the body's last byte. -1 where the bytes are no chunks.
   */
  push(bytes: Uint8Array, from: number, take: (from: number, to: number) => void): number {
    let at = from;
    while (at < bytes.byteLength && !this.complete) {
      if (this.#state === "data") {
        const end = Math.min(bytes.byteLength, at + this.#size);
        take(at, end);
        this.#size -= end - at;
        at = end;
        if (this.#size > 0) break;
        // As it stands nearly always; the steps go through anything else.
        if (bytes[at] === CR && bytes[at + 1] === LF) {
          at += 2;
          this.#state = "size";
        } else this.#state = "data-cr";
      } else if (!this.#step(bytes[at++] as number)) return -1;
    }
    return at;
  }

  /** One byte outside the data; whether it may stand there. */
  #step(byte: number): boolean {
    switch (this.#state) {
      case "size":
        return this.#sizeByte(byte);
      case "extension":
        if (byte === CR) this.#state = "size-lf";
        return byte === CR || (isText(byte) && ++this.#line <= MAX_LINE);
      case "size-lf":
        this.#state = this.#size > 0 ? "data" : "line";
        this.#line = 0;
        this.#digits = 0;
        return byte === LF;
      case "data-cr":
        this.#state = "data-lf";
        return byte === CR;
      case "data-lf":
        this.#state = "size";
        return byte === LF;
      case "line":
        return this.#trailerByte(byte);
      case "line-lf":
        this.#state = "line";
        this.#line = 0;
        return byte === LF;
      default:
        this.complete = true;
        return byte === LF;
    }
  }

  #sizeByte(byte: number): boolean {
    const digit = hexDigit(byte);
    if (digit >= 0) {
      this.#size = this.#size * 16 + digit;
      return ++this.#digits <= MAX_DIGITS;
    }
    this.#state = byte === CR ? "size-lf" : "extension";
    return this.#digits > 0 && (byte === CR || byte === 0x3b);
  }

  #trailerByte(byte: number): boolean {
    if (byte !== CR) return isText(byte) && ++this.#line > 0 && ++this.#trailers <= MAX_TRAILERS;
    this.#state = this.#line === 0 ? "last-lf" : "line-lf";
    return true;
  }
}

function isText(byte: number): boolean {
  return byte === 9 || (byte >= 0x20 && byte !== 0x7f);
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

/** Data of the bytes at hand: where each piece begins and ends. Used anew by each call, since none crosses another. */
const spans: number[] = [];
let spanCount = 0;
let dataSize = 0;

function note(from: number, to: number): void {
  spans[spanCount++] = from;
  spans[spanCount++] = to;
  dataSize += to - from;
}

/** From this size on a view of bytes costs no copy of them: runtimes keep smaller ones inside their object. */
const VIEWED = 1024;

/**
 * What the bytes from `from` on hold of data, in one piece: who sends a byte a chunk costs no object a byte. `end` is
 * where `push` stopped.
 */
export function dataOf(
  decoder: ChunkDecoder,
  bytes: Uint8Array,
  { from, octets }: { from: number; octets: Octets },
): { readonly data: Uint8Array | undefined; readonly end: number } {
  spanCount = dataSize = 0;
  const end = decoder.push(bytes, from, note);
  if (dataSize === 0) return { data: undefined, end };
  const first = spans[0] as number;
  if (spanCount === 2 && dataSize >= VIEWED) return { data: bytes.subarray(first, first + dataSize), end };
  const data = octets.alloc(dataSize);
  let at = 0;
  for (let span = 0; span < spanCount; span += 2) {
    const begins = spans[span] as number;
    const ends = spans[span + 1] as number;
    octets.copy(bytes, begins, { to: ends, into: data, at });
    at += ends - begins;
  }
  return { data, end };
}

/** Work on bytes that a runtime does quicker than a loop of ours; handed in by the adapter (`octets.node.ts`). */
export interface Octets {
  /** Room for `size` bytes, whatever they hold now. */
  alloc(size: number): Uint8Array;
  /** The bytes from `from` to `to` as text, one character a byte. */
  latin1(bytes: Uint8Array, from: number, to: number): string;
  /** Writes `text`, one byte a character, at `at`; answers how many bytes were written. */
  writeLatin1(into: Uint8Array, text: string, at: number): number;
  /** Whether `bytes` has all of `other` at `at`. */
  has(bytes: Uint8Array, other: Uint8Array, at: number): boolean;
  /** Copies the bytes from `from` to `to` to where `into` has its offset `at`. No view is made for it. */
  copy(bytes: Uint8Array, from: number, place: { to: number; into: Uint8Array; at: number }): void;
  /** Where the first CRLF CRLF at or after `from` begins; -1 for none. */
  headEnd(bytes: Uint8Array, from: number): number;
}

export const CR = 13;
export const LF = 10;
export const EMPTY = new Uint8Array(0);

/** A copy of the bytes from `from` to `to`. (`slice` is none where they are a `Buffer`'s.) */
export function copyOf(bytes: Uint8Array, from: number, to: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes.subarray(from, to));
}

/** The pieces in one; a single one is given as it is. */
export function joined(pieces: readonly Uint8Array[], size: number): Uint8Array {
  const [first] = pieces;
  if (first === undefined) return EMPTY;
  if (pieces.length === 1) return first;
  const whole = new Uint8Array(size);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.byteLength;
  }
  return whole;
}

import type { Octets } from "./octets.ts";

const { copy } = Buffer.prototype;
const BLANK = Buffer.from("\r\n\r\n", "latin1");

/** `Octets` by Node's `Buffer`, which both runtimes have. */
export const octets: Octets = {
  alloc: (size) => Buffer.allocUnsafeSlow(size),
  latin1: (bytes, from, to) => bufferOf(bytes).toString("latin1", from, to),
  writeLatin1: (into, text, at) => bufferOf(into).write(text, at, "latin1"),
  has: (bytes, other, at) =>
    bytes.byteLength >= at + other.byteLength &&
    bufferOf(bytes).compare(other, 0, other.byteLength, at, at + other.byteLength) === 0,
  copy: (bytes, from, { to, into, at }) => void copy.call(bytes, into, at, from, to),
  headEnd: (bytes, from) => bufferOf(bytes).indexOf(BLANK, from),
};

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

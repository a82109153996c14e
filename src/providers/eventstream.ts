/** Amazon's `application/vnd.amazon.eventstream`: length-prefixed binary frames with two checksums each. */

export interface Frame {
  readonly headers: Readonly<Record<string, string>>;
  readonly payload: Uint8Array;
}

/** Bytes of one frame at most; Amazon's limit is 16 MiB. */
const FRAME_LIMIT = 16 * 1024 * 1024 + 1024;
const PRELUDE_BYTES = 12;
const CHECKSUM_BYTES = 4;

export class FrameReader {
  readonly #onFrame: (frame: Frame) => void;
  #rest = new Uint8Array(0);
  #damaged = false;

  constructor(onFrame: (frame: Frame) => void) {
    this.#onFrame = onFrame;
  }

  /** Whether a frame failed its checksum or made no sense; nothing after it is read. */
  get damaged(): boolean {
    return this.#damaged;
  }

  /** Whether bytes of an unfinished frame are left. */
  get partial(): boolean {
    return this.#rest.byteLength > 0;
  }

  feed(bytes: Uint8Array): void {
    if (this.#damaged) return;
    const joined = new Uint8Array(this.#rest.byteLength + bytes.byteLength);
    joined.set(this.#rest);
    joined.set(bytes, this.#rest.byteLength);
    let offset = 0;
    while (joined.byteLength - offset >= PRELUDE_BYTES) {
      const view = new DataView(joined.buffer, offset, joined.byteLength - offset);
      const size = view.getUint32(0);
      const headerSize = view.getUint32(4);
      const sound = size >= PRELUDE_BYTES + headerSize + CHECKSUM_BYTES && size <= FRAME_LIMIT;
      if (!sound || crc32(joined.subarray(offset, offset + 8)) !== view.getUint32(8)) {
        this.#damaged = true;
        return;
      }
      if (joined.byteLength - offset < size) break;
      const frame = joined.subarray(offset, offset + size);
      if (crc32(frame.subarray(0, size - CHECKSUM_BYTES)) !== view.getUint32(size - CHECKSUM_BYTES)) {
        this.#damaged = true;
        return;
      }
      this.#onFrame({
        headers: readHeaders(frame.subarray(PRELUDE_BYTES, PRELUDE_BYTES + headerSize)),
        payload: frame.subarray(PRELUDE_BYTES + headerSize, size - CHECKSUM_BYTES),
      });
      offset += size;
    }
    this.#rest = joined.slice(offset);
  }
}

/** Value bytes of each header type but 6 (bytes) and 7 (text), which bring their length. */
const FIXED = [0, 0, 1, 2, 4, 8, -1, -1, 8, 16];

/** The headers whose values are text; others are passed over. */
function readHeaders(bytes: Uint8Array): Record<string, string> {
  const headers: Record<string, string> = {};
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = (from: number, size: number) => new TextDecoder().decode(bytes.subarray(from, from + size));
  for (let at = 0; at + 2 <= bytes.byteLength; ) {
    const nameSize = view.getUint8(at);
    const typeAt = at + 1 + nameSize;
    if (typeAt >= bytes.byteLength) break;
    const name = text(at + 1, nameSize);
    const fixed = FIXED[view.getUint8(typeAt)];
    if (fixed === undefined) break;
    if (fixed >= 0) {
      at = typeAt + 1 + fixed;
      continue;
    }
    if (typeAt + 3 > bytes.byteLength) break;
    const size = view.getUint16(typeAt + 1);
    headers[name] = text(typeAt + 3, size);
    at = typeAt + 3 + size;
  }
  return headers;
}

const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c >>> 0;
});

/** CRC-32 as in zlib. */
export function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (TABLE[(crc ^ byte) & 0xff] as number) ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

/** RFC 8878 §3.1.1: a frame of content; §3.1.2: sixteen of frames to be skipped. */
const MAGIC = 0xfd2fb528;
const SKIPPABLE = 0x184d2a50;
const MAGIC_BYTES = 4;
const BLOCK_HEAD_BYTES = 3;
const CHECKSUM_BYTES = 4;
const RLE = 1;

type Part = "magic" | "skipped size" | "descriptor" | "head" | "block head" | "content" | "checksum";

/** Tells whether zstd's bytes stop at the end of a frame, which decoders that work in pieces don't say. */
export class ZstdEnd {
  #part: Part = "magic";
  /** Bytes of this part still to come. */
  #left = MAGIC_BYTES;
  #value = 0;
  #read = 0;
  #checksum = false;
  #lastBlock = false;
  #frames = 0;
  #broken = false;

  take(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.byteLength && !this.#broken) {
      const taken = Math.min(this.#left, bytes.byteLength - at);
      if (this.#part !== "content" && this.#part !== "head") {
        // None of these is longer than four bytes, the lowest first.
        for (let i = 0; i < taken; i++) this.#value += bytes[at + i]! * 2 ** (8 * this.#read++);
      }
      at += taken;
      this.#left -= taken;
      while (this.#left === 0 && !this.#broken) this.#next();
    }
  }

  /** Whether one frame or more came whole, and nothing of another. */
  get whole(): boolean {
    return !this.#broken && this.#part === "magic" && this.#left === MAGIC_BYTES && this.#frames > 0;
  }

  #begin(part: Part, bytes: number): void {
    this.#part = part;
    this.#left = bytes;
    this.#value = 0;
    this.#read = 0;
  }

  #frameEnded(): void {
    this.#frames++;
    this.#begin("magic", MAGIC_BYTES);
  }

  #next(): void {
    const value = this.#value;
    switch (this.#part) {
      case "magic":
        if (value === MAGIC) this.#begin("descriptor", 1);
        else if (value >= SKIPPABLE && value < SKIPPABLE + 16) this.#begin("skipped size", 4);
        else this.#broken = true;
        return;
      case "skipped size":
        this.#lastBlock = true;
        this.#checksum = false;
        this.#begin("content", value);
        return;
      case "descriptor": {
        const single = (value & 0x20) !== 0;
        const sizeBytes = [single ? 1 : 0, 2, 4, 8][value >> 6]!;
        this.#checksum = (value & 4) !== 0;
        this.#begin("head", (single ? 0 : 1) + [0, 1, 2, 4][value & 3]! + sizeBytes);
        return;
      }
      case "head":
        this.#begin("block head", BLOCK_HEAD_BYTES);
        return;
      case "block head":
        this.#lastBlock = (value & 1) !== 0;
        this.#begin("content", ((value >> 1) & 3) === RLE ? 1 : value >> 3);
        return;
      case "content":
        if (!this.#lastBlock) this.#begin("block head", BLOCK_HEAD_BYTES);
        else if (this.#checksum) this.#begin("checksum", CHECKSUM_BYTES);
        else this.#frameEnded();
        return;
      case "checksum":
        this.#frameEnded();
        return;
    }
  }
}

import type { Finding, Watcher } from "./provider.ts";
import { type Fold, FoldWatcher } from "./sse.ts";

/** Bytes of one line or element held at most; past it the answer is passed on and not kept. */
const LINE_LIMIT = 16 * 1024 * 1024;

/** Bytes put together piece by piece, without copying the whole for each. */
class Pieces {
  #pieces: Uint8Array[] = [];
  size = 0;

  add(bytes: Uint8Array): void {
    if (bytes.byteLength === 0) return;
    // A copy: the caller may use its buffer again.
    this.#pieces.push(bytes.slice());
    this.size += bytes.byteLength;
  }

  take(): string {
    const whole = new Uint8Array(this.size);
    let offset = 0;
    for (const piece of this.#pieces) {
      whole.set(piece, offset);
      offset += piece.byteLength;
    }
    this.#pieces = [];
    this.size = 0;
    return decoder.decode(whole);
  }
}

const decoder = new TextDecoder();

const LF = 0x0a;

/** Watches newline-delimited JSON. A last line without its line feed counts: a JSON object shows its own end. */
export class LineWatcher implements Watcher {
  readonly #watcher: FoldWatcher;
  readonly #line = new Pieces();
  #endsAt = 0;

  constructor(fold: Fold) {
    this.#watcher = new FoldWatcher(fold);
  }

  get ended(): boolean {
    return this.#watcher.ended;
  }

  get endsAt(): number {
    return this.#endsAt;
  }

  get accountBound(): boolean {
    return this.#watcher.accountBound;
  }

  chunk(bytes: Uint8Array): void {
    let from = 0;
    this.#endsAt = 0;
    for (;;) {
      const begins = this.#line.size === 0;
      if (begins) from = this.#watcher.pass(bytes, from);
      if (from === bytes.byteLength) return;
      const end = bytes.indexOf(LF, from);
      if (end < 0) break;
      const event = bytes.subarray(from, end + 1);
      this.#add(event.subarray(0, -1));
      const { ended } = this;
      this.#watcher.take("", this.#line.take());
      if (!ended && this.ended) this.#endsAt = from;
      from = end + 1;
      this.#watcher.learn(begins ? { event, json: 0 } : undefined);
    }
    this.#add(bytes.subarray(from));
  }

  finish(): Finding {
    const cut = this.#line.size > 0;
    this.#watcher.take("", this.#line.take());
    return this.#watcher.conclude(cut);
  }

  #add(bytes: Uint8Array): void {
    if (this.#line.size + bytes.byteLength > LINE_LIMIT) this.#watcher.refuse("too-large");
    else this.#line.add(bytes);
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Watches one JSON array whose elements arrive one by one (Gemini without `alt=sse`); a lone object is one element. */
export class ArrayWatcher implements Watcher {
  readonly #watcher: FoldWatcher;
  readonly #element = new Pieces();
  /** Brackets open around the present byte; the array itself is the first. */
  #depth = 0;
  #array = false;
  #closed = false;
  #inString = false;
  #escaped = false;
  /** Whether an element is being collected. */
  #open = false;
  /** Whether an element is complete and no comma has followed it. */
  #needsComma = false;
  /** Whether a comma has come and no element behind it. */
  #needsElement = false;
  #sound = true;

  constructor(fold: Fold) {
    this.#watcher = new FoldWatcher(fold);
  }

  get ended(): boolean {
    return this.#closed && !this.#open;
  }

  get accountBound(): boolean {
    return this.#watcher.accountBound;
  }

  chunk(bytes: Uint8Array): void {
    let from = 0;
    for (let i = 0; i < bytes.byteLength; i++) {
      const byte = bytes[i] as number;
      if (this.#inString) {
        if (this.#escaped) this.#escaped = false;
        else if (byte === BACKSLASH) this.#escaped = true;
        else if (byte === QUOTE) this.#inString = false;
      } else if (this.#step(byte)) {
        if (!this.#open) {
          this.#sound &&= !this.#needsComma;
          this.#open = true;
          this.#needsElement = false;
          from = i;
        }
      } else if (this.#open && this.#depth === (this.#array ? 1 : 0)) {
        this.#add(bytes.subarray(from, i + 1));
        this.#open = false;
        this.#needsComma = true;
        this.#watcher.take("", this.#element.take());
      }
    }
    if (this.#open) this.#add(bytes.subarray(from));
  }

  finish(): Finding {
    if (!this.ended || !this.#sound) this.#watcher.refuse("not-json");
    return this.#watcher.conclude(false);
  }

  /** Takes a byte outside strings; answers whether it belongs to an element that goes on. */
  #step(byte: number): boolean {
    switch (byte) {
      case QUOTE:
        this.#inString = true;
        return true;
      case 0x5b:
        if (this.#depth === 0 && !this.#array && !this.#closed) {
          this.#array = true;
          this.#depth = 1;
          return false;
        }
        this.#depth++;
        return true;
      case 0x7b:
        this.#depth++;
        return true;
      case 0x5d:
      case 0x7d:
        this.#sound &&= this.#depth > 0;
        this.#depth--;
        if (this.#depth === 0) this.#close(byte);
        return this.#depth > (this.#array ? 1 : 0);
      default:
        if (!this.#open) this.#between(byte);
        return this.#open;
    }
  }

  /** A lone object is parsed as the element that it is. */
  #close(byte: number): void {
    this.#closed = true;
    if (this.#array) this.#sound &&= byte === 0x5d && !this.#needsElement;
  }

  /** White space and single commas are all that may stand between elements, and nothing after the array. */
  #between(byte: number): void {
    if (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) return;
    if (byte !== 0x2c || !this.#needsComma || this.#closed) this.#sound = false;
    this.#needsComma = false;
    this.#needsElement = true;
  }

  #add(bytes: Uint8Array): void {
    if (this.#element.size + bytes.byteLength > LINE_LIMIT) this.#watcher.refuse("too-large");
    else this.#element.add(bytes);
  }
}

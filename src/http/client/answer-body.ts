import type { Source } from "../../host.ts";

/** Bytes that may lie here unread before the provider is made to wait, and of which it goes on. */
const FULL = 256 * 1024;
const ROOM = 64 * 1024;

export interface BodyEnds {
  /** Makes the provider wait, and lets it go on. */
  pause(): void;
  resume(): void;
  /** Nobody reads the rest. */
  leave(): void;
}

/** An answer's body: what came and was not read yet, then what comes. */
export class AnswerBody implements Source {
  readonly #ends: BodyEnds;
  /** The next piece, and those behind it: mostly there is one at a time. */
  #first: Uint8Array | undefined;
  #pieces: Uint8Array[] = [];
  #size = 0;
  #waiting: PromiseWithResolvers<Uint8Array | undefined> | undefined;
  /** Called once whenever `#polled` says that somebody waits; kept, since each change of it is work for the collector. */
  #ready: (() => void) | undefined;
  #polled = false;
  #state: "open" | "ended" | "left" = "open";
  #error: Error | undefined;
  #paused = false;

  constructor(ends: BodyEnds) {
    this.#ends = ends;
  }

  /** Bytes came, which nobody changes any more. */
  push(bytes: Uint8Array): void {
    if (this.#state !== "open" || bytes.byteLength === 0) return;
    const waiting = this.#waiting;
    if (waiting !== undefined) {
      this.#waiting = undefined;
      waiting.resolve(bytes);
      return;
    }
    if (this.#first === undefined) this.#first = bytes;
    else this.#pieces.push(bytes);
    this.#size += bytes.byteLength;
    this.#tell();
    if (this.#size < FULL || this.#paused) return;
    this.#paused = true;
    this.#ends.pause();
  }

  /** No more come: at the body's end, or because of a fault, which is told behind what came. */
  end(error?: Error): void {
    if (this.#state !== "open") return;
    this.#state = "ended";
    this.#error = error;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (error !== undefined) waiting?.reject(error);
    else waiting?.resolve(undefined);
    this.#tell();
  }

  read(): Promise<Uint8Array | undefined> {
    const piece = this.#next();
    if (piece !== undefined) return Promise.resolve(piece);
    if (this.#error !== undefined) return Promise.reject(this.#error);
    if (this.#state !== "open") return Promise.resolve(undefined);
    this.#waiting ??= Promise.withResolvers();
    return this.#waiting.promise;
  }

  poll(ready: () => void): Uint8Array | undefined | null {
    const piece = this.#next();
    if (piece !== undefined) return piece;
    if (this.#error !== undefined) throw this.#error;
    if (this.#state !== "open") return undefined;
    if (this.#ready !== ready) this.#ready = ready;
    this.#polled = true;
    return null;
  }

  leave(): void {
    this.#first = undefined;
    this.#pieces = [];
    this.#size = 0;
    if (this.#state !== "open") return;
    this.#state = "left";
    this.#waiting?.resolve(undefined);
    this.#waiting = undefined;
    this.#ready = undefined;
    this.#polled = false;
    this.#ends.leave();
  }

  #next(): Uint8Array | undefined {
    const piece = this.#first;
    if (piece === undefined) return undefined;
    this.#first = this.#pieces.length > 0 ? this.#pieces.shift() : undefined;
    this.#size -= piece.byteLength;
    if (this.#paused && this.#size <= ROOM) {
      this.#paused = false;
      this.#ends.resume();
    }
    return piece;
  }

  #tell(): void {
    if (!this.#polled) return;
    this.#polled = false;
    this.#ready?.();
  }
}

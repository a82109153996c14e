import { ChunkDecoder, dataOf } from "./chunked.ts";
import { joined, type Octets } from "./octets.ts";

/** Bytes of a body that wait unread before the client is made to wait too, and down to which it goes on. */
const HIGH = 256 * 1024;
const LOW = 64 * 1024;

export interface IntakeParts {
  /** Makes the client wait, and go on. */
  readonly line: { pause(): void; resume(): void };
  /** Called when the body is first asked for and has not come whole. */
  readonly wanted: () => void;
  readonly octets: Octets;
}

/** A request's body as it comes in: framed bytes go in, plain ones are read. */
export class Intake {
  readonly #parts: IntakeParts;
  readonly #decoder: ChunkDecoder | undefined;
  #left: number;
  #waiting: Uint8Array[] = [];
  #held = 0;
  #paused = false;
  #asked = false;
  #dropping = false;
  #fault: Error | undefined;
  #wake: (() => void) | undefined;
  #dropped = 0;

  constructor(body: number | "chunked", parts: IntakeParts) {
    this.#parts = parts;
    this.#decoder = body === "chunked" ? new ChunkDecoder() : undefined;
    this.#left = body === "chunked" ? 0 : body;
  }

  /** Whether the last byte has come. */
  get complete(): boolean {
    return this.#decoder ? this.#decoder.complete : this.#left === 0;
  }

  /** Whether it ended before its last byte. */
  get broken(): boolean {
    return this.#fault !== undefined;
  }

  /** Whether somebody has asked for the body. */
  get asked(): boolean {
    return this.#asked;
  }

  /** Bytes thrown away since `drop`. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Takes what belongs to the body; answers where it ends, -1 where the bytes are no chunks. They stay as they are. */
  push(bytes: Uint8Array, from: number): number {
    if (this.#decoder) {
      const { data, end } = dataOf(this.#decoder, bytes, { from, octets: this.#parts.octets });
      if (data !== undefined) this.#take(data);
      return end;
    }
    const end = Math.min(bytes.byteLength, from + this.#left);
    this.#left -= end - from;
    if (end > from) this.#take(bytes.subarray(from, end));
    return end;
  }

  /** After `push`: lets whoever waits go on. */
  settle(): void {
    this.#wakeReader();
    if (this.#held > HIGH && !this.#paused && !this.complete) {
      this.#paused = true;
      this.#parts.line.pause();
    }
  }

  /** The whole body where it has come and nothing of it was read; undefined where it has not. */
  whole(): Uint8Array | undefined {
    if (!this.complete || this.#asked || this.#fault) return undefined;
    const body = joined(this.#waiting, this.#held);
    this.#waiting = [body];
    return body;
  }

  /** The next bytes, undefined at the end. Rejects where the client broke off. One read at a time. */
  async read(): Promise<Uint8Array | undefined> {
    this.#ask();
    for (;;) {
      const next = this.#waiting.shift();
      if (next !== undefined) {
        this.#held -= next.byteLength;
        if (this.#held <= LOW) this.#restart();
        if (next.byteLength === 0) continue;
        return next;
      }
      if (this.#fault) throw this.#fault;
      if (this.complete || this.#dropping) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Nobody reads any more: what comes is thrown away. */
  drop(): void {
    this.#dropping = true;
    this.#waiting = [];
    this.#held = 0;
    this.#restart();
    this.#wakeReader();
  }

  /** No more bytes will come. */
  breakOff(error: Error): void {
    if (this.complete) return;
    this.#fault ??= error;
    this.#wakeReader();
  }

  #ask(): void {
    if (this.#asked) return;
    this.#asked = true;
    if (!this.complete && this.#fault === undefined) this.#parts.wanted();
  }

  #take(data: Uint8Array): void {
    if (this.#dropping) {
      this.#dropped += data.byteLength;
      return;
    }
    this.#waiting.push(data);
    this.#held += data.byteLength;
  }

  #restart(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#parts.line.resume();
  }

  #wakeReader(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}

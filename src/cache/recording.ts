import { type Body, type ChunkMark, memoryBody, SLICE_BYTES } from "./entry.ts";

/** Past its bound a recording is a plain pipe: its writer waits while the slowest reader is this far behind. */
const PIPE_WINDOW = 8 * 1024 * 1024;
const FIRST_SLAB = 4 * 1024;

/** Reads one recording from its first byte. */
export interface Reader {
  /**
   * The next bytes, as soon as there are any; undefined at the end. Rejects, after every byte that may be seen,
   * with the error that broke the recording. One read at a time.
   */
  read(): Promise<Uint8Array | undefined>;
  /** The reader goes away. Safe to call at any time, more than once. */
  leave(): void;
}

interface Slab {
  /** Offset of its first byte in the recording. */
  readonly start: number;
  readonly bytes: Uint8Array;
  used: number;
}

interface Cursor {
  offset: number;
  wake: (() => void) | undefined;
  left: boolean;
  broken: Error | undefined;
}

/**
 * A body being received: an append-only list of chunks that ends or fails, with one writer and any number of
 * readers, each from the first byte. The writer never waits for a reader unless the recording has become a pipe.
 *
 * Bytes lie in slabs with offsets: an event stream of half a million small chunks costs its bytes, not an object
 * each. A slab's written part never changes, so readers get views of it.
 */
export class Recording {
  readonly marks: ChunkMark[] = [];
  #slabs: Slab[] = [];
  #size = 0;
  #visible = 0;
  #state: "open" | "ended" | "failed" = "open";
  #error: Error | undefined;
  #cursors = new Set<Cursor>();
  #piped = false;
  #roomWaiter: (() => void) | undefined;
  #emptied: (() => void) | undefined;

  /** Bytes received so far. */
  get size(): number {
    return this.#size;
  }

  /** Readers that have not left. */
  get readers(): number {
    return this.#cursors.size;
  }

  get state(): "open" | "ended" | "failed" {
    return this.#state;
  }

  /** Whether a late reader would still get the first byte. */
  get joinable(): boolean {
    return !this.#piped && this.#state !== "failed";
  }

  /** Called each time the last reader is gone, in whatever state the recording is. */
  set onAbandoned(handler: () => void) {
    this.#emptied = handler;
  }

  /**
   * Takes a chunk, which must not change afterwards. With `hide` readers do not see it, nor any later one, until
   * `reveal` or `end`: the end of an answer is held back until its entry is committed.
   */
  append(chunk: Uint8Array, options: { atMs: number; hide?: boolean; mark?: boolean }): void {
    if (this.#state !== "open" || chunk.byteLength === 0) return;
    const hidden = this.#visible < this.#size || options.hide === true;
    this.#keep(chunk);
    if (options.mark) this.marks.push({ end: this.#size, atMs: options.atMs });
    if (!hidden) this.reveal();
  }

  /** Lets readers see all that was received. */
  reveal(): void {
    this.#visible = this.#size;
    this.#wakeAll();
  }

  end(): void {
    if (this.#state !== "open") return;
    this.#state = "ended";
    this.reveal();
  }

  /** Breaks off: readers see all that was received, an end held back included since nothing is kept, then the error. */
  fail(error: Error): void {
    if (this.#state !== "open") return;
    this.#state = "failed";
    this.#error = error;
    this.reveal();
  }

  /** From now on no new reader is admitted and bytes that every reader has passed are let go. */
  becomePipe(): void {
    this.#piped = true;
    this.marks.length = 0;
    this.reveal();
    this.#release();
  }

  get piped(): boolean {
    return this.#piped;
  }

  /** Resolves when the writer may go on: at once, unless this is a pipe whose slowest reader is far behind. */
  room(): Promise<void> {
    if (!this.#piped || this.#backlog() <= PIPE_WINDOW) return Promise.resolve();
    return new Promise((resolve) => {
      this.#roomWaiter = resolve;
    });
  }

  /** Breaks off the readers that are a whole window behind while another one is not; answers how many. */
  dropLaggards(): number {
    const lagging = [...this.#cursors].filter((cursor) => this.#size - cursor.offset > PIPE_WINDOW);
    if (lagging.length === this.#cursors.size) return 0;
    for (const cursor of lagging) {
      cursor.broken = new Error("reader too slow");
      this.#cursors.delete(cursor);
      this.#wake(cursor);
    }
    this.#release();
    return lagging.length;
  }

  /** Everything received, for the store. Only where it never became a pipe. */
  body(): Body {
    const [first] = this.#slabs;
    if (first === undefined) return memoryBody(new Uint8Array(0));
    if (this.#size <= SLICE_BYTES) return memoryBody(this.#whole());
    return {
      size: this.#size,
      bytes: undefined,
      slice: (offset) => this.#at(offset).subarray(0, SLICE_BYTES),
      hold: () => () => {},
    };
  }

  /** The received bytes in order, as views. */
  *chunks(): Generator<Uint8Array> {
    for (const slab of this.#slabs) yield slab.bytes.subarray(0, slab.used);
  }

  reader(): Reader {
    if (!this.joinable && this.#cursors.size > 0) throw new Error("a pipe admits no late reader");
    const cursor: Cursor = { offset: 0, wake: undefined, left: false, broken: undefined };
    this.#cursors.add(cursor);
    return {
      read: () => this.#read(cursor),
      leave: () => this.#leave(cursor),
    };
  }

  async #read(cursor: Cursor): Promise<Uint8Array | undefined> {
    for (;;) {
      if (cursor.left) return undefined;
      if (cursor.broken) throw cursor.broken;
      if (cursor.offset < this.#visible) {
        const view = this.#at(cursor.offset);
        const seen = view.subarray(0, Math.min(view.byteLength, SLICE_BYTES, this.#visible - cursor.offset));
        cursor.offset += seen.byteLength;
        this.#release();
        return seen;
      }
      if (this.#state !== "open") {
        this.#drop(cursor);
        if (this.#state === "failed") throw this.#error;
        return undefined;
      }
      await new Promise<void>((resolve) => {
        cursor.wake = resolve;
      });
    }
  }

  #leave(cursor: Cursor): void {
    if (cursor.left) return;
    cursor.left = true;
    this.#drop(cursor);
    this.#wake(cursor);
  }

  #drop(cursor: Cursor): void {
    if (!this.#cursors.delete(cursor)) return;
    this.#release();
    if (this.#cursors.size === 0) this.#emptied?.();
  }

  #wake(cursor: Cursor): void {
    const wake = cursor.wake;
    cursor.wake = undefined;
    wake?.();
  }

  #wakeAll(): void {
    for (const cursor of this.#cursors) this.#wake(cursor);
  }

  /** Bytes that the slowest reader has not taken; with no reader there is nothing to wait for. */
  #backlog(): number {
    let slowest = this.#size;
    for (const cursor of this.#cursors) slowest = Math.min(slowest, cursor.offset);
    return this.#size - slowest;
  }

  #release(): void {
    if (!this.#piped) return;
    const passed = this.#size - this.#backlog();
    let gone = 0;
    for (const slab of this.#slabs) {
      if (slab.start + slab.used > passed || slab.used < slab.bytes.byteLength) break;
      gone++;
    }
    if (gone > 0) this.#slabs.splice(0, gone);
    if (this.#roomWaiter && this.#backlog() <= PIPE_WINDOW) {
      const go = this.#roomWaiter;
      this.#roomWaiter = undefined;
      go();
    }
  }

  /** Copies small chunks into a growing slab; a big one is a slab of its own. */
  #keep(chunk: Uint8Array): void {
    const last = this.#slabs.at(-1);
    const free = last ? last.bytes.byteLength - last.used : 0;
    if (last && chunk.byteLength <= free) {
      last.bytes.set(chunk, last.used);
      last.used += chunk.byteLength;
    } else if (chunk.byteLength >= FIRST_SLAB || this.#size === 0) {
      this.#slabs.push({ start: this.#size, bytes: chunk, used: chunk.byteLength });
    } else {
      const length = Math.min(SLICE_BYTES, Math.max(FIRST_SLAB, this.#size));
      const slab = { start: this.#size, bytes: new Uint8Array(length), used: chunk.byteLength };
      slab.bytes.set(chunk, 0);
      this.#slabs.push(slab);
    }
    this.#size += chunk.byteLength;
  }

  /** The bytes from `offset` to the end of its slab. */
  #at(offset: number): Uint8Array {
    let low = 0;
    let high = this.#slabs.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#slabs[middle] as Slab).start <= offset) low = middle;
      else high = middle - 1;
    }
    const slab = this.#slabs[low];
    if (slab === undefined || offset < slab.start) throw new Error("bytes let go");
    return slab.bytes.subarray(offset - slab.start, slab.used);
  }

  #whole(): Uint8Array {
    const [first] = this.#slabs;
    if (first && this.#slabs.length === 1) return first.bytes.subarray(0, first.used);
    const whole = new Uint8Array(this.#size);
    for (const slab of this.#slabs) whole.set(slab.bytes.subarray(0, slab.used), slab.start);
    return whole;
  }
}

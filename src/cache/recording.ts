import { type Body, type ChunkMark, memoryBody, SLICE_BYTES } from "./entry.ts";
import { Marks } from "./marks.ts";
import { Slabs } from "./slabs.ts";

/** Past its bound a recording is a plain pipe: its writer waits while the slowest reader is this far behind. */
export const PIPE_WINDOW = 8 * 1024 * 1024;

/** Reads one recording from its first byte. */
export interface Reader {
  /**
   * The next bytes, as soon as there are any; undefined at the end. Rejects, after every byte that may be seen,
   * with the error that broke the recording. One read at a time.
   */
  read(): Promise<Uint8Array | undefined>;
  /** The reader goes away. Safe to call at any time, more than once. */
  leave(): void;
  /**
   * The same at once, where a reader can: null where there is nothing yet. Then `ready` is called, once, when there may
   * be something, from within the writer's call. Throws where `read` rejects.
   */
  poll?(ready: () => void): Uint8Array | undefined | null;
}

interface Cursor {
  offset: number;
  /** Called once whenever it is `waiting`; kept, since each change of it is work for the collector. */
  ready: (() => void) | undefined;
  waiting: boolean;
  left: boolean;
  broken: Error | undefined;
}

/**
 * A body being received: an append-only list of chunks that ends or fails, with one writer and any number of
 * readers, each from the first byte. The writer never waits for a reader unless the recording has become a pipe.
 * A reader that waits in `poll` is called from within the writer's call, so that a chunk goes right through.
 */
export class Recording {
  readonly #marks = new Marks();
  readonly #slabs = new Slabs();
  #visible = 0;
  /** The chunk that is being taken, for readers who have had all before it. */
  #latest: Uint8Array | undefined;
  #state: "open" | "ended" | "failed" = "open";
  #error: Error | undefined;
  #cursors = new Set<Cursor>();
  #piped = false;
  #roomWaiter: (() => void) | undefined;
  #emptied: (() => void) | undefined;
  #onAsked: (() => void) | undefined;

  /** Bytes received so far. */
  get size(): number {
    return this.#slabs.size;
  }

  /** The chunks that were marked. */
  get marks(): ChunkMark[] {
    return this.#marks.list();
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
    const hidden = this.#visible < this.size || options.hide === true;
    this.#slabs.add(chunk);
    if (options.mark) this.#marks.add(this.size, options.atMs);
    if (hidden) return;
    this.#latest = chunk;
    this.reveal();
    this.#latest = undefined;
  }

  /** Lets readers see all that was received. */
  reveal(): void {
    this.#visible = this.size;
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
    this.#marks.clear();
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

  /** Resolves once a reader waits for bytes; at once where there is no reader. */
  asked(): Promise<void> {
    if (this.#cursors.size === 0) return Promise.resolve();
    for (const { waiting } of this.#cursors) if (waiting) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onAsked = resolve;
    });
  }

  /** Breaks off the readers that are a whole window behind while another one is not; answers how many. */
  dropLaggards(): number {
    const lagging = [...this.#cursors].filter((cursor) => this.size - cursor.offset > PIPE_WINDOW);
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
    const { size } = this;
    if (size <= SLICE_BYTES) return memoryBody(this.#slabs.whole());
    return {
      size,
      bytes: undefined,
      slice: (offset) => this.#slabs.at(offset, SLICE_BYTES),
      hold: () => () => {},
    };
  }

  /** The received bytes in order, as views. */
  chunks(): Iterable<Uint8Array> {
    return this.#slabs;
  }

  reader(): Required<Reader> {
    if (!this.joinable && this.#cursors.size > 0) throw new Error("a pipe admits no late reader");
    const cursor: Cursor = { offset: 0, ready: undefined, waiting: false, left: false, broken: undefined };
    this.#cursors.add(cursor);
    return {
      read: () => this.#read(cursor),
      leave: () => this.#leave(cursor),
      poll: (ready) => this.#poll(cursor, ready),
    };
  }

  async #read(cursor: Cursor): Promise<Uint8Array | undefined> {
    for (;;) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const seen = this.#poll(cursor, resolve);
      if (seen !== null) return seen;
      await promise;
    }
  }

  #poll(cursor: Cursor, ready: () => void): Uint8Array | undefined | null {
    if (cursor.left) return undefined;
    if (cursor.broken) throw cursor.broken;
    if (cursor.offset < this.#visible) {
      const seen = this.#next(cursor.offset);
      cursor.offset += seen.byteLength;
      if (this.#piped) this.#release();
      return seen;
    }
    if (this.#state === "open") {
      if (cursor.ready !== ready) cursor.ready = ready;
      cursor.waiting = true;
      this.#tellAsked();
      return null;
    }
    this.#drop(cursor);
    if (this.#state === "failed") throw this.#error;
    return undefined;
  }

  /** Visible bytes from `offset` on. */
  #next(offset: number): Uint8Array {
    const latest = this.#latest;
    if (latest !== undefined && offset === this.size - latest.byteLength && latest.byteLength <= SLICE_BYTES)
      return latest;
    return this.#slabs.at(offset, Math.min(SLICE_BYTES, this.#visible - offset));
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
    if (this.#cursors.size > 0) return;
    this.#tellAsked();
    this.#emptied?.();
  }

  #tellAsked(): void {
    const then = this.#onAsked;
    if (then === undefined) return;
    this.#onAsked = undefined;
    then();
  }

  #wake(cursor: Cursor): void {
    if (!cursor.waiting) return;
    cursor.waiting = false;
    cursor.ready?.();
  }

  #wakeAll(): void {
    for (const cursor of this.#cursors) this.#wake(cursor);
  }

  /** Bytes that the slowest reader has not taken; with no reader there is nothing to wait for. */
  #backlog(): number {
    let slowest = this.size;
    for (const cursor of this.#cursors) slowest = Math.min(slowest, cursor.offset);
    return this.size - slowest;
  }

  #release(): void {
    if (!this.#piped) return;
    const backlog = this.#backlog();
    this.#slabs.release(this.size - backlog);
    if (this.#roomWaiter && backlog <= PIPE_WINDOW) {
      const go = this.#roomWaiter;
      this.#roomWaiter = undefined;
      go();
    }
  }
}

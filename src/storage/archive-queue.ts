import type { CacheKey } from "../cache/entry.ts";
import type { NewRequest } from "../requests/kept.ts";
import type { Load } from "./archive-pace.ts";

export interface Queued {
  readonly key: CacheKey;
  readonly request: NewRequest;
  /** How many were queued before it. */
  readonly number: number;
}

const MOST_BYTES = 64 * 1024 * 1024;
const MOST = 10_000;
/** Taken at once: what the desk needs some 20 ms for. */
const BATCH_BYTES = 512 * 1024;
const BATCH = 200;

/** Requests waiting to be taken in. What does not fit is dropped and counted. */
export class KeepQueue implements Load {
  dropped = 0;
  #waiting: Queued[] = [];
  /** Those taken and not yet done, with those waiting. */
  #bytes = 0;
  #peak = 0;
  #count = 0;
  #numbered = 0;
  #done = 0;
  #hurried = () => {};
  #waiters: { upTo: number; resolve: () => void }[] = [];

  get size(): number {
    return this.#count;
  }

  /** How many were ever added. */
  get added(): number {
    return this.#numbered;
  }

  /** Whether a body of so many bytes fits; one that does not counts as dropped. */
  hasRoom(bytes: number): boolean {
    const full = this.#count >= MOST || (this.#count > 0 && this.#bytes + bytes > MOST_BYTES);
    if (full) this.dropped++;
    return !full;
  }

  /** Where there is room. */
  add(key: CacheKey, request: NewRequest): void {
    this.#waiting.push({ key, request, number: ++this.#numbered });
    this.#bytes += request.body.byteLength;
    this.#peak = Math.max(this.#peak, this.#bytes);
    this.#count++;
  }

  /** The next ones, in order; empty where nothing waits. */
  take(): readonly Queued[] {
    let bytes = 0;
    let count = 0;
    while (count < this.#waiting.length && count < BATCH && (count === 0 || bytes < BATCH_BYTES)) {
      bytes += (this.#waiting[count] as Queued).request.body.byteLength;
      count++;
    }
    return this.#waiting.splice(0, count);
  }

  /** The batch that was taken last is taken in, or lost: `dropped` of it. */
  done(batch: readonly Queued[], dropped: number): void {
    for (const { request } of batch) this.#bytes -= request.body.byteLength;
    this.#count -= batch.length;
    this.dropped += dropped;
    this.#done = batch.at(-1)?.number ?? this.#done;
    const ready = this.#waiters.filter(({ upTo }) => upTo <= this.#done);
    this.#waiters = this.#waiters.filter(({ upTo }) => upTo > this.#done);
    for (const { resolve } of ready) resolve();
  }

  /** The most bytes that were waiting or under way since it was asked last. */
  takePeak(): number {
    const peak = this.#peak;
    this.#peak = this.#bytes;
    return peak;
  }

  /** Whether somebody waits for what is queued. */
  get awaited(): boolean {
    return this.#waiters.length > 0;
  }

  /** Whether it is far from full. */
  get light(): boolean {
    return this.#count < MOST / 4 && this.#bytes < MOST_BYTES / 4;
  }

  /** Resolves when somebody begins to wait. */
  hurry(): Promise<void> {
    return new Promise((resolve) => {
      this.#hurried = resolve;
    });
  }

  /** Resolves once all that was added until now is done. */
  settled(): Promise<void> {
    if (this.#done >= this.#numbered) return Promise.resolve();
    this.#hurried();
    return new Promise((resolve) => this.#waiters.push({ upTo: this.#numbered, resolve }));
  }
}

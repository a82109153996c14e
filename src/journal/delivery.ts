import type { Archive } from "../cache/archive.ts";
import type { JournalBatch } from "../cache/figures.ts";
import type { Counters } from "./counters.ts";
import type { Rows } from "./rows.ts";

/** How long what was counted waits for more: figures are at most a second old. */
const FLUSH_MS = 400;
/** While the archive takes nothing, it is asked less and less often. */
const LONGEST_WAIT_MS = 5_000;
const PATIENCE_MS = 3_000;
const CLOSE_MS = 5_000;
/** A batch held back, then as many as a full queue of rows takes: what is counted meanwhile is not waited for. */
const MOST_ROUNDS = 8;

export interface DeliveryParts {
  readonly archive: Pick<Archive, "record">;
  readonly counters: Counters;
  readonly rows: Rows;
}

/**
 * Brings what was counted to the archive, one batch at a time. A batch that failed is sent again as it was, under its
 * own number, so that one that was committed all the same is not added twice; what is counted meanwhile waits.
 */
export class Delivery {
  readonly #parts: DeliveryParts;
  readonly #writer = crypto.randomUUID();
  #sequence = 0;
  #batch: JournalBatch | undefined;
  #sending: Promise<boolean> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #waitMs = FLUSH_MS;
  #closed = false;
  /** Times that the archive refused a batch. */
  failures = 0;

  constructor(parts: DeliveryParts) {
    this.#parts = parts;
  }

  /** Something was counted: it is sent soon. */
  wake(): void {
    if (this.#timer !== undefined || this.#closed) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#send().then(() => {
        if (!this.#idle) this.wake();
      });
    }, this.#waitMs);
    // Where a timer can be told so, it does not keep the process alive: `close` sends what is left.
    (this.#timer as { unref?: () => void }).unref?.();
  }

  /**
   * Resolves once all that was counted so far is recorded, the archive refused it, or the time is up: one that is held
   * up, by another process's lock for example, holds nobody else up. Never rejects.
   */
  async flush(patienceMs = PATIENCE_MS): Promise<void> {
    let late: ReturnType<typeof setTimeout> | undefined;
    const waited = new Promise<void>((resolve) => {
      late = setTimeout(resolve, patienceMs);
    });
    await Promise.race([this.#flushed(), waited]);
    clearTimeout(late);
  }

  async #flushed(): Promise<void> {
    // What is under way may have left before the last event.
    if (this.#sending !== undefined) await this.#sending;
    for (let round = 0; round < MOST_ROUNDS && !this.#idle; round++) {
      if (!(await this.#send())) return;
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    await this.flush(CLOSE_MS);
  }

  get #idle(): boolean {
    const { counters, rows } = this.#parts;
    return this.#batch === undefined && counters.empty && rows.empty;
  }

  /** Resolves to whether the archive took it. */
  #send(): Promise<boolean> {
    if (this.#sending !== undefined) return this.#sending;
    const { counters, rows } = this.#parts;
    this.#batch ??= {
      origin: { writer: this.#writer, sequence: ++this.#sequence },
      deltas: counters.take(),
      rows: rows.take(),
    };
    this.#sending = this.#record(this.#batch).finally(() => {
      this.#sending = undefined;
    });
    return this.#sending;
  }

  async #record(batch: JournalBatch): Promise<boolean> {
    try {
      await this.#parts.archive.record(batch);
    } catch {
      this.failures++;
      this.#waitMs = Math.min(LONGEST_WAIT_MS, this.#waitMs * 2);
      return false;
    }
    this.#batch = undefined;
    this.#waitMs = FLUSH_MS;
    return true;
  }
}

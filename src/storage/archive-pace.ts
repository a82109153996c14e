import type { Clock } from "../clock.ts";

/** What of the queue decides how long the thread rests. */
export interface Load {
  /** How many requests were ever added. */
  readonly added: number;
  /** Whether somebody waits for what is queued. */
  readonly awaited: boolean;
  /** Whether it is far from full. */
  readonly light: boolean;
  /** Resolves when somebody begins to wait. */
  hurry(): Promise<void>;
}

export interface PaceOptions {
  readonly clock: Clock;
  /** Resolves by a timer of the loop that answers, so many ms from now or later. */
  readonly wait: (ms: number) => Promise<void>;
}

/** Times what a batch took that is rested behind it where answers may want the processor: an eighth of it is left. */
const LONG_REST = 7;
/** The same where they want all of it: a sixteenth. */
const BUSY_REST = 15;
/**
 * Smoothed lateness of timers from which on the loop has no time left. Measured on one core, in ms: idle 0.1 to 0.3, at
 * 500 requests a second 0.2 to 0.5, from one connection without a pause 0.4 to 0.8, from 32 of them 2 to 5.
 */
const BUSY_LATE_MS = 1;
/** What one timer counts for: at full load some are on time, since they end at any moment of a lap. */
const WEIGHT = 1 / 8;
/** More says nothing about the load: a collection, or a machine that was asleep. */
const MOST_LATE_MS = 5;
/** A rest is many timers so short, each of which says how busy the loop is: a load is known within some 30 ms. */
const LOOK_MS = 5;

/** When the archive's thread rests between its batches, so that answers have the processor that they need. */
export class Pace {
  readonly #options: PaceOptions;
  #lateMs = 0;

  constructor(options: PaceOptions) {
    this.#options = options;
  }

  /** Whether the loop is at work all the time, be it by what comes in or by others on its core. */
  get busy(): boolean {
    return this.#lateMs >= BUSY_LATE_MS;
  }

  /**
   * Rests behind a batch that took so long. Where somebody waits, not at all. While the loop is busy, so that the thread
   * works a sixteenth of the time, however full its queue becomes (what does not fit is dropped); with time left, an
   * eighth while requests come and there is room for them, else half.
   */
  async rest(tookMs: number, load: Load): Promise<void> {
    const { clock } = this.#options;
    const { added } = load;
    const began = clock.monotonic();
    const times = () => {
      if (this.busy) return BUSY_REST;
      return load.added > added && load.light ? LONG_REST : 1;
    };
    while (!load.awaited && clock.monotonic() - began < tookMs * times()) await this.#pause(LOOK_MS, load);
  }

  /** Waits `ms`, or until somebody waits for what is queued. */
  async gather(ms: number, load: Load): Promise<void> {
    if (!load.awaited) await this.#pause(ms, load);
  }

  async #pause(ms: number, load: Load): Promise<void> {
    const { clock, wait } = this.#options;
    const began = clock.monotonic();
    await Promise.race([wait(ms).then(() => this.#fired(clock.monotonic() - began - ms)), load.hurry()]);
  }

  #fired(lateMs: number): void {
    this.#lateMs += (Math.min(MOST_LATE_MS, Math.max(0, lateMs)) - this.#lateMs) * WEIGHT;
  }
}

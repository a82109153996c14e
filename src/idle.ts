import type { Clock } from "./clock.ts";

/** Bodies in flight of which the runtime's collector, left to itself, would keep the memory for long. */
export const LARGE_BYTES = 8 * 1024 * 1024;
/** Twice: what the first round frees may be held until its finalizers have run. */
const COLLECT_AFTER_MS = [1_000, 5_000];
/** Matches, so that the engine lets go of the text that it matched before, which may be a whole prompt of 60 MB. */
const NOTHING = /^/;
/** A collection holds the loop, so it waits until no request has come for this long. */
const QUIET_MS = 500;

/** Has memory collected a while after large bodies were in flight, as soon as there is no work. */
export class Quiet {
  readonly #clock: Pick<Clock, "monotonic">;
  readonly #work: { readonly idle: () => boolean; readonly collect: () => void };
  #disturbedAt = 0;
  #timers: ReturnType<typeof setTimeout>[] = [];

  constructor(clock: Pick<Clock, "monotonic">, work: { idle: () => boolean; collect: () => void }) {
    this.#clock = clock;
    this.#work = work;
  }

  /** A request has come. */
  disturbed(): void {
    this.#disturbedAt = this.#clock.monotonic();
  }

  /** Nothing is held any more of what was large: `peak` bytes at most. */
  readonly drained = (peak: number): void => {
    if (peak < LARGE_BYTES) return;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers = COLLECT_AFTER_MS.map((ms, at) => setTimeout(() => this.#whenIdle(at), ms));
  };

  #whenIdle(at: number): void {
    const quiet = this.#clock.monotonic() - this.#disturbedAt > QUIET_MS;
    if (quiet && this.#work.idle()) {
      NOTHING.test("");
      this.#work.collect();
    } else this.#timers[at] = setTimeout(() => this.#whenIdle(at), QUIET_MS);
  }
}

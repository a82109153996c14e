import type { Clock } from "../clock.ts";
import { emptyBins } from "./latency.ts";
import { type Times, time } from "./totals.ts";

const EVERY_MS = 200;
/** Measuring ends when nobody has asked for this long. */
const IDLE_MS = 10 * 60_000;

/** How late timers fire: how long the event loop was held. Measured from the first question on. */
export class LoopLag {
  readonly times: Times = { bins: emptyBins(), sumMs: 0 };
  readonly #clock: Pick<Clock, "monotonic">;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #askedAt = 0;

  constructor(clock: Pick<Clock, "monotonic">) {
    this.#clock = clock;
  }

  read(): Times {
    this.#askedAt = this.#clock.monotonic();
    if (this.#timer === undefined) this.#next();
    return this.times;
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #next(): void {
    const due = this.#clock.monotonic() + EVERY_MS;
    this.#timer = setTimeout(() => {
      const now = this.#clock.monotonic();
      time(this.times, Math.max(0, now - due));
      this.#timer = undefined;
      if (now - this.#askedAt < IDLE_MS) this.#next();
    }, EVERY_MS);
    (this.#timer as { unref?: () => void }).unref?.();
  }
}

/** The one reader of the time. Everything else is handed a `Clock`, so tests can move it. */
export interface Clock {
  /** Wall clock, epoch ms. May jump either way. */
  now(): number;
  /** Monotonic ms from an arbitrary start: for durations, and to tell a jump of the wall clock. */
  monotonic(): number;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
};

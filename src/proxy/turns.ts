import type { Clock } from "../clock.ts";

/** How long one piece of work may go on before the loop gets a turn. */
const TURN_MS = 5;

/**
 * Asked between the steps of a long piece of work: undefined where it may go on at once, else a promise of the next
 * turn of the loop, which others have had by then.
 */
export type Turns = () => Promise<void> | undefined;

export function turnsOf(clock: Pick<Clock, "monotonic">): Turns {
  let began = clock.monotonic();
  return () => {
    if (clock.monotonic() - began < TURN_MS) return undefined;
    return new Promise((resolve) => {
      setTimeout(() => {
        began = clock.monotonic();
        resolve();
      }, 0);
    });
  };
}

import type { App } from "../compose.ts";
import type { Config } from "../config.ts";
import type { Host, Listener } from "../host.ts";

/** A timer cannot be set further ahead (2^31 ms); later is as good as never here. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;
/** Time to commit what was received, once the answers in flight have been cut. */
export const CLOSE_MS = 5_000;

/** Resolve at the first and at the second SIGTERM or SIGINT; a third ends the process at once. */
export function endSignals(
  host: Host,
  { third = () => void host.exit(1) }: { third?: () => void } = {},
): { readonly first: Promise<void>; readonly second: Promise<void> } {
  const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let signals = 0;
  const count = () => {
    signals += 1;
    if (signals === 1) first.resolve();
    else if (signals === 2) second.resolve();
    else third();
  };
  host.onSignal("SIGTERM", count);
  host.onSignal("SIGINT", count);
  return { first: first.promise, second: second.promise };
}

/** Lets answers in flight end within the grace, cuts the rest, then closes the store. */
export async function close({
  app,
  listeners,
  config,
  second,
}: {
  app: App;
  listeners: readonly { readonly listener: Listener }[];
  config: () => Config;
  second: Promise<void>;
}): Promise<void> {
  app.draining();
  const grace = timer(config().shutdownGraceMs);
  const cut = Promise.race([grace.promise, second]);
  await Promise.race([Promise.all(listeners.map(({ listener }) => listener.drain())), cut]);
  const stops = listeners.map(({ listener }) => listener.stop());
  const closed = app.close();
  // Answers whose client has left may still be received, and are kept if they end within the grace.
  await Promise.race([closed, cut]);
  app.cut();
  const last = timer(CLOSE_MS);
  await Promise.race([Promise.all([closed, ...stops]), last.promise]);
  grace.clear();
  last.clear();
}

export function timer(ms: number): { readonly promise: Promise<void>; clear(): void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  const id = setTimeout(resolve, Math.min(ms, LONGEST_TIMER_MS));
  return { promise, clear: () => clearTimeout(id) };
}

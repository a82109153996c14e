import type { Clock } from "../clock.ts";
import type { EntryFilter, Store } from "./store.ts";

export interface PurgeParts {
  readonly store: Store;
  readonly flights: { dismiss(filter: EntryFilter, now: number): number };
  readonly clock: Clock;
}

/**
 * Drops what matches from the store and keeps what is in flight and matches out of it; resolves to how many were
 * dropped. Flights first: an answer that was committed before it was dismissed lies in the store when its purge begins
 * in the same tick, and one that was not never will.
 */
export function purgeAll(parts: PurgeParts, filter: EntryFilter): Promise<number> {
  parts.flights.dismiss(filter, parts.clock.now());
  return parts.store.purge(filter);
}

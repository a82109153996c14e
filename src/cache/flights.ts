import type { CacheKey, EntryFacts } from "./entry.ts";
import { matcher } from "./filter.ts";
import type { Recording } from "./recording.ts";
import type { EntryFilter } from "./store.ts";

/** One provider call under way, which belongs to no caller. */
export interface Flight<Head> {
  /** Under which of these its answer will be kept shows at its end. */
  readonly keys: readonly CacheKey[];
  readonly facts: Omit<EntryFacts, "stream">;
  readonly recording: Recording;
  /** The provider's head; rejects where there is none. Settles only after a failed flight has left the map. */
  readonly head: Promise<Head>;
  /** Resolves when nothing is left to do for it: the last byte is committed or refused, and readers saw the end. */
  readonly done: Promise<unknown>;
  /** Monotonic ms of the last sign of life from the provider (the start, its head, each chunk). */
  heardAt(): number;
  /** Whether its answer has turned out to be bound to the account that pays: no other credential may see it. */
  bound(): boolean;
  /** Ends the call with nothing kept; its readers are broken off. */
  abort(): void;
  /** Its answer reaches those who read it, is not kept (`purged`), and nobody joins it any more. */
  dismiss(): void;
  /** Tag of the credential that pays for it: failures bound to a credential are its alone. */
  readonly credential: string;
}

/**
 * The calls under way, by key. Order of events for one key: looked up and entered in the same tick, before any
 * await; at its end the entry is committed, then in the memory tier, then the flight leaves the map, then its
 * readers see the end. So whoever finds no flight here finds the entry in the store.
 */
export class Flights<Head> {
  readonly #byKey = new Map<CacheKey, Flight<Head>>();
  readonly #all = new Set<Flight<Head>>();

  /** Every call under way, those that admit nobody included. */
  get size(): number {
    return this.#all.size;
  }

  /** The flight that a request for `key` may join: not broken, not a pipe, heard of within `patienceMs`. */
  find(key: CacheKey, options: { now: number; patienceMs: number }): Flight<Head> | undefined {
    const flight = this.#byKey.get(key);
    if (flight === undefined || !flight.recording.joinable) return undefined;
    return options.now - flight.heardAt() <= options.patienceMs ? flight : undefined;
  }

  /** Enters a flight; a silent one under the same key goes on, but nobody joins it any more. */
  enter(key: CacheKey, flight: Flight<Head>): void {
    this.#byKey.set(key, flight);
  }

  /** Counts a call as under way until it is done. */
  track(flight: Flight<Head>): void {
    this.#all.add(flight);
    const forget = () => this.#all.delete(flight);
    flight.done.then(forget, forget);
  }

  leave(key: CacheKey, flight: Flight<Head>): void {
    if (this.#byKey.get(key) === flight) this.#byKey.delete(key);
  }

  /**
   * Dismisses the calls whose answers would match, as of what is stored now (`now`: epoch ms): at once, so that a purge
   * of the store which begins in the same tick leaves no gap. Returns how many.
   */
  dismiss(filter: EntryFilter, now: number): number {
    const matches = matcher(filter);
    let dismissed = 0;
    for (const flight of this.#all) {
      const { facts } = flight;
      if (!flight.keys.some((key) => matches({ key, facts, storedAt: now }))) continue;
      flight.dismiss();
      dismissed++;
    }
    return dismissed;
  }

  /** Ends every call under way. */
  abort(): void {
    for (const flight of this.#all) flight.abort();
  }

  /** Resolves when every call now under way is done. */
  async settled(): Promise<void> {
    await Promise.allSettled([...this.#all].map((flight) => flight.done));
  }
}

import { StoreFault } from "../errors.ts";
import { type CacheKey, type Entry, SLICE_BYTES } from "./entry.ts";
import type { MemoryStore } from "./memory.ts";
import { SeenLately } from "./seen-lately.ts";
import type { PutOptions, Store } from "./store.ts";

/** A store that other processes change too. */
export interface SharedStore extends Store {
  /** As `put`; resolves to the entry as `get` now gives it, undefined where it does not stand. */
  commit(entry: Entry, options?: PutOptions): Promise<Entry | undefined>;
  /** Resolves once what was put is where those find it who read the database by themselves. Never rejects. */
  settled(): Promise<void>;
  /**
   * Grows when another process may have deleted or replaced entries, at most some 200 ms after it did. Cheap enough
   * to ask at each `get`.
   */
  generation(): number;
  /**
   * Says that whoever keeps something by the ids of entries has forgotten those in the table `gone` up to this `seq`:
   * the rows go.
   */
  forgotten(upTo: number): Promise<void>;
}

/**
 * Memory over a durable store.
 *
 * - `get` asks memory first and keeps there what it found on disk for the second time lately, where it is small. What
 *   another process deleted or replaced is forgotten as soon as `generation` tells of it.
 * - `put` commits first: an entry in memory alone would serve a hit that `kill -9` loses. Where the commit fails, a
 *   small entry is kept in memory alone, the put resolves, and the fault is counted in `stats`; the cause stands in
 *   `health`. A large one has no place then: the put rejects.
 * - `bytes` in `stats` are those on disk.
 */
export function tieredStore(tiers: { readonly memory: MemoryStore; readonly durable: SharedStore }): Store {
  const { memory, durable } = tiers;
  let generation = durable.generation();
  let removals = 0;
  const seen = new SeenLately();

  const refresh = () => {
    const now = durable.generation();
    if (now === generation) return;
    generation = now;
    removals++;
    memory.clear();
  };
  const keep = (entry: Entry) => {
    // Refused where it is too large for memory as a whole: then it is read from disk each time.
    if (entry.body.size <= SLICE_BYTES && seen.again(numberOf(entry.key))) memory.put(entry).catch(() => {});
  };

  /** Forgets before and after: what was got from disk meanwhile may be what is no more. */
  const forgetting = async <T>(forget: () => void, act: () => Promise<T>): Promise<T> => {
    removals++;
    forget();
    try {
      return await act();
    } finally {
      removals++;
      forget();
    }
  };
  const forgetOne = (key: CacheKey) => {
    memory.delete(key).catch(() => {});
  };

  return {
    get(key) {
      refresh();
      const near = memory.get(key);
      if (near !== undefined) return near;
      const entry = durable.get(key);
      if (entry !== undefined) keep(entry);
      return entry;
    },
    find(asked) {
      const entry = durable.find?.(asked);
      if (entry === undefined) return undefined;
      refresh();
      // What could not be written stands in memory alone, over what it was to replace.
      const near = memory.get(entry.key);
      if (near === undefined) keep(entry);
      return near ?? entry;
    },
    async put(entry, options) {
      const before = removals;
      let stands: Entry | undefined;
      try {
        stands = await durable.commit(entry, options);
      } catch (error) {
        if (!(error instanceof StoreFault) || entry.body.size > SLICE_BYTES) throw error;
        const stored = durable.get(entry.key);
        if (stored !== undefined && stored.startedAt > entry.startedAt) return;
        if (removals === before) await memory.put(entry, options);
        return;
      }
      // Deleted while it was being written: which came first is for the durable store to say.
      if (removals !== before) await memory.delete(entry.key);
      else if (stands !== undefined) await replace(memory, stands);
    },
    delete: (key) =>
      forgetting(
        () => forgetOne(key),
        () => durable.delete(key),
      ),
    change: (key, change) =>
      forgetting(
        () => forgetOne(key),
        () => durable.change(key, change),
      ),
    purge: (filter) => forgetting(memory.clear, () => durable.purge(filter)),
    putAll: (entries) =>
      forgetting(
        () => {
          for (const { key } of entries) forgetOne(key);
        },
        () => durable.putAll(entries),
      ),
    touch(entry) {
      memory.touch(entry);
      durable.touch(entry);
    },
    forget() {
      removals++;
      memory.clear();
    },
    stats() {
      const { entries, bytes, evictions, faults } = durable.stats();
      return { entries, bytes, evictions, faults };
    },
    health: () => durable.health(),
    async close() {
      await memory.close();
      await durable.close();
    },
  };
}

function numberOf(key: CacheKey): number {
  return Number.parseInt(key.slice(0, 8), 16);
}

/** Drops the older entry also where the new one is too large to take its place. */
async function replace(memory: MemoryStore, entry: Entry): Promise<void> {
  if (entry.body.size > SLICE_BYTES) await drop(memory, entry.key);
  else await memory.put(entry).catch(() => drop(memory, entry.key));
}

async function drop(memory: MemoryStore, key: CacheKey): Promise<void> {
  await memory.delete(key);
}

import type { CacheKey, Entry } from "./entry.ts";

/**
 * Keyed answers. One contract for every implementation (`test/contract/store.ts` is its suite).
 *
 * - `get` answers what the last committed `put` of that key held, byte for byte, whatever its age: freshness is
 *   the caller's to judge. It is synchronous and takes well under a millisecond. A row that cannot be read,
 *   has another ENTRY_VERSION or fails its checksum is a miss, counted as a fault, never a wrong answer.
 * - `put` resolves once the entry would survive `kill -9` of the process (for a durable store). It rejects with
 *   `StoreFault` when the entry could not be committed; a later `get` then misses. It replaces an entry only
 *   where that one's `startedAt` is not later than its own, else it resolves and changes nothing. It leaves the
 *   pin, a TTL set by the admin API and the use counter of the entry that it replaces.
 * - A `get` begun before a `delete` or an eviction can read its body to the end while it holds it (`Body.hold`).
 * - Space: entries go when the store would pass its size, least recently used first, those never hit before
 *   those that were; and when unused for the store's `inactive` time. Never while a clock jump is suspected.
 * - No method throws for a fault of the disk but `put` and `delete`, which reject.
 */
export interface Store {
  get(key: CacheKey): Entry | undefined;
  /**
   * The entry that was put with this `asked`, as `get` of its key answers it; undefined where there is none or where that
   * is not known at once. For a store that has to look further for a key.
   */
  find?(asked: string): Entry | undefined;
  put(entry: Entry, options?: PutOptions): Promise<void>;
  /** Resolves to whether there was one. */
  delete(key: CacheKey): Promise<boolean>;
  /**
   * Notes a hit of an entry; its `place`, where it has one, spares looking for it. Cheap: written in batches, may be
   * lost on a crash.
   */
  touch(entry: Pick<Entry, "key" | "place">): void;
  /**
   * Pins an entry or lets it go, sets its TTL in ms (Infinity: forever; null: today's settings again). Resolves to
   * whether there is such an entry.
   */
  change(key: CacheKey, change: EntryChange): Promise<boolean>;
  /**
   * Drops every entry that matches and was put before the call, a little at a time; resolves to how many. Pinned ones
   * too. What began after the call stays, be it put meanwhile or in the place of one that matched.
   */
  purge(filter: EntryFilter): Promise<number>;
  /**
   * Puts them all or, where it rejects or the process dies, none of them; they replace what stands under their keys,
   * whenever that began. Of two with one key the later one counts.
   */
  putAll(entries: readonly Entry[]): Promise<void>;
  /** Forgets what memory holds of entries on disk: another process changed some just now. */
  forget?(): void;
  stats(): StoreStats;
  health(): StoreHealth;
  /** Commits what is queued and lets go of the files. Further calls reject or miss. */
  close(): Promise<void>;
}

export interface PutOptions {
  /** Asked when the entry is about to be committed: where it says true nothing is put, and the put resolves. */
  readonly unless?: (() => boolean) | undefined;
}

export interface EntryChange {
  readonly pinned?: boolean | undefined;
  readonly ttlMs?: number | null | undefined;
}

export interface StoreStats {
  readonly entries: number;
  /** Bytes taken on disk (or in memory, for a store without a disk), everything counted. */
  readonly bytes: number;
  readonly evictions: number;
  readonly faults: number;
}

export interface StoreHealth {
  readonly ok: boolean;
  /** Why not, in words for an operator; empty when ok. No path of the data folder's contents, no secrets. */
  readonly reasons: readonly string[];
}

/** Which entries; all members given must match. */
export interface EntryFilter {
  readonly provider?: string | undefined;
  readonly endpoint?: string | undefined;
  readonly model?: string | undefined;
  readonly namespace?: string | undefined;
  /** Epoch ms: stored before, and at or after. */
  readonly storedBefore?: number | undefined;
  readonly storedSince?: number | undefined;
  readonly keys?: readonly CacheKey[] | undefined;
  /** How the key begins: 4 to 64 lower-case hex digits. */
  readonly keyPrefix?: string | undefined;
}

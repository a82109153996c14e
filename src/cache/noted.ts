import type { CacheKey } from "./entry.ts";
import type { Store } from "./store.ts";

/** What a run did with a store. */
export interface Notes {
  /** Entries that answered, and those that were put. */
  readonly used: ReadonlySet<CacheKey>;
  /** Entries that were put. */
  readonly put: ReadonlySet<CacheKey>;
}

export const NOTHING_NOTED: Notes = { used: new Set(), put: new Set() };

/** The same store; what is put and what answers is noted. */
export function noted(store: Store): { readonly store: Store; readonly notes: Notes } {
  const used = new Set<CacheKey>();
  const put = new Set<CacheKey>();
  return {
    notes: { used, put },
    store: {
      ...store,
      async put(entry, options) {
        await store.put(entry, options);
        if (store.get(entry.key)?.startedAt !== entry.startedAt) return;
        put.add(entry.key);
        used.add(entry.key);
      },
      touch(entry) {
        used.add(entry.key);
        store.touch(entry);
      },
    },
  };
}

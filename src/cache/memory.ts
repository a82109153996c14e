import { LRUCache } from "lru-cache";
import { StoreFault } from "../errors.ts";
import { type CacheKey, type Entry, SLICE_BYTES } from "./entry.ts";
import { victimSegment } from "./segments.ts";
import type { Store } from "./store.ts";

/** Objects, map slots and the key, beside the strings and bytes of an entry. */
const OVERHEAD_BYTES = 1024;
/** Two numbers in an object of their own. */
const MARK_BYTES = 40;

/** A store in memory that can be emptied at once. */
export interface MemoryStore extends Store {
  clear(): void;
}

/**
 * Entries in memory, at most `maxBytes` with all that hangs on them (an estimate). A body over SLICE_BYTES is refused
 * with `StoreFault`: such bodies are read from disk in slices, and one of them would push out hundreds.
 */
export function memoryStore(options: { readonly maxBytes: number }): MemoryStore {
  const { maxBytes } = options;
  // Two halves of one bound, so neither is given a bound that it can reach by itself.
  const segments = { fresh: segment(maxBytes), used: segment(maxBytes) };
  let evictions = 0;
  let faults = 0;
  let closed = false;
  const { fresh, used } = segments;

  const bytes = () => fresh.calculatedSize + used.calculatedSize;
  const makeRoom = (wanted: number) => {
    while (bytes() + wanted > maxBytes && fresh.size + used.size > 0) {
      segments[victimSegment(fresh.calculatedSize, used.calculatedSize, maxBytes)].pop();
      evictions++;
    }
  };
  const refuse = (why: string) => {
    faults++;
    return new StoreFault(why);
  };

  return {
    get: (key) => fresh.get(key) ?? used.get(key),
    async put(entry) {
      if (closed) throw refuse("the store is closed");
      const own = ownBytes(entry);
      const size = sizeOf(own);
      if (own.body.size > SLICE_BYTES || size > maxBytes) throw refuse("the entry is too large for memory");
      const segment = used.has(entry.key) ? used : fresh;
      const old = segment.peek(entry.key);
      if (old !== undefined && old.startedAt > entry.startedAt) return;
      segment.delete(entry.key);
      makeRoom(size);
      segment.set(entry.key, own);
    },
    change: () => Promise.reject(refuse("not yet")),
    purge: () => Promise.reject(refuse("not yet")),
    putAll: () => Promise.reject(refuse("not yet")),
    async delete(key) {
      if (closed) throw refuse("the store is closed");
      const found = fresh.delete(key);
      return used.delete(key) || found;
    },
    touch(key) {
      const entry = fresh.peek(key);
      if (entry === undefined) return;
      fresh.delete(key);
      used.set(key, entry);
    },
    clear() {
      fresh.clear();
      used.clear();
    },
    stats: () => ({ entries: fresh.size + used.size, bytes: bytes(), evictions, faults }),
    health: () => ({ ok: !closed, reasons: closed ? ["the store is closed"] : [] }),
    async close() {
      closed = true;
      fresh.clear();
      used.clear();
    },
  };
}

function segment(maxBytes: number): LRUCache<CacheKey, Entry> {
  return new LRUCache({ maxSize: Math.max(1, maxBytes), sizeCalculation: sizeOf });
}

/** The entry over bytes of its own: a view would keep the whole buffer that it shows a part of. */
function ownBytes(entry: Entry): Entry {
  const { bytes } = entry.body;
  if (bytes === undefined || bytes.buffer.byteLength <= bytes.byteLength + OVERHEAD_BYTES) return entry;
  const own = bytes.slice();
  return { ...entry, body: { ...entry.body, bytes: own, slice: (offset) => own.subarray(offset) } };
}

function sizeOf(entry: Entry): number {
  let size = OVERHEAD_BYTES + entry.body.size + (entry.chunks?.length ?? 0) * MARK_BYTES;
  for (const [name, value] of entry.headers) size += 2 * (name.length + value.length) + 64;
  return size;
}

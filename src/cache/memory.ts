import { LRUCache } from "lru-cache";
import { StoreFault } from "../errors.ts";
import { type CacheKey, type Entry, SLICE_BYTES } from "./entry.ts";
import { matcher } from "./filter.ts";
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
  // Parts of one bound, so none is given a bound that it can reach by itself.
  const segments = { fresh: segment(maxBytes), used: segment(maxBytes), pinned: segment(maxBytes) };
  const { fresh, used, pinned } = segments;
  const all = [fresh, used, pinned];
  /** Set by `change`; outrank the entry's own. */
  const ttls = new Map<CacheKey, number>();
  let evictions = 0;
  let faults = 0;
  let closed = false;

  const holder = (key: CacheKey) => all.find((segment) => segment.has(key));
  const bytes = () => all.reduce((sum, segment) => sum + segment.calculatedSize, 0);
  const remove = (key: CacheKey) => {
    ttls.delete(key);
    return holder(key)?.delete(key) ?? false;
  };
  /** Whether there is now room for so many bytes. */
  const makeRoom = (wanted: number) => {
    while (bytes() + wanted > maxBytes && fresh.size + used.size > 0) {
      const name = victimSegment(fresh.calculatedSize, used.calculatedSize, maxBytes);
      const victim = segments[name].pop();
      if (victim !== undefined) ttls.delete(victim.key);
      evictions++;
    }
    return bytes() + wanted <= maxBytes;
  };
  const refuse = (why: string) => {
    faults++;
    return new StoreFault(why);
  };
  const fitting = (entry: Entry) => {
    if (closed) throw refuse("the store is closed");
    const own = ownBytes(entry);
    const size = sizeOf(own);
    if (own.body.size > SLICE_BYTES || size > maxBytes) throw refuse("the entry is too large for memory");
    return { own, size };
  };
  const place = ({ own, size }: ReturnType<typeof fitting>) => {
    const segment = holder(own.key) ?? fresh;
    segment.delete(own.key);
    if (!makeRoom(size)) throw refuse("there is no room for the entry");
    segment.set(own.key, own);
  };

  return {
    get(key) {
      const entry = fresh.get(key) ?? used.get(key) ?? pinned.get(key);
      const ttlMs = ttls.size === 0 ? undefined : ttls.get(key);
      return entry && ttlMs !== undefined ? { ...entry, ttlMs } : entry;
    },
    async put(entry, { unless } = {}) {
      const fit = fitting(entry);
      const old = holder(entry.key)?.peek(entry.key);
      if (unless?.() || (old !== undefined && old.startedAt > entry.startedAt)) return;
      place(fit);
    },
    async delete(key) {
      if (closed) throw refuse("the store is closed");
      return remove(key);
    },
    async change(key, change) {
      if (closed) throw refuse("the store is closed");
      const from = holder(key);
      const entry = from?.peek(key);
      if (from === undefined || entry === undefined) return false;
      if (change.ttlMs === null) ttls.delete(key);
      else if (change.ttlMs !== undefined) ttls.set(key, change.ttlMs);
      if (change.pinned === undefined || change.pinned === (from === pinned)) return true;
      from.delete(key);
      (change.pinned ? pinned : used).set(key, entry);
      return true;
    },
    async purge(filter) {
      if (closed) throw refuse("the store is closed");
      const matches = matcher(filter);
      const found = all.flatMap((segment) => [...segment.values()].filter(matches));
      for (const { key } of found) remove(key);
      return found.length;
    },
    async putAll(entries) {
      const byKey = new Map(entries.map((entry) => [entry.key, fitting(entry)]));
      let wanted = pinned.calculatedSize;
      for (const [key, { size }] of byKey) {
        const pin = pinned.peek(key);
        wanted += size - (pin === undefined ? 0 : sizeOf(pin));
      }
      if (wanted > maxBytes) throw refuse("the entries are too large for memory");
      for (const fit of byKey.values()) place(fit);
    },
    touch({ key }) {
      const entry = fresh.peek(key);
      if (entry === undefined) return;
      fresh.delete(key);
      used.set(key, entry);
    },
    clear() {
      for (const segment of all) segment.clear();
      ttls.clear();
    },
    stats: () => ({
      entries: all.reduce((sum, segment) => sum + segment.size, 0),
      bytes: bytes(),
      evictions,
      faults,
    }),
    health: () => ({ ok: !closed, reasons: closed ? ["the store is closed"] : [] }),
    async close() {
      closed = true;
      for (const segment of all) segment.clear();
      ttls.clear();
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

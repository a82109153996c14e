import assert from "node:assert/strict";
import { test } from "node:test";
import type { Entry } from "../src/cache/entry.ts";
import { memoryStore } from "../src/cache/memory.ts";
import { tieredStore } from "../src/cache/tiered.ts";
import { StoreFault } from "../src/errors.ts";
import { entryOf, keyOf, MIB, openTestStore, temporaryFolder, wholeBody } from "./support/store.ts";

const text = (entry: Entry | undefined) => entry && new TextDecoder().decode(wholeBody(entry));

/** A store with so many entries on disk and none in memory, as after a restart. */
async function restarted(n: number) {
  const folder = temporaryFolder();
  const before = await openTestStore(folder);
  await Promise.all(Array.from({ length: n }, (_, at) => before.put(entryOf(at, `answer ${at}`))));
  await before.close();
  const durable = await openTestStore(folder);
  const memory = memoryStore({ maxBytes: MIB });
  let reads = 0;
  const get = durable.get.bind(durable);
  durable.get = (key) => {
    reads++;
    return get(key);
  };
  return { store: tieredStore({ memory, durable }), memory, reads: () => reads };
}

test("an entry on disk is kept in memory from its second hit on, and each hit has its bytes", async () => {
  const { store, memory, reads } = await restarted(1);
  for (let hit = 0; hit < 5; hit++) {
    const entry = store.get(keyOf(0)) as Entry;
    assert.equal(text(entry), "answer 0");
    store.touch(entry);
  }
  assert.equal(reads(), 2);
  assert.equal(memory.stats().entries, 1);
  await store.close();
});

test("a scan of entries on disk that are hit once pushes nothing out of memory", async () => {
  const n = 2000;
  const { store, memory, reads } = await restarted(n);
  for (let at = 0; at < 100; at++) for (let hit = 0; hit < 2; hit++) store.get(keyOf(at));
  assert.equal(memory.stats().entries, 100);
  for (let at = 100; at < n; at++) assert.ok(store.get(keyOf(at)), `entry ${at}`);
  assert.equal(memory.stats().evictions, 0);
  const before = reads();
  for (let at = 0; at < 100; at++) assert.ok(store.get(keyOf(at)));
  assert.equal(reads(), before, "all from memory");
  await store.close();
});

test("where a new answer could not be written, the old one on disk is not found by what was asked", async () => {
  const durable = await openTestStore(temporaryFolder());
  const store = tieredStore({ memory: memoryStore({ maxBytes: MIB }), durable });
  const asked = "ab".repeat(32);
  store.find?.(asked);
  await store.put(entryOf(1, "old", { asked }));
  await durable.settled();
  assert.equal(text(store.find?.(asked)), "old");
  durable.commit = () => Promise.reject(new StoreFault("the disk is full"));
  await store.put(entryOf(1, "new", { asked, startedAt: 1_700_000_000_001 }));
  assert.equal(text(store.get(keyOf(1))), "new");
  assert.equal(text(store.find?.(asked)), "new");
  store.forget?.();
  assert.equal(text(store.find?.(asked)), "old", "what is on disk is still found");
  await store.close();
});

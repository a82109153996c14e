import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { entryOf, keyOf, openDatabase, openTestStore, temporaryFolder } from "./support/store.ts";

test("what is read in one turn of the loop is read in one transaction, which ends with the turn", async () => {
  const folder = temporaryFolder();
  const store = await openTestStore(folder);
  for (const n of [1, 2]) await store.put(entryOf(n, "stored"));
  await store.settled();
  const other = openDatabase(join(folder, "askonce.db"));
  await turn();

  assert.ok(store.get(keyOf(1)));
  other.exec("DELETE FROM entries");
  assert.ok(store.get(keyOf(2)), "as it was when the turn's first read began");
  assert.equal(other.value("PRAGMA wal_checkpoint(TRUNCATE)"), 1, "a reader holds the WAL");
  await turn();
  assert.equal(store.get(keyOf(2)), undefined);
  await turn();
  assert.equal(other.value("PRAGMA wal_checkpoint(TRUNCATE)"), 0, "nobody holds the WAL");
  assert.deepEqual([store.stats().faults, store.health().ok], [0, true]);
  other.close();
  await store.close();
});

test("what a store commits it reads at once, whatever was read before in the same turn", async () => {
  const store = await openTestStore(temporaryFolder());
  const put = store.put(entryOf(1, "stored"));
  assert.equal(store.get(keyOf(1)), undefined);
  await put;
  assert.ok(store.get(keyOf(1)));
  const dropped = store.delete(keyOf(1));
  assert.ok(store.get(keyOf(1)));
  assert.equal(await dropped, true);
  assert.equal(store.get(keyOf(1)), undefined);
  const imported = store.putAll([entryOf(2, "imported")]);
  for (let done = false; !done; await turn()) {
    store.get(keyOf(2));
    await Promise.race([imported.then(() => (done = true)), turn()]);
  }
  assert.ok(store.get(keyOf(2)));
  await store.close();
});

test("a read right before the store closes does not keep it from closing", async () => {
  const folder = temporaryFolder();
  const store = await openTestStore(folder);
  await store.put(entryOf(1, "stored"));
  const closed = store.close();
  store.get(keyOf(1));
  await closed;
  assert.equal(store.get(keyOf(1)), undefined);
  const again = await openTestStore(folder);
  assert.ok(again.get(keyOf(1)));
  await again.close();
});

import assert from "node:assert/strict";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Entry } from "../src/cache/entry.ts";
import { memoryStore } from "../src/cache/memory.ts";
import { tieredStore } from "../src/cache/tiered.ts";
import { systemClock } from "../src/clock.ts";
import type { Database } from "../src/storage/database.ts";
import { openStore } from "../src/storage/store.ts";
import { entryOf, keyOf, MIB, noise, openDatabase, storeOptions, temporaryFolder } from "./support/store.ts";

/** A store whose connection can be given a pragma for as long as it is set, and whose time can be moved on. */
async function faulty(folder = temporaryFolder()) {
  const state = { pragma: "", ahead: 0, opened: undefined as Database | undefined };
  const reports: string[] = [];
  const options = storeOptions(folder, { reports });
  const durable = await openStore({
    ...options,
    clock: { now: systemClock.now, monotonic: () => systemClock.monotonic() + state.ahead },
    openDatabase: (path) => {
      state.opened = openDatabase(path);
      if (state.pragma !== "") state.opened.value(state.pragma);
      return state.opened;
    },
  });
  return {
    durable,
    reports,
    set(pragma: string) {
      state.pragma = pragma;
      state.opened?.value(pragma);
    },
    later(ms: number) {
      state.ahead += ms;
    },
  };
}

for (const [what, on, off, words] of [
  ["a full disk", "PRAGMA max_page_count = 1", "PRAGMA max_page_count = 1000000", /the disk is full/],
  ["a read-only database", "PRAGMA query_only = 1", "PRAGMA query_only = 0", /cannot be used/],
] as const) {
  test(`${what}: hits go on, puts are refused, the operator is told once, and it recovers by itself`, async () => {
    const { durable, reports, set, later } = await faulty();
    await durable.put(entryOf(1, "one"));
    set(on);
    const body = noise(100_000);
    for (let n = 10; n < 40; n++) await assert.rejects(durable.put(entryOf(n, body)), { name: "StoreFault" });
    later(1001);
    for (let n = 40; n < 70; n++) await assert.rejects(durable.put(entryOf(n, body)), { name: "StoreFault" });
    assert.ok(durable.get(keyOf(1)));
    assert.equal(durable.get(keyOf(10)), undefined);
    const { ok, reasons } = durable.health();
    assert.equal(ok, false);
    assert.match(reasons.join(), words);
    assert.ok(!reasons.join().includes("/"));
    assert.equal(reports.length, 1, reports.join("\n"));
    assert.match(reports[0]!, words);
    assert.equal(durable.stats().faults, 60);

    set(off);
    await assert.rejects(durable.put(entryOf(70, "too early")), { name: "StoreFault" });
    later(1001);
    await durable.put(entryOf(71, body));
    assert.ok(durable.get(keyOf(71)));
    assert.ok(durable.get(keyOf(1)));
    assert.deepEqual(durable.health(), { ok: true, reasons: [] });
    assert.equal(reports.length, 2, reports.join("\n"));
    await durable.close();
  });
}

test("a store that recovers says so without a put to find it out", async () => {
  const { durable, set, reports } = await faulty();
  set("PRAGMA query_only = 1");
  await assert.rejects(durable.put(entryOf(1, "one")), { name: "StoreFault" });
  set("PRAGMA query_only = 0");
  for (let tries = 0; !durable.health().ok; tries++) {
    assert.ok(tries < 200, "recovered within 5 s");
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  assert.equal(reports.length, 2);
  await durable.close();
});

test("hits outlive a database that cannot be written for a while, and then all is found by what was asked again", async () => {
  const folder = temporaryFolder();
  const { durable, set, later } = await faulty(folder);
  const asked = "ab".repeat(32);
  await durable.put(entryOf(1, "one", { asked }));
  await durable.settled();
  set("PRAGMA query_only = 1");
  for (let opening = 0; opening < 3; opening++) {
    await assert.rejects(durable.put(entryOf(2, "two")), { name: "StoreFault" });
    durable.touch(durable.get(keyOf(1)) as Entry);
    assert.equal(durable.find?.(asked), undefined);
    await new Promise((resolve) => setTimeout(resolve, 10));
    assert.equal(durable.find?.(asked), undefined, "what is opened again soon is not read for it");
    later(1001);
  }
  set("PRAGMA query_only = 0");
  await durable.put(entryOf(3, "three"));
  for (let tries = 0; durable.find?.(asked) === undefined; tries++) {
    assert.ok(tries < 5000, "found again");
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await durable.close();
  const db = openDatabase(join(folder, "askonce.db"));
  assert.equal(db.value(`SELECT hits FROM entries WHERE key = x'${keyOf(1)}'`), 3);
  db.close();
});

test("a folder that cannot be made gives a store that misses, and that works once it can", async () => {
  const folder = join(temporaryFolder(), "data");
  writeFileSync(folder, "a file in its place");
  const { durable, reports, later } = await faulty(folder);
  assert.equal(durable.get(keyOf(1)), undefined);
  await assert.rejects(durable.put(entryOf(1, "one")), { name: "StoreFault" });
  assert.equal(await durable.delete(keyOf(1)).catch((error) => error.name), "StoreFault");
  assert.equal(durable.health().ok, false);
  assert.equal(durable.stats().entries, 0);
  rmSync(folder);
  later(1001);
  await durable.put(entryOf(1, "one"));
  assert.ok(durable.get(keyOf(1)));
  assert.equal(durable.health().ok, true);
  assert.equal(reports.length, 2, reports.join("\n"));
  await durable.close();
});

test("a folder in place of the file is a fault, and no reason not to start", async () => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, "askonce.db"));
  const { durable } = await faulty(folder);
  assert.equal(durable.get(keyOf(1)), undefined);
  await assert.rejects(durable.put(entryOf(1, "one")), { name: "StoreFault" });
  assert.equal(durable.health().ok, false);
  await durable.close();
});

test("memory over a store that cannot be written keeps small answers, counted, and refuses large ones", async () => {
  const { durable, set } = await faulty();
  const store = tieredStore({ memory: memoryStore({ maxBytes: MIB }), durable });
  set("PRAGMA query_only = 1");
  await store.put(entryOf(1, "one"));
  assert.ok(store.get(keyOf(1)));
  assert.equal(durable.get(keyOf(1)), undefined);
  assert.equal(store.stats().faults, 1);
  assert.equal(store.health().ok, false);
  await assert.rejects(store.put(entryOf(2, noise(MIB))), { name: "StoreFault" });
  assert.equal(store.get(keyOf(2)), undefined);
  await store.close();
});

test("a large put that fails half way leaves nothing behind", async () => {
  const folder = temporaryFolder();
  const { durable, set, later } = await faulty(folder);
  await durable.put(entryOf(1, noise(MIB)));
  set("PRAGMA max_page_count = 700");
  await assert.rejects(durable.put(entryOf(2, noise(8 * MIB))), { name: "StoreFault" });
  set("PRAGMA max_page_count = 1000000");
  later(1001);
  await durable.put(entryOf(3, noise(MIB)));
  assert.equal(durable.get(keyOf(2)), undefined);
  assert.ok(durable.get(keyOf(1)));
  const db = openDatabase(join(folder, "askonce.db"));
  // What could not be taken back while the disk was full is left to the search for abandoned bodies.
  db.exec("UPDATE bodies SET busy_at = 0 WHERE state = 0");
  db.close();
  await durable.close();
  const again = await openStore(storeOptions(folder));
  const count = openDatabase(join(folder, "askonce.db"));
  for (let tries = 0; Number(count.value("SELECT count(*) FROM bodies")) > 2; tries++) {
    assert.ok(tries < 200);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  assert.equal(count.value("SELECT count(*) FROM slices"), 8);
  count.close();
  await again.close();
});

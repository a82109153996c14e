import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import type { Entry } from "../src/cache/entry.ts";
import { systemClock } from "../src/clock.ts";
import type { Transaction } from "../src/storage/connection.ts";
import { Uses } from "../src/storage/uses.ts";
import { entryOf, keyOf, openDatabase, openTestStore, temporaryFolder, wholeBody } from "./support/store.ts";

test("thousands of hits in one round are each counted for their own entry, and outlive the next store", async () => {
  const folder = temporaryFolder();
  const store = await openTestStore(folder);
  const n = 3000;
  await Promise.all(Array.from({ length: n }, (_, at) => store.put(entryOf(at, `answer ${at}`))));
  for (let round = 0; round < 3; round++) {
    for (let at = 0; at < n; at++) {
      const nth = (at * 1237) % n;
      if (nth % 4 > round) store.touch(store.get(keyOf(nth)) as Entry);
    }
  }
  await store.close();

  const db = openDatabase(join(folder, "askonce.db"));
  for (let at = 0; at < n; at += 7) {
    const found = db.value(`SELECT hits || ' ' || segment FROM entries WHERE key = x'${keyOf(at)}'`);
    assert.equal(found, `${at % 4} ${at % 4 > 0 ? 1 : 0}`, `entry ${at}`);
  }
  assert.equal(db.value("SELECT sum(hits) FROM entries"), (n / 4) * 6);
  assert.equal(db.value("SELECT entries FROM totals WHERE segment = 1"), (n / 4) * 3);
  assert.equal(db.value("PRAGMA integrity_check"), "ok");
  db.close();
});

test("a hit counts without its place too, and at a place that holds another key for nobody", async () => {
  const folder = temporaryFolder();
  const store = await openTestStore(folder);
  for (let n = 1; n <= 3; n++) await store.put(entryOf(n, "stored"));
  await store.settled();
  const { place } = store.get(keyOf(1)) as Entry;
  store.touch({ key: keyOf(2) });
  store.touch({ key: keyOf(3), place });
  await store.close();
  const db = openDatabase(join(folder, "askonce.db"));
  assert.equal(db.value("SELECT group_concat(hits) FROM (SELECT hits FROM entries ORDER BY id)"), "0,1,0");
  db.close();
});

test("the place of an entry is the same from a put, from disk and after a refresh", async () => {
  const store = await openTestStore(temporaryFolder());
  await store.commit(entryOf(1, "first"));
  await store.settled();
  const place = store.get(keyOf(1))?.place;
  assert.equal(typeof place, "number");
  assert.equal((await store.commit(entryOf(1, "second")))?.place, place);
  assert.equal(store.get(keyOf(1))?.place, place);
  assert.equal(new TextDecoder().decode(wholeBody(store.get(keyOf(1)) as Entry)), "second");
  await store.close();
});

interface Written {
  readonly id?: number;
  readonly key: Uint8Array;
  readonly hits: number;
  readonly lastUsed: number;
}

/** A transaction that only notes what is written. */
function noting(): { transaction: Transaction; written: Written[] } {
  const written: Written[] = [];
  const note = (row: Written) => void written.push(row);
  const transaction = { statements: { use: note, useAt: note }, spent: 0 } as unknown as Transaction;
  return { transaction, written };
}

test("a round of many uses goes through the table in its order, each once, with the round's times ascending", () => {
  const uses = new Uses();
  const { transaction, written } = noting();
  const n = 500;
  for (let at = 0; at < n; at++) uses.add({ key: keyOf(at), place: ((at * 37) % n) + 1 }, 1000 + at);
  uses.add({ key: keyOf(3), place: ((3 * 37) % n) + 1 }, 2000);
  while (uses.write(transaction, systemClock)) {}
  assert.deepEqual(
    written.map(({ id }) => id),
    Array.from({ length: n }, (_, at) => at + 1),
  );
  const times = Array.from({ length: n }, (_, at) => 1000 + at).filter((time) => time !== 1003);
  assert.deepEqual(
    written.map(({ lastUsed }) => lastUsed),
    [...times, 2000],
  );
  const twice = written.find(({ id }) => id === ((3 * 37) % n) + 1);
  assert.deepEqual([twice?.hits, Buffer.from(twice?.key ?? []).toString("hex")], [2, keyOf(3)]);
  assert.equal(written.filter(({ hits }) => hits === 1).length, n - 1);
});

test("few uses keep their own times", () => {
  const uses = new Uses();
  const { transaction, written } = noting();
  for (const [at, place] of [9, 4, 7].entries()) uses.add({ key: keyOf(place), place }, 10 - at);
  assert.equal(uses.write(transaction, systemClock), true);
  assert.equal(uses.write(transaction, systemClock), false);
  assert.deepEqual(
    written.map(({ id, lastUsed }) => [id, lastUsed]),
    [
      [4, 9],
      [7, 8],
      [9, 10],
    ],
  );
});

test("a transaction writes some uses and leaves the rest once its time is up", () => {
  const uses = new Uses();
  const { transaction, written } = noting();
  let now = 0;
  const clock = { now: () => now, monotonic: () => (now += 10) };
  for (let at = 0; at < 100; at++) uses.add({ key: keyOf(at), place: at }, at);
  uses.gather();
  assert.ok(uses.write(transaction, clock));
  assert.ok(written.length > 0 && written.length < 50, String(written.length));
  assert.equal(uses.due, true);
  while (uses.write(transaction, clock)) {}
  assert.equal(new Set(written.map(({ id }) => id)).size, 100);
  assert.equal(uses.due, false);
});

test("uses that nobody can write are bounded, and one call says when they are many", () => {
  const uses = new Uses();
  const { transaction, written } = noting();
  let told = 0;
  const key = (at: number) => at.toString(16).padStart(64, "0") as Entry["key"];
  for (let at = 0; at < 70_000; at++) if (uses.add({ key: key(at), place: at }, at)) told++;
  assert.equal(told, 1);
  while (uses.write(transaction, systemClock)) {}
  assert.equal(written.length, 65_536);
});

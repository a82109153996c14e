import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import type { Entry } from "../src/cache/entry.ts";
import { systemClock } from "../src/clock.ts";
import type { Transaction } from "../src/storage/connection.ts";
import type { OpenDatabase } from "../src/storage/database.ts";
import { openStore } from "../src/storage/store.ts";
import { UseTable } from "../src/storage/use-table.ts";
import { Uses } from "../src/storage/uses.ts";
import {
  entryOf,
  keyOf,
  openDatabase,
  openTestStore,
  storeOptions,
  temporaryFolder,
  testClock,
  wholeBody,
} from "./support/store.ts";

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

test("a hit counts without its place too, and with a place of an earlier opening for the key that it names", async () => {
  const folder = temporaryFolder();
  const before = await openTestStore(folder);
  for (let n = 1; n <= 3; n++) await before.put(entryOf(n, "stored"));
  await before.settled();
  const { place } = before.get(keyOf(1)) as Entry;
  await before.close();
  const store = await openTestStore(folder);
  assert.notEqual(store.get(keyOf(1))?.place, place);
  store.touch({ key: keyOf(2) });
  store.touch({ key: keyOf(3), place });
  await store.close();
  const db = openDatabase(join(folder, "askonce.db"));
  assert.equal(db.value("SELECT group_concat(hits) FROM (SELECT hits FROM entries ORDER BY id)"), "0,1,1");
  db.close();
});

test("an entry was last used when it was hit last, be its hits written in another order", async () => {
  const folder = temporaryFolder();
  const clock = testClock();
  const store = await openTestStore(folder, { clock });
  await store.put(entryOf(1, "noted, and not placed yet"));
  const noted = store.get(keyOf(1)) as Entry;
  assert.equal(noted.place, undefined);
  store.touch(noted);
  await store.settled();
  clock.wall += 1000;
  const placed = store.get(keyOf(1)) as Entry;
  assert.equal(typeof placed.place, "number");
  store.touch(placed);
  await store.close();
  const db = openDatabase(join(folder, "askonce.db"));
  assert.equal(db.value("SELECT hits || ' ' || last_used FROM entries"), `2 ${clock.wall}.0`);
  db.close();
});

test("many uses pin nothing, leave what is pinned so, and count for nobody who is gone", async () => {
  const folder = temporaryFolder();
  const store = await openTestStore(folder);
  const n = 600;
  await Promise.all(Array.from({ length: n }, (_, at) => store.put(entryOf(at, "x"))));
  const entries = Array.from({ length: n }, (_, at) => store.get(keyOf(at)) as Entry);
  for (let at = 0; at < n; at += 3) await store.change(keyOf(at), { pinned: true });
  for (let at = 1; at < n; at += 6) await store.delete(keyOf(at));
  for (let round = 0; round < 2; round++) for (const entry of entries) store.touch(entry);
  await store.close();
  const db = openDatabase(join(folder, "askonce.db"));
  const counts = "SELECT group_concat(segment || ':' || hits || ':' || n) FROM ";
  const groups = "(SELECT segment, hits, count(*) n FROM entries GROUP BY 1, 2 ORDER BY 1)";
  assert.equal(db.value(counts + groups), `1:2:${n / 2},2:2:${n / 3}`);
  const totals = "SELECT group_concat(entries) FROM (SELECT entries FROM totals ORDER BY segment)";
  assert.equal(db.value(totals), `0,${n / 2},${n / 3}`);
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
  readonly id: number;
  readonly hits: number;
  readonly lastUsed: number;
}

/** A transaction that only notes what is written; of all entries every third was never hit. */
function noting(): { transaction: Transaction; written: Written[]; statements: () => number } {
  const written: Written[] = [];
  let statements = 0;
  const note = (which: (id: number) => boolean) => (row: Omit<Written, "id"> & { ids: string }) => {
    statements++;
    const ids = (JSON.parse(row.ids) as number[]).filter(which);
    written.push(...ids.map((id) => ({ id, hits: row.hits, lastUsed: row.lastUsed })));
    return ids.length;
  };
  const transaction = {
    statements: { useAgain: note((id) => id % 3 > 0), useFirst: note((id) => id % 3 === 0) },
    opened: { idAt: (place: number | undefined) => place },
    spent: 0,
  } as unknown as Transaction;
  return { transaction, written, statements: () => statements };
}

test("a round of many uses goes through the table in its order, each once, in few statements", () => {
  const uses = new Uses();
  const { transaction, written, statements } = noting();
  const n = 500;
  const place = (at: number) => ((at * 37) % n) + 1;
  for (let at = 0; at < n; at++) uses.add({ key: keyOf(at), place: place(at) }, 1000 + at);
  uses.add({ key: keyOf(3), place: place(3) }, 2000);
  while (uses.write(transaction, systemClock)) {}
  assert.deepEqual(
    written.map(({ id }) => id).sort((a, b) => a - b),
    Array.from({ length: n }, (_, at) => at + 1),
  );
  assert.deepEqual(
    written.filter(({ hits }) => hits !== 1).map(({ id, hits }) => [id, hits]),
    [[place(3), 2]],
  );
  assert.ok(statements() < 30, String(statements()));
  const times = written.map(({ lastUsed }) => lastUsed);
  assert.deepEqual(times, times.toSorted(), "ascending with the places");
  assert.equal(times.at(-1), 2000);
  assert.ok(
    Math.max(
      ...Map.groupBy(times, (time) => time)
        .values()
        .map((same) => same.length),
    ) < 256,
  );
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
  for (let at = 0; at < 1000; at++) uses.add({ key: keyOf(at), place: at + 1 }, at);
  uses.gather();
  assert.ok(uses.write(transaction, clock));
  assert.ok(written.length > 0 && written.length < 256, String(written.length));
  assert.equal(uses.due, true);
  while (uses.write(transaction, clock)) {}
  assert.equal(new Set(written.map(({ id }) => id)).size, 1000);
  assert.equal(uses.due, false);
});

test("uses that nobody can write are bounded, and one call says when they are many", () => {
  const uses = new Uses();
  const { transaction, written } = noting();
  let told = 0;
  const key = (at: number) => at.toString(16).padStart(64, "0") as Entry["key"];
  for (let at = 0; at < 270_000; at++) if (uses.add({ key: key(at), place: at + 1 }, at)) told++;
  assert.equal(told, 1);
  while (uses.write(transaction, systemClock)) {}
  assert.equal(written.length, 262_144);
});

test("uses wait while many come, as long as they are not too many or too old, and few never wait", () => {
  const key = (at: number) => at.toString(16).padStart(64, "0") as Entry["key"];
  const noted = (uses: Uses, from: number, to: number) => {
    for (let at = from; at < to; at++) uses.add({ key: key(at), place: at + 1 }, at);
  };
  const uses = new Uses();
  noted(uses, 0, 2_000);
  assert.equal(uses.mayWait(1_000), false);
  uses.gather();
  noted(uses, 0, 2_001);
  assert.equal(uses.mayWait(2_000), true);
  // Nothing came since: now there is time.
  assert.equal(uses.mayWait(3_000), false);
  for (let second = 4; second < 12; second++) {
    noted(uses, second * 3_000, (second + 1) * 3_000);
    assert.equal(uses.mayWait(second * 1_000), true, `${second}`);
  }
  noted(uses, 40_000, 43_000);
  assert.equal(uses.mayWait(12_000), false, "ten seconds after the first");
  uses.gather();
  noted(uses, 0, 131_072);
  assert.equal(uses.mayWait(13_000), false, "too many");
});

test("entries that were never hit are found by their places, not along all that were never hit", async () => {
  const folder = temporaryFolder();
  const asked: string[] = [];
  const capturing: OpenDatabase = (path) => {
    const db = openDatabase(path);
    return {
      ...db,
      prepare(sql) {
        asked.push(sql);
        return db.prepare(sql);
      },
    };
  };
  const store = await openStore({ ...storeOptions(folder), openDatabase: capturing });
  const updates = asked.filter((sql) => /^update.*json_each/i.test(sql));
  assert.equal(updates.length, 2);
  const db = openDatabase(join(folder, "askonce.db"));
  for (const sql of updates) {
    const plan = db.prepare(`EXPLAIN QUERY PLAN ${sql}`).row([]);
    assert.match(String(plan?.at(-1)), /INTEGER PRIMARY KEY/, sql);
  }
  db.close();
  await store.close();
});

test("uses by place are counted as a map would, however they come, and given back in order", () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.tuple(fc.oneof(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 2 ** 52 })), fc.nat()),
        {
          maxLength: 3000,
          size: "max",
        },
      ),
      (noted) => {
        const table = new UseTable();
        const expected = new Map<number, { hits: number; time: number }>();
        for (const [place, time] of noted) {
          assert.equal(table.has(place), expected.has(place));
          table.add(place, time);
          const { hits = 0, time: last = 0 } = expected.get(place) ?? {};
          expected.set(place, { hits: hits + 1, time: Math.max(last, time) });
        }
        const { places, hits, times } = table.inOrder();
        const rows = [...expected].sort(([a], [b]) => a - b);
        assert.equal(table.size, rows.length);
        assert.deepEqual(
          [...places],
          rows.map(([place]) => place),
        );
        assert.deepEqual(
          [...hits],
          rows.map(([, { hits }]) => hits),
        );
        assert.deepEqual(
          [...times],
          rows.map(([, { time }]) => time),
        );
      },
    ),
    { numRuns: 200 },
  );
});

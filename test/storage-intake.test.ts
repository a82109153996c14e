import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as after } from "node:timers/promises";
import type { Entry } from "../src/cache/entry.ts";
import type { Database } from "../src/storage/database.ts";
import type { Opened } from "../src/storage/file.ts";
import { Intake } from "../src/storage/intake.ts";
import { keyBytes } from "../src/storage/rows.ts";
import { entryOf, keyOf, openDatabase, openTestStore, temporaryFolder, wholeBody } from "./support/store.ts";

const textOf = (entry: Entry | undefined) => entry && new TextDecoder().decode(wholeBody(entry));
const counts = (db: Database) =>
  db.value("SELECT (SELECT count(*) FROM intake) || ' ' || (SELECT count(*) FROM entries)");

async function withStore() {
  const folder = temporaryFolder();
  const store = await openTestStore(folder);
  const db = openDatabase(join(folder, "askonce.db"));
  const close = async () => {
    db.close();
    await store.close();
  };
  return { folder, store, db, close };
}

test("an answer put alone is noted when its put resolves, found at once, and placed soon after", async () => {
  const { store, db, close } = await withStore();
  await store.put(entryOf(1, "one"));
  assert.equal(counts(db), "1 0");
  assert.equal(textOf(store.get(keyOf(1))), "one");
  assert.equal(store.stats().entries, 1);
  for (let n = 0; counts(db) !== "0 1"; n++) {
    assert.ok(n < 200, "placed within 2 s");
    await after(10);
  }
  assert.equal(textOf(store.get(keyOf(1))), "one");
  assert.equal(db.value("SELECT entries FROM totals WHERE segment = 0"), 1);
  await close();
});

test("what is large, what replaces another and what comes with others is placed at once", async () => {
  const { store, db, close } = await withStore();
  await store.put(entryOf(1, "x".repeat(3500)));
  // Text that does not pack.
  const noise = createHash("shake256", { outputLength: 4000 }).update("noise").digest("latin1");
  await store.put(entryOf(2, noise));
  assert.equal(db.value(`SELECT count(*) FROM entries WHERE key = x'${keyOf(2)}'`), 1);
  await store.put(entryOf(1, "newer"));
  assert.equal(counts(db), "0 2");
  assert.equal(textOf(store.get(keyOf(1))), "newer");
  await Promise.all([3, 4, 5].map((n) => store.put(entryOf(n, "together"))));
  assert.equal(counts(db), "0 5");
  await close();
});

test("the same key twice: the later answer stands, however the first one waits", async () => {
  const { store, close } = await withStore();
  await store.put(entryOf(1, "first", { startedAt: 1000 }));
  await store.put(entryOf(1, "second", { startedAt: 2000 }));
  assert.equal(textOf(store.get(keyOf(1))), "second");
  await store.put(entryOf(1, "late", { startedAt: 1500 }));
  assert.equal(textOf(store.get(keyOf(1))), "second");
  await close();
});

test("delete, purge and change find what is only noted, by this process or another", async () => {
  const { folder, store, close } = await withStore();
  const other = await openTestStore(folder);
  for (const one of [store, other]) {
    for (const n of [1, 2, 3]) await store.put(entryOf(n, "noted"));
    assert.equal(await one.delete(keyOf(1)), true);
    assert.equal(await one.purge({ keys: [keyOf(2)] }), 1);
    assert.equal(await one.change(keyOf(3), { ttlMs: 7 }), true);
    assert.deepEqual(
      [other.get(keyOf(1)), other.get(keyOf(2)), other.get(keyOf(3))?.ttlMs],
      [undefined, undefined, 7],
    );
    await one.purge({});
  }
  for (const one of [store, other]) await one.settled();
  await after(0);
  for (const one of [store, other]) assert.equal(one.get(keyOf(1)), undefined);
  await other.close();
  await close();
});

test("another process finds at once what this one only noted", async () => {
  const { folder, store, db, close } = await withStore();
  const other = await openTestStore(folder);
  for (let n = 0; n < 20; n++) {
    assert.equal(other.get(keyOf(n)), undefined);
    await store.put(entryOf(n, `noted ${n}`));
    await after(0);
    assert.equal(textOf(other.get(keyOf(n))), `noted ${n}`);
  }
  await store.put(entryOf(50, "listed"));
  await other.settled();
  assert.equal(counts(db), "0 21");
  await after(0);
  assert.equal(textOf(store.get(keyOf(50))), "listed");
  await other.delete(keyOf(50));
  await after(0);
  assert.equal(store.get(keyOf(50)), undefined);
  await other.close();
  await close();
});

test("what another process notes while this one looks for such rows is found by the next look", () => {
  let version = 1;
  const rows: { seq: number; key: Uint8Array; body: Uint8Array }[] = [];
  const looked: number[] = [];
  const opened = {
    reading: {
      get version() {
        return version;
      },
    },
    statements: {
      notedKeys: {
        all() {
          const found = [...rows];
          looked.push(found.length);
          if (version++ === 1) rows.push({ seq: 1, key: keyBytes(keyOf(1)), body: new Uint8Array(1) });
          return found;
        },
      },
      notedAt: { get: () => undefined },
    },
  } as unknown as Opened;
  const intake = new Intake({ placing: () => assert.fail(), due: () => {} });
  assert.equal(intake.findOthers(opened), false);
  intake.foreign(keyOf(1), opened);
  assert.deepEqual(looked, [0, 1]);
});

test("a purge by another process is not undone when this one places what it noted", async () => {
  const { folder, store, db, close } = await withStore();
  const other = await openTestStore(folder);
  await store.put(entryOf(1, "noted"));
  assert.equal(await other.purge({ keys: [keyOf(1)] }), 1);
  await store.settled();
  assert.equal(counts(db), "0 0");
  await other.close();
  await close();
});

test("what a killed process noted is found at the next start at once, and placed", async () => {
  const { folder, store, db } = await withStore();
  for (const n of [1, 2]) await store.put(entryOf(n, `noted ${n}`));
  assert.equal(counts(db), "2 0");
  // The first store is never heard of again, as after kill -9.
  db.exec("BEGIN IMMEDIATE");
  const next = await openTestStore(folder);
  assert.equal(textOf(next.get(keyOf(1))), "noted 1");
  db.exec("ROLLBACK");
  await next.put(entryOf(3, "new"));
  await next.delete(keyOf(99));
  assert.equal(counts(db), "0 3");
  assert.equal(textOf(next.get(keyOf(2))), "noted 2");
  db.close();
  await next.close();
});

test("a noted row that cannot be read is a miss, and goes", async () => {
  const { folder, store, db } = await withStore();
  for (const n of [1, 2]) await store.put(entryOf(n, `noted ${n}`));
  db.exec("UPDATE intake SET crc = crc + 1 WHERE seq = (SELECT min(seq) FROM intake)");
  const next = await openTestStore(folder);
  await next.delete(keyOf(99));
  assert.deepEqual([next.get(keyOf(1)), textOf(next.get(keyOf(2)))], [undefined, "noted 2"]);
  assert.equal(counts(db), "0 1");
  db.close();
  await next.close();
});

test("thousands of answers one after the other are each placed once", async () => {
  const { store, db, close } = await withStore();
  for (let n = 0; n < 1500; n++) await store.put(entryOf(n, `answer ${n}`));
  for (let n = 0; n < 1500; n += 7) assert.equal(textOf(store.get(keyOf(n))), `answer ${n}`);
  await store.settled();
  assert.equal(counts(db), "0 1500");
  assert.equal(db.value("SELECT entries FROM totals WHERE segment = 0"), 1500);
  assert.equal(db.value("PRAGMA integrity_check"), "ok");
  await close();
});

test("a noted row that cannot be placed, whoever noted it, keeps others from being written for a while only", async () => {
  for (const foreign of [false, true]) {
    const { folder, store, db } = await withStore();
    const refused = `new.key = x'${keyOf(1)}'`;
    db.exec(
      `CREATE TRIGGER refuse BEFORE INSERT ON entries WHEN ${refused} BEGIN SELECT RAISE(FAIL, 'no'); END`,
    );
    await store.put(entryOf(1, "refused"));
    const writer = foreign ? await openTestStore(folder) : store;
    const outcomes: string[] = [];
    for (let n = 0; n < 4; n++) {
      outcomes.push(
        await writer.delete(keyOf(99)).then(
          () => "done",
          (error: Error) => error.name,
        ),
      );
    }
    // A start tries to place what others noted, so that fewer tries are left.
    if (!foreign) assert.equal(outcomes[0], "StoreFault");
    assert.equal(outcomes.at(-1), "done", `${outcomes}`);
    await writer.put(entryOf(2, "other"));
    await writer.settled();
    assert.equal(counts(db), "0 1");
    db.close();
    await writer.close();
    if (foreign) await store.close();
  }
});

import assert from "node:assert/strict";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { memoryStore } from "../src/cache/memory.ts";
import type { Store } from "../src/cache/store.ts";
import { systemClock } from "../src/clock.ts";
import { openStore } from "../src/storage/store.ts";
import {
  entryOf,
  keyOf,
  MIB,
  noise,
  openDatabase,
  openTestStore,
  storeOptions,
  temporaryFolder,
  wholeBody,
} from "./support/store.ts";

const DAY = 86_400_000;

/** What `du` counts, the folder itself included. */
function onDisk(folder: string): number {
  return readdirSync(folder)
    .map((name) => statSync(join(folder, name)))
    .reduce((sum, { blocks }) => sum + blocks * 512, statSync(folder).blocks * 512);
}

async function until(condition: () => boolean, what: string): Promise<void> {
  for (let tries = 0; !condition(); tries++) {
    if (tries > 1200) assert.fail(`waited in vain for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

for (const [name, length, maxSize] of [
  ["8 KiB bodies in 8 MiB", 8192, 8 * MIB],
  ["200 B bodies in 8 MiB", 200, 8 * MIB],
  ["200 KiB bodies in 16 MiB", 200 * 1024, 16 * MIB],
  ["1 MiB bodies in 16 MiB", MIB, 16 * MIB],
] as const) {
  test(`the folder stays under max_size while three times as much is put: ${name}`, async () => {
    const folder = temporaryFolder();
    const store = await openTestStore(folder, { maxSize });
    let most = 0;
    let n = 0;
    // A tiny entry takes some 600 bytes with its rows.
    for (let put = 0; put < 3 * maxSize; ) {
      const group: Promise<void>[] = [];
      for (let bytes = 0; bytes < 256 * 1024; bytes += length + 600) {
        group.push(store.put(entryOf(n++, noise(length))));
        put += length + 600;
      }
      await Promise.all(group);
      most = Math.max(most, onDisk(folder));
    }
    const { evictions, bytes, entries, faults } = store.stats();
    console.log(`# ${name}: most ${(most / MIB).toFixed(2)} MiB, ${entries} entries, ${evictions} evicted`);
    assert.ok(most <= maxSize, `${most} bytes on disk`);
    assert.ok(bytes <= maxSize);
    assert.ok(bytes > maxSize * 0.6, `only ${bytes} bytes are used`);
    assert.ok(evictions > 0);
    assert.equal(faults, 0);
    assert.ok(store.get(keyOf(n - 1)), "the newest is there");
    assert.equal(store.get(keyOf(0)), undefined);
    await store.close();
    assert.ok(onDisk(folder) <= maxSize);
  });
}

async function scan(store: Store, sizes: { hit: number; scanned: number }): Promise<void> {
  for (let n = 0; n < sizes.hit; n++) await store.put(entryOf(n, noise(8192)));
  for (let n = 0; n < sizes.hit; n++) store.touch({ key: keyOf(n) });
  for (let n = 0; n < sizes.scanned; n += 20) {
    await Promise.all(Array.from({ length: 20 }, (_, i) => store.put(entryOf(10_000 + n + i, noise(8192)))));
  }
}

test("a scan of new entries three times the store's size leaves those that were hit", async () => {
  const store = await openTestStore(temporaryFolder(), { maxSize: 8 * MIB });
  await scan(store, { hit: 100, scanned: 3000 });
  for (let n = 0; n < 100; n++) assert.ok(store.get(keyOf(n)), `entry ${n}`);
  await store.close();
});

test("a scan of new entries leaves those that were hit in memory too", async () => {
  const store = memoryStore({ maxBytes: 4 * MIB });
  await scan(store, { hit: 100, scanned: 3000 });
  for (let n = 0; n < 100; n++) assert.ok(store.get(keyOf(n)), `entry ${n}`);
  assert.ok(store.stats().bytes <= 4 * MIB);
});

test("hit entries that fill the store do not keep new ones out", async () => {
  const store = await openTestStore(temporaryFolder(), { maxSize: 8 * MIB });
  for (let n = 0; n < 1500; n++) {
    await store.put(entryOf(n, noise(8192)));
    store.touch({ key: keyOf(n) });
  }
  await new Promise((resolve) => setTimeout(resolve, 1100));
  for (let n = 0; n < 60; n++) await store.put(entryOf(5000 + n, noise(8192)));
  for (let n = 0; n < 60; n++) assert.ok(store.get(keyOf(5000 + n)), `entry ${5000 + n}`);
  await store.close();
});

test("of entries never hit the one unused for longest goes first, and what is left is whole", async () => {
  const store = await openTestStore(temporaryFolder(), { maxSize: 8 * MIB });
  for (let n = 0; n < 2000; n++) await store.put(entryOf(n, noise(8192)));
  const kept = Array.from({ length: 2000 }, (_, n) => store.get(keyOf(n)) !== undefined);
  const oldest = kept.indexOf(true);
  assert.ok(oldest > 500);
  assert.deepEqual(kept.slice(oldest).includes(false), false);
  assert.equal(store.stats().entries, 2000 - oldest);
  await store.close();
});

test("the order of use survives a clock that is set back", async () => {
  const clock = { wall: Date.now(), now: () => clock.wall, monotonic: systemClock.monotonic };
  const store = await openTestStore(temporaryFolder(), { maxSize: 8 * MIB, clock });
  for (let n = 0; n < 400; n++) await store.put(entryOf(n, noise(8192)));
  clock.wall -= 10 * DAY;
  for (let n = 400; n < 1000; n++) await store.put(entryOf(n, noise(8192)));
  assert.equal(store.get(keyOf(0)), undefined);
  for (let n = 700; n < 1000; n++) assert.ok(store.get(keyOf(n)), `entry ${n}`);
  await store.close();
});

test("an entry larger than the store is refused at once, and costs no other its place", async () => {
  const store = await openTestStore(temporaryFolder(), { maxSize: 8 * MIB });
  await store.put(entryOf(1, "one"));
  await assert.rejects(store.put(entryOf(2, noise(9 * MIB))), { name: "StoreFault" });
  assert.ok(store.get(keyOf(1)));
  assert.equal(store.get(keyOf(2)), undefined);
  assert.equal(store.stats().evictions, 0);
  assert.equal(store.health().ok, true);
  await store.close();
});

test("a body that is evicted while held is read to its end, and freed after that", async () => {
  const folder = temporaryFolder();
  const store = await openTestStore(folder, { maxSize: 16 * MIB });
  const bytes = noise(3 * MIB);
  await store.put(entryOf(1, bytes));
  const entry = store.get(keyOf(1))!;
  const release = entry.body.hold();
  for (let n = 2; n < 20; n++) await store.put(entryOf(n, noise(2 * MIB)));
  assert.equal(store.get(keyOf(1)), undefined);
  assert.deepEqual(wholeBody(entry), bytes);
  release();
  for (let n = 20; n < 40; n++) await store.put(entryOf(n, noise(2 * MIB)));
  await store.close();
  const db = openDatabase(join(folder, "askonce.db"));
  assert.equal(db.value("SELECT count(*) FROM bodies WHERE state = 0"), 0);
  assert.equal(
    db.value("SELECT count(*) FROM slices WHERE id / 1048576 NOT IN (SELECT id FROM bodies)"),
    0,
    "no slice without a body",
  );
  db.close();
});

test("slices that a crash left behind are freed once nobody was busy with them for ten minutes", async () => {
  const folder = temporaryFolder();
  await (await openTestStore(folder)).close();
  const db = openDatabase(join(folder, "askonce.db"));
  const now = Date.now();
  db.exec(`INSERT INTO bodies VALUES (5, 0, 8, ${now - 11 * 60_000}), (6, 0, 8, ${now - 60_000})`);
  db.exec(
    `INSERT INTO slices VALUES (${5 * 2 ** 20}, 0, 0, zeroblob(9)), (${6 * 2 ** 20}, 0, 0, zeroblob(9))`,
  );
  const store = await openTestStore(folder);
  await until(() => Number(db.value("SELECT count(*) FROM bodies")) === 1, "the abandoned body to go");
  assert.equal(db.value("SELECT id FROM bodies"), 6);
  assert.equal(db.value("SELECT count(*) FROM slices"), 1);
  db.close();
  await store.close();
});

test("space is given back to the disk when max_size shrinks", async () => {
  const folder = temporaryFolder();
  let maxSize = 64 * MIB;
  const options = storeOptions(folder);
  const limits = () => ({ maxSize, besideBytes: 0, inactiveMs: Infinity, ttlMs: 0 });
  const store = await openStore({ ...options, limits });
  for (let n = 0; n < 20; n++) await store.put(entryOf(n, noise(2 * MIB)));
  assert.ok(onDisk(folder) > 40 * MIB);
  maxSize = 12 * MIB;
  await until(() => onDisk(folder) <= 12 * MIB || store.stats().entries < 3, "the folder to shrink");
  await until(() => {
    // A WAL that is not full waits for the next write.
    void store.put(entryOf(99, "x"));
    return onDisk(folder) <= 12 * MIB;
  }, "the folder to shrink on disk");
  assert.ok(store.get(keyOf(19)));
  await store.close();
});

test("unused entries go after `inactive` or their own TTL, the longer; endless and pinned ones stay", async () => {
  const folder = temporaryFolder();
  const clock = { wall: Date.now(), now: () => clock.wall, monotonic: systemClock.monotonic };
  const first = await openTestStore(folder, { clock });
  await first.put(entryOf(1, "plain"));
  await first.put(entryOf(2, "ten days", { ttlMs: 10 * DAY }));
  await first.put(entryOf(3, "endless", { ttlMs: Infinity }));
  await first.put(entryOf(4, "pinned"));
  await first.put(entryOf(5, "short", { ttlMs: 1000 }));
  const embedding = { ...entryOf(0, "").facts, endpoint: "embeddings" };
  await first.put(entryOf(6, "pure", { facts: embedding }));
  await first.close();
  const db = openDatabase(join(folder, "askonce.db"));
  db.exec(`UPDATE entries SET segment = 2 WHERE key = x'${keyOf(4)}'`);
  db.close();

  clock.wall += 6 * DAY;
  const options = storeOptions(folder, { clock });
  const ttlMs = (endpoint: string) => (endpoint === "embeddings" ? 30 * DAY : 4 * DAY);
  const store = await openStore({
    ...options,
    limits: () => ({ maxSize: MIB * 64, besideBytes: 0, inactiveMs: 4 * DAY, ttlMs }),
  });
  await until(() => store.get(keyOf(1)) === undefined, "the unused entry to go");
  assert.deepEqual(
    [1, 2, 3, 4, 5, 6].map((n) => store.get(keyOf(n)) !== undefined),
    [false, true, true, true, false, true],
  );
  assert.equal(store.stats().entries, 4);
  await store.close();
});

test("a jump of the clock deletes nothing, forward or back", async () => {
  const jumps = [30 * DAY, -30 * DAY].map(async (jump) => {
    const clock = { wall: Date.now(), now: () => clock.wall, monotonic: systemClock.monotonic };
    const store = await openTestStore(temporaryFolder(), { clock, inactiveMs: 2000 });
    await store.put(entryOf(1, "one"));
    clock.wall += jump;
    // Two rounds of upkeep, each of which would drop it.
    await new Promise((resolve) => setTimeout(resolve, 2600));
    assert.ok(store.get(keyOf(1)), `a jump of ${jump / DAY} days`);
    await store.close();
  });
  await Promise.all(jumps);
});

test("the totals are exact after puts, replacements, hits, deletes and evictions", async () => {
  const folder = temporaryFolder();
  const store = await openTestStore(folder, { maxSize: 8 * MIB });
  for (let n = 0; n < 1500; n++) {
    await store.put(entryOf(n % 900, noise(8192)));
    if (n % 3 === 0) store.touch({ key: keyOf(n % 900) });
    if (n % 7 === 0) await store.delete(keyOf((n * 5) % 900));
  }
  const { entries } = store.stats();
  await store.close();
  const db = openDatabase(join(folder, "askonce.db"));
  assert.equal(db.value("SELECT count(*) FROM entries"), entries);
  assert.equal(db.value("SELECT sum(entries) FROM totals"), entries);
  assert.equal(
    db.value(
      `SELECT count(*) FROM totals t WHERE
         t.entries <> (SELECT count(*) FROM entries WHERE segment = t.segment) OR
         t.bytes <> (SELECT coalesce(sum(cost), 0) FROM entries WHERE segment = t.segment)`,
    ),
    0,
  );
  assert.equal(db.value("SELECT count(*) FROM answers"), entries);
  assert.equal(db.value("PRAGMA integrity_check"), "ok");
  db.close();
});

test("a put leaves the pin, the TTL set by the admin API and the use counter of the entry it replaces", async () => {
  const folder = temporaryFolder();
  const store = await openTestStore(folder);
  await store.put(entryOf(1, "one", { ttlMs: 5 }));
  await store.settled();
  const db = openDatabase(join(folder, "askonce.db"));
  db.exec("UPDATE entries SET segment = 2, admin_ttl_ms = 777, hits = 9");
  db.exec("UPDATE answers SET admin_ttl_ms = 777");
  await store.put(entryOf(1, "two", { ttlMs: 6 }));
  assert.equal(store.get(keyOf(1))?.ttlMs, 777);
  assert.equal(db.value("SELECT segment || ' ' || hits || ' ' || admin_ttl_ms FROM entries"), "2 9 777.0");
  db.close();
  await store.close();
});

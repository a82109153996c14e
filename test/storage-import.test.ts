import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { test } from "node:test";
import { memoryStore } from "../src/cache/memory.ts";
import { tieredStore } from "../src/cache/tiered.ts";
import { systemClock } from "../src/clock.ts";
import { openStore } from "../src/storage/store.ts";
import {
  entryOf,
  keyOf,
  MIB,
  noise,
  onBun,
  openDatabase,
  openTestStore,
  storeOptions,
  temporaryFolder,
  wholeBody,
} from "./support/store.ts";

const text = (entry: ReturnType<typeof entryOf> | undefined) =>
  entry && new TextDecoder().decode(wholeBody(entry));

function assertFree(waits: number[]): void {
  waits.sort((a, b) => a - b);
  const p99 = waits[Math.floor(waits.length * 0.99)]!;
  console.log(
    `# ${waits.length} waits for the loop: p99 ${p99.toFixed(1)} ms, worst ${waits.at(-1)?.toFixed(1)} ms`,
  );
  assert.ok(p99 < 50, `${p99} ms`);
}

const some = (count: number, words: string) =>
  Array.from({ length: count }, (_, n) => entryOf(n, `${words} ${n}`, { imported: true }));

test("an import of 10,000 entries shows none before all, leaves the loop free within 50 ms 99 times of 100, and a put meanwhile is kept", async () => {
  const store = await openTestStore(temporaryFolder());
  await Promise.all(some(500, "old").map((entry) => store.put(entry)));
  let done = false;
  const all = store.putAll(some(10_000, "new")).then(() => {
    done = true;
  });
  const puts: Promise<void>[] = [];
  const waits: number[] = [];
  let turns = 0;
  for (let turn = 0; !done; turn++) {
    const since = performance.now();
    await new Promise((resolve) => setTimeout(resolve, 1));
    waits.push(performance.now() - since);
    const committed = store.get(keyOf(9999)) !== undefined;
    assert.equal(text(store.get(keyOf(turn % 500))), `${committed ? "new" : "old"} ${turn % 500}`);
    turns += committed ? 0 : 1;
    if (turn < 5) puts.push(store.put(entryOf(20_000 + turn, "beside")));
  }
  await all;
  await Promise.all(puts);
  assertFree(waits);
  assert.ok(turns > 10, "looked at while it was under way");
  for (let n = 0; n < 10_000; n++) assert.equal(text(store.get(keyOf(n))), `new ${n}`);
  assert.equal(store.stats().entries, 10_000 + puts.length);
  assert.equal(store.stats().faults, 0);
  await store.close();
});

test("an import on a disk that fills up half way changes nothing, and comes through once there is room", async () => {
  const folder = temporaryFolder();
  let pages = 0;
  let ahead = 0;
  const store = await openStore({
    ...storeOptions(folder),
    clock: { now: systemClock.now, monotonic: () => systemClock.monotonic() + ahead },
    openDatabase: (path) => {
      const db = openDatabase(path);
      if (pages > 0) db.value(`PRAGMA max_page_count = ${pages}`);
      return db;
    },
  });
  const large = noise(MIB);
  await store.put(entryOf(1, "small"));
  await store.put(entryOf(2, large));
  await store.change(keyOf(1), { pinned: true });
  const fresh = [...some(3000, "new"), entryOf(5000, noise(MIB)), entryOf(2, "no longer large")];
  // Room for the large body's slices, and for some of the rows.
  const db = openDatabase(join(folder, "askonce.db"));
  pages = Number(db.value("PRAGMA page_count")) + 330;
  await assert.rejects(store.putAll(fresh), { name: "StoreFault" });
  pages = 0;
  assert.equal(text(store.get(keyOf(1))), "small");
  assert.deepEqual(wholeBody(store.get(keyOf(2))!), large);
  assert.equal(store.get(keyOf(5000)), undefined);
  assert.equal(store.stats().entries, 2);
  ahead += 1001;
  await store.putAll(fresh);
  assert.equal(store.stats().entries, 3001);
  assert.equal(text(store.get(keyOf(2))), "no longer large");
  await store.put(entryOf(6000, "after"));
  await store.close();
  assert.equal(db.value("SELECT sum(entries) FROM totals"), 3002);
  assert.equal(db.value("SELECT count(*) FROM entries WHERE segment = 2"), 1);
  assert.equal(db.value("SELECT count(*) FROM bodies WHERE state = 1"), 1, "one body is shown");
  assert.equal(db.value("PRAGMA integrity_check"), "ok");
  db.close();
});

test("SIGKILL in the middle of an import leaves what was there, whole", async () => {
  const folder = temporaryFolder();
  const child = join(import.meta.dirname, "support/importing-child.ts");
  const args = onBun ? [child, folder] : ["run", "-A", "--no-check", "--quiet", child, folder];
  const run = spawn(process.execPath, args, { stdio: ["ignore", "inherit", "inherit"] });
  const [, signal] = await once(run, "exit");
  assert.equal(signal, "SIGKILL");
  const store = await openTestStore(folder);
  assert.equal(store.stats().entries, 10);
  for (let n = 0; n < 10; n++) assert.equal(text(store.get(keyOf(n))), `old ${n}`);
  await store.putAll(some(20, "new"));
  assert.equal(text(store.get(keyOf(3))), "new 3");
  await store.close();
});

test("an import into a full store makes room, and the folder stays under max_size", async () => {
  const folder = temporaryFolder();
  const maxSize = 12 * MIB;
  const store = await openTestStore(folder, { maxSize });
  for (let n = 0; n < 1500; n += 50) {
    await Promise.all(
      Array.from({ length: 50 }, (_, at) => store.put(entryOf(10_000 + n + at, noise(8192)))),
    );
  }
  let most = 0;
  let done = false;
  const all = store.putAll(Array.from({ length: 200 }, (_, n) => entryOf(n, noise(8192)))).finally(() => {
    done = true;
  });
  while (!done) {
    most = Math.max(most, store.stats().bytes);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await all;
  assert.ok(most <= maxSize, `${most} bytes`);
  assert.ok(store.stats().bytes <= maxSize);
  for (let n = 0; n < 200; n++) assert.ok(store.get(keyOf(n)), `entry ${n}`);
  await store.close();
});

test("imported and pinned entries do not go for being unused; unpinned ones do", async () => {
  const day = 86_400_000;
  const clock = { wall: Date.now(), now: () => clock.wall, monotonic: systemClock.monotonic };
  const folder = temporaryFolder();
  const first = await openTestStore(folder, { clock });
  await first.putAll([entryOf(1, "imported", { imported: true }), entryOf(2, "plain")]);
  for (const n of [3, 4, 5]) await first.put(entryOf(n, "put"));
  await first.change(keyOf(3), { pinned: true });
  await first.change(keyOf(4), { pinned: true });
  await first.change(keyOf(4), { pinned: false });
  await first.change(keyOf(5), { ttlMs: Infinity });
  await first.close();
  clock.wall += 6 * day;
  const store = await openTestStore(folder, { clock, inactiveMs: 4 * day, ttlMs: day });
  while (store.get(keyOf(4)) !== undefined) await new Promise((resolve) => setTimeout(resolve, 25));
  assert.deepEqual(
    [1, 2, 3, 4, 5].filter((n) => store.get(keyOf(n))),
    [1, 3, 5],
  );
  await store.close();
});

test("what another process pins, dates, purges or imports shows in this one's memory", async () => {
  const folder = temporaryFolder();
  let ahead = 0;
  const clock = { now: systemClock.now, monotonic: () => systemClock.monotonic() + ahead };
  const store = tieredStore({
    memory: memoryStore({ maxBytes: MIB }),
    durable: await openStore(storeOptions(folder, { clock })),
  });
  const other = await openTestStore(folder);
  for (const n of [1, 2, 3]) await store.put(entryOf(n, "old"));
  await other.change(keyOf(1), { ttlMs: 5 });
  await other.purge({ keys: [keyOf(2)] });
  await other.putAll([entryOf(3, "imported")]);
  ahead += 300;
  assert.equal(store.get(keyOf(1))?.ttlMs, 5);
  assert.equal(store.get(keyOf(2)), undefined);
  assert.equal(text(store.get(keyOf(3))), "imported");
  await other.close();
  await store.close();
});

test("what was put in the place of an entry after a purge began is not purged", async () => {
  const clock = { wall: 1_800_000_000_000, now: () => clock.wall, monotonic: systemClock.monotonic };
  const store = await openTestStore(temporaryFolder(), { clock });
  await Promise.all(some(2000, "old").map((entry) => store.put(entry)));
  const purge = store.purge({});
  clock.wall += 10;
  const puts = [0, 900, 1999].map((n) => store.put(entryOf(n, "new", { startedAt: clock.wall })));
  await Promise.all([purge, ...puts]);
  for (const n of [0, 900, 1999]) assert.equal(text(store.get(keyOf(n))), "new");
  assert.equal(store.stats().entries, 3);
  await store.close();
});

test("a purge of 5,000 entries among 10,000 leaves the loop free between slices of a few ms", async () => {
  const folder = temporaryFolder();
  const store = await openTestStore(folder);
  await Promise.all(
    some(10_000, "x").map((entry, n) =>
      store.put({ ...entry, facts: { ...entry.facts, provider: n % 2 ? "groq" : "openai" } }),
    ),
  );
  let done = false;
  const purge = store.purge({ provider: "groq" }).finally(() => {
    done = true;
  });
  const waits: number[] = [];
  while (!done) {
    const since = performance.now();
    await new Promise((resolve) => setTimeout(resolve, 1));
    waits.push(performance.now() - since);
  }
  assert.equal(await purge, 5000);
  assertFree(waits);
  assert.equal(store.stats().entries, 5000);
  const db = openDatabase(join(folder, "askonce.db"));
  assert.equal(db.value("SELECT count(*) FROM gone"), 5000);
  const upTo = Number(db.value("SELECT max(seq) FROM gone")) - 10;
  await store.forgotten(upTo);
  assert.equal(db.value("SELECT count(*) FROM gone"), 10);
  db.close();
  await store.close();
});

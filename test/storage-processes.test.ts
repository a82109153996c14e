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
  onBun,
  openDatabase,
  openTestStore,
  storeOptions,
  temporaryFolder,
  wholeBody,
} from "./support/store.ts";

const child = join(import.meta.dirname, "support/storing-child.ts");

/** Runs the child to its end, and gives the signal or the exit code that ended it. */
async function storing(folder: string, from: number, to: number, end: "kill" | "close") {
  const args = [child, folder, String(from), String(to), end];
  const run = spawn(process.execPath, onBun ? args : ["run", "-A", "--no-check", "--quiet", ...args], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  const [code, signal] = await once(run, "exit");
  return signal ?? code;
}

test("200 puts and SIGKILL in the turn in which the last resolved: 200 entries after it", async () => {
  const folder = temporaryFolder();
  assert.equal(await storing(folder, 0, 200, "kill"), "SIGKILL");
  const store = await openTestStore(folder);
  for (let n = 0; n < 200; n++) {
    const entry = store.get(keyOf(n));
    assert.ok(entry, `entry ${n}`);
    if (n % 50 === 49) assert.equal(wholeBody(entry).byteLength, MIB);
    else assert.equal(new TextDecoder().decode(wholeBody(entry)), `answer ${n}`);
  }
  assert.equal(store.stats().entries, 200);
  assert.equal(store.stats().faults, 0);
  await store.close();
});

test("three processes that begin one folder at the same time and write at once lose nothing", async () => {
  const folder = temporaryFolder();
  const others = [storing(folder, 0, 300, "close"), storing(folder, 300, 600, "close")];
  const reports: string[] = [];
  const store = await openTestStore(folder, { reports });
  for (let n = 600; n < 900; n++) await store.put(entryOf(n, `answer ${n}`));
  assert.deepEqual(await Promise.all(others), [0, 0]);
  for (let n = 0; n < 900; n++) assert.ok(store.get(keyOf(n)), `entry ${n}`);
  assert.deepEqual(reports, []);
  assert.equal(store.stats().entries, 900);
  assert.equal(store.stats().faults, 0);
  await store.close();
});

test("a put waits for another process's transaction without holding the loop, and is kept", async () => {
  const folder = temporaryFolder();
  const store = await openTestStore(folder);
  const other = openDatabase(join(folder, "askonce.db"));
  other.exec("BEGIN IMMEDIATE");
  let done = false;
  const put = store.put(entryOf(1, "one")).then(() => {
    done = true;
  });
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(done, false);
  assert.equal(store.get(keyOf(1)), undefined);
  assert.equal(store.health().ok, true);
  other.exec("COMMIT");
  await put;
  assert.ok(store.get(keyOf(1)));
  other.close();
  await store.close();
});

test("a database locked for more than ten seconds rejects the put, and takes the next one after", async () => {
  const folder = temporaryFolder();
  let ahead = 0;
  const clock = { now: systemClock.now, monotonic: () => systemClock.monotonic() + ahead };
  const store = await openTestStore(folder, { clock });
  const other = openDatabase(join(folder, "askonce.db"));
  other.exec("BEGIN IMMEDIATE");
  const put = store.put(entryOf(1, "one"));
  await new Promise((resolve) => setTimeout(resolve, 30));
  ahead = 10_000;
  await assert.rejects(put, { name: "StoreFault" });
  assert.equal(store.stats().faults, 1);
  other.exec("ROLLBACK");
  await store.put(entryOf(2, "two"));
  assert.equal(store.get(keyOf(1)), undefined);
  assert.ok(store.get(keyOf(2)));
  other.close();
  await store.close();
});

test("a start beside a writing process does not wait for it", async () => {
  const folder = temporaryFolder();
  const first = await openTestStore(folder);
  await first.put(entryOf(1, "one"));
  const other = openDatabase(join(folder, "askonce.db"));
  other.exec("BEGIN IMMEDIATE");
  const second = await openTestStore(folder);
  assert.ok(second.get(keyOf(1)));
  assert.equal(second.health().ok, true);
  other.exec("ROLLBACK");
  other.close();
  await first.close();
  await second.close();
});

test("what another process deletes or replaces leaves this one's memory; its own changes do not empty it", async () => {
  const folder = temporaryFolder();
  let ahead = 0;
  const clock = { now: systemClock.now, monotonic: () => systemClock.monotonic() + ahead };
  const durable = await openStore(storeOptions(folder, { clock }));
  const memory = memoryStore({ maxBytes: MIB });
  const store = tieredStore({ memory, durable });
  const other = await openTestStore(folder);
  for (const n of [1, 2, 3]) await store.put(entryOf(n, "old"));
  assert.equal(memory.stats().entries, 3);

  await store.put(entryOf(3, "mine", { startedAt: 1_800_000_000_000 }));
  await store.delete(keyOf(2));
  ahead += 300;
  assert.ok(store.get(keyOf(1)));
  assert.equal(memory.stats().entries, 2);

  await other.put(entryOf(4, "a new one changes nothing"));
  ahead += 300;
  store.get(keyOf(1));
  assert.equal(memory.stats().entries, 2);

  await other.delete(keyOf(1));
  await other.put(entryOf(3, "theirs", { startedAt: 1_900_000_000_000 }));
  ahead += 300;
  assert.equal(store.get(keyOf(1)), undefined);
  assert.equal(new TextDecoder().decode(wholeBody(store.get(keyOf(3))!)), "theirs");

  // A change of its own right after a foreign one does not hide the foreign one.
  store.get(keyOf(4));
  await other.delete(keyOf(4));
  await store.delete(keyOf(3));
  ahead += 300;
  assert.equal(store.get(keyOf(4)), undefined);
  await other.close();
  await store.close();
});

test("an older answer put after a newer one is on disk does not get into memory", async () => {
  const folder = temporaryFolder();
  const other = await openTestStore(folder);
  await other.put(entryOf(1, "newer", { startedAt: 2000 }));
  const store = tieredStore({
    memory: memoryStore({ maxBytes: MIB }),
    durable: await openTestStore(folder),
  });
  await store.put(entryOf(1, "older", { startedAt: 1000 }));
  assert.equal(new TextDecoder().decode(wholeBody(store.get(keyOf(1))!)), "newer");
  await other.close();
  await store.close();
});

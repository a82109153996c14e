import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { SLICE_BYTES } from "../src/cache/entry.ts";
import {
  entryOf,
  keyOf,
  noise,
  openDatabase,
  openTestStore,
  temporaryFolder,
  wholeBody,
} from "./support/store.ts";

const aside = (folder: string) => readdirSync(folder).filter((name) => name.includes(".damaged-"));

/** Changes one byte of the file where `marker` stands. */
function flip(folder: string, marker: Uint8Array, offset = 0): void {
  const path = join(folder, "askonce.db");
  const bytes = readFileSync(path);
  const at = bytes.indexOf(marker);
  assert.ok(at > 0, "the marker is in the file");
  bytes[at + offset] = bytes[at + offset]! ^ 0x01;
  writeFileSync(path, bytes);
}

test("a flipped bit in a stored body is a miss, counted, and the next answer takes its place", async () => {
  const folder = temporaryFolder();
  const first = await openTestStore(folder);
  const body = noise(5000);
  await first.put(entryOf(1, body));
  await first.put(entryOf(2, "whole"));
  await first.close();
  flip(folder, body.subarray(100, 140), 7);

  const store = await openTestStore(folder);
  assert.equal(store.get(keyOf(1)), undefined);
  assert.equal(store.stats().faults, 1);
  assert.ok(store.get(keyOf(2)));
  await store.put(entryOf(1, "new", { startedAt: 1 }));
  assert.ok(store.get(keyOf(1)));
  assert.deepEqual(aside(folder), []);
  await store.close();
});

for (const [what, marker] of [
  ["header value", "x-marker-value"],
  ["chunk time", "\u0007\u0063\u0007\u0063\u0007\u0063"],
  ["model", "gpt-marker"],
] as const) {
  test(`a flipped bit in the ${what} of an entry is a miss`, async () => {
    const folder = temporaryFolder();
    const chunks = [1, 2, 3].map((n) => ({ end: 7 * n, atMs: 99 * n }));
    const facts = { ...entryOf(0, "").facts, model: "gpt-marker" };
    const first = await openTestStore(folder);
    await first.put(entryOf(1, "x".repeat(21), { headers: [["x-h", "x-marker-value"]], chunks, facts }));
    await first.close();
    const path = join(folder, "askonce.db");
    const bytes = readFileSync(path);
    // The model stands in a column of its own too, so each place is changed.
    let flipped = 0;
    for (let at = bytes.indexOf(marker); at > 0; at = bytes.indexOf(marker, at + 1)) {
      bytes[at + marker.length - 1] = bytes[at + marker.length - 1]! ^ 0x02;
      flipped++;
    }
    assert.ok(flipped > 0);
    writeFileSync(path, bytes);
    const store = await openTestStore(folder);
    assert.equal(store.get(keyOf(1)), undefined);
    assert.equal(store.stats().faults, 1);
    await store.close();
  });
}

test("a large body with a damaged first slice is a miss, one with a damaged later slice breaks off there", async () => {
  const folder = temporaryFolder();
  const body = noise(3 * SLICE_BYTES);
  const first = await openTestStore(folder);
  await first.put(entryOf(1, body));
  await first.put(entryOf(2, noise(3 * SLICE_BYTES).fill(7, 0, 1)));
  await first.close();
  flip(folder, body.subarray(SLICE_BYTES + 50, SLICE_BYTES + 90));

  const store = await openTestStore(folder);
  const entry = store.get(keyOf(1));
  assert.ok(entry);
  assert.deepEqual(entry.body.slice(0), body.subarray(0, SLICE_BYTES));
  assert.throws(() => entry.body.slice(SLICE_BYTES), { name: "StoreFault" });
  // Queued behind the removal of the damaged entry.
  await store.put(entryOf(3, "three"));
  assert.equal(store.get(keyOf(1)), undefined);
  assert.ok(wholeBody(store.get(keyOf(2))!).byteLength === 3 * SLICE_BYTES);
  await store.close();

  const again = await openTestStore(folder);
  const other = wholeBody(again.get(keyOf(2))!);
  await again.close();
  flip(folder, other.subarray(50, 90));
  const last = await openTestStore(folder);
  assert.equal(last.get(keyOf(2)), undefined);
  await last.close();
});

test("a file that is no database is set aside under a name that the log tells, and the cache begins anew", async () => {
  const folder = temporaryFolder();
  const garbage = noise(20_000);
  writeFileSync(join(folder, "askonce.db"), garbage);
  writeFileSync(join(folder, "askonce.db-wal"), "old wal");
  const reports: string[] = [];
  const store = await openTestStore(folder, { reports });
  await store.put(entryOf(1, "one"));
  assert.ok(store.get(keyOf(1)));
  assert.deepEqual(store.health(), { ok: true, reasons: [] });
  const [name, wal] = aside(folder).sort();
  assert.match(name!, /^askonce\.db\.damaged-\d{8}T\d{9}Z$/);
  assert.equal(wal, `${name}-wal`);
  assert.deepEqual(new Uint8Array(readFileSync(join(folder, name!))), garbage);
  assert.equal(reports.length, 1);
  assert.ok(reports[0]!.includes(name!));
  await store.close();
});

test("another program's database under the same name is set aside whole", async () => {
  const folder = temporaryFolder();
  const path = join(folder, "askonce.db");
  const theirs = openDatabase(path);
  theirs.exec("CREATE TABLE theirs (a)");
  theirs.close();
  const bytes = readFileSync(path);
  const store = await openTestStore(folder);
  await store.put(entryOf(1, "one"));
  assert.deepEqual(readFileSync(join(folder, aside(folder)[0]!)), bytes);
  await store.close();
});

test("damage found while running sets the file aside and goes on, without a restart", async () => {
  const folder = temporaryFolder();
  const first = await openTestStore(folder);
  await Promise.all(Array.from({ length: 300 }, (_, n) => first.put(entryOf(n, noise(3000)))));
  await first.close();
  const path = join(folder, "askonce.db");
  const bytes = readFileSync(path);
  // All pages but the one with the header and the schema's first ones.
  bytes.fill(0x5a, 4096 * 14);
  writeFileSync(path, bytes);
  const reports: string[] = [];
  const store = await openTestStore(folder, { reports });
  for (let n = 0; n < 300; n++) store.get(keyOf(n));
  for (let n = 0; n < 50; n++) await store.put(entryOf(1000 + n, noise(3000))).catch(() => {});
  await store.put(entryOf(2000, "after"));
  assert.ok(store.get(keyOf(2000)));
  assert.equal(aside(folder).length, 1, reports.join("\n"));
  assert.equal(store.health().ok, true);
  await store.close();
});

test("a file replaced or removed under a running store is opened anew", async () => {
  const folder = temporaryFolder();
  const reports: string[] = [];
  const store = await openTestStore(folder, { reports });
  await store.put(entryOf(1, "one"));
  rmSync(folder, { recursive: true });
  for (let tries = 0; tries < 200 && !existsSync(join(folder, "askonce.db")); tries++) {
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  await store.put(entryOf(2, "two"));
  assert.equal(store.get(keyOf(1)), undefined);
  assert.ok(store.get(keyOf(2)));
  assert.equal(store.health().ok, true);
  await store.close();
});

test("a newer database is refused with StartError, and not one byte or file beside it changes", async () => {
  for (const openElsewhere of [false, true]) {
    const folder = temporaryFolder();
    const store = await openTestStore(folder);
    await store.put(entryOf(1, "one"));
    await store.close();
    const path = join(folder, "askonce.db");
    const newer = openDatabase(path);
    newer.exec("PRAGMA user_version = 99");
    if (openElsewhere) newer.value("PRAGMA wal_checkpoint(TRUNCATE)");
    else newer.close();
    const before = readdirSync(folder).map((name) => [name, readFileSync(join(folder, name))] as const);
    await assert.rejects(openTestStore(folder), (error: Error) => {
      assert.equal(error.name, "StartError");
      assert.match(error.message, /version 99/);
      return true;
    });
    const after = readdirSync(folder).map((name) => [name, readFileSync(join(folder, name))] as const);
    assert.deepEqual(after, before);
    if (openElsewhere) newer.close();
  }
});

test("a newer version that stands in the WAL alone is refused too", async () => {
  const folder = temporaryFolder();
  const store = await openTestStore(folder);
  await store.close();
  const newer = openDatabase(join(folder, "askonce.db"));
  newer.exec("PRAGMA user_version = 7");
  await assert.rejects(openTestStore(folder), { name: "StartError" });
  assert.equal(newer.value("PRAGMA user_version"), 7);
  newer.close();
});

test("the database is private to its owner, as are the files beside it", async () => {
  const folder = join(temporaryFolder(), "new");
  mkdirSync(folder, { mode: 0o755 });
  const store = await openTestStore(folder);
  await store.put(entryOf(1, "one"));
  assert.equal(statSync(folder).mode & 0o777, 0o700);
  for (const name of readdirSync(folder))
    assert.equal(statSync(join(folder, name)).mode & 0o777, 0o600, name);
  await store.close();
});

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as after } from "node:timers/promises";
import type { Entry } from "../src/cache/entry.ts";
import type { SharedStore } from "../src/cache/tiered.ts";
import { AskedPlaces } from "../src/storage/asked-places.ts";
import { entryOf, keyOf, openDatabase, openTestStore, temporaryFolder, wholeBody } from "./support/store.ts";

const asked = (n: number | string) => createHash("sha256").update(`asked ${n}`).digest("hex");
const text = (entry: Entry | undefined) => entry && new TextDecoder().decode(wholeBody(entry));
const put = (store: SharedStore, n: number, body: string, more: Partial<Entry> = {}) =>
  store.put(entryOf(n, body, { asked: asked(n), ...more }));

/** What is found once the store has read by what its entries were asked for, which it does beside all else. */
async function found(store: SharedStore, name: string): Promise<Entry | undefined> {
  const until = performance.now() + 20_000;
  for (;;) {
    const entry = store.find?.(name);
    if (entry !== undefined || performance.now() > until) return entry;
    await after(1);
  }
}

test("an entry is found by what was asked after a restart, as its key finds it, and so is every other", async () => {
  const folder = temporaryFolder();
  const before = await openTestStore(folder);
  const n = 1300;
  await Promise.all(Array.from({ length: n }, (_, at) => put(before, at, `answer ${at}`)));
  await before.put(entryOf(n, "of no name"));
  await before.close();
  const store = await openTestStore(folder);
  assert.equal(text(await found(store, asked(0))), "answer 0");
  for (let at = 0; at < n; at++) {
    assert.equal(text(store.find?.(asked(at))), `answer ${at}`);
    assert.deepEqual(
      { ...store.find?.(asked(at)), body: undefined },
      { ...store.get(keyOf(at)), body: undefined },
    );
  }
  assert.equal(store.find?.(asked("nobody")), undefined);
  await store.close();
});

test("what was put last is found, be it noted or placed, and under the name that it came by alone", async () => {
  const folder = temporaryFolder();
  const store = await openTestStore(folder);
  await put(store, 1, "first");
  await store.settled();
  assert.equal(text(await found(store, asked(1))), "first");
  await put(store, 1, "second", { startedAt: 1_700_000_000_001 });
  assert.equal(text(store.find?.(asked(1))), "second");
  await store.settled();
  assert.equal(text(store.find?.(asked(1))), "second");
  await put(store, 1, "third", { startedAt: 1_700_000_000_002, asked: asked("in other words") });
  await store.settled();
  assert.equal(store.find?.(asked(1)), undefined);
  assert.equal(text(store.find?.(asked("in other words"))), "third");
  await store.put(entryOf(1, "fourth", { startedAt: 1_700_000_000_003 }));
  await store.settled();
  assert.equal(store.find?.(asked("in other words")), undefined);
  assert.equal(text(store.get(keyOf(1))), "fourth");
  await store.close();
});

test("what another process put in its place is what is found", async () => {
  const folder = temporaryFolder();
  const [one, other] = [await openTestStore(folder), await openTestStore(folder)];
  await put(one, 1, "ours");
  await one.settled();
  assert.equal(text(await found(one, asked(1))), "ours");
  await put(other, 1, "theirs", { startedAt: 1_700_000_000_001 });
  await other.settled();
  await after(0);
  assert.equal(text(one.find?.(asked(1))), "theirs");
  await other.delete(keyOf(1));
  await after(0);
  assert.equal(one.find?.(asked(1)), undefined);
  await Promise.all([one.close(), other.close()]);
});

test("what is deleted, purged, imported over or damaged is not found", async () => {
  const folder = temporaryFolder();
  const store = await openTestStore(folder);
  for (const n of [1, 2, 3, 4]) await put(store, n, `answer ${n}`);
  await store.settled();
  for (const n of [1, 2, 3, 4]) assert.equal(text(await found(store, asked(n))), `answer ${n}`);
  await store.delete(keyOf(1));
  assert.equal(store.find?.(asked(1)), undefined);
  await store.putAll([entryOf(2, "from elsewhere")]);
  assert.equal(store.find?.(asked(2)), undefined);
  const db = openDatabase(join(folder, "askonce.db"));
  db.exec(`UPDATE answers SET body = x'00' WHERE id = (SELECT id FROM entries WHERE key = x'${keyOf(3)}')`);
  db.close();
  await after(0);
  assert.equal(store.find?.(asked(3)), undefined);
  assert.ok(store.stats().faults > 0);
  await store.purge({});
  assert.equal(store.find?.(asked(4)), undefined);
  await store.close();
});

test("two names that share the digits by which places are known do not stand for each other", async () => {
  const folder = temporaryFolder();
  const store = await openTestStore(folder);
  const name = asked("a");
  const alike = name.slice(0, 13) + asked("b").slice(13);
  await store.put(entryOf(1, "a's", { asked: name }));
  await store.settled();
  assert.equal(text(await found(store, name)), "a's");
  assert.equal(store.find?.(alike), undefined);
  await store.close();
});

/** As the digits of a digest are. */
const spread = (n: number) => Number.parseInt(asked(n).slice(0, 13), 16);

test("places are found by their numbers, the later one in the stead of an earlier where there is no room", () => {
  const places = new AskedPlaces();
  for (let n = 1; n <= 50_000; n++) places.add(spread(n % 40_000), n);
  for (let n = 1; n <= 40_000; n++) {
    const last = n <= 10_000 ? n + 40_000 : n;
    assert.equal(places.find(spread(n % 40_000)), last);
  }
  for (let n = 40_001; n < 50_000; n++) assert.equal(places.find(spread(n)), undefined);
  assert.equal(places.find(0), undefined);
  for (let n = 1; n <= 700_000; n++) places.add(n * 6_433_713_753, n);
  let kept = 0;
  for (let n = 690_001; n <= 700_000; n++) if (places.find(n * 6_433_713_753) === n) kept++;
  assert.ok(kept > 9_000, `${kept} of the last 10,000`);
});

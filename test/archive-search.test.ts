import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import fc from "fast-check";
import type { EntryQuery } from "../src/cache/archive.ts";
import { chat, openShelf, requestOf, type Shelf } from "./support/archive.ts";
import { temporaryFolder } from "./support/store.ts";

let shelf: Shelf;
before(async () => {
  shelf = await openShelf(temporaryFolder());
});
after(() => shelf.close());

const keep = (text: string, more: object = {}, namespace = "") =>
  shelf.keep(requestOf(chat([text], more), { namespace }));

async function keysOf(q: string, more: Partial<EntryQuery> = {}): Promise<string[]> {
  const query = { filter: {}, sort: "newest", limit: 100, ...more } as const;
  return (await shelf.archive.list({ ...query, q })).entries.map(({ key }) => key);
}

test("a request is found by its words in any order, at once after it was stored", async () => {
  const key = await keep("The Quick brown FOX jumps; naïve Größe");
  for (const q of ["fox", "quick FOX", "fox quick", "naive", "große grosse".split(" ")[0]!, "jumps!"])
    assert.deepEqual(await keysOf(q), [key], q);
  for (const q of ["fox cat", "qui", "assistant", "gpt", "!!!", "user"])
    assert.deepEqual(await keysOf(q), [], q);
});

test("a script without spaces is found by its characters", async () => {
  const key = await keep("今日は天気がいい");
  assert.deepEqual(await keysOf("天気"), [key]);
});

test("what FTS5 takes for syntax are plain words", async () => {
  const key = await keep('apple AND banana NOT "cherry" NEAR texts: x*y (z) ^start');
  for (const q of [
    "AND",
    "apple AND",
    "NOT banana",
    '"cherry',
    "texts:",
    "x*",
    "NEAR(apple)",
    "^start",
    "(z",
  ])
    assert.deepEqual(await keysOf(q), [key], q);
  assert.deepEqual(await keysOf("apple OR zebra"), []);
});

test("no text that is searched for is refused", async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: "binary" }), async (q) => {
      assert.ok(Array.isArray(await keysOf(q)));
    }),
    { numRuns: 60 },
  );
  for (const q of [
    "\0",
    "a\0b",
    "😀",
    "'; DROP TABLE requests; --",
    "x".repeat(5000),
    "\ud800",
    "a ".repeat(500),
  ])
    assert.ok(Array.isArray(await keysOf(q)), q);
});

test("a search within a model, a provider and a namespace finds only what is there", async () => {
  const here = await keep("walnut one", { model: "m-1" }, "ns-1");
  const there = await keep("walnut two", { model: "m-2" }, "ns-2");
  assert.deepEqual(await keysOf("walnut"), [there, here]);
  assert.deepEqual(await keysOf("walnut", { sort: "oldest" }), [here, there]);
  assert.deepEqual(await keysOf("walnut", { filter: { model: "m-1" } }), [here]);
  assert.deepEqual(await keysOf("walnut", { filter: { namespace: "ns-2" } }), [there]);
  assert.deepEqual(await keysOf("walnut", { filter: { model: "m-1", namespace: "ns-2" } }), []);
  assert.deepEqual(await keysOf("walnut", { filter: { provider: "openai", keys: [there] } }), [there]);
  assert.deepEqual(await keysOf("walnut", { filter: { storedBefore: 1 } }), []);
});

for (const sort of ["newest", "oldest", "used", "hits", "size"] as const) {
  test(`pages of a search by ${sort} neither repeat nor miss, though entries come and go`, async () => {
    const all: string[] = [];
    for (let n = 0; n < 12; n++) all.push(await keep(`paging${sort} number ${n}`));
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await shelf.archive.list({
        filter: {},
        q: `paging${sort}`,
        sort,
        limit: 5,
        cursor,
      });
      seen.push(...page.entries.map(({ key }) => key));
      cursor = page.nextCursor;
      await keep(`paging${sort} late ${seen.length}`);
    } while (cursor !== undefined);
    assert.equal(new Set(seen).size, seen.length);
    assert.deepEqual(
      all.filter((key) => !seen.includes(key)),
      [],
    );
  });
}

test("a cursor of another search, and any other text, is refused as such", async () => {
  for (let n = 0; n < 3; n++) await keep(`cursory ${n}`);
  const query = { filter: {}, q: "cursory", sort: "newest", limit: 2 } as const;
  const { nextCursor } = await shelf.archive.list(query);
  assert.ok(nextCursor !== undefined);
  for (const wrong of [
    { ...query, q: "walnut", cursor: nextCursor },
    { ...query, sort: "oldest" as const, cursor: nextCursor },
    { ...query, filter: { model: "m" }, cursor: nextCursor },
    { ...query, cursor: "%%%" },
    { ...query, cursor: btoa("[1]") },
  ]) {
    await assert.rejects(shelf.archive.list(wrong), RangeError);
  }
});

test("no more of a request's texts is searched than the setting says, the newest first", async () => {
  shelf.settings.searchText = 20;
  await shelf.close();
  shelf = await openShelf(shelf.folder, { settings: { searchText: 20 } });
  const key = await shelf.keep(requestOf(chat(["oldword", "x", "neword and some more of it"])));
  assert.deepEqual(await keysOf("neword"), [key]);
  assert.deepEqual(await keysOf("oldword"), []);
});

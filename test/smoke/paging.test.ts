import assert from "node:assert/strict";
import { test } from "node:test";
import { Admin, type ListedPage, type Query, refusal } from "../support/admin-client.ts";
import { openai } from "../support/answers.ts";
import { post, type RawAnswer } from "../support/raw.ts";
import { eventually, fresh, inParallel, session } from "../support/session.ts";

const run = session({ names: ["openai", "mistral"] });
const admin = new Admin(() => run.server);
const LIMIT = 7;

interface Shelf {
  readonly namespace: string;
  /** A word that stands in every prompt of it. */
  readonly word: string;
  count: number;
  /** Keys in the order in which they were first stored. */
  readonly keys: string[];
}

function shelf(): Shelf {
  return { namespace: fresh("ns"), word: `shelf${fresh("").replace(/\D/g, "")}`, count: 0, keys: [] };
}

/** Stores one more, and tells its key. */
async function add(to: Shelf, provider = "openai"): Promise<string> {
  const n = to.count++;
  const key = keyOf(await store(to, n, { provider }));
  to.keys.push(key);
  return key;
}

function store(
  to: Shelf,
  n: number,
  options: { provider?: string; headers?: Record<string, string> } = {},
): Promise<RawAnswer> {
  const { provider = "openai", headers = {} } = options;
  const body = openai.request(`${to.word} number${n} ${"x".repeat(n * 7)}`, false);
  return post(run.port, `/@${to.namespace}/${provider}/v1/chat/completions`, { body, headers });
}

function keyOf(answer: RawAnswer): string {
  assert.deepEqual([answer.status, answer.cache], [200, "MISS"]);
  return answer.header("x-cache-key") ?? assert.fail("no key");
}

async function remove(key: string): Promise<void> {
  const answer = await admin.call("DELETE", `/entries/${key}`);
  assert.ok(answer.status === 200 || answer.status === 204, `${answer.status} ${answer.text}`);
}

/**
 * Walks a list in pages of 7 while it changes: after each page an entry is added, one that was listed and one that
 * was not are deleted, and two more are fetched anew. Answers with all keys as they came.
 */
async function walk(
  over: Shelf,
  query: Query,
): Promise<{ seen: string[]; stayed: string[]; gone: string[] }> {
  const there = [...over.keys];
  const gone: string[] = [];
  const seen: string[] = [];
  let page = await admin.page({ ...query, limit: LIMIT });
  for (let turn = 0; ; turn++) {
    assert.ok(page.entries.length <= LIMIT, `${page.entries.length} entries`);
    for (const { key } of page.entries) {
      assert.ok(!gone.includes(key), `${key} was deleted before this page was asked for`);
      seen.push(key);
    }
    if (page.next_cursor === null) break;
    assert.ok(page.entries.length > 0 && turn < 40, "pages that lead nowhere");
    page = await nextPage(over, { query, page, seen, gone, there });
  }
  return { seen, gone, stayed: there.filter((key) => !gone.includes(key)) };
}

async function nextPage(
  over: Shelf,
  walk: { query: Query; page: ListedPage; seen: string[]; gone: string[]; there: string[] },
): Promise<ListedPage> {
  const { query, page, seen, gone, there } = walk;
  await add(over);
  const listed = seen.filter((key) => there.includes(key) && !gone.includes(key));
  const ahead = there.filter((key) => !seen.includes(key) && !gone.includes(key));
  // The one that the cursor points at goes too: a place, and no entry, is what it must remember.
  for (const key of [listed.at(-1), ahead.at(Math.floor(ahead.length / 2))]) {
    if (key === undefined) continue;
    await remove(key);
    gone.push(key);
    over.keys.splice(over.keys.indexOf(key), 1);
  }
  return admin.page({ ...query, limit: LIMIT, cursor: page.next_cursor as string });
}

async function filled(count: number): Promise<Shelf> {
  const one = shelf();
  for (let i = 0; i < count; i++) await add(one, i % 4 === 3 ? "mistral" : "openai");
  return one;
}

for (const sort of ["newest", "oldest"] as const) {
  test(`a walk in pages neither repeats nor misses an entry while the list changes: ${sort}, by namespace`, async () => {
    const one = await filled(30);
    const { seen, stayed } = await walk(one, { namespace: one.namespace, sort });
    assert.equal(new Set(seen).size, seen.length, "an entry came twice");
    const kept = seen.filter((key) => stayed.includes(key));
    assert.deepEqual(kept, sort === "newest" ? stayed.toReversed() : stayed);
    assert.ok(seen.length > 20, `${seen.length} seen`);
  });
}

test("the same with more filters, and with words to be found", async () => {
  const one = await filled(24);
  await eventually(
    async () => assert.equal((await admin.keys({ q: one.word })).length, 24, "all are found"),
    1000,
  );
  const mistral = one.keys.filter((_, i) => i % 4 === 3);
  const first = await walk(one, { namespace: one.namespace, provider: "openai", model: "m-1" });
  assert.equal(new Set(first.seen).size, first.seen.length, "an entry came twice");
  assert.deepEqual(
    first.seen.filter((key) => mistral.includes(key)),
    [],
    "of another provider",
  );
  const others = first.stayed.filter((key) => !mistral.includes(key));
  assert.deepEqual(
    first.seen.filter((key) => others.includes(key)),
    others.toReversed(),
  );

  await eventually(
    async () => assert.equal((await admin.keys({ q: one.word })).length, one.keys.length),
    1000,
  );
  const second = await walk(one, { q: one.word });
  assert.equal(new Set(second.seen).size, second.seen.length, "an entry came twice");
  assert.deepEqual(
    second.seen.filter((key) => second.stayed.includes(key)),
    second.stayed.toReversed(),
  );
});

test("an entry that is fetched anew keeps its place: between two pages it is neither repeated nor lost", async () => {
  const one = await filled(20);
  for (const sort of ["newest", "oldest"] as const) {
    const seen: string[] = [];
    for await (const page of admin.pages({ namespace: one.namespace, sort, limit: LIMIT })) {
      seen.push(...page.entries.map(({ key }) => key));
      // One of each third: listed already, on the page that comes, and on the last.
      for (const n of [1, 9, 18]) {
        const provider = n % 4 === 3 ? "mistral" : "openai";
        const again = await store(one, n, { provider, headers: { "Cache-Control": "no-cache" } });
        assert.equal(keyOf(again), one.keys[n]);
      }
    }
    assert.deepEqual(seen, sort === "newest" ? one.keys.toReversed() : one.keys, sort);
  }
});

test("by size too, pages hold every entry once, in order", async () => {
  const one = await filled(15);
  const pages: ListedPage[] = [];
  for await (const page of admin.pages({ namespace: one.namespace, sort: "size", limit: 4 }))
    pages.push(page);
  const entries = pages.flatMap((page) => page.entries);
  assert.deepEqual(entries.map(({ key }) => key).toSorted(), one.keys.toSorted());
  const sizes = entries.map((entry) => Number(entry.size_bytes));
  assert.deepEqual(
    sizes,
    sizes.toSorted((a, b) => b - a),
  );
});

test("a list without a filter is newest first, and says which entry each is", async () => {
  const one = await filled(2);
  const { entries } = await admin.page({ limit: 2 });
  assert.deepEqual(
    entries.map(({ key }) => key),
    one.keys.toReversed(),
  );
  const [entry] = entries;
  assert.deepEqual(
    [entry?.provider, entry?.model, entry?.namespace, entry?.hits],
    ["openai", "m-1", one.namespace, 0],
  );
  assert.match(entry?.key ?? "", /^[0-9a-f]{64}$/);
  await store(one, 1);
  await eventually(async () => {
    const page = await admin.page({ namespace: one.namespace, limit: 1 });
    assert.equal(page.entries[0]?.hits, 1);
  });
});

test("a page that holds the rest says so, whether or not it is full", async () => {
  const one = await filled(4);
  for (const [limit, more] of [
    [3, true],
    [4, false],
    [5, false],
    [1000, false],
  ] as const) {
    const page = await admin.page({ namespace: one.namespace, limit });
    assert.equal(page.next_cursor !== null, more, `limit ${limit}`);
  }
  assert.deepEqual(await admin.page({ namespace: fresh("nobody") }), { entries: [], next_cursor: null });
});

test("a cursor that is none, or another query's, is a 400, and so is a limit that is none", async () => {
  const one = await filled(9);
  const query = { namespace: one.namespace, limit: LIMIT };
  const { next_cursor } = await admin.page(query);
  assert.ok(next_cursor !== null);
  const bad: [string, Query][] = [
    ["garbage", { ...query, cursor: "garbage" }],
    ["JSON", { ...query, cursor: "{}" }],
    ["base64 of nothing known", { ...query, cursor: btoa('{"id":1}') }],
    ["base64 of null", { ...query, cursor: btoa("null") }],
    ["8,000 characters", { ...query, cursor: "A".repeat(8_000) }],
    ["cut short", { ...query, cursor: next_cursor.slice(0, -3) }],
    ["another filter", { limit: LIMIT, cursor: next_cursor }],
    ["another namespace", { ...query, namespace: "other", cursor: next_cursor }],
    ["another order", { ...query, sort: "oldest", cursor: next_cursor }],
    ["words", { ...query, q: "words", cursor: next_cursor }],
    ["limit 0", { ...query, limit: 0 }],
    ["limit -1", { ...query, limit: -1 }],
    ["limit 1.5", { ...query, limit: 1.5 }],
    ["limit x", { ...query, limit: "x" }],
    ["limit 1e9", { ...query, limit: 1e9 }],
    ["no such order", { ...query, sort: "random" }],
  ];
  await inParallel(bad.length, 4, async (i) => {
    const [about, asked] = bad[i] as [string, Query];
    refusal(await admin.call("GET", "/entries", { query: asked }), 400, about);
  });
  // The next page may be of another length.
  const rest = await admin.page({ ...query, limit: 50, cursor: next_cursor });
  assert.deepEqual(
    rest.entries.map(({ key }) => key),
    one.keys.slice(0, 2).toReversed(),
  );
});

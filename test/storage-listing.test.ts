import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import type { EntryQuery, EntrySort } from "../src/cache/archive.ts";
import type { CacheKey } from "../src/cache/entry.ts";
import { matcher } from "../src/cache/filter.ts";
import type { EntryFilter } from "../src/cache/store.ts";
import type { SharedStore } from "../src/cache/tiered.ts";
import type { Database } from "../src/storage/database.ts";
import { findByKeys, keysPage, listPage, rowsOf, type StoredRow } from "../src/storage/listing.ts";
import { count } from "../src/storage/listing-count.ts";
import { entryOf, keyOf, openDatabase, openTestStore, temporaryFolder } from "./support/store.ts";

const N = 400;
const PROVIDERS = ["openai", "anthropic", "groq"];
const BEGAN = 1_700_000_000_000;

/** Entries of many groups; some were hit, pinned, imported, replaced. */
async function filled(): Promise<{ store: SharedStore; db: Database }> {
  const folder = temporaryFolder();
  const store = await openTestStore(folder);
  for (let n = 0; n < N; n++) {
    await store.put(
      entryOf(n, "x".repeat((n * 37) % 101), {
        facts: {
          provider: PROVIDERS[n % 3] as string,
          endpoint: n % 7 ? "chat" : "embeddings",
          model: n % 5 ? `m-${n % 4}` : undefined,
          namespace: n % 11 ? "" : `exp-${n % 2}`,
          pool: n % 13 ? "all" : "tag",
          stream: false,
        },
        storedAt: BEGAN + ((n * 71) % N) * 1000,
      }),
    );
    for (let hit = 0; hit < n % 4; hit++) store.touch({ key: keyOf(n) });
  }
  await store.change(keyOf(8), { pinned: true });
  // What was hit is written with the entries, or at the latest by the next round.
  const db = openDatabase(join(folder, "askonce.db"));
  while (Number(db.value("SELECT sum(hits) FROM entries")) < (N / 4) * 6)
    await new Promise((resolve) => setTimeout(resolve, 20));
  return { store, db };
}

const { store, db } = await filled();

function paged(filter: EntryFilter, sort: EntrySort, limit: number): StoredRow[] {
  const rows: StoredRow[] = [];
  for (let cursor: string | undefined; ; ) {
    const page = listPage(db, { filter, sort, limit, cursor });
    rows.push(...page.rows);
    if (page.nextCursor === undefined) return rows;
    assert.equal(page.rows.length, limit);
    cursor = page.nextCursor;
  }
}

const FILTERS: EntryFilter[] = [
  {},
  { provider: "groq" },
  { model: "m-1", provider: "openai" },
  { endpoint: "embeddings" },
  { namespace: "" },
  { namespace: "exp-1" },
  { provider: "nobody" },
  { storedBefore: BEGAN + 100_000 },
  { storedSince: BEGAN + 350_000, provider: "openai" },
  { storedSince: BEGAN + 100_000, storedBefore: BEGAN + 100_001 },
  { keys: [1, 2, 3, 9999].map(keyOf) },
  { keys: [] },
  { keyPrefix: keyOf(17).slice(0, 7), provider: PROVIDERS[17 % 3] },
];

const VALUE: Record<EntrySort, (row: StoredRow) => number> = {
  newest: (row) => -row.id,
  oldest: (row) => row.id,
  used: (row) => -row.lastUsed,
  hits: (row) => -row.hits,
  size: (row) => -row.size,
};

test("each sort of each filter lists in pages, in order and once, exactly what the filter matches", () => {
  const all = rowsOf(
    db,
    keysPage(db, {}, { limit: N }).map(({ id }) => id),
  ) as StoredRow[];
  assert.equal(all.length, N);
  for (const filter of FILTERS) {
    const matches = matcher(filter);
    const expected = all.filter((row) => matches({ key: row.key, facts: row, storedAt: row.storedAt }));
    assert.equal(count(db, filter), expected.length, JSON.stringify(filter));
    for (const sort of Object.keys(VALUE) as EntrySort[]) {
      const value = VALUE[sort];
      const sign = sort === "newest" || sort === "used" ? -1 : 1;
      expected.sort((a, b) => value(a) - value(b) || sign * (a.id - b.id));
      for (const limit of [7, N]) {
        const got = paged(filter, sort, limit).map(({ id }) => id);
        assert.deepEqual(
          got,
          expected.map(({ id }) => id),
          `${JSON.stringify(filter)} ${sort} ${limit}`,
        );
      }
    }
  }
});

test("keys come in pages by id, of all or of what matches", () => {
  for (const filter of [{}, { provider: "groq" }, { storedBefore: BEGAN + 100_000 }]) {
    const found: CacheKey[] = [];
    for (let after: number | undefined; ; ) {
      const page = keysPage(db, filter, { after, limit: 33 });
      found.push(...page.map(({ key }) => key));
      after = page.at(-1)?.id;
      if (page.length < 33) break;
    }
    assert.deepEqual(
      found,
      paged(filter, "oldest", N).map(({ key }) => key),
    );
  }
});

test("a row tells all that is known, and nothing for what is not there", () => {
  const [row, none] = findByKeys(db, [keyOf(8), keyOf(9999)]);
  assert.equal(none, undefined);
  const { id, lastUsed, ...facts } = row as StoredRow;
  assert.deepEqual(facts, {
    key: keyOf(8),
    provider: "groq",
    endpoint: "chat",
    model: "m-0",
    namespace: "",
    pool: "all",
    status: 200,
    stream: false,
    size: (8 * 37) % 101,
    storedAt: BEGAN + ((8 * 71) % N) * 1000,
    hits: 0,
    ttlMs: undefined,
    pinned: true,
    imported: false,
    firstByteMs: 50,
    durationMs: 100,
    inputTokens: undefined,
    outputTokens: undefined,
    costUsd: undefined,
    prompt: undefined,
  });
  assert.deepEqual(
    rowsOf(db, [9999, id]).map((found) => found?.key),
    [undefined, keyOf(8)],
  );
});

test("pages by age neither repeat nor miss what was there throughout, while others come, go and are refreshed", async () => {
  for (const sort of ["newest", "oldest"] as const) {
    const before = new Set(paged({}, sort, N).map(({ key }) => key));
    const gone = new Set<CacheKey>();
    const seen: CacheKey[] = [];
    let n = 0;
    for (let cursor: string | undefined; ; n++) {
      const page = listPage(db, { filter: {}, sort, limit: 20, cursor });
      seen.push(...page.rows.map(({ key }) => key));
      cursor = page.nextCursor;
      if (cursor === undefined) break;
      const refreshed = [...before][(n * 97) % before.size] as CacheKey;
      const dropped = [...before][(n * 31 + 5) % before.size] as CacheKey;
      if (gone.has(refreshed) || refreshed === dropped) continue;
      await store.put({ ...entryOf(0, "refreshed"), key: refreshed, startedAt: BEGAN + 1 + n });
      await store.delete(dropped);
      gone.add(dropped);
      await store.put(entryOf(100_000 + n + (sort === "newest" ? 0 : 1000), "new"));
    }
    assert.equal(new Set(seen).size, seen.length, "repeated");
    const missed = [...before].filter((key) => !gone.has(key) && !seen.includes(key));
    assert.deepEqual(missed, []);
    assert.ok(n > 10);
  }
});

test("a cursor that is none, or one of another query, is a RangeError; another limit is the same query", () => {
  const query: EntryQuery = { filter: { provider: "groq", model: undefined }, sort: "newest", limit: 5 };
  const { nextCursor: cursor } = listPage(db, query);
  assert.ok(cursor);
  assert.equal(listPage(db, { ...query, filter: { provider: "groq" }, limit: 3, cursor }).rows.length, 3);
  for (const other of [
    { ...query, sort: "oldest" as const, cursor },
    { ...query, filter: {}, cursor },
    { ...query, q: "words", cursor },
    ...["", "x", "bnVsbA", "WzEsMl0", `${cursor}x`.slice(1), "\u0000", "é"].map((bad) => ({
      ...query,
      cursor: bad,
    })),
  ]) {
    assert.throws(() => listPage(db, other), RangeError, JSON.stringify(other));
  }
});

test("groups are counted exactly after puts, refreshes, changes and deletes", async () => {
  await store.putAll([entryOf(1, "other facts"), entryOf(200_000, "new")]);
  await store.purge({ namespace: "exp-0" });
  assert.equal(
    db.value(`SELECT count(*) FROM groups g WHERE
      g.entries <> (SELECT count(*) FROM entries WHERE group_id = g.id) OR
      g.bytes <> (SELECT coalesce(sum(cost), 0) FROM entries WHERE group_id = g.id)`),
    0,
  );
  assert.equal(db.value("SELECT sum(entries) FROM totals"), db.value("SELECT count(*) FROM entries"));
  assert.equal(db.value("SELECT sum(bytes) FROM totals"), db.value("SELECT sum(cost) FROM entries"));
  assert.equal(
    db.value(
      "SELECT count(*) FROM (SELECT 1 FROM groups GROUP BY provider, endpoint, ifnull(model, 0), namespace, pool HAVING count(*) > 1)",
    ),
    0,
  );
});

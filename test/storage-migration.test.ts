import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import type { Database } from "../src/storage/database.ts";
import { listPage } from "../src/storage/listing.ts";
import { count } from "../src/storage/listing-count.ts";
import { APPLICATION_ID, SCHEMA_VERSION, STEPS } from "../src/storage/migrations.ts";
import { checksum } from "../src/storage/packing.ts";
import { answerOf } from "../src/storage/rows.ts";
import { entryOf, keyOf, openDatabase, openTestStore, temporaryFolder, wholeBody } from "./support/store.ts";

const N = 3000;

/** A database as the first version left it: heads of 16 members, or of 17 with the pool. */
function firstVersion(folder: string, n: number): void {
  const db = openDatabase(join(folder, "askonce.db"));
  db.value("PRAGMA auto_vacuum = INCREMENTAL");
  db.value("PRAGMA journal_mode = WAL");
  db.exec("BEGIN");
  db.exec(STEPS[0] as string);
  for (let at = 1; at <= n; at++) addFirst(db, at);
  db.exec(`INSERT INTO answers VALUES (${n + 1}, 'not JSON', NULL, 0, 0, x'')`);
  for (const id of [n + 1, n + 2]) {
    db.exec(`INSERT INTO entries VALUES (${id}, x'${keyOf(id)}', 1, 'p', 'chat', 'm', '', 0, 200, 5,
      1, 2, NULL, 3, 4, 1, NULL, 0, 5, 0, NULL)`);
  }
  db.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
  db.exec("PRAGMA user_version = 1");
  db.exec("COMMIT");
  db.close();
}

function addFirst(db: Database, at: number): void {
  const pool = at % 2 ? "all" : "tag";
  const facts = { ...entryOf(0, "").facts, model: at % 3 ? "gpt" : undefined, pool };
  const entry = entryOf(at, `answer ${at}`, { facts });
  const answer = answerOf(entry, { coding: 0, bytes: entry.body.bytes as Uint8Array });
  const head = JSON.stringify((JSON.parse(answer.head) as unknown[]).slice(0, at === 1 ? 16 : 17));
  const crc = checksum(0, head, null, entry.body.bytes as Uint8Array);
  const body = Buffer.from(entry.body.bytes as Uint8Array).toString("hex");
  const model = facts.model === undefined ? "NULL" : `'${facts.model}'`;
  db.exec(`INSERT INTO entries VALUES (${at}, x'${entry.key}', 1, 'openai', 'chat', ${model}, '', 0, 200,
    ${entry.body.size}, ${entry.startedAt}, ${entry.storedAt}, NULL, 50, 100, ${400 + at}, NULL, ${at % 3},
    ${entry.storedAt + at}, ${at % 5}, ${at === 7 ? "9e999" : "NULL"})`);
  db.exec(`INSERT INTO answers VALUES (${at}, '${head}', NULL, ${crc}, 0, x'${body}')`);
}

test(`a database of the first version with ${N} entries is brought up to date with every answer, count and pin`, async () => {
  const folder = temporaryFolder();
  firstVersion(folder, N);
  const reports: string[] = [];
  const store = await openTestStore(folder, { reports });
  for (let n = 1; n <= N; n++) {
    const entry = store.get(keyOf(n));
    assert.ok(entry, `entry ${n}`);
    assert.equal(new TextDecoder().decode(wholeBody(entry)), `answer ${n}`);
    assert.equal(entry.facts.pool, n === 1 || n % 2 ? "all" : "tag");
    assert.equal(entry.ttlMs, n === 7 ? Infinity : undefined);
    assert.ok(!("spent" in entry) && !("imported" in entry));
  }
  assert.equal(store.stats().entries, N + 2);
  assert.equal(store.stats().faults, 0);
  assert.equal(store.get(keyOf(N + 1)), undefined, "whose head is no JSON");
  assert.deepEqual(reports, []);
  await store.put(entryOf(1, "new"));
  await store.close();

  const db = openDatabase(join(folder, "askonce.db"));
  assert.equal(db.value("PRAGMA user_version"), SCHEMA_VERSION);
  assert.equal(db.value("PRAGMA integrity_check"), "ok");
  assert.equal(db.value("SELECT count(*) FROM sqlite_master WHERE name IN ('entries_1', 'pools_1')"), 0);
  assert.equal(
    db.value("SELECT count(*) FROM groups"),
    5,
    "two models times two pools, and the damaged ones",
  );
  assert.equal(db.value("SELECT sum(entries) FROM totals"), db.value("SELECT count(*) FROM entries"));
  assert.equal(db.value("SELECT sum(bytes) FROM totals"), db.value("SELECT sum(cost) FROM entries"));
  assert.equal(count(db, { model: "gpt" }), (N / 3) * 2);
  const { rows } = listPage(db, { filter: { provider: "openai" }, sort: "newest", limit: 2 });
  assert.deepEqual(
    rows.map(({ key, hits, pinned, pool, model }) => ({ key, hits, pinned, pool, model })),
    [
      { key: keyOf(N), hits: N % 5, pinned: false, pool: "tag", model: undefined },
      { key: keyOf(N - 1), hits: (N - 1) % 5, pinned: true, pool: "all", model: "gpt" },
    ],
  );
  db.close();
});

test("ids are not used again, not even those of the first version that went", async () => {
  const folder = temporaryFolder();
  firstVersion(folder, 3);
  const store = await openTestStore(folder);
  await store.purge({});
  await store.put(entryOf(1, "new"));
  await store.close();
  const db = openDatabase(join(folder, "askonce.db"));
  assert.equal(db.value("SELECT id FROM entries"), 6);
  assert.equal(db.value("SELECT group_concat(id) FROM (SELECT id FROM gone ORDER BY id)"), "1,2,3,4,5");
  db.close();
});

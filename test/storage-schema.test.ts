import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { getTableConfig, type SQLiteTable } from "drizzle-orm/sqlite-core";
import { APPLICATION_ID, SCHEMA_VERSION } from "../src/storage/migrations.ts";
import { marksFromBytes, marksToBytes } from "../src/storage/rows.ts";
import * as schema from "../src/storage/schema.ts";
import { openDatabase, openTestStore, temporaryFolder } from "./support/store.ts";

test("the tables that the migrations make are the ones that the schema describes", async () => {
  const folder = temporaryFolder();
  await (await openTestStore(folder)).close();
  const db = openDatabase(join(folder, "askonce.db"));
  const tables = [
    schema.entries,
    schema.answers,
    schema.bodies,
    schema.slices,
    schema.totals,
    schema.meta,
    schema.groups,
    schema.gone,
  ];
  for (const table of tables as SQLiteTable[]) {
    const { name, columns, indexes } = getTableConfig(table);
    const found = db.value(
      `SELECT json_group_array(name || ' ' || type || ' ' || ("notnull" OR pk)) FROM pragma_table_info('${name}')`,
    );
    const expected = columns.map(
      (column) =>
        `${column.name} ${column.getSQLType().toUpperCase()} ${column.notNull || column.primary ? 1 : 0}`,
    );
    assert.deepEqual(JSON.parse(String(found)), expected, name);
    assert.match(String(db.value(`SELECT sql FROM sqlite_master WHERE name = '${name}'`)), /STRICT/);
    for (const { config } of indexes) {
      const wanted = config.columns.map((column) => ("name" in column ? column.name : undefined));
      const there = db.value(`SELECT json_group_array(name) FROM pragma_index_info('${config.name}')`);
      assert.deepEqual(JSON.parse(String(there)), wanted, config.name);
    }
  }
  assert.equal(db.value("PRAGMA application_id"), APPLICATION_ID);
  assert.equal(db.value("PRAGMA user_version"), SCHEMA_VERSION);
  assert.equal(db.value("PRAGMA auto_vacuum"), 2);
  assert.equal(db.value("PRAGMA journal_mode"), "wal");
  db.close();
});

test("chunk marks survive packing up to 2^40 bytes and a month, and cost 2 bytes for a short chunk", () => {
  const marks = [
    { end: 0, atMs: 0 },
    { end: 127, atMs: 127 },
    { end: 255, atMs: 255 },
    { end: 2 ** 40, atMs: 30 * 86_400_000 },
  ];
  assert.deepEqual(marksFromBytes(marksToBytes(marks)), marks);
  assert.equal(marksToBytes([{ end: 120, atMs: 20 }]).byteLength, 2);
});

test("chunk times that run backwards never become negative", () => {
  const marks = [
    { end: 1, atMs: 10.4 },
    { end: 2, atMs: 4 },
    { end: 3, atMs: 12 },
  ];
  assert.deepEqual(
    marksFromBytes(marksToBytes(marks)).map((mark) => mark.atMs),
    [10, 10, 12],
  );
});

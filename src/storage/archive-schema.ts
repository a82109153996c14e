import { blob, integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { JOURNAL_TABLES } from "./archive-journal.ts";

/** "aska": tells the file from any other SQLite database. */
export const ARCHIVE_ID = 0x61736b61;

/**
 * A word is a run of letters, digits and what no Unicode known to SQLite assigns; no positions are kept, so it takes
 * little room and knows no phrases.
 */
const REQUEST_TABLES = `
  CREATE TABLE parts (
    id INTEGER PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,
    refs INTEGER NOT NULL,
    size INTEGER NOT NULL,
    coding INTEGER NOT NULL,
    bytes BLOB
  ) STRICT;
  CREATE TABLE requests (
    entry_id INTEGER PRIMARY KEY,
    key_head INTEGER NOT NULL,
    head_id INTEGER NOT NULL,
    sample INTEGER NOT NULL,
    digest BLOB NOT NULL,
    form INTEGER NOT NULL,
    size INTEGER NOT NULL,
    parts BLOB NOT NULL,
    features BLOB NOT NULL,
    masked TEXT,
    prompt TEXT
  ) STRICT;
  CREATE TABLE features (
    value INTEGER NOT NULL,
    entry_id INTEGER NOT NULL,
    PRIMARY KEY (value, entry_id)
  ) STRICT, WITHOUT ROWID;
  CREATE VIRTUAL TABLE words USING fts5 (
    texts, content = '', contentless_delete = 1, detail = none,
    tokenize = "unicode61 remove_diacritics 2 categories 'L* N* Co Cn'"
  );
`;

/** Step n takes the archive from version n to n + 1. Published steps are never edited. */
export const STEPS: readonly string[] = [REQUEST_TABLES + JOURNAL_TABLES];

/** Pieces of requests, each once. Without `bytes` only its digest was to be kept. */
export const parts = sqliteTable("parts", {
  id: integer().primaryKey(),
  /** The first 16 bytes of a SHA-256. */
  hash: blob({ mode: "buffer" }).notNull().unique(),
  /** How often it stands in requests; at 0 the row goes. */
  refs: integer().notNull(),
  /** Bytes as sent. */
  size: integer().notNull(),
  /** 0: as sent; 1: zstd. */
  coding: integer().notNull(),
  bytes: blob({ mode: "buffer" }),
});

/** How much of a request's body a row still holds. */
export const FORM = { json: 0, fields: 1, text: 2, bytes: 3, digests: 4, dropped: 5 } as const;

export const requests = sqliteTable("requests", {
  /** `entries.id` in askonce.db. */
  entryId: integer("entry_id").primaryKey(),
  /** The first 48 bits of the key: tells another database's entry of the same id. */
  keyHead: integer("key_head").notNull(),
  /** The part that holds what stands beside the body; see `request-rows.ts`. */
  headId: integer("head_id").notNull(),
  sample: integer().notNull(),
  digest: blob({ mode: "buffer" }).notNull(),
  form: integer().notNull(),
  /** Bytes of the body. */
  size: integer().notNull(),
  /** Ids as varints: the skeleton, then what goes into its holes. */
  parts: blob({ mode: "buffer" }).notNull(),
  /** 6 bytes each. */
  features: blob({ mode: "buffer" }).notNull(),
  /** JSON list of paths; null for none. */
  masked: text(),
  prompt: text(),
});

export const features = sqliteTable(
  "features",
  { value: integer().notNull(), entryId: integer("entry_id").notNull() },
  (table) => [primaryKey({ columns: [table.value, table.entryId] })],
);

/** FTS5 by entry id. */
export const words = sqliteTable("words", { rowid: integer().primaryKey(), texts: text().notNull() });

import { blob, integer, primaryKey, real, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { LATENCY_BINS, TALLY_MEMBERS } from "../cache/figures.ts";

/** Columns of a group's sums, in the order of `TALLY_MEMBERS` and the latency bins. */
const bins = Array.from({ length: LATENCY_BINS.length + 1 }, (_, bin) => bin);
export const HIT_BINS: readonly string[] = bins.map((bin) => `hit${bin}`);
export const MISS_BINS: readonly string[] = bins.map((bin) => `miss${bin}`);
export const SUM_COLUMNS: readonly string[] = [...TALLY_MEMBERS, ...HIT_BINS, ...MISS_BINS];

/** Money is held in whole 1e-12 dollars: sums are exact in whatever order they are taken. */
export const PICO_PER_USD = 1e12;
export const isUsd = (column: string) => column.endsWith("Usd");
const isReal = (column: string) => column === "savedMs";

/** Resolutions of sums: each request counts in all three. */
export const STEP = { minute: 0, hour: 1, day: 2 } as const;
/** Stands for all groups together, so that totals and series read few rows. */
export const ALL_GROUPS = 0;

export const sqlName = (column: string) => column.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
const sumColumns = SUM_COLUMNS.map(
  (column) => `${sqlName(column)} ${isReal(column) ? "REAL" : "INTEGER"} NOT NULL`,
).join(",\n    ");

/**
 * Tables of what happened. `at` of sums is epoch minutes, a step's beginning. `journal_sums` are kept small by having
 * their names in `journal_dimensions`: a row of a busy group is about 120 bytes.
 */
export const JOURNAL_TABLES = `
  CREATE TABLE journal_dimensions (
    id INTEGER PRIMARY KEY,
    provider TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    model TEXT NOT NULL,
    namespace TEXT NOT NULL,
    credential TEXT NOT NULL,
    UNIQUE (provider, endpoint, model, namespace, credential)
  ) STRICT;
  CREATE TABLE journal_sums (
    step INTEGER NOT NULL,
    at INTEGER NOT NULL,
    dimensions INTEGER NOT NULL,
    ${sumColumns},
    PRIMARY KEY (step, at, dimensions)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE journal_reasons (
    step INTEGER NOT NULL,
    at INTEGER NOT NULL,
    dimensions INTEGER NOT NULL,
    reason TEXT NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (step, at, dimensions, reason)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE journal_credentials (
    label TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    first_seen REAL NOT NULL,
    last_seen REAL NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE journal_writers (
    writer TEXT PRIMARY KEY,
    sequence INTEGER NOT NULL,
    at REAL NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE journal_rows (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    cost INTEGER NOT NULL,
    at REAL NOT NULL,
    request_id TEXT NOT NULL,
    method TEXT NOT NULL,
    target TEXT NOT NULL,
    status INTEGER NOT NULL,
    cache TEXT NOT NULL,
    outcome TEXT NOT NULL,
    detail TEXT,
    provider TEXT,
    endpoint TEXT,
    model TEXT,
    namespace TEXT NOT NULL,
    credential TEXT NOT NULL,
    key BLOB,
    bytes INTEGER NOT NULL,
    first_byte_ms REAL,
    total_ms REAL NOT NULL,
    input_tokens INTEGER,
    output_tokens INTEGER,
    cost_usd REAL,
    saved_usd REAL
  ) STRICT;
  CREATE TABLE journal_row_bytes (only INTEGER PRIMARY KEY CHECK (only = 0), bytes INTEGER NOT NULL) STRICT;
  INSERT INTO journal_row_bytes VALUES (0, 0);
`;

export const dimensions = sqliteTable("journal_dimensions", {
  id: integer("id").primaryKey(),
  provider: text("provider").notNull(),
  endpoint: text("endpoint").notNull(),
  model: text("model").notNull(),
  namespace: text("namespace").notNull(),
  credential: text("credential").notNull(),
});

const sumColumn = (column: string) =>
  isReal(column) ? real(sqlName(column)).notNull() : integer(sqlName(column)).notNull();

export const sums = sqliteTable(
  "journal_sums",
  {
    step: integer("step").notNull(),
    at: integer("at").notNull(),
    dimensions: integer("dimensions").notNull(),
    ...(Object.fromEntries(SUM_COLUMNS.map((column) => [column, sumColumn(column)])) as Record<
      (typeof TALLY_MEMBERS)[number],
      ReturnType<typeof sumColumn>
    >),
  },
  (table) => [primaryKey({ columns: [table.step, table.at, table.dimensions] })],
);

export const reasons = sqliteTable(
  "journal_reasons",
  {
    step: integer("step").notNull(),
    at: integer("at").notNull(),
    dimensions: integer("dimensions").notNull(),
    reason: text("reason").notNull(),
    count: integer("count").notNull(),
  },
  (table) => [primaryKey({ columns: [table.step, table.at, table.dimensions, table.reason] })],
);

export const credentials = sqliteTable("journal_credentials", {
  label: text("label").primaryKey(),
  name: text("name").notNull(),
  firstSeen: real("first_seen").notNull(),
  lastSeen: real("last_seen").notNull(),
});

export const writers = sqliteTable("journal_writers", {
  writer: text("writer").primaryKey(),
  sequence: integer("sequence").notNull(),
  at: real("at").notNull(),
});

export const requests = sqliteTable("journal_rows", {
  id: integer("id").primaryKey({ autoIncrement: true }),
  cost: integer("cost").notNull(),
  at: real("at").notNull(),
  requestId: text("request_id").notNull(),
  method: text("method").notNull(),
  target: text("target").notNull(),
  status: integer("status").notNull(),
  cache: text("cache").notNull(),
  outcome: text("outcome").notNull(),
  detail: text("detail"),
  provider: text("provider"),
  endpoint: text("endpoint"),
  model: text("model"),
  namespace: text("namespace").notNull(),
  credential: text("credential").notNull(),
  key: blob({ mode: "buffer" }),
  bytes: integer("bytes").notNull(),
  firstByteMs: real("first_byte_ms"),
  totalMs: real("total_ms").notNull(),
  inputTokens: integer("input_tokens"),
  outputTokens: integer("output_tokens"),
  costUsd: real("cost_usd"),
  savedUsd: real("saved_usd"),
});

export const rowBytes = sqliteTable("journal_row_bytes", {
  only: integer("only").primaryKey(),
  bytes: integer("bytes").notNull(),
});

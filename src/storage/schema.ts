import { blob, index, integer, real, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";

/** The tables as `migrations.ts` leaves them. Times are epoch ms; Infinity is stored as such in REAL columns. */

/** Where an entry stands when room is needed. Pinned entries are never taken. */
export const SEGMENT = { fresh: 0, used: 1, pinned: 2 } as const;

/** Who may free a body's slices: nobody while it is written or read on, nobody while shown, anybody once hidden. */
export const BODY_STATE = { busy: 0, shown: 1, hidden: 2 } as const;

/**
 * One row a key: what is judged, listed and counted. Small, since each hit rewrites it. An id is never used twice, and
 * an entry that replaces another takes over its row: pages by id neither repeat nor miss what was there throughout.
 */
export const entries = sqliteTable(
  "entries",
  {
    id: integer().primaryKey({ autoIncrement: true }),
    /** SHA-256, 32 bytes. */
    key: blob({ mode: "buffer" }).notNull().unique(),
    version: integer().notNull(),
    groupId: integer("group_id").notNull(),
    stream: integer().notNull(),
    status: integer().notNull(),
    /** Bytes of the body as sent. */
    size: integer().notNull(),
    startedAt: real("started_at").notNull(),
    storedAt: real("stored_at").notNull(),
    ttlMs: real("ttl_ms"),
    firstByteMs: real("first_byte_ms").notNull(),
    durationMs: real("duration_ms").notNull(),
    /** Bytes that its rows take, roughly. */
    cost: integer().notNull(),
    /** Its row in `bodies`; null where the body lies in `answers`. */
    bodyId: integer("body_id"),
    segment: integer().notNull(),
    lastUsed: real("last_used").notNull(),
    hits: integer().notNull(),
    /** Set by the admin API; outranks `ttl_ms`. Stands in `answers` too, so that a hit reads one row. */
    adminTtlMs: real("admin_ttl_ms"),
    imported: integer().notNull(),
    inputTokens: integer("input_tokens"),
    outputTokens: integer("output_tokens"),
    costUsd: real("cost_usd"),
    /** `askedNumber` of the entry's `asked`, where it has one. */
    asked: integer(),
  },
  // They hold all that a listing judges by, so that it looks into the table only for what it shows. An index of its own
  // for hits or sizes would cost each put a page of the WAL, or each hit two: walking this one takes 70 ms a million.
  (table) => [
    index("entries_by_use").on(
      table.segment,
      table.lastUsed,
      table.groupId,
      table.hits,
      table.size,
      table.storedAt,
    ),
    index("entries_by_group").on(table.groupId, table.id, table.storedAt),
  ],
);

/** What entries have in common, with how many they are: a million entries have some dozens of groups. */
export const groups = sqliteTable(
  "groups",
  {
    id: integer().primaryKey(),
    provider: text().notNull(),
    endpoint: text().notNull(),
    model: text(),
    namespace: text().notNull(),
    /** "all", or the tag of the credential whose own pool it is. */
    pool: text().notNull(),
    /** Kept by triggers on `entries`. */
    entries: integer().notNull(),
    bytes: integer().notNull(),
  },
  (table) => [
    uniqueIndex("groups_by_name").on(
      table.namespace,
      table.pool,
      table.provider,
      table.endpoint,
      table.model,
    ),
  ],
);

/** Ids of entries that were dropped, in the order of their going, until whoever keeps something by id forgot it too. */
export const gone = sqliteTable("gone", {
  seq: integer().primaryKey({ autoIncrement: true }),
  id: integer().notNull(),
});

/** What is served, under the id of its entry. Never changed once written, but for the TTL. */
export const answers = sqliteTable("answers", {
  id: integer().primaryKey(),
  /** JSON: see `rows.ts`. */
  head: text().notNull(),
  /** Chunk marks as varints; null for one document. */
  chunks: blob({ mode: "buffer" }),
  /** CRC-32 over head, chunks and the body as sent. */
  crc: integer().notNull(),
  /** 0: as sent; 1: zstd. */
  coding: integer().notNull(),
  /** Null for a body in slices. */
  body: blob({ mode: "buffer" }),
  /** That of the entry. */
  adminTtlMs: real("admin_ttl_ms"),
});

/** Answers that are written down and not yet placed: see `intake.ts`. */
export const intake = sqliteTable("intake", {
  /** No two processes give the same number, nor does one give it twice. */
  seq: integer().primaryKey(),
  key: blob({ mode: "buffer" }).notNull(),
  head: text().notNull(),
  chunks: blob({ mode: "buffer" }),
  crc: integer().notNull(),
  coding: integer().notNull(),
  body: blob({ mode: "buffer" }),
});

/** Bodies over SLICE_BYTES. An id is never used twice and its bytes never change. */
export const bodies = sqliteTable(
  "bodies",
  {
    id: integer().primaryKey({ autoIncrement: true }),
    state: integer().notNull(),
    slices: integer().notNull(),
    /** When a process last said that it is busy with it. */
    busyAt: real("busy_at").notNull(),
  },
  (table) => [index("bodies_by_state").on(table.state)],
);

/** SLICE_BYTES of a body each, the last one less. The id is `sliceId(body, n)`. */
export const slices = sqliteTable("slices", {
  id: integer().primaryKey(),
  coding: integer().notNull(),
  crc: integer().notNull(),
  bytes: blob({ mode: "buffer" }).notNull(),
});

/** Kept by triggers on `entries`, so that a start need not count. */
export const totals = sqliteTable("totals", {
  segment: integer().primaryKey(),
  entries: integer().notNull(),
  bytes: integer().notNull(),
});

/** `generation`: grows with every entry deleted or replaced, so that other processes forget their copies. */
export const meta = sqliteTable("meta", {
  name: text().primaryKey(),
  value: integer().notNull(),
});

/** A body has at most 2^20 slices (256 GiB); ids stay exact up to 2^33 bodies. */
export const SLICES_PER_BODY = 2 ** 20;

export function sliceId(bodyId: number, n: number): number {
  return bodyId * SLICES_PER_BODY + n;
}

import { and, eq, gt, lt, sql } from "drizzle-orm";
import {
  ALL_GROUPS,
  credentials,
  dimensions,
  reasons,
  requests,
  rowBytes,
  STEP,
  SUM_COLUMNS,
  sqlName,
  sums,
  writers,
} from "./archive-journal-schema.ts";
import type { Database } from "./database.ts";
import { hotInsert } from "./hot.ts";

/** Every statement that the journal repeats, prepared once per open database and named as a verb. */
export type JournalStatements = ReturnType<typeof prepareJournal>;

const arg = sql.placeholder;

export function prepareJournal(db: Database) {
  return { ...onSums(db), ...onNames(db), ...onRows(db), ...dropping(db) };
}

function onSums({ orm }: Database) {
  const placeholders = Object.fromEntries(SUM_COLUMNS.map((column) => [column, arg(column)]));
  const added = Object.fromEntries(
    SUM_COLUMNS.map((column) => {
      const name = sqlName(column);
      return [column, sql.raw(`journal_sums.${name} + excluded.${name}`)];
    }),
  );
  return {
    addSums: orm
      .insert(sums)
      .values({
        step: arg("step"),
        at: arg("at"),
        dimensions: arg("dimensions"),
        ...placeholders,
      } as unknown as typeof sums.$inferInsert)
      .onConflictDoUpdate({ target: [sums.step, sums.at, sums.dimensions], set: added })
      .prepare(),
    addReason: orm
      .insert(reasons)
      .values({
        step: arg("step"),
        at: arg("at"),
        dimensions: arg("dimensions"),
        reason: arg("reason"),
        count: arg("count"),
      })
      .onConflictDoUpdate({
        target: [reasons.step, reasons.at, reasons.dimensions, reasons.reason],
        set: { count: sql`journal_reasons.count + excluded.count` },
      })
      .prepare(),
  };
}

function onNames({ orm }: Database) {
  return {
    findGroup: orm
      .select({ id: dimensions.id })
      .from(dimensions)
      .where(
        and(
          eq(dimensions.provider, arg("provider")),
          eq(dimensions.endpoint, arg("endpoint")),
          eq(dimensions.model, arg("model")),
          eq(dimensions.namespace, arg("namespace")),
          eq(dimensions.credential, arg("credential")),
        ),
      )
      .prepare(),
    addGroup: orm
      .insert(dimensions)
      .values({
        provider: arg("provider"),
        endpoint: arg("endpoint"),
        model: arg("model"),
        namespace: arg("namespace"),
        credential: arg("credential"),
      })
      .returning({ id: dimensions.id })
      .prepare(),
    noteCredential: orm
      .insert(credentials)
      .values({ label: arg("label"), name: "", firstSeen: arg("at"), lastSeen: arg("at") })
      .onConflictDoUpdate({
        target: credentials.label,
        set: {
          firstSeen: sql`min(journal_credentials.first_seen, excluded.first_seen)`,
          lastSeen: sql`max(journal_credentials.last_seen, excluded.last_seen)`,
        },
      })
      .prepare(),
    lastOf: orm
      .select({ sequence: writers.sequence })
      .from(writers)
      .where(eq(writers.writer, arg("writer")))
      .prepare(),
    noteWriter: orm
      .insert(writers)
      .values({ writer: arg("writer"), sequence: arg("sequence"), at: arg("at") })
      .onConflictDoUpdate({
        target: writers.writer,
        set: { sequence: sql`excluded.sequence`, at: sql`excluded.at` },
      })
      .prepare(),
  };
}

function onRows(db: Database) {
  const { orm } = db;
  return {
    addRow: hotInsert(
      db,
      orm.insert(requests).values({
        cost: arg("cost"),
        at: arg("at"),
        requestId: arg("requestId"),
        method: arg("method"),
        target: arg("target"),
        status: arg("status"),
        cache: arg("cache"),
        outcome: arg("outcome"),
        detail: arg("detail"),
        provider: arg("provider"),
        endpoint: arg("endpoint"),
        model: arg("model"),
        namespace: arg("namespace"),
        credential: arg("credential"),
        key: arg("key"),
        bytes: arg("bytes"),
        firstByteMs: arg("firstByteMs"),
        totalMs: arg("totalMs"),
        inputTokens: arg("inputTokens"),
        outputTokens: arg("outputTokens"),
        costUsd: arg("costUsd"),
        savedUsd: arg("savedUsd"),
      }),
    ),
    addRowBytes: orm
      .update(rowBytes)
      .set({ bytes: sql`${rowBytes.bytes} + ${arg("bytes")}` })
      .prepare(),
  };
}

function dropping({ orm }: Database) {
  return {
    dropSums: orm
      .delete(sums)
      .where(
        sql`(step, at, dimensions) IN (SELECT step, at, dimensions FROM journal_sums
          WHERE step = ${arg("step")} AND at < ${arg("before")} LIMIT ${arg("limit")})`,
      )
      .returning({ at: sums.at })
      .prepare(),
    dropReasons: orm
      .delete(reasons)
      .where(
        sql`(step, at, dimensions, reason) IN (SELECT step, at, dimensions, reason FROM journal_reasons
          WHERE step = ${arg("step")} AND at < ${arg("before")} LIMIT ${arg("limit")})`,
      )
      .prepare(),
    dropWriters: orm
      .delete(writers)
      .where(lt(writers.at, arg("before")))
      .prepare(),
    dropCredentials: orm
      .delete(credentials)
      .where(
        sql`label IN (SELECT label FROM journal_credentials ORDER BY name <> '', last_seen LIMIT ${arg("limit")})`,
      )
      .prepare(),
  };
}

/** The groups that counted in a day, all of them together left out. */
export function dailyGroups({ orm }: Database, day: number): Set<number> {
  const rows = orm
    .select({ id: sums.dimensions })
    .from(sums)
    .where(and(eq(sums.step, STEP.day), eq(sums.at, day), gt(sums.dimensions, ALL_GROUPS)))
    .all();
  return new Set(rows.map(({ id }) => id));
}

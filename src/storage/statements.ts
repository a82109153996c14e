import { and, asc, eq, gt, gte, inArray, lt, sql } from "drizzle-orm";
import type { Database } from "./database.ts";
import {
  answers,
  BODY_STATE,
  bodies,
  entries,
  meta,
  SEGMENT,
  SLICES_PER_BODY,
  slices,
  totals,
} from "./schema.ts";

/** Every statement on the cache's tables, prepared once per open database and named as a verb. */
export type Statements = ReturnType<typeof prepareStatements>;

const arg = sql.placeholder;

export function prepareStatements(db: Database) {
  return { ...onEntries(db), ...onBodies(db), ...onTotals(db) };
}

function onEntries({ orm }: Database) {
  return {
    read: orm
      .select({
        id: entries.id,
        adminTtlMs: entries.adminTtlMs,
        head: answers.head,
        chunks: answers.chunks,
        crc: answers.crc,
        coding: answers.coding,
        body: answers.body,
      })
      .from(entries)
      .innerJoin(answers, eq(answers.id, entries.id))
      .where(eq(entries.key, arg("key")))
      .prepare(),
    /** What a put needs to know of the entry that it replaces. */
    find: orm
      .select({
        id: entries.id,
        startedAt: entries.startedAt,
        segment: entries.segment,
        lastUsed: entries.lastUsed,
        hits: entries.hits,
        adminTtlMs: entries.adminTtlMs,
        bodyId: entries.bodyId,
      })
      .from(entries)
      .where(eq(entries.key, arg("key")))
      .prepare(),
    bodyOf: orm
      .select({ bodyId: entries.bodyId })
      .from(entries)
      .where(eq(entries.id, arg("id")))
      .prepare(),
    addEntry: orm
      .insert(entries)
      .values({
        key: arg("key"),
        version: arg("version"),
        provider: arg("provider"),
        endpoint: arg("endpoint"),
        model: arg("model"),
        namespace: arg("namespace"),
        stream: arg("stream"),
        status: arg("status"),
        size: arg("size"),
        startedAt: arg("startedAt"),
        storedAt: arg("storedAt"),
        ttlMs: arg("ttlMs"),
        firstByteMs: arg("firstByteMs"),
        durationMs: arg("durationMs"),
        cost: arg("cost"),
        bodyId: arg("bodyId"),
        segment: arg("segment"),
        lastUsed: arg("lastUsed"),
        hits: arg("hits"),
        adminTtlMs: arg("adminTtlMs"),
      })
      .returning({ id: entries.id })
      .prepare(),
    addAnswer: orm
      .insert(answers)
      .values({
        id: arg("id"),
        head: arg("head"),
        chunks: arg("chunks"),
        crc: arg("crc"),
        coding: arg("coding"),
        body: arg("body"),
      })
      .prepare(),
    dropEntry: orm
      .delete(entries)
      .where(eq(entries.id, arg("id")))
      .prepare(),
    dropAnswer: orm
      .delete(answers)
      .where(eq(answers.id, arg("id")))
      .prepare(),
    /** A hit protects a fresh entry, and leaves a pinned one pinned. */
    use: orm
      .update(entries)
      .set({
        lastUsed: sql`${arg("lastUsed")}`,
        hits: sql`${entries.hits} + ${arg("hits")}`,
        segment: sql`max(${entries.segment}, ${SEGMENT.used})`,
      })
      .where(eq(entries.key, arg("key")))
      .prepare(),
    /** Longest unused first. */
    victims: orm
      .select({ id: entries.id, bodyId: entries.bodyId })
      .from(entries)
      .where(eq(entries.segment, arg("segment")))
      .orderBy(asc(entries.lastUsed))
      .limit(16)
      .prepare(),
    /** A page of those unused since `before`, from `after` on. */
    unused: orm
      .select({
        id: entries.id,
        bodyId: entries.bodyId,
        endpoint: entries.endpoint,
        ttlMs: entries.ttlMs,
        adminTtlMs: entries.adminTtlMs,
        lastUsed: entries.lastUsed,
      })
      .from(entries)
      .where(
        and(
          eq(entries.segment, arg("segment")),
          gte(entries.lastUsed, arg("after")),
          lt(entries.lastUsed, arg("before")),
        ),
      )
      .orderBy(asc(entries.lastUsed))
      .limit(256)
      .prepare(),
    newest: orm
      .select({ lastUsed: sql<number | null>`max(${entries.lastUsed})` })
      .from(entries)
      .where(eq(entries.segment, arg("segment")))
      .prepare(),
  };
}

function onBodies({ orm }: Database) {
  const slicesOf = and(
    gte(slices.id, sql`${arg("bodyId")} * ${SLICES_PER_BODY}`),
    lt(slices.id, sql`(${arg("bodyId")} + 1) * ${SLICES_PER_BODY}`),
  );
  return {
    addBody: orm
      .insert(bodies)
      .values({ state: BODY_STATE.busy, slices: arg("slices"), busyAt: arg("busyAt") })
      .returning({ id: bodies.id })
      .prepare(),
    addSlice: orm
      .insert(slices)
      .values({ id: arg("id"), coding: arg("coding"), crc: arg("crc"), bytes: arg("bytes") })
      .onConflictDoUpdate({ target: slices.id, set: { bytes: sql`excluded.bytes` } })
      .prepare(),
    readSlice: orm
      .select({ coding: slices.coding, crc: slices.crc, bytes: slices.bytes })
      .from(slices)
      .where(eq(slices.id, arg("id")))
      .prepare(),
    countSlices: orm.select({ n: sql<number>`count(*)` }).from(slices).where(slicesOf).prepare(),
    setBodyState: orm
      .update(bodies)
      .set({ state: sql`${arg("state")}`, busyAt: sql`${arg("busyAt")}` })
      .where(eq(bodies.id, arg("bodyId")))
      .prepare(),
    /** Hides a body that is neither shown nor freed yet. */
    letGo: orm
      .update(bodies)
      .set({ state: BODY_STATE.hidden })
      .where(and(eq(bodies.id, arg("bodyId")), eq(bodies.state, BODY_STATE.busy)))
      .prepare(),
    stillBusy: orm
      .update(bodies)
      .set({ busyAt: sql`${arg("busyAt")}` })
      .where(and(eq(bodies.id, arg("bodyId")), eq(bodies.state, BODY_STATE.busy)))
      .prepare(),
    /** Bodies whose process died while it was busy with them. */
    hideAbandoned: orm
      .update(bodies)
      .set({ state: BODY_STATE.hidden })
      .where(
        and(
          eq(bodies.state, BODY_STATE.busy),
          gt(sql`abs(${bodies.busyAt} - ${arg("now")})`, arg("patienceMs")),
        ),
      )
      .prepare(),
    toFree: orm
      .select({ id: bodies.id })
      .from(bodies)
      .where(eq(bodies.state, BODY_STATE.hidden))
      .limit(1)
      .prepare(),
    /** Up to 16 slices, 4 MiB: a few ms. */
    freeSlices: orm
      .delete(slices)
      .where(inArray(slices.id, orm.select({ id: slices.id }).from(slices).where(slicesOf).limit(16)))
      .prepare(),
    hasSlice: orm.select({ id: slices.id }).from(slices).where(slicesOf).limit(1).prepare(),
    dropSlice: orm
      .delete(slices)
      .where(eq(slices.id, arg("id")))
      .prepare(),
    dropBody: orm
      .delete(bodies)
      .where(eq(bodies.id, arg("bodyId")))
      .prepare(),
  };
}

function onTotals({ orm }: Database) {
  const counters = { segment: totals.segment, entries: totals.entries, bytes: totals.bytes };
  return {
    totals: orm.select(counters).from(totals).prepare(),
    generation: orm.select({ value: meta.value }).from(meta).where(eq(meta.name, "generation")).prepare(),
    nextGeneration: orm
      .update(meta)
      .set({ value: sql`${meta.value} + 1` })
      .where(eq(meta.name, "generation"))
      .prepare(),
  };
}

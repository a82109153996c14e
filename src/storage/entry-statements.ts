import { and, asc, eq, gt, gte, lt, lte, sql } from "drizzle-orm";
import type { Database } from "./database.ts";
import { hot, hotInsert, hotUpdate } from "./hot.ts";
import { answers, entries, groups, SEGMENT } from "./schema.ts";

const arg = sql.placeholder;

/** Statements on entries, their groups and their answers; part of `statements.ts`. */
export function onEntries(db: Database) {
  return { ...reading(db), ...writing(db), ...choosing(db), ...paging(db) };
}

function reading(db: Database) {
  const { orm } = db;
  return {
    /** What a put needs to know of the entry that it replaces. */
    find: hot(
      db,
      orm
        .select({
          id: entries.id,
          startedAt: entries.startedAt,
          segment: entries.segment,
          hits: entries.hits,
          adminTtlMs: entries.adminTtlMs,
          bodyId: entries.bodyId,
        })
        .from(entries)
        .where(eq(entries.key, arg("key"))),
      ["id", "startedAt", "segment", "hits", "adminTtlMs", "bodyId"],
    ),
    /** Which answer an id stands for now. */
    answerOf: orm
      .select({ bodyId: entries.bodyId, crc: answers.crc })
      .from(entries)
      .leftJoin(answers, eq(answers.id, entries.id))
      .where(eq(entries.id, arg("id")))
      .prepare(),
    findGroup: hot(
      db,
      orm
        .select({ id: groups.id })
        .from(groups)
        .where(
          and(
            eq(groups.namespace, arg("namespace")),
            eq(groups.pool, arg("pool")),
            eq(groups.provider, arg("provider")),
            eq(groups.endpoint, arg("endpoint")),
            sql`${groups.model} IS ${arg("model")}`,
          ),
        ),
      ["id"],
    ),
  };
}

/** The columns that a new answer brings, whether it is the first under its key or not. */
const NEW = {
  version: sql`${arg("version")}`,
  groupId: sql`${arg("groupId")}`,
  stream: sql`${arg("stream")}`,
  status: sql`${arg("status")}`,
  size: sql`${arg("size")}`,
  startedAt: sql`${arg("startedAt")}`,
  storedAt: sql`${arg("storedAt")}`,
  ttlMs: sql`${arg("ttlMs")}`,
  firstByteMs: sql`${arg("firstByteMs")}`,
  durationMs: sql`${arg("durationMs")}`,
  cost: sql`${arg("cost")}`,
  bodyId: sql`${arg("bodyId")}`,
  lastUsed: sql`${arg("lastUsed")}`,
  imported: sql`${arg("imported")}`,
  inputTokens: sql`${arg("inputTokens")}`,
  outputTokens: sql`${arg("outputTokens")}`,
  costUsd: sql`${arg("costUsd")}`,
  asked: sql`${arg("asked")}`,
};

const ANSWER = {
  id: arg("id"),
  head: arg("head"),
  chunks: arg("chunks"),
  crc: arg("crc"),
  coding: arg("coding"),
  body: arg("body"),
};

/**
 * A hit protects a fresh entry, and leaves a pinned one pinned. Hits are not written in the order of their coming, and
 * other processes write theirs: the last one counts.
 */
const USED = {
  lastUsed: sql`max(${entries.lastUsed}, ${arg("lastUsed")})`,
  hits: sql`${entries.hits} + ${arg("hits")}`,
  segment: sql`max(${entries.segment}, ${SEGMENT.used})`,
};

/** Asked of each row found by its id: by itself SQLite would rather walk all of a segment's for a few of them. */
const OWN_SEGMENT = sql`+${entries.segment}`;
const AMONG_IDS = sql`${entries.id} IN (SELECT value FROM json_each(${arg("ids")}))`;

function writing(db: Database) {
  const { orm } = db;
  return {
    addGroup: orm
      .insert(groups)
      .values({
        provider: arg("provider"),
        endpoint: arg("endpoint"),
        model: arg("model"),
        namespace: arg("namespace"),
        pool: arg("pool"),
        entries: 0,
        bytes: 0,
      })
      .returning({ id: groups.id })
      .prepare(),
    addEntry: hotInsert(
      db,
      orm.insert(entries).values({ ...NEW, key: arg("key"), segment: SEGMENT.fresh, hits: 0 }),
    ),
    addAnswer: hotInsert(db, orm.insert(answers).values(ANSWER)),
    /** Leaves id, pin, uses and the TTL set by the admin API. */
    replaceEntry: orm
      .update(entries)
      .set(NEW)
      .where(eq(entries.id, arg("id")))
      .prepare(),
    putAnswer: orm
      .insert(answers)
      .values({ ...ANSWER, adminTtlMs: arg("adminTtlMs") })
      .onConflictDoUpdate({
        target: answers.id,
        set: {
          head: sql`excluded.head`,
          chunks: sql`excluded.chunks`,
          crc: sql`excluded.crc`,
          coding: sql`excluded.coding`,
          body: sql`excluded.body`,
        },
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
    use: hotUpdate(
      db,
      orm
        .update(entries)
        .set(USED)
        .where(eq(entries.key, arg("key"))),
    ),
    /**
     * As `use`, of all entries with these ids (a JSON array) that a hit protects already: naming `segment` would start
     * a trigger for each.
     */
    useAgain: hotUpdate(
      db,
      orm
        .update(entries)
        .set({ lastUsed: USED.lastUsed, hits: USED.hits })
        .where(and(AMONG_IDS, sql`${OWN_SEGMENT} >= ${SEGMENT.used}`)),
    ),
    /** Those that were never hit before. */
    useFirst: hotUpdate(
      db,
      orm
        .update(entries)
        .set(USED)
        .where(and(AMONG_IDS, sql`${OWN_SEGMENT} = ${SEGMENT.fresh}`)),
    ),
    setSegment: orm
      .update(entries)
      .set({ segment: sql`${arg("segment")}` })
      .where(eq(entries.id, arg("id")))
      .prepare(),
    setAdminTtl: orm
      .update(entries)
      .set({ adminTtlMs: sql`${arg("ttlMs")}` })
      .where(eq(entries.id, arg("id")))
      .prepare(),
    setAnswerTtl: orm
      .update(answers)
      .set({ adminTtlMs: sql`${arg("ttlMs")}` })
      .where(eq(answers.id, arg("id")))
      .prepare(),
  };
}

/** Which entries go. */
function choosing({ orm }: Database) {
  return {
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
        endpoint: groups.endpoint,
        ttlMs: entries.ttlMs,
        adminTtlMs: entries.adminTtlMs,
        lastUsed: entries.lastUsed,
        imported: entries.imported,
      })
      .from(entries)
      .leftJoin(groups, eq(groups.id, entries.groupId))
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

/** What a purge walks along: few rows at a time, read from an index alone. */
function paging({ orm }: Database) {
  return {
    lastId: orm
      .select({ id: sql<number | null>`max(${entries.id})` })
      .from(entries)
      .prepare(),
    pageOfGroup: orm
      .select({ id: entries.id, storedAt: entries.storedAt })
      .from(entries)
      .where(and(eq(entries.groupId, arg("groupId")), gt(entries.id, arg("after"))))
      .orderBy(asc(entries.id))
      .limit(arg("limit"))
      .prepare(),
    pageOfKeys: orm
      .select({ id: entries.id, key: entries.key })
      .from(entries)
      .where(and(gte(entries.key, arg("first")), lte(entries.key, arg("last"))))
      .orderBy(asc(entries.key))
      .limit(arg("limit"))
      .prepare(),
    /** All that a filter looks at. */
    candidate: orm
      .select({
        key: entries.key,
        startedAt: entries.startedAt,
        storedAt: entries.storedAt,
        bodyId: entries.bodyId,
        provider: groups.provider,
        endpoint: groups.endpoint,
        model: groups.model,
        namespace: groups.namespace,
      })
      .from(entries)
      .innerJoin(groups, eq(groups.id, entries.groupId))
      .where(eq(entries.id, arg("id")))
      .prepare(),
  };
}

import { and, eq, gt, gte, inArray, lt, sql } from "drizzle-orm";
import { onAnswers } from "./answer-statements.ts";
import type { Database } from "./database.ts";
import { onEntries } from "./entry-statements.ts";
import { onIntake } from "./intake-statements.ts";
import { BODY_STATE, bodies, gone, groups, meta, SLICES_PER_BODY, slices, totals } from "./schema.ts";

/** Every statement on the cache's tables, prepared once per open database and named as a verb. */
export type Statements = ReturnType<typeof prepareStatements>;

const arg = sql.placeholder;

export function prepareStatements(db: Database) {
  return {
    ...onAnswers(db),
    ...onEntries(db),
    ...onIntake(db),
    ...onBodies(db),
    ...onTotals(db),
    ...onGone(db),
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

function onGone({ orm }: Database) {
  const seqs = (lowest: unknown) => sql`${gone.seq} <= ${lowest}`;
  return {
    lastGone: orm
      .select({ seq: sql<number | null>`max(${gone.seq})` })
      .from(gone)
      .prepare(),
    /** The first ones up to a number, some ms' worth. */
    forget: orm
      .delete(gone)
      .where(
        inArray(
          gone.seq,
          orm
            .select({ seq: gone.seq })
            .from(gone)
            .where(seqs(arg("upTo")))
            .orderBy(gone.seq)
            .limit(2000),
        ),
      )
      .returning({ seq: gone.seq })
      .prepare(),
    dropEmptyGroups: orm
      .delete(groups)
      .where(
        inArray(
          groups.id,
          orm.select({ id: groups.id }).from(groups).where(eq(groups.entries, 0)).limit(500),
        ),
      )
      .prepare(),
  };
}

import { and, eq, gt, gte, lt, type SQL, sql } from "drizzle-orm";
import {
  emptyTally,
  LATENCY_BINS,
  type Stats,
  type StatsFigures,
  type StatsGroup,
  type StatsQuery,
  TALLY_MEMBERS,
} from "../cache/figures.ts";
import {
  ALL_GROUPS,
  dimensions,
  HIT_BINS,
  isUsd,
  MISS_BINS,
  PICO_PER_USD,
  reasons,
  STEP,
  SUM_COLUMNS,
  sqlName,
  sums,
} from "./archive-journal-schema.ts";
import type { Database } from "./database.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** How far back minutes and hours reach. */
const MINUTES_REACH_MS = 25 * HOUR_MS;
const HOURS_REACH_MS = 62 * DAY_MS;
/** Series up to these lengths go by the minute and by the hour. */
const BY_MINUTE_MS = 3 * HOUR_MS;
const BY_HOUR_MS = 7 * DAY_MS;

/** What one group amounts to, as it is counted. */
export interface Sums {
  readonly tally: Omit<StatsFigures, "notKept" | "hitLatency" | "missLatency">;
  readonly notKept: Readonly<Record<string, number>>;
  readonly hitLatency: readonly number[];
  readonly missLatency: readonly number[];
}

/** Both together. */
export function sumUp(one: Sums | undefined, other: Sums): Sums {
  if (one === undefined) return other;
  const tally = emptyTally();
  for (const member of TALLY_MEMBERS) tally[member] = one.tally[member] + other.tally[member];
  const notKept = { ...one.notKept };
  for (const [reason, count] of Object.entries(other.notKept))
    notKept[reason] = (Object.hasOwn(notKept, reason) ? notKept[reason]! : 0) + count;
  const bins = (a: readonly number[], b: readonly number[]) => a.map((count, bin) => count + (b[bin] ?? 0));
  return {
    tally,
    notKept,
    hitLatency: bins(one.hitLatency, other.hitLatency),
    missLatency: bins(one.missLatency, other.missLatency),
  };
}

/** Values of SUM_COLUMNS. */
export function figuresOf({ tally, hitLatency, missLatency }: Sums): Record<string, number> {
  const figures: Record<string, number> = {};
  for (const member of TALLY_MEMBERS)
    figures[member] = isUsd(member) ? Math.round(tally[member] * PICO_PER_USD) : tally[member];
  for (const [bin, column] of HIT_BINS.entries()) figures[column] = hitLatency[bin] ?? 0;
  for (const [bin, column] of MISS_BINS.entries()) figures[column] = missLatency[bin] ?? 0;
  return figures;
}

/** A stretch of time held in one resolution, in epoch minutes; `to` is not part of it. */
interface Stretch {
  readonly step: number;
  readonly from: number;
  readonly to: number;
}

/** One result row: SUM_COLUMNS as numbers, and whom they are of. */
type SumRow = { readonly name: string | number } & Readonly<Record<string, number | string>>;

type Found = Map<string | number, Figures>;
type Figures = { -readonly [K in keyof StatsFigures]: StatsFigures[K] } & {
  notKept: Record<string, number>;
  hitLatency: number[];
  missLatency: number[];
};

/** Reads figures for a time: from minutes at its ragged beginning, then from hours, then from days. */
export class JournalStats {
  readonly #db: Database;
  readonly #prepared = new Map<string, ReturnType<typeof prepareFigures>>();

  constructor(db: Database) {
    this.#db = db;
  }

  read({ since, by }: StatsQuery, now: number): Stats {
    const start = startOf(since, now);
    const stepMs = now - start <= BY_MINUTE_MS ? MINUTE_MS : now - start <= BY_HOUR_MS ? HOUR_MS : DAY_MS;
    const series = this.#series(start, stepMs);
    const total = emptyFigures();
    for (const figures of series.values()) addFigures(total, figures);
    const groups = by === undefined ? [] : [...this.#groups(start, by)];
    return {
      total,
      groups: groups
        .map(([name, figures]) => ({ name: String(name), ...figures }))
        .sort((a, b) => b.requests - a.requests || (a.name < b.name ? -1 : 1)),
      series: [...series]
        .map(([at, figures]) => ({ at: Number(at) * MINUTE_MS, ...figures }))
        .sort((a, b) => a.at - b.at),
      stepMs,
    };
  }

  #series(start: number, stepMs: number): Found {
    const minutes = stepMs / MINUTE_MS;
    const finest = stepMs === MINUTE_MS ? STEP.minute : stepMs === HOUR_MS ? STEP.hour : STEP.day;
    return this.#collect(stretches(start, finest), `series${minutes}`, (table) => ({
      name: sql<number>`${table.at} / ${minutes} * ${minutes}`,
      all: true,
    }));
  }

  #groups(start: number, by: StatsGroup): Found {
    return this.#collect(stretches(start, STEP.day), by, () => ({
      name: sql<string>`${dimensions[by]}`,
      all: false,
    }));
  }

  #collect(parts: readonly Stretch[], id: string, naming: Naming): Found {
    let prepared = this.#prepared.get(id);
    if (prepared === undefined) {
      prepared = prepareFigures(this.#db, naming);
      this.#prepared.set(id, prepared);
    }
    const found: Found = new Map();
    for (const { step, from, to } of parts) {
      for (const row of prepared.sums.all({ step, from, to }) as unknown as SumRow[])
        addRow(figuresFor(found, row.name), row);
      for (const { name, reason, count } of prepared.reasons.all({ step, from, to })) {
        const { notKept } = figuresFor(found, name);
        notKept[reason] = (Object.hasOwn(notKept, reason) ? notKept[reason]! : 0) + count;
      }
    }
    return found;
  }
}

/** Whom figures are of, and whether they are read from the sums of all groups or from each one's. */
type Naming = (table: typeof sums | typeof reasons) => { name: SQL<string | number>; all: boolean };

function prepareFigures({ orm }: Database, naming: Naming) {
  const ofSums = naming(sums);
  const ofReasons = naming(reasons);
  const within = (table: typeof sums | typeof reasons, all: boolean) =>
    and(
      eq(table.step, sql.placeholder("step")),
      gte(table.at, sql.placeholder("from")),
      lt(table.at, sql.placeholder("to")),
      all ? eq(table.dimensions, ALL_GROUPS) : gt(table.dimensions, ALL_GROUPS),
    );
  // `total` and not `sum`: a float, so that no sum is beyond what a driver can hand over.
  const columns = Object.fromEntries(
    SUM_COLUMNS.map((column) => [column, sql<number>`total(${sql.raw(`journal_sums.${sqlName(column)}`)})`]),
  );
  const figures = orm.select({ name: ofSums.name.as("name"), ...columns }).from(sums);
  const refused = orm
    .select({
      name: ofReasons.name.as("name"),
      reason: reasons.reason,
      count: sql<number>`total(${reasons.count})`,
    })
    .from(reasons);
  return ofSums.all
    ? {
        sums: figures.where(within(sums, true)).groupBy(sql`1`).prepare(),
        reasons: refused.where(within(reasons, true)).groupBy(sql`1`, reasons.reason).prepare(),
      }
    : {
        sums: figures
          .innerJoin(dimensions, eq(dimensions.id, sums.dimensions))
          .where(within(sums, false))
          .groupBy(sql`1`)
          .prepare(),
        reasons: refused
          .innerJoin(dimensions, eq(dimensions.id, reasons.dimensions))
          .where(within(reasons, false))
          .groupBy(sql`1`, reasons.reason)
          .prepare(),
      };
}

/** The beginning of the minute, hour or day that `since` lies in: the finest that is kept so far back. */
function startOf(since: number, now: number): number {
  const from = Number.isFinite(since) ? since : since > 0 ? now : 0;
  const age = now - from;
  const length = age <= MINUTES_REACH_MS ? MINUTE_MS : age <= HOURS_REACH_MS ? HOUR_MS : DAY_MS;
  return Math.floor(from / length) * length;
}

const FAR = Number.MAX_SAFE_INTEGER;

/** Covers all from `start` (ms) on: each resolution up to where the next one begins, none coarser than `coarsest`. */
function stretches(start: number, coarsest: number): Stretch[] {
  const parts: Stretch[] = [];
  let from = start / MINUTE_MS;
  for (const [step, next] of [
    [STEP.minute, 60],
    [STEP.hour, 24 * 60],
  ] as const) {
    if (step === coarsest) break;
    const to = Math.ceil(from / next) * next;
    if (to > from) parts.push({ step, from, to });
    from = to;
  }
  parts.push({ step: coarsest, from, to: FAR });
  return parts;
}

function emptyFigures(): Figures {
  const bins = () => new Array<number>(LATENCY_BINS.length + 1).fill(0);
  return { ...emptyTally(), notKept: {}, hitLatency: bins(), missLatency: bins() };
}

function figuresFor(found: Found, name: string | number): Figures {
  const figures = found.get(name) ?? emptyFigures();
  found.set(name, figures);
  return figures;
}

function addRow(figures: Figures, row: SumRow): void {
  for (const member of TALLY_MEMBERS)
    figures[member] += Number(row[member]) / (isUsd(member) ? PICO_PER_USD : 1);
  for (const [bin, column] of HIT_BINS.entries()) figures.hitLatency[bin]! += Number(row[column]);
  for (const [bin, column] of MISS_BINS.entries()) figures.missLatency[bin]! += Number(row[column]);
}

function addFigures(sum: Figures, part: Figures): void {
  for (const member of TALLY_MEMBERS) sum[member] += part[member];
  for (const [bin, count] of part.hitLatency.entries()) sum.hitLatency[bin]! += count;
  for (const [bin, count] of part.missLatency.entries()) sum.missLatency[bin]! += count;
  for (const [reason, count] of Object.entries(part.notKept))
    sum.notKept[reason] = (Object.hasOwn(sum.notKept, reason) ? sum.notKept[reason]! : 0) + count;
}

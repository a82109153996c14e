import { and, asc, desc, eq, lt, lte } from "drizzle-orm";
import {
  type CredentialRow,
  type Dimensions,
  type JournalBatch,
  type JournalRow,
  OTHER,
  type RowQuery,
  type Stats,
  type StatsQuery,
  type TallyDelta,
} from "../cache/figures.ts";
import { credentials, requests, rowBytes, STEP } from "./archive-journal-schema.ts";
import { dailyGroups, type JournalStatements, prepareJournal } from "./archive-journal-statements.ts";
import { costOf, rowOf, storedOf } from "./archive-rows.ts";
import { figuresOf, JournalStats, type Sums, sumUp } from "./archive-stats.ts";
import type { Database } from "./database.ts";

export { JOURNAL_TABLES } from "./archive-journal-schema.ts";

/** Groups told apart in one day; more count as OTHER, so that no flood of names makes the sums large. */
const MOST_GROUPS_A_DAY = 1_000;
const MOST_CREDENTIALS = 10_000;
/** Rows that one `tend` takes from a table. */
const SLICE = 1_000;
/** Days whose groups are remembered: requests that took long count in the day in which they came. */
const DAYS_REMEMBERED = 3;
const NAMES_REMEMBERED = 5_000;

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** A little longer than what `stats` promises. */
const KEEP_MINUTES_MS = 26 * HOUR_MS;
const KEEP_HOURS_MS = 70 * DAY_MS;
const KEEP_WRITERS_MS = 2 * DAY_MS;

export interface JournalLimits {
  readonly journalKeepMs: number;
  readonly journalSize: number;
}

/**
 * What happened, over the tables of JOURNAL_TABLES. Synchronous: it is for the archive's own thread. Every method
 * throws what SQLite says and then has changed nothing.
 */
export class ArchiveJournal {
  readonly #db: Database;
  readonly #statements: JournalStatements;
  readonly #stats: JournalStats;
  readonly #days = new Map<number, Set<number>>();
  readonly #names = new Map<string, number>();

  constructor(db: Database) {
    this.#db = db;
    this.#statements = prepareJournal(db);
    this.#stats = new JournalStats(db);
  }

  /** Adds a batch, all of it or nothing; one that was added before changes nothing. */
  record(batch: JournalBatch): void {
    this.#together(() => {
      if (!this.#isNew(batch)) return;
      for (const delta of batch.deltas) this.#addDelta(delta);
      for (const [minute, all] of allGroups(batch.deltas)) this.#addSums(minute, 0, all);
      for (const delta of batch.deltas) this.#seen(delta);
      if (batch.rows.length > 0) this.#addRows(batch.rows);
    });
  }

  /** `now` is epoch ms: it says which resolution reaches back to `since`. */
  stats(query: StatsQuery, now: number): Stats {
    return this.#stats.read(query, now);
  }

  rows(query: RowQuery): { rows: JournalRow[]; nextBefore: number | undefined } {
    const wanted = and(
      query.before === undefined ? undefined : lt(requests.id, query.before),
      query.cache === undefined ? undefined : eq(requests.cache, query.cache),
      query.provider === undefined ? undefined : eq(requests.provider, query.provider),
    );
    const found = this.#db.orm
      .select()
      .from(requests)
      .where(wanted)
      .orderBy(desc(requests.id))
      .limit(query.limit + 1)
      .all();
    const page = found.slice(0, query.limit);
    return {
      rows: page.map(rowOf),
      nextBefore: found.length > page.length ? page.at(-1)?.id : undefined,
    };
  }

  /** Those seen last first. */
  credentials(): CredentialRow[] {
    return this.#db.orm.select().from(credentials).orderBy(desc(credentials.lastSeen)).all();
  }

  nameCredential(label: string, name: string): boolean {
    const changed = this.#db.orm
      .update(credentials)
      .set({ name })
      .where(eq(credentials.label, label))
      .returning({ label: credentials.label })
      .all();
    return changed.length > 0;
  }

  /**
   * Drops a slice of what is past its time or over its size. Answers whether there is more. `now` is epoch ms; not to
   * be called while a jump of the clock is suspected.
   */
  tend(limits: JournalLimits, now: number): boolean {
    return this.#together(() => {
      const { dropReasons, dropSums, dropWriters } = this.#statements;
      let more = false;
      for (const [step, keepMs] of [
        [STEP.minute, KEEP_MINUTES_MS],
        [STEP.hour, KEEP_HOURS_MS],
      ] as const) {
        const bounds = { step, before: Math.floor((now - keepMs) / MINUTE_MS), limit: SLICE };
        dropReasons.all(bounds);
        more = dropSums.all(bounds).length === SLICE || more;
      }
      dropWriters.all({ before: now - KEEP_WRITERS_MS });
      this.#dropCredentials();
      return this.#dropRows(limits, now) || more;
    });
  }

  #together<T>(work: () => T): T {
    this.#db.exec("BEGIN IMMEDIATE");
    try {
      const result = work();
      this.#db.exec("COMMIT");
      return result;
    } catch (error) {
      // What was remembered may speak of rows that are not there.
      this.#days.clear();
      this.#names.clear();
      try {
        this.#db.exec("ROLLBACK");
      } catch {
        // SQLite had already rolled back.
      }
      throw error;
    }
  }

  #isNew({ origin, deltas, rows }: JournalBatch): boolean {
    if (origin === undefined) return true;
    const { writer, sequence } = origin;
    const last = this.#statements.lastOf.all({ writer })[0]?.sequence ?? 0;
    if (last >= sequence) return false;
    let at = 0;
    for (const delta of deltas) at = Math.max(at, delta.minute);
    for (const row of rows) at = Math.max(at, row.at);
    this.#statements.noteWriter.all({ writer, sequence, at });
    return true;
  }

  #addDelta(delta: TallyDelta): void {
    this.#addSums(delta.minute, this.#idOf(delta), delta);
  }

  #addSums(minuteMs: number, group: number, added: Sums): void {
    const figures = figuresOf(added);
    for (const [step, lengthMs] of [
      [STEP.minute, MINUTE_MS],
      [STEP.hour, HOUR_MS],
      [STEP.day, DAY_MS],
    ] as const) {
      const at = (Math.floor(minuteMs / lengthMs) * lengthMs) / MINUTE_MS;
      this.#statements.addSums.all({ step, at, dimensions: group, ...figures });
      for (const [reason, count] of Object.entries(added.notKept))
        this.#statements.addReason.all({ step, at, dimensions: group, reason, count });
    }
  }

  /** The group's row in `journal_dimensions`; that of OTHER for one too many in its day. */
  #idOf({ minute, dimensions: group }: Pick<TallyDelta, "minute" | "dimensions">): number {
    const day = (Math.floor(minute / DAY_MS) * DAY_MS) / MINUTE_MS;
    let known = this.#days.get(day);
    if (known === undefined) {
      known = dailyGroups(this.#db, day);
      if (this.#days.size >= DAYS_REMEMBERED) this.#days.clear();
      this.#days.set(day, known);
    }
    const full = known.size >= MOST_GROUPS_A_DAY && group.model !== OTHER;
    const id = this.#find(group, !full);
    if (full && (id === undefined || !known.has(id)))
      return this.#idOf({
        minute,
        dimensions: { ...group, model: OTHER, namespace: OTHER, credential: OTHER },
      });
    known.add(id as number);
    return id as number;
  }

  #find(group: Dimensions, create: boolean): number | undefined {
    const { provider, endpoint, model, namespace, credential } = group;
    const name = JSON.stringify([provider, endpoint, model, namespace, credential]);
    const remembered = this.#names.get(name);
    if (remembered !== undefined) return remembered;
    const { findGroup, addGroup } = this.#statements;
    const names = { ...group };
    const row = findGroup.all(names)[0] ?? (create ? addGroup.all(names)[0] : undefined);
    if (row === undefined) return undefined;
    if (this.#names.size >= NAMES_REMEMBERED) this.#names.clear();
    this.#names.set(name, row.id);
    return row.id;
  }

  #seen({ minute, dimensions: { credential } }: TallyDelta): void {
    if (credential === "" || credential === OTHER) return;
    this.#statements.noteCredential.all({ label: credential, at: minute });
  }

  #addRows(rows: readonly JournalRow[]): void {
    let bytes = 0;
    for (const row of rows) {
      const cost = costOf(row);
      bytes += cost;
      this.#statements.addRow({ ...storedOf(row), cost });
    }
    this.#statements.addRowBytes.all({ bytes });
  }

  /** The oldest go, as long as they are too old or all together too large. */
  #dropRows({ journalKeepMs, journalSize }: JournalLimits, now: number): boolean {
    const oldest = this.#db.orm
      .select({ id: requests.id, at: requests.at, cost: requests.cost })
      .from(requests)
      .orderBy(asc(requests.id))
      .limit(SLICE)
      .all();
    let over = (this.#db.orm.select().from(rowBytes).all()[0]?.bytes ?? 0) - journalSize;
    let freed = 0;
    let last: number | undefined;
    for (const { id, at, cost } of oldest) {
      if (over <= 0 && at >= now - journalKeepMs) break;
      last = id;
      over -= cost;
      freed += cost;
    }
    if (last === undefined) return false;
    this.#db.orm.delete(requests).where(lte(requests.id, last)).run();
    this.#statements.addRowBytes.all({ bytes: -freed });
    return oldest.length === SLICE && oldest.at(-1)?.id === last;
  }

  /** Names that nobody gave go first: anyone can send another key with each request. */
  #dropCredentials(): void {
    const known = Number(this.#db.value("SELECT COUNT(*) FROM journal_credentials"));
    if (known <= MOST_CREDENTIALS) return;
    this.#statements.dropCredentials.all({ limit: known - MOST_CREDENTIALS });
  }
}

/** The sums of all groups, by minute. */
function allGroups(deltas: readonly TallyDelta[]): Map<number, Sums> {
  const all = new Map<number, Sums>();
  for (const delta of deltas) all.set(delta.minute, sumUp(all.get(delta.minute), delta));
  return all;
}

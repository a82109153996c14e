import { type SQL, sql } from "drizzle-orm";
import type { EntryQuery, EntrySort } from "../cache/archive.ts";
import type { EntryFilter } from "../cache/store.ts";
import type { Position } from "./cursor.ts";
import type { Database } from "./database.ts";
import { count } from "./listing-count.ts";
import {
  allConditions,
  groupsMatching,
  listOf,
  namesKeys,
  narrowsGroups,
  narrowsTimes,
  timeCondition,
} from "./listing-filter.ts";
import { entries, SEGMENT } from "./schema.ts";

/** Up to so many entries are looked at one by one; for more it is quicker to walk along the index on use. */
const FEW = 4000;

const COLUMN = {
  newest: entries.id,
  oldest: entries.id,
  used: entries.lastUsed,
  hits: entries.hits,
  size: entries.size,
} satisfies Record<EntrySort, unknown>;

/** By hits and size it is walked whole. */
const BY_USE = sql`entries INDEXED BY entries_by_use`;

/** Where the entries of the next page stand, in their order, and one more where there is one. */
export function positions(db: Database, query: EntryQuery, after: Position | undefined): Position[] {
  const { filter, sort } = query;
  const limit = query.limit + 1;
  const page = { sort, after, limit };
  if (namesKeys(filter)) {
    return read(db, sql`entries JOIN groups ON groups.id = entries.group_id`, allConditions(filter), page);
  }
  const byId = sort === "newest" || sort === "oldest";
  if (!narrowsGroups(filter) && !narrowsTimes(filter) && byId) {
    return read(db, sql`entries`, sql`true`, page);
  }
  const groups = groupsMatching(db, filter);
  const ids = groups.map(({ id }) => id);
  if (byId) return mergeGroups(db, { filter, ids }, page);
  const where = sql`${entries.groupId} IN ${listOf(ids)} AND ${timeCondition(filter)}`;
  if (count(db, filter) <= FEW) {
    return read(db, sql`entries INDEXED BY entries_by_group`, where, page);
  }
  // The plus keeps SQLite from going by group.
  const along = narrowsGroups(filter)
    ? sql`+${entries.groupId} IN ${listOf(ids)} AND ${timeCondition(filter)}`
    : timeCondition(filter);
  return sort === "used" ? alongUse(db, along, page) : read(db, BY_USE, along, page);
}

interface Page {
  readonly sort: EntrySort;
  readonly after: Position | undefined;
  readonly limit: number;
}

function read(db: Database, from: SQL, where: SQL, { sort, after, limit }: Page): Position[] {
  const value = COLUMN[sort];
  const direction = sort === "oldest" ? sql`ASC` : sql`DESC`;
  const beyond = sort === "oldest" ? sql`>` : sql`<`;
  const rest =
    after === undefined
      ? sql`true`
      : value === entries.id
        ? sql`${entries.id} ${beyond} ${after.id}`
        : sql`(${value}, ${entries.id}) ${beyond} (${after.value}, ${after.id})`;
  return db.orm.all<Position>(
    sql`SELECT ${entries.id} AS id, ${value} AS value FROM ${from} WHERE ${where} AND ${rest}
        ORDER BY ${value} ${direction}, ${entries.id} ${direction} LIMIT ${limit}`,
  );
}

/** The index on use holds a run for each segment. */
function alongUse(db: Database, where: SQL, page: Page): Position[] {
  return Object.values(SEGMENT)
    .flatMap((segment) => read(db, BY_USE, sql`${entries.segment} = ${segment} AND ${where}`, page))
    .sort((a, b) => b.value - a.value || b.id - a.id)
    .slice(0, page.limit);
}

/**
 * By id over several groups: their runs in the index are merged, the most promising first, so that neither a rare
 * group nor a common one makes it read much more than the page.
 */
function mergeGroups(
  db: Database,
  { filter, ids }: { filter: EntryFilter; ids: readonly number[] },
  { sort, after, limit }: Page,
): Position[] {
  const up = sort === "oldest";
  const direction = up ? sql`ASC` : sql`DESC`;
  const nearer = (a: number, b: number) => (up ? a - b : b - a);
  const start = after?.id ?? (up ? 0 : Number.MAX_SAFE_INTEGER);
  const run = (group: SQL, from: number, to: number | undefined, n: number) => sql`
    SELECT id FROM entries INDEXED BY entries_by_group
    WHERE group_id = ${group} AND id ${up ? sql`>` : sql`<`} ${from}
      AND ${to === undefined ? sql`true` : sql`id ${up ? sql`<` : sql`>`} ${to}`} AND ${timeCondition(filter)}
    ORDER BY id ${direction} LIMIT ${n}`;
  const heads = db.orm
    .all<{ group: number; head: number | null }>(
      sql`SELECT value AS "group", (${run(sql`value`, start, undefined, 1)}) AS head
          FROM json_each(${JSON.stringify(ids)})`,
    )
    .flatMap(({ group, head }) => (head === null ? [] : [{ group, head }]))
    .sort((a, b) => nearer(a.head, b.head));
  let found: number[] = [];
  for (const { group, head } of heads) {
    const worst = found.length < limit ? undefined : found.at(-1);
    if (worst !== undefined && nearer(head, worst) > 0) break;
    const more = db.orm.all<{ id: number }>(run(sql`${group}`, start, worst, limit));
    found = [...found, ...more.map(({ id }) => id)].sort(nearer).slice(0, limit);
  }
  return found.map((id) => ({ id, value: id }));
}

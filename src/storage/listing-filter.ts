import { and, eq, gt, type SQL, sql } from "drizzle-orm";
import type { EntryFilter } from "../cache/store.ts";
import type { Database } from "./database.ts";
import { keyRange } from "./rows.ts";
import { entries, groups } from "./schema.ts";

export interface Group {
  readonly id: number;
  readonly provider: string;
  readonly endpoint: string;
  readonly model: string | null;
  readonly namespace: string;
  readonly pool: string;
  readonly entries: number;
  readonly bytes: number;
}

/** Groups whose entries may match, with exact counts; times and keys are not looked at. */
export function groupsMatching({ orm }: Database, filter: EntryFilter): Group[] {
  return orm
    .select()
    .from(groups)
    .where(and(gt(groups.entries, 0), ...groupConditions(filter)))
    .all();
}

export function narrowsGroups({ provider, endpoint, model, namespace }: EntryFilter): boolean {
  return [provider, endpoint, model, namespace].some((value) => value !== undefined);
}

export function narrowsTimes({ storedBefore, storedSince }: EntryFilter): boolean {
  return storedBefore !== undefined || storedSince !== undefined;
}

/** Whether few entries are meant, which are found by their keys. */
export function namesKeys({ keys, keyPrefix }: EntryFilter): boolean {
  return keys !== undefined || keyPrefix !== undefined;
}

/** The filter over `entries` joined with `groups`. */
export function allConditions(filter: EntryFilter): SQL {
  const { keys, keyPrefix } = filter;
  const conditions = [...groupConditions(filter), timeCondition(filter)];
  if (keys !== undefined) {
    conditions.push(sql`${entries.key} IN (SELECT unhex(value) FROM json_each(${JSON.stringify(keys)}))`);
  }
  if (keyPrefix !== undefined) {
    const { first, last } = keyRange(keyPrefix);
    conditions.push(sql`${entries.key} BETWEEN ${first} AND ${last}`);
  }
  return and(...conditions) ?? sql`true`;
}

export function timeCondition({ storedBefore, storedSince }: EntryFilter): SQL {
  const before = storedBefore === undefined ? sql`true` : sql`${entries.storedAt} < ${storedBefore}`;
  const since = storedSince === undefined ? sql`true` : sql`${entries.storedAt} >= ${storedSince}`;
  return sql`(${before} AND ${since})`;
}

function groupConditions({ provider, endpoint, model, namespace }: EntryFilter): SQL[] {
  const conditions: SQL[] = [];
  if (provider !== undefined) conditions.push(eq(groups.provider, provider));
  if (endpoint !== undefined) conditions.push(eq(groups.endpoint, endpoint));
  if (model !== undefined) conditions.push(eq(groups.model, model));
  if (namespace !== undefined) conditions.push(eq(groups.namespace, namespace));
  return conditions;
}

/** A list of numbers as one parameter: SQLite takes only so many. */
export function listOf(ids: readonly number[]): SQL {
  return sql`(SELECT value FROM json_each(${JSON.stringify(ids)}))`;
}

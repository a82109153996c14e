import { asc, eq, gt, type SQL, sql } from "drizzle-orm";
import type { EntryQuery, EntryRow } from "../cache/archive.ts";
import type { CacheKey } from "../cache/entry.ts";
import type { EntryFilter } from "../cache/store.ts";
import { readCursor, writeCursor } from "./cursor.ts";
import type { Database } from "./database.ts";
import { allConditions, listOf } from "./listing-filter.ts";
import { positions } from "./listing-order.ts";
import { keyOfBytes } from "./rows.ts";
import { entries, gone, groups, SEGMENT } from "./schema.ts";

/**
 * Reading functions for lists: synchronous, some ms each even over a million entries, so they run beside the loop, on
 * a connection of their own. None holds a transaction open.
 */

/** An entry's facts; `id` is never another entry's, and stays while the entry is replaced. */
export interface StoredRow extends EntryRow {
  readonly id: number;
}

/**
 * A page of those that match, `q` left aside. By `newest` and `oldest` pages neither repeat nor miss an entry that was
 * there throughout; by what changes meanwhile (uses, hits, size) an entry is where it stands at the time of the page.
 * Throws `RangeError` for a cursor that is none of this query's.
 */
export function listPage(
  db: Database,
  query: EntryQuery,
): { readonly rows: readonly StoredRow[]; readonly nextCursor: string | undefined } {
  const found = positions(db, query, readCursor(query));
  const page = found.slice(0, query.limit);
  const last = page.at(-1);
  const rows = rowsOf(
    db,
    page.map(({ id }) => id),
  );
  return {
    rows: rows.filter((row) => row !== undefined),
    nextCursor: found.length > page.length && last ? writeCursor(query, last) : undefined,
  };
}

/** Facts by id, in that order; undefined where there is no such entry any more. */
export function rowsOf(db: Database, ids: readonly number[]): (StoredRow | undefined)[] {
  const byId = new Map(select(db, sql`${entries.id} IN ${listOf(ids)}`).map((row) => [row.id, row]));
  return ids.map((id) => byId.get(id));
}

/** Facts by key, in that order; undefined where there is no such entry. */
export function findByKeys(db: Database, keys: readonly CacheKey[]): (StoredRow | undefined)[] {
  const byKey = new Map(select(db, allConditions({ keys })).map((row) => [row.key, row]));
  return keys.map((key) => byKey.get(key));
}

/** Keys of those that match, by ascending id, `limit` at a time: the next page is `after` the last id of this one. */
export function keysPage(
  db: Database,
  filter: EntryFilter,
  page: { readonly after?: number | undefined; readonly limit: number },
): { readonly id: number; readonly key: CacheKey }[] {
  const { after, limit } = page;
  const position = after === undefined ? undefined : { value: after, id: after };
  const ids = positions(db, { filter, sort: "oldest", limit }, position).map(({ id }) => id);
  return db.orm
    .select({ id: entries.id, key: entries.key })
    .from(entries)
    .where(sql`${entries.id} IN ${listOf(ids.slice(0, limit))}`)
    .orderBy(asc(entries.id))
    .all()
    .map(({ id, key }) => ({ id, key: keyOfBytes(key) }));
}

/**
 * Ids of dropped entries after a number, in the order of their going. Where the first one's `seq` is more than one above
 * `after`, those between were let go of unseen (or forgotten by another process): what is kept by id is then to be held
 * against what is there.
 */
export function gonePage(
  { orm }: Database,
  page: { readonly after: number; readonly limit: number },
): { readonly seq: number; readonly id: number }[] {
  return orm
    .select()
    .from(gone)
    .where(gt(gone.seq, page.after))
    .orderBy(asc(gone.seq))
    .limit(page.limit)
    .all();
}

function select({ orm }: Database, where: SQL): StoredRow[] {
  return orm
    .select({ entry: entries, group: groups })
    .from(entries)
    .innerJoin(groups, eq(groups.id, entries.groupId))
    .where(where)
    .all()
    .map(({ entry, group }) => ({
      id: entry.id,
      key: keyOfBytes(entry.key),
      provider: group.provider,
      endpoint: group.endpoint,
      model: group.model ?? undefined,
      namespace: group.namespace,
      pool: group.pool,
      status: entry.status,
      stream: entry.stream === 1,
      size: entry.size,
      storedAt: entry.storedAt,
      lastUsed: entry.lastUsed,
      hits: entry.hits,
      ttlMs: entry.adminTtlMs ?? entry.ttlMs ?? undefined,
      pinned: entry.segment === SEGMENT.pinned,
      imported: entry.imported === 1,
      firstByteMs: entry.firstByteMs,
      durationMs: entry.durationMs,
      inputTokens: entry.inputTokens ?? undefined,
      outputTokens: entry.outputTokens ?? undefined,
      costUsd: entry.costUsd ?? undefined,
      prompt: undefined,
    }));
}

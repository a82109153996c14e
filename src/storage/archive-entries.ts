import { asc, eq, gt, inArray, sql } from "drizzle-orm";
import type { EntryQuery, EntryRow } from "../cache/archive.ts";
import type { CacheKey } from "../cache/entry.ts";
import type { EntryFilter } from "../cache/store.ts";
import type { Database } from "./database.ts";
import { count, findByKeys, keysPage, listPage, rowsOf, type StoredRow } from "./listing.ts";
import { listOf } from "./listing-filter.ts";
import { keyBytes, keyOfBytes } from "./rows.ts";
import { entries, gone, groups } from "./schema.ts";

/** An entry's facts and its id; the prompt is the archive's to add. */
export interface Listed {
  readonly id: number;
  readonly row: EntryRow;
}

/** Keys read in one go where all are wanted. */
const PAGE = 5000;

/** What the archive's thread asks of the main database, over a connection that only reads. */
export class Entries {
  constructor(readonly db: Database) {}

  idOf(key: CacheKey): number | undefined {
    return this.db.orm
      .select({ id: entries.id })
      .from(entries)
      .where(eq(entries.key, keyBytes(key)))
      .all()[0]?.id;
  }

  /** Keys of those ids that are there. */
  keysOf(ids: readonly number[]): Map<number, { key: CacheKey; storedAt: number }> {
    const rows = this.db.orm
      .select({ id: entries.id, key: entries.key, storedAt: entries.storedAt })
      .from(entries)
      .where(inArray(entries.id, sql`${listOf(ids)}`))
      .all();
    return new Map(rows.map(({ id, key, storedAt }) => [id, { key: keyOfBytes(key), storedAt }]));
  }

  /** Whether nothing is stored at all. */
  empty(): boolean {
    return this.db.orm.select({ id: entries.id }).from(entries).limit(1).all().length === 0;
  }

  /** Entries that were dropped, in the order of their going, and up to where in it they reach. */
  gone(after: number, limit: number): { ids: number[]; upTo: number } {
    const rows = this.db.orm
      .select()
      .from(gone)
      .where(gt(gone.seq, after))
      .orderBy(asc(gone.seq))
      .limit(limit)
      .all();
    return { ids: rows.map(({ id }) => id), upTo: rows.at(-1)?.seq ?? after };
  }

  rowsOf(ids: readonly number[]): Map<number, Listed> {
    const found = rowsOf(this.db, ids).filter((row) => row !== undefined);
    return new Map(found.map((row) => [row.id, listed(row)]));
  }

  find(keys: readonly CacheKey[]): readonly (Listed | undefined)[] {
    return findByKeys(this.db, keys).map((row) => row && listed(row));
  }

  list(query: EntryQuery): { entries: readonly Listed[]; nextCursor: string | undefined } {
    const { rows, nextCursor } = listPage(this.db, query);
    return { entries: rows.map(listed), nextCursor };
  }

  poolOf(label: string): string | undefined {
    const beginsSo = sql`substr(${groups.pool}, 1, ${label.length}) = ${label}`;
    return this.db.orm.select({ pool: groups.pool }).from(groups).where(beginsSo).limit(1).all()[0]?.pool;
  }

  count(filter: EntryFilter): number {
    return count(this.db, filter);
  }

  /** All that match, oldest first. */
  all(filter: EntryFilter): readonly { id: number; key: CacheKey }[] {
    const found: { id: number; key: CacheKey }[] = [];
    let after: number | undefined;
    for (;;) {
      const page = keysPage(this.db, filter, { after, limit: PAGE });
      for (const one of page) found.push(one);
      after = page.at(-1)?.id;
      if (page.length < PAGE) return found;
    }
  }
}

function listed({ id, ...row }: StoredRow): Listed {
  return { id, row };
}

import { eq, inArray, sql } from "drizzle-orm";
import type { EntryQuery } from "../cache/archive.ts";
import type { CacheKey } from "../cache/entry.ts";
import type { EntryFilter } from "../cache/store.ts";
import type { Database } from "./database.ts";
import { type Hot, hot } from "./hot.ts";
import { findByKeys, keysPage, listPage, rowsOf, type StoredRow } from "./listing.ts";
import { count } from "./listing-count.ts";
import { keyBytes, keyOfBytes } from "./rows.ts";
import { entries, gone, groups } from "./schema.ts";

const KEYS_PAGE = 1000;

/** What the archive's thread asks of the main database, over a connection that only reads. */
export class Entries {
  #idOf: Hot<{ id: number }> | undefined;

  constructor(readonly db: Database) {}

  idOf(key: CacheKey): number | undefined {
    this.#idOf ??= hot(
      this.db,
      this.db.orm
        .select({ id: entries.id })
        .from(entries)
        .where(eq(entries.key, sql.placeholder("key"))),
      ["id"],
    );
    return this.#idOf.get({ key: keyBytes(key) })?.id;
  }

  /** Keys of those ids that are there. */
  keysOf(ids: readonly number[]): Map<number, { key: CacheKey; storedAt: number }> {
    if (ids.length === 0) return new Map();
    const rows = this.db.orm
      .select({ id: entries.id, key: entries.key, storedAt: entries.storedAt })
      .from(entries)
      .where(inArray(entries.id, [...ids]))
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
      .where(sql`${gone.seq} > ${after}`)
      .orderBy(gone.seq)
      .limit(limit)
      .all();
    return { ids: rows.map(({ id }) => id), upTo: rows.at(-1)?.seq ?? after };
  }

  rowsOf(ids: readonly number[]): Map<number, StoredRow> {
    const found = rowsOf(this.db, ids).filter((row) => row !== undefined);
    return new Map(found.map((row) => [row.id, row]));
  }

  find(keys: readonly CacheKey[]): readonly (StoredRow | undefined)[] {
    return findByKeys(this.db, keys);
  }

  list(query: EntryQuery): { readonly rows: readonly StoredRow[]; readonly nextCursor: string | undefined } {
    return listPage(this.db, query);
  }

  poolOf(label: string): string | undefined {
    const beginsSo = sql`substr(${groups.pool}, 1, ${label.length}) = ${label}`;
    return this.db.orm.select({ pool: groups.pool }).from(groups).where(beginsSo).limit(1).all()[0]?.pool;
  }

  count(filter: EntryFilter): number {
    return count(this.db, filter);
  }

  /** All that match, oldest first. */
  keys(filter: EntryFilter): { readonly id: number; readonly key: CacheKey }[] {
    const found: { id: number; key: CacheKey }[] = [];
    for (let page = keysPage(this.db, filter, { limit: KEYS_PAGE }); page.length > 0; ) {
      found.push(...page);
      page = keysPage(this.db, filter, { after: page.at(-1)?.id, limit: KEYS_PAGE });
    }
    return found;
  }
}

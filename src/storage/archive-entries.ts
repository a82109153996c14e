import { and, asc, desc, eq, gt, gte, inArray, lt, type SQL, sql } from "drizzle-orm";
import type { EntryQuery, EntryRow } from "../cache/archive.ts";
import type { CacheKey } from "../cache/entry.ts";
import type { EntryFilter } from "../cache/store.ts";
import type { Database } from "./database.ts";
import { keyBytes } from "./rows.ts";
import { entries, SEGMENT } from "./schema.ts";

/** An entry's facts and its id; the prompt is the archive's to add. */
export interface Listed {
  readonly id: number;
  readonly row: EntryRow;
}

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
    if (ids.length === 0) return new Map();
    const rows = this.db.orm
      .select({ id: entries.id, key: entries.key, storedAt: entries.storedAt })
      .from(entries)
      .where(inArray(entries.id, [...ids]))
      .all();
    return new Map(rows.map(({ id, key, storedAt }) => [id, { key: keyText(key), storedAt }]));
  }

  /** Whether nothing is stored at all. */
  empty(): boolean {
    return this.db.orm.select({ id: entries.id }).from(entries).limit(1).all().length === 0;
  }

  /** Entries that were dropped, in the order of their going, and up to where in it they reach. */
  gone(after: number, limit: number): { ids: number[]; upTo: number } {
    const rows = this.db.orm.all<{ seq: number; id: number } | [number, number]>(
      sql`SELECT seq, id FROM gone WHERE seq > ${after} ORDER BY seq LIMIT ${limit}`,
    );
    const pairs = rows.map((row) => (Array.isArray(row) ? row : ([row.seq, row.id] as const)));
    return { ids: pairs.map(([, id]) => id), upTo: pairs.at(-1)?.[0] ?? after };
  }

  hasGone(): boolean {
    return Number(this.db.value("SELECT count(*) FROM sqlite_master WHERE name = 'gone'")) > 0;
  }

  rowsOf(ids: readonly number[]): Map<number, Listed> {
    if (ids.length === 0) return new Map();
    const rows = this.#select(inArray(entries.id, [...ids])).all();
    return new Map(rows.map((row) => [row.id, listed(row)]));
  }

  find(keys: readonly CacheKey[]): readonly (Listed | undefined)[] {
    return keys.map((key) => {
      const row = this.#select(eq(entries.key, keyBytes(key))).all()[0];
      return row && listed(row);
    });
  }

  list(query: EntryQuery): { entries: readonly Listed[]; nextCursor: string | undefined } {
    const { filter, limit, cursor, sort } = query;
    const after = cursor === undefined ? undefined : readCursor(cursor);
    const beyond =
      after === undefined ? undefined : sort === "oldest" ? gt(entries.id, after) : lt(entries.id, after);
    const found = this.#select(and(conditionOf(filter), beyond))
      .orderBy(sort === "oldest" ? asc(entries.id) : desc(entries.id))
      .limit(limit + 1)
      .all();
    const page = found.slice(0, limit).map(listed);
    const last = page.at(-1);
    return {
      entries: page,
      nextCursor: found.length > limit && last !== undefined ? btoa(String(last.id)) : undefined,
    };
  }

  count(filter: EntryFilter): number {
    return Number(
      this.db.orm.select({ n: sql<number>`count(*)` }).from(entries).where(conditionOf(filter)).all()[0]?.n,
    );
  }

  sorted(filter: EntryFilter): readonly { id: number; key: CacheKey }[] {
    const { provider, namespace, model, id, key } = entries;
    return this.db.orm
      .select({ id, key })
      .from(entries)
      .where(conditionOf(filter))
      .orderBy(asc(provider), asc(namespace), asc(model), asc(id))
      .all()
      .map((row) => ({ id: row.id, key: keyText(row.key) }));
  }

  #select(where: SQL | undefined) {
    return this.db.orm.select().from(entries).where(where);
  }
}

/** Whether an entry matches; `keys` as a set is the caller's. */
export function matches(row: EntryRow, filter: EntryFilter): boolean {
  const { storedBefore, storedSince, keys } = filter;
  for (const name of ["provider", "endpoint", "model", "namespace"] as const) {
    if (filter[name] !== undefined && filter[name] !== row[name]) return false;
  }
  if (storedBefore !== undefined && row.storedAt >= storedBefore) return false;
  if (storedSince !== undefined && row.storedAt < storedSince) return false;
  return keys === undefined || keys.includes(row.key);
}

function conditionOf(filter: EntryFilter): SQL | undefined {
  const { provider, endpoint, model, namespace, storedBefore, storedSince, keys } = filter;
  return and(
    provider === undefined ? undefined : eq(entries.provider, provider),
    endpoint === undefined ? undefined : eq(entries.endpoint, endpoint),
    model === undefined ? undefined : eq(entries.model, model),
    namespace === undefined ? undefined : eq(entries.namespace, namespace),
    storedBefore === undefined ? undefined : lt(entries.storedAt, storedBefore),
    storedSince === undefined ? undefined : gte(entries.storedAt, storedSince),
    keys === undefined ? undefined : inArray(entries.key, keys.map(keyBytes)),
  );
}

function readCursor(cursor: string): number {
  let id = Number.NaN;
  try {
    id = Number(atob(cursor));
  } catch {
    // Said below.
  }
  if (!Number.isSafeInteger(id)) throw new RangeError("the cursor is not one of this listing's");
  return id;
}

function keyText(key: Uint8Array): CacheKey {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString("hex") as CacheKey;
}

function listed(row: typeof entries.$inferSelect): Listed {
  const { id, key, provider, endpoint, namespace, status, size, storedAt, lastUsed, hits } = row;
  return {
    id,
    row: {
      key: keyText(key),
      provider,
      endpoint,
      model: row.model ?? undefined,
      namespace,
      pool: "all",
      status,
      stream: row.stream === 1,
      size,
      storedAt,
      lastUsed,
      hits,
      ttlMs: row.adminTtlMs ?? row.ttlMs ?? undefined,
      pinned: row.segment === SEGMENT.pinned,
      imported: false,
      firstByteMs: row.firstByteMs,
      durationMs: row.durationMs,
      inputTokens: undefined,
      outputTokens: undefined,
      costUsd: undefined,
      prompt: undefined,
    },
  };
}

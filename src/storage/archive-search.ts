import type { EntryQuery, EntryRow } from "../cache/archive.ts";
import { matcher } from "../cache/filter.ts";
import type { Entries } from "./archive-entries.ts";
import type { WordTable } from "./archive-words.ts";
import { type Position, readCursor, writeCursor } from "./cursor.ts";
import type { StoredRow } from "./listing.ts";

/** Looked at in one go; and in all, where a search is sorted by something else than age. */
const BATCH = 256;
const MOST_SORTED = 5000;
const MOST_LOOKED_AT = 20_000;

type Search = EntryQuery & { readonly q: string };

interface Parts {
  readonly words: WordTable;
  readonly entries: Entries;
}

/**
 * A page of the entries whose requests hold every word. By age it goes on from the last id, so that it neither repeats
 * nor misses what is there throughout; by anything else it sorts the newest 5,000. Throws `RangeError` for a cursor
 * that is not of this search.
 */
export function searched(
  query: Search,
  parts: Parts,
): { readonly rows: readonly StoredRow[]; readonly nextCursor: string | undefined } {
  const { sort, limit } = query;
  const after = readCursor(query);
  if (sort === "newest" || sort === "oldest") {
    const start = after?.id ?? (sort === "newest" ? Number.MAX_SAFE_INTEGER : 0);
    const { found, lookedTo, more } = matching(query, { parts, order: sort, start, limit });
    return {
      rows: found,
      nextCursor: more ? writeCursor(query, { value: lookedTo, id: lookedTo }) : undefined,
    };
  }
  const { found } = matching(query, {
    parts,
    order: "newest",
    start: Number.MAX_SAFE_INTEGER,
    limit: MOST_SORTED,
  });
  const value = VALUES[sort];
  const compare = (one: Position, other: Position) => other.value - one.value || other.id - one.id;
  const places = found
    .map((row) => ({ row, id: row.id, value: value(row) }))
    .sort(compare)
    .filter((place) => after === undefined || compare(after, place) < 0);
  const page = places.slice(0, limit);
  const last = page.at(-1);
  return {
    rows: page.map(({ row }) => row),
    nextCursor: places.length > limit && last !== undefined ? writeCursor(query, last) : undefined,
  };
}

const VALUES: Readonly<Record<"used" | "hits" | "size", (row: EntryRow) => number>> = {
  used: (row) => row.lastUsed,
  hits: (row) => row.hits,
  size: (row) => row.size,
};

function matching(
  { q, filter }: Search,
  options: { parts: Parts; order: "newest" | "oldest"; start: number; limit: number },
): { found: StoredRow[]; lookedTo: number; more: boolean } {
  const { parts, order, start, limit } = options;
  const found: StoredRow[] = [];
  const matches = matcher(filter);
  let lookedTo = start;
  for (let lookedAt = 0; lookedAt < MOST_LOOKED_AT; lookedAt += BATCH) {
    const ids = parts.words.search(q, { filter, after: lookedTo, order, limit: BATCH });
    const rows = parts.entries.rowsOf(ids);
    for (const id of ids) {
      const row = rows.get(id);
      if (row !== undefined && matches({ ...row, facts: row })) {
        if (found.length === limit) return { found, lookedTo, more: true };
        found.push(row);
      }
      lookedTo = id;
    }
    if (ids.length < BATCH) return { found, lookedTo, more: false };
  }
  return { found, lookedTo, more: true };
}

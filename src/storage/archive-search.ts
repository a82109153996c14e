import type { EntryQuery, EntryRow } from "../cache/archive.ts";
import { matcher } from "../cache/filter.ts";
import type { Entries, Listed } from "./archive-entries.ts";
import type { WordTable } from "./archive-words.ts";
import { type Position, readCursor, writeCursor } from "./cursor.ts";

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
): { readonly entries: readonly Listed[]; readonly nextCursor: string | undefined } {
  const { sort, limit } = query;
  const after = readCursor(query);
  if (sort === "newest" || sort === "oldest") {
    const start = after?.id ?? (sort === "newest" ? Number.MAX_SAFE_INTEGER : 0);
    const { found, lookedTo, more } = matching(query, { parts, order: sort, start, limit });
    return {
      entries: found,
      nextCursor: more ? writeCursor(query, { id: lookedTo, value: lookedTo }) : undefined,
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
    .map((listed) => ({ listed, id: listed.id, value: value(listed.row) }))
    .sort(compare)
    .filter((place) => after === undefined || compare(after, place) < 0);
  const page = places.slice(0, limit);
  const last = page.at(-1);
  return {
    entries: page.map(({ listed }) => listed),
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
): { found: Listed[]; lookedTo: number; more: boolean } {
  const { parts, order, start, limit } = options;
  const found: Listed[] = [];
  const matches = matcher(filter);
  let lookedTo = start;
  for (let lookedAt = 0; lookedAt < MOST_LOOKED_AT; lookedAt += BATCH) {
    const ids = parts.words.search(q, { filter, after: lookedTo, order, limit: BATCH });
    const rows = parts.entries.rowsOf(ids);
    for (const id of ids) {
      const listed = rows.get(id);
      if (listed !== undefined && matches({ ...listed.row, facts: listed.row })) {
        if (found.length === limit) return { found, lookedTo, more: true };
        found.push(listed);
      }
      lookedTo = id;
    }
    if (ids.length < BATCH) return { found, lookedTo, more: false };
  }
  return { found, lookedTo, more: true };
}

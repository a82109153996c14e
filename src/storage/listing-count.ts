import { eq, sql } from "drizzle-orm";
import type { EntryFilter } from "../cache/store.ts";
import type { Database } from "./database.ts";
import {
  allConditions,
  groupsMatching,
  listOf,
  namesKeys,
  narrowsTimes,
  timeCondition,
} from "./listing-filter.ts";
import { entries, groups } from "./schema.ts";

/** How many match: at once by the counts of their groups; some 100 ms for times among a million entries. */
export function count(db: Database, filter: EntryFilter): number {
  if (namesKeys(filter)) {
    const rows = db.orm
      .select({ n: sql<number>`count(*)` })
      .from(entries)
      .innerJoin(groups, eq(groups.id, entries.groupId))
      .where(allConditions(filter))
      .all();
    return rows[0]?.n ?? 0;
  }
  const matching = groupsMatching(db, filter);
  if (!narrowsTimes(filter)) return matching.reduce((sum, group) => sum + group.entries, 0);
  const ids = listOf(matching.map(({ id }) => id));
  const rows = db.orm.all<{ n: number }>(
    sql`SELECT count(*) AS n FROM entries INDEXED BY entries_by_group
        WHERE ${entries.groupId} IN ${ids} AND ${timeCondition(filter)}`,
  );
  return rows[0]?.n ?? 0;
}

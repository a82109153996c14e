import { Param, Placeholder } from "drizzle-orm";
import type { Database } from "./database.ts";

interface Built {
  toSQL(): { readonly sql: string; readonly params: readonly unknown[] };
}

/** A statement that every request runs: Drizzle builds its SQL once and is not asked again. */
export interface Hot<Row> {
  /** The first row. Arguments by the names of their placeholders. */
  get(args: Readonly<Record<string, unknown>>): Row | undefined;
}

/** `columns` name the row's members in the order in which they are selected. */
export function hot<Row extends object>(
  db: Database,
  query: Built & { all(): Row[] },
  columns: readonly (keyof Row & string)[],
): Hot<Row> {
  const { sql, params } = query.toSQL();
  const run = bound(db, sql, params);
  return {
    get(args) {
      const values = run(args);
      if (values === undefined) return undefined;
      const row: Record<string, unknown> = {};
      for (let at = 0; at < columns.length; at++) row[columns[at] as string] = values[at];
      return row as Row;
    },
  };
}

/**
 * An INSERT of one row that fails by its own (`OR FAIL`). The default, ABORT, opens a statement journal for whatever
 * has a trigger or RETURNING, which doubles its time (15 us and 7); it would undo what the failed statement did, and
 * whoever runs this rolls the transaction back anyway. Answers the row's id.
 */
export function hotInsert(db: Database, query: Built): (args: Readonly<Record<string, unknown>>) => number {
  const { sql, params } = query.toSQL();
  const run = bound(db, sql.replace(/^insert into/i, "insert or fail into"), params);
  return (args) => (run(args) as readonly [number])[0];
}

/** An UPDATE that answers nothing, `OR FAIL` for the same reason. */
export function hotUpdate(db: Database, query: Built): (args: Readonly<Record<string, unknown>>) => void {
  const { sql, params } = query.toSQL();
  return bound(db, sql.replace(/^update /i, "update or fail "), params);
}

function bound(db: Database, sql: string, params: readonly unknown[]) {
  const statement = db.prepare(sql);
  const places = params.map((param) => {
    const value = param instanceof Param ? param.value : param;
    // Its name is not public, and there is no other way to it.
    return value instanceof Placeholder ? { name: (value as unknown as { name: string }).name } : { value };
  });
  return (args: Readonly<Record<string, unknown>>) =>
    statement.row(places.map(({ name, value }) => (name === undefined ? value : args[name])));
}

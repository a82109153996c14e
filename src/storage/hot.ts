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
  const statement = db.prepare(sql);
  const bind = binding(params);
  return {
    get(args) {
      const values = statement.row(bind(args));
      if (values === undefined) return undefined;
      const row: Record<string, unknown> = {};
      for (let at = 0; at < columns.length; at++) row[columns[at] as string] = values[at];
      return row as Row;
    },
  };
}

/**
 * An INSERT of one row that fails by its own (`OR FAIL`). The default, ABORT, opens a statement journal for whatever
 * has a trigger, which doubles its time (15 us and 7); it would undo what the failed statement did, and whoever runs
 * this rolls the transaction back anyway. Answers the row's id, without RETURNING, which takes another 1.3 us.
 */
export function hotInsert(db: Database, query: Built): (args: Readonly<Record<string, unknown>>) => number {
  const { sql, params } = query.toSQL();
  const statement = db.prepare(sql.replace(/^insert into/i, "insert or fail into"));
  const bind = binding(params);
  return (args) => statement.insert(bind(args));
}

/** An UPDATE, `OR FAIL` for the same reason; answers how many rows it changed. */
export function hotUpdate(db: Database, query: Built): (args: Readonly<Record<string, unknown>>) => number {
  const { sql, params } = query.toSQL();
  const statement = db.prepare(sql.replace(/^update /i, "update or fail "));
  const bind = binding(params);
  return (args) => statement.update(bind(args));
}

/** Puts arguments in the order of their places. */
function binding(params: readonly unknown[]) {
  const places = params.map((param) => {
    const value = param instanceof Param ? param.value : param;
    // Its name is not public, and there is no other way to it.
    return value instanceof Placeholder ? { name: (value as unknown as { name: string }).name } : { value };
  });
  return (args: Readonly<Record<string, unknown>>) =>
    places.map(({ name, value }) => (name === undefined ? value : args[name]));
}

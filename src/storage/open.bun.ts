import { type SQLQueryBindings, Database as Sqlite, type Statement } from "bun:sqlite";
import { drizzle } from "drizzle-orm/bun-sqlite";
import type { OpenDatabase } from "./database.ts";

export const openDatabase: OpenDatabase = (path) => {
  const client = new Sqlite(path, { create: true, readwrite: true });
  client.run("PRAGMA busy_timeout = 0");
  const prepared: Statement[] = [];
  return {
    orm: drizzle({ client }),
    exec: (sql) => {
      client.run(sql);
    },
    value: (sql) => client.query(sql).values()[0]?.[0],
    prepare: (sql) => {
      const statement = client.prepare(sql);
      prepared.push(statement);
      return {
        row: (params) => statement.values(...(params as SQLQueryBindings[]))[0],
        insert: (params) => Number(statement.run(...(params as SQLQueryBindings[])).lastInsertRowid),
        update: (params) => statement.run(...(params as SQLQueryBindings[])).changes,
      };
    },
    close: () => {
      // One that is left open keeps the whole connection open, and its locks, until it is collected.
      for (const statement of prepared) statement.finalize();
      client.close();
    },
  };
};

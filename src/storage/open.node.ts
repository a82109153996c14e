import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import { drizzle } from "drizzle-orm/node-sqlite";
import type { OpenDatabase } from "./database.ts";

export const openDatabase: OpenDatabase = (path) => {
  const client = new DatabaseSync(path, { timeout: 0 });
  const statements = new Map<string, StatementSync>();
  return {
    orm: drizzle({ client }),
    exec: (sql) => client.exec(sql),
    value: (sql) => {
      let statement = statements.get(sql);
      if (statement === undefined) {
        statement = client.prepare(sql);
        statements.set(sql, statement);
      }
      // `all`, since `get` and Deno's `exec` stop at the first row: incremental_vacuum frees a page per row.
      const row = statement.all()[0];
      return row === undefined ? undefined : Object.values(row)[0];
    },
    prepare: (sql) => {
      const statement = client.prepare(sql);
      return {
        row: (params) => {
          const row = statement.all(...(params as SQLInputValue[]))[0];
          return row && Object.values(row);
        },
        insert: (params) => Number(statement.run(...(params as SQLInputValue[])).lastInsertRowid),
        update: (params) => Number(statement.run(...(params as SQLInputValue[])).changes),
      };
    },
    close: () => client.close(),
  };
};

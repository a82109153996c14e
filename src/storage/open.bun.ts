import { Database as Sqlite } from "bun:sqlite";
import { drizzle } from "drizzle-orm/bun-sqlite";
import type { OpenDatabase } from "./database.ts";

export const openDatabase: OpenDatabase = (path) => {
  const client = new Sqlite(path, { create: true, readwrite: true });
  client.run("PRAGMA busy_timeout = 0");
  return {
    orm: drizzle({ client }),
    exec: (sql) => {
      client.run(sql);
    },
    value: (sql) => client.query(sql).values()[0]?.[0],
    close: () => client.close(),
  };
};

import type { SQLiteAsyncDatabase } from "drizzle-orm/sqlite-core";

/** An open SQLite file: Drizzle over either runtime's driver. All calls are synchronous. */
export interface Database {
  // biome-ignore lint/suspicious/noExplicitAny: the two drivers differ in their result type, which nothing reads
  readonly orm: SQLiteAsyncDatabase<"sync", any>;
  /** For pragmas and transaction control: statements without parameters or results. */
  exec(sql: string): void;
  /** The first value of a pragma or of a query, which is run to its end; undefined where it has no row. */
  value(sql: string): unknown;
  /** A statement without Drizzle around it, for those that every request runs. */
  prepare(sql: string): RawStatement;
  close(): void;
}

/** Parameters in the order of their places. */
export interface RawStatement {
  /** The first row's values in the order of its columns, undefined for none; the statement is run to its end. */
  row(params: readonly unknown[]): readonly unknown[] | undefined;
  /** Runs an INSERT of one row without RETURNING; the row's id. */
  insert(params: readonly unknown[]): number;
  /** Runs an UPDATE; how many rows it changed, those that triggers changed left out. */
  update(params: readonly unknown[]): number;
}

/** Opens or creates the file, with `busy_timeout = 0`: waiting is the caller's, beside the loop. */
export type OpenDatabase = (path: string) => Database;

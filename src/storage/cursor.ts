import { createHash } from "node:crypto";
import type { EntryQuery } from "../cache/archive.ts";

/** The last entry of a page: what it is sorted by, and its id among equals. */
export interface Position {
  readonly value: number;
  readonly id: number;
}

/** What a client gives back for the next page; it fits this query alone, whatever its limit. */
export function writeCursor(query: EntryQuery, { value, id }: Position): string {
  return Buffer.from(JSON.stringify([value, id, digestOf(query)])).toString("base64url");
}

/** Throws `RangeError` for what is no cursor, or one of another query. Undefined for the first page. */
export function readCursor(query: EntryQuery): Position | undefined {
  if (query.cursor === undefined) return undefined;
  const [value, id, digest] = parts(query.cursor);
  if (typeof value !== "number" || typeof id !== "number" || digest !== digestOf(query))
    throw new RangeError("the cursor does not belong to this query");
  return { value, id };
}

function parts(cursor: string): readonly unknown[] {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(cursor, "base64url").toString());
    return Array.isArray(parsed) ? parsed : [];
  } catch {
    return [];
  }
}

function digestOf({ filter, sort, q = "" }: EntryQuery): string {
  const members = Object.entries(filter).filter(([, value]) => value !== undefined);
  const text = JSON.stringify([sort, q, members.sort(([a], [b]) => (a < b ? -1 : 1))]);
  return createHash("sha256").update(text).digest("base64url").slice(0, 12);
}

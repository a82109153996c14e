import type { OpenDatabase } from "./database.ts";

/** A larger file would take seconds to read through: of it only the schema is looked at. */
const WHOLE_UP_TO = 256 * 1024 * 1024;

/** What is wrong with a database file of so many bytes, in words for an operator; undefined for nothing found. */
export function faultIn(
  path: string,
  { open, bytes }: { open: OpenDatabase; bytes: number },
): string | undefined {
  try {
    const database = open(path);
    try {
      const found = database.value(
        bytes <= WHOLE_UP_TO ? "PRAGMA quick_check(1)" : "PRAGMA quick_check('sqlite_schema')",
      );
      return found === "ok" ? undefined : String(found);
    } finally {
      database.close();
    }
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

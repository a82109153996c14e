/** What SQLite or the file system refused, told by result code where the driver gives one, else by its words. */
export type FaultKind = "busy" | "damaged" | "full" | "unwritable" | "other";

// https://sqlite.org/rescode.html; extended codes carry the primary one in their low byte.
const KINDS: Readonly<Record<number, FaultKind>> = {
  3: "unwritable", // PERM
  5: "busy",
  6: "busy", // LOCKED
  8: "unwritable", // READONLY
  10: "unwritable", // IOERR
  11: "damaged", // CORRUPT
  13: "full",
  14: "unwritable", // CANTOPEN
  26: "damaged", // NOTADB
};

// Deno's `exec` throws without a code.
const WORDS: readonly (readonly [string, FaultKind])[] = [
  ["database is locked", "busy"],
  ["table is locked", "busy"],
  ["malformed", "damaged"],
  ["not a database", "damaged"],
  ["disk is full", "full"],
  ["readonly database", "unwritable"],
  ["unable to open database", "unwritable"],
  ["disk I/O error", "unwritable"],
  ["access permission denied", "unwritable"],
];

const SYSTEM: Readonly<Record<string, FaultKind>> = { ENOSPC: "full", EDQUOT: "full" };

/** The database is not one that askonce wrote. Treated as damage: set aside, never deleted. */
export class NotOurs extends Error {
  override name = "NotOurs";
}

export function faultKind(error: unknown): FaultKind {
  if (error instanceof NotOurs) return "damaged";
  const cause = (error as { cause?: unknown } | undefined)?.cause ?? error;
  const { errcode, errno, code, message } = cause as Record<string, unknown>;
  if (typeof code === "string" && /^E[A-Z0-9]+$/.test(code)) return SYSTEM[code] ?? "unwritable";
  const result = typeof errcode === "number" ? errcode : typeof errno === "number" ? errno : undefined;
  if (result !== undefined && result > 0) return KINDS[result & 0xff] ?? "other";
  const text = String(message);
  return WORDS.find(([part]) => text.includes(part))?.[1] ?? "other";
}

/** For an operator: what is wrong, without paths. */
export function faultWords(error: unknown): string {
  switch (faultKind(error)) {
    case "busy":
      return "another process keeps the database locked";
    case "damaged":
      return "the database file is damaged";
    case "full":
      return "the disk is full";
    case "unwritable":
      return `the data folder cannot be used (${cause(error)})`;
    default:
      return `the database refused (${cause(error)})`;
  }
}

function cause(error: unknown): string {
  const inner = ((error as { cause?: unknown } | undefined)?.cause ?? error) as Record<string, unknown>;
  const { code, message } = inner;
  if (typeof code === "string" && code !== "ERR_SQLITE_ERROR") return code;
  return WORDS.find(([part]) => String(message).includes(part))?.[0] ?? "unknown error";
}

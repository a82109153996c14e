import { asCacheKey } from "../cache/entry.ts";
import type { JournalRow } from "../cache/figures.ts";
import type { requests } from "./archive-journal-schema.ts";

/** Bytes of a row less its texts: numbers, the record's head, its place in the tree. */
const ROW_BYTES = 110;

/** Bytes that a row takes on disk, roughly. */
export function costOf(row: JournalRow): number {
  return (
    ROW_BYTES +
    row.requestId.length +
    row.target.length +
    (row.detail?.length ?? 0) +
    (row.provider?.length ?? 0) +
    (row.endpoint?.length ?? 0) +
    (row.model?.length ?? 0) +
    row.namespace.length +
    row.credential.length
  );
}

type StoredRow = typeof requests.$inferSelect;

export function rowOf({ id: _, cost: __, key, ...row }: StoredRow): JournalRow {
  return {
    ...row,
    detail: row.detail ?? undefined,
    provider: row.provider ?? undefined,
    endpoint: row.endpoint ?? undefined,
    model: row.model ?? undefined,
    key: key === null ? undefined : asCacheKey(Buffer.from(key).toString("hex")),
    firstByteMs: row.firstByteMs ?? undefined,
    inputTokens: row.inputTokens ?? undefined,
    outputTokens: row.outputTokens ?? undefined,
    costUsd: row.costUsd ?? undefined,
    savedUsd: row.savedUsd ?? undefined,
  };
}

/** Values of a new row, its cost left out. */
export function storedOf(row: JournalRow): Omit<StoredRow, "id" | "cost"> {
  return {
    ...row,
    detail: row.detail ?? null,
    provider: row.provider ?? null,
    endpoint: row.endpoint ?? null,
    model: row.model ?? null,
    key: row.key === undefined ? null : Buffer.from(row.key, "hex"),
    firstByteMs: row.firstByteMs ?? null,
    inputTokens: row.inputTokens ?? null,
    outputTokens: row.outputTokens ?? null,
    costUsd: row.costUsd ?? null,
    savedUsd: row.savedUsd ?? null,
  };
}

import type { ArchiveSettings } from "./archive.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

/** The index of the WAL and what a file system rounds up. */
const BESIDE_BYTES = 64 * KIB;

/**
 * Bytes of `max_size` that are the archive's, whether it fills them or not: so neither database has to know what the
 * other one is about to write, and both together stay under the bound.
 */
export function archiveShare({ maxSize, requests, journalSize }: ArchiveSettings): number {
  const quarter = Math.floor(maxSize / 4);
  return requests === "off" ? Math.min(quarter, journalSize + 16 * MIB) : quarter;
}

/** Bytes at which SQLite moves the archive's WAL into its file; a transaction puts about as much into it at most. */
export function archiveWalBytes({ maxSize }: Pick<ArchiveSettings, "maxSize">): number {
  return Math.min(Math.max(maxSize / 64, 128 * KIB), 4 * MIB);
}

/** Bytes that the archive's file may have. */
export function archiveFileBytes(settings: ArchiveSettings): number {
  return Math.max(0, archiveShare(settings) - 2 * archiveWalBytes(settings) - BESIDE_BYTES);
}

/**
 * Which entries go when room is needed, on disk as in memory: a segmented LRU. An entry is fresh until its first hit
 * and used from then on; fresh ones go first, longest unused first, so that a scan of new entries, however long,
 * pushes out nothing but itself. Used ones go only while they fill more than USED_SHARE, else the store would fill up
 * with yesterday's favourites and no new entry would live long enough to be hit.
 *
 * Not SIEVE or S3-FIFO: both spare the write at a hit, which batches make cheap here, and both tell a hit only by a
 * bit that a second scan clears.
 */
export const USED_SHARE = 0.8;

/** The segment to take the next victim from, given the bytes that each holds of `maxBytes`. */
export function victimSegment(freshBytes: number, usedBytes: number, maxBytes: number): "fresh" | "used" {
  return usedBytes > maxBytes * USED_SHARE || freshBytes <= 0 ? "used" : "fresh";
}

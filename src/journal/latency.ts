import { LATENCY_BINS } from "../cache/figures.ts";

/** Bins of times: those of LATENCY_BINS and one for what lies beyond. */
export const BIN_COUNT = LATENCY_BINS.length + 1;

export function emptyBins(): number[] {
  return new Array<number>(BIN_COUNT).fill(0);
}

/** Which bin `ms` falls into: the first whose upper bound it does not pass. */
export function binOf(ms: number): number {
  let low = 0;
  let high = LATENCY_BINS.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ms <= LATENCY_BINS[middle]!) high = middle;
    else low = middle + 1;
  }
  return low;
}

/**
 * The time in ms that a share `p` (0 to 1) of those counted did not pass, taken evenly over its bin; the lower bound
 * of the open bin. Undefined where nothing was counted.
 */
export function percentile(bins: readonly number[], p: number): number | undefined {
  const total = bins.reduce((sum, count) => sum + count, 0);
  if (total === 0) return undefined;
  const rank = Math.min(Math.max(p, 0), 1) * total;
  let before = 0;
  for (const [bin, count] of bins.entries()) {
    if (count === 0 || before + count < rank) {
      before += count;
      continue;
    }
    const lower = bin === 0 ? 0 : LATENCY_BINS[bin - 1]!;
    const upper = LATENCY_BINS[bin] ?? lower;
    return lower + ((upper - lower) * (rank - before)) / count;
  }
  return LATENCY_BINS.at(-1);
}

/** US dollars to a millionth of a millionth, so that sums taken in another order are equal. */
export function roundUsd(usd: number): number {
  return Number(usd.toFixed(12));
}

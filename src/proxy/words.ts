import type { Freshness } from "./policy.ts";

const UNITS = [
  [24 * 3600_000, "d"],
  [3600_000, "h"],
  [60_000, "min"],
] as const;

/** `3 h`, `4 d`: in the largest unit of which there are two or a whole number. */
export function spoken(ms: number): string {
  if (ms === Number.POSITIVE_INFINITY) return "forever";
  for (const [size, unit] of UNITS) {
    if (ms >= 2 * size || (ms >= size && ms % size === 0)) return `${Math.floor(ms / size)} ${unit}`;
  }
  return `${Math.floor(ms / 1000)} s`;
}

export function isPast({ leftMs }: Freshness): boolean {
  return leftMs <= 0;
}

/** `3 h past its TTL of 4 d`. */
export function pastTtl({ ageMs, leftMs }: Freshness): string {
  return `${spoken(-leftMs)} past its TTL of ${spoken(ageMs + leftMs)}`;
}

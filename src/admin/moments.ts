import { duration } from "../config-kinds.ts";
import { adminErrors } from "../errors.ts";

/** A duration as settings have it, with no more digits than a whole number of ms can hold. */
export const DURATION = /^(?:0|forever|[0-9]{1,15}ms|[0-9]{1,10}s|[0-9]{1,8}[mhd])$/;
/** RFC 3339; `T` may be a space, and seconds have as many digits as anybody likes. */
const TIME =
  /^[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])[Tt ](?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,9})?(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])$/;
/** A time, or how long ago. */
export const MOMENT = new RegExp(`(?:${DURATION.source})|(?:${TIME.source})`);

/** The end of the year 9999: RFC 3339 knows no later time. */
const LAST_MS = 253_402_300_799_999;

/** Epoch ms of what `MOMENT` matched, not before 1970. */
export function momentOf(text: string, now: number): number {
  if (!TIME.test(text)) return Math.max(0, now - durationOf(text));
  const [year, month, day, hour, minute, second] = text.match(/[0-9]+/g)!.map(Number) as number[];
  const fraction = Number(/\.[0-9]+/.exec(text)?.[0] ?? 0) * 1000;
  const zone = /([+-])([0-9]{2}):([0-9]{2})$/.exec(text);
  const offset = zone ? (zone[1] === "-" ? -1 : 1) * (Number(zone[2]) * 60 + Number(zone[3])) * 60_000 : 0;
  if (year! < 1970) return 0;
  return Math.max(0, Date.UTC(year!, month! - 1, day!, hour, minute, second) + fraction - offset);
}

/** ms of what `DURATION` matched; Infinity for `forever`. */
export function durationOf(text: string): number {
  const ms = duration.parse(text);
  if (ms === null) throw adminErrors.invalid(`${JSON.stringify(text)} is not ${duration.valid}`);
  return ms;
}

/** RFC 3339 in UTC; null for never. A time of this world is never null. */
export function timeOf(ms: number): string;
export function timeOf(ms: number | undefined): string | null;
export function timeOf(ms: number | undefined): string | null {
  return ms === undefined || !(ms >= 0 && ms <= LAST_MS) ? null : new Date(ms).toISOString();
}

/** Whole seconds down; null for never or not known. */
export function secondsOf(ms: number | undefined): number | null {
  return ms === undefined || !Number.isFinite(ms) ? null : Math.floor(ms / 1000);
}

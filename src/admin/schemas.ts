import * as v from "valibot";
import { DURATION, MOMENT } from "./moments.ts";

/** Schemas that several routes share. */

export const count = v.pipe(v.number(), v.integer(), v.minValue(0));
export const amount = v.number();
export const text = v.string();
export const textOrNull = v.nullable(v.string());
export const countOrNull = v.nullable(count);
export const amountOrNull = v.nullable(amount);
export const time = v.pipe(v.string(), v.isoTimestamp());
export const timeOrNull = v.nullable(time);

export const keyText = v.pipe(
  v.string(),
  v.regex(/^[0-9a-f]{64}$/, "a key is 64 lower-case hex digits"),
  v.description("A whole `X-Cache-Key`: 64 lower-case hex digits."),
);

export const durationText = v.pipe(
  v.string(),
  v.regex(DURATION, "use a duration such as 30s, 10m, 4h, 4d or forever"),
  v.description("A duration such as `30s`, `10m`, `4h`, `4d` or `forever`."),
);

export const moment = v.pipe(
  v.string(),
  v.regex(MOMENT, "use a duration such as 24h or 7d, or a time such as 2026-11-23T00:00:00Z"),
  v.description("How long ago (`24h`, `7d`), or a time in RFC 3339."),
);

/** A name to look for; long enough for any. */
export const name = v.pipe(v.string(), v.maxLength(500));

export const cursor = v.pipe(
  v.string(),
  v.minLength(1),
  v.maxLength(1000),
  v.description("`next_cursor` of the page before, with the same query."),
);

export const pageLimit = v.optional(
  v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1000), v.description("Rows on a page.")),
  50,
);

export const failure = v.object({ error: v.object({ code: text, message: text }) });

/** To nine digits: a short answer of a small model costs some millionths. */
export const dollars = (value: number) => Math.round(value * 1e9) / 1e9;
/** To a hundredth. */
export const milliseconds = (value: number) => Math.round(value * 100) / 100;

/** `convert(value)`, null where it is absent. */
export function orNull<T, U>(value: T | undefined, convert: (value: T) => U): U | null {
  return value === undefined ? null : convert(value);
}

import { afterSpace, elements, Members, type Span, valueEnd } from "../requests/json-spans.ts";

/** A number that an answer counts, where it stands in the text, and its path from the top. */
export interface Count extends Span {
  readonly path: string;
  readonly value: number;
}

const DEPTH_LIMIT = 8;
const DECODER = new TextDecoder();
const NUMBER = /^(?:0|[1-9]\d{0,15})(?:\.\d{1,40})?(?:[eE][+-]?\d{1,3})?$/;

/** The numbers (not negative) of the value at `at`, however deep, in the order of the text. */
export function* countsAt(
  text: Uint8Array,
  place: { readonly path: string; readonly at: number },
  depth = 0,
): Generator<Count> {
  const { path, at } = place;
  if (depth > DEPTH_LIMIT) return;
  if (text[at] === 0x7b) {
    const members = new Members(text, at);
    for (let member = members.next(); member !== undefined; member = members.next())
      yield* countsAt(text, { path: `${path}.${member.name}`, at: member.value }, depth + 1);
  } else if (text[at] === 0x5b) {
    let place = 0;
    for (const { start } of elements(text, at))
      yield* countsAt(text, { path: `${path}[${place++}]`, at: afterSpace(text, start) }, depth + 1);
  } else {
    const end = valueEnd(text, at);
    const said = DECODER.decode(text.subarray(at, Math.min(end, at + 64)));
    if (NUMBER.test(said)) yield { path, start: at, end, value: Number(said) };
  }
}

/**
 * A total shared out by weight. Whole numbers stay whole and sum up to the total: what rounding leaves goes to those
 * with the largest remainders, the first of equals first.
 */
export function shares(whole: number, weights: readonly number[]): readonly number[] {
  const sum = weights.reduce((all, weight) => all + weight, 0);
  const exact = weights.map((weight) => (whole * (sum === 0 ? 1 : weight)) / (sum || weights.length));
  if (!Number.isSafeInteger(whole)) return exact;
  const parts = exact.map(Math.floor);
  let left = whole - parts.reduce((all, part) => all + part, 0);
  const byRemainder = exact.map((value, at) => ({ at, rest: value - (parts[at] as number) }));
  byRemainder.sort((a, b) => b.rest - a.rest || a.at - b.at);
  for (const { at } of byRemainder) {
    if (left <= 0) break;
    parts[at] = (parts[at] as number) + 1;
    left--;
  }
  return parts;
}

/** The sum of counts; one of fractions without the noise that adding leaves in its last digits. */
export function total(counts: readonly number[]): number {
  const sum = counts.reduce((all, count) => all + count, 0);
  return Number.isInteger(sum) || counts.length === 1 ? sum : Number(sum.toPrecision(12));
}

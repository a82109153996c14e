import type { App } from "../compose.ts";
import { line } from "./display.ts";
import { count, duration, plural, short, usd } from "./readable.ts";

type Watched = ReturnType<App["watched"]>;

/** `4,812 hits · 188 misses · saved 1.2M tokens, $61.20 and 2h 10m` */
export function summary({ outcomes, saved, unpriced, unanswered }: Watched): string {
  const kinds = [plural(outcomes.hit, "hit"), plural(outcomes.miss + unanswered, "miss", "misses")];
  for (const kind of ["partial", "joined"] as const) {
    if (outcomes[kind] > 0) kinds.push(`${count(outcomes[kind])} ${kind}`);
  }
  const money = usd(saved.usd === 0 && unpriced > 0 ? undefined : saved.usd);
  return [...kinds, `saved ${short(saved.tokens)} tokens, ${money} and ${duration(saved.ms)}`].join(" · ");
}

/** What else the user should know, a short line each. */
export function remarks({ saved, unpriced, notKept, passedOn, repeats }: Watched): readonly string[] {
  const lines: string[] = [];
  if (unpriced > 0 && saved.usd > 0)
    lines.push(`price unknown for ${count(unpriced)} of the hits, which the sum leaves out`);
  if (notKept.size > 0) lines.push(`not kept: ${reasons(notKept)}`);
  if (passedOn.size > 0) lines.push(`passed on without the cache: ${reasons(passedOn)}`);
  if (repeats > 0) {
    lines.push(
      `${plural(repeats, "repeat")} at a temperature above 0 got the first answer again: X-Cache-Sample: auto gives each its own`,
    );
  }
  return lines;
}

/** Requests that nothing recorded answered. */
export function misses({ missed, missedMore }: Watched): readonly string[] {
  return [
    ...missed.map((text) => `missed: ${line(text)}`),
    ...(missedMore > 0 ? [`and ${count(missedMore)} more`] : []),
  ];
}

const MOST_UNUSED = 20;

export function unusedLines(unused: readonly string[]): readonly string[] {
  const shown = unused.slice(0, MOST_UNUSED).map((text) => `not used: ${line(text)}`);
  return unused.length > MOST_UNUSED ? [...shown, `and ${count(unused.length - MOST_UNUSED)} more`] : shown;
}

function reasons(counts: ReadonlyMap<string, number>): string {
  return [...counts].map(([reason, times]) => `${count(times)} ${line(reason)}`).join(", ");
}

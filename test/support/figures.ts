/** Figures of requests as `GET …/stats` gives them: summed and compared. */
import assert from "node:assert/strict";

export const FIGURES = [
  ...["requests", "hits", "misses", "partial", "joined", "bypassed", "refused", "errors", "aborted"],
  ...["calls", "spent_tokens", "spent_usd", "saved_tokens", "saved_usd", "joined_tokens", "joined_usd"],
  ...["unread", "unread_tokens", "unread_usd", "refreshes", "refresh_tokens", "refresh_usd", "unpriced"],
] as const;

export type Figures = { [Name in (typeof FIGURES)[number]]?: number } & {
  not_kept?: Readonly<Record<string, number>>;
};

/** What is not named counts as 0. */
export function sumOf(all: readonly Figures[]): Figures {
  const sum: Record<string, number> = Object.fromEntries(FIGURES.map((name) => [name, 0]));
  const notKept: Record<string, number> = {};
  for (const figures of all) {
    for (const name of FIGURES)
      sum[name] = (sum[name] as number) + ((figures[name as keyof Figures] as number) ?? 0);
    for (const [reason, count] of Object.entries(figures.not_kept ?? {}))
      notKept[reason] = (notKept[reason] ?? 0) + count;
  }
  return { ...sum, not_kept: notKept };
}

/** Equal to the last count; money to a millionth of a cent, which no single call of a test costs less than. */
export function assertFigures(actual: Figures, expected: Figures, about: string): void {
  const want = sumOf([expected]);
  const wrong: string[] = [];
  for (const name of FIGURES) {
    const [got, wanted] = [actual[name as keyof Figures] as number, want[name as keyof Figures] as number];
    const off = name.endsWith("_usd") ? Math.abs(got - wanted) > 1e-8 : got !== wanted;
    if (off || typeof got !== "number") wrong.push(`${name}: ${got} and not ${wanted}`);
  }
  assert.deepEqual(wrong, [], about);
  assert.deepEqual({ ...actual.not_kept }, want.not_kept, `${about}: not_kept`);
}

/** Groups by name: those expected one by one, and all others together. */
export function assertGroups(
  groups: readonly (Figures & { name: string })[],
  expected: ReadonlyMap<string, Figures>,
  about: string,
): void {
  const named = [...expected].filter(([name]) => name !== "");
  for (const [name, figures] of named) {
    const found = groups.filter((group) => group.name === name);
    assert.equal(found.length, 1, `${about}: groups named ${name} of ${groups.map((group) => group.name)}`);
    assertFigures(found[0] as Figures, figures, `${about} ${name}`);
  }
  const others = groups.filter(({ name }) => !named.some(([known]) => known === name));
  assertFigures(sumOf(others), expected.get("") ?? {}, `${about}, all others`);
}

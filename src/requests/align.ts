/** Which element of one list stands for which of the other; undefined on one side: only the other has it. */
export interface Pairing {
  readonly asked: number | undefined;
  readonly stored: number | undefined;
}

/** Beyond this many comparisons elements are paired in order. */
const MOST_COMPARISONS = 40_000;

/**
 * Pairs the elements of two lists that are not `same`: what is equal stays out. One element more in the midst is one
 * pairing, not all that follow.
 */
export function paired(
  lengths: { readonly asked: number; readonly stored: number },
  same: (asked: number, stored: number) => boolean,
): Pairing[] {
  let from = 0;
  const shorter = Math.min(lengths.asked, lengths.stored);
  while (from < shorter && same(from, from)) from++;
  let tail = 0;
  while (tail < shorter - from && same(lengths.asked - 1 - tail, lengths.stored - 1 - tail)) tail++;
  const asked = lengths.asked - from - tail;
  const stored = lengths.stored - from - tail;
  const pairs: Pairing[] = [];
  const run = { asked: from, stored: from };
  // Between two equal elements: paired in order, the surplus has no counterpart.
  const upTo = (askedEnd: number, storedEnd: number) => {
    while (run.asked < askedEnd || run.stored < storedEnd) {
      pairs.push({
        asked: run.asked < askedEnd ? run.asked++ : undefined,
        stored: run.stored < storedEnd ? run.stored++ : undefined,
      });
    }
    run.asked++;
    run.stored++;
  };
  if (asked !== stored && asked * stored <= MOST_COMPARISONS) {
    for (const [a, s] of longestCommon({ asked, stored }, (a, s) => same(from + a, from + s)))
      upTo(from + a, from + s);
  } else if (asked === stored) {
    for (let at = from; at < from + asked; at++) if (same(at, at)) upTo(at, at);
  }
  upTo(from + asked, from + stored);
  return pairs;
}

/** The longest common subsequence, as pairs of indexes. */
function longestCommon(
  { asked, stored }: { asked: number; stored: number },
  same: (asked: number, stored: number) => boolean,
): [number, number][] {
  const width = stored + 1;
  const lengths = new Uint16Array((asked + 1) * width);
  const equal = new Uint8Array(asked * stored);
  for (let a = asked - 1; a >= 0; a--) {
    for (let s = stored - 1; s >= 0; s--) {
      const here = a * width + s;
      equal[a * stored + s] = same(a, s) ? 1 : 0;
      lengths[here] =
        equal[a * stored + s] === 1
          ? (lengths[here + width + 1] as number) + 1
          : Math.max(lengths[here + width] as number, lengths[here + 1] as number);
    }
  }
  const pairs: [number, number][] = [];
  for (let a = 0, s = 0; a < asked && s < stored; ) {
    if (equal[a * stored + s] === 1) pairs.push([a++, s++]);
    else if ((lengths[(a + 1) * width + s] as number) >= (lengths[a * width + s + 1] as number)) a++;
    else s++;
  }
  return pairs;
}

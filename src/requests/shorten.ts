const MOST = 200;
/** Of what is equal in front of the first difference, this much is shown. */
const BEFORE = 40;

/** Two texts, each cut to 200 characters around where they first differ. */
export function around(
  asked: string | undefined,
  stored: string | undefined,
): { readonly asked: string | undefined; readonly stored: string | undefined } {
  if (asked === undefined || stored === undefined) return { asked: cut(asked, 0), stored: cut(stored, 0) };
  if (asked.length <= MOST && stored.length <= MOST) return { asked, stored };
  const shorter = Math.min(asked.length, stored.length);
  let first = 0;
  while (first < shorter && asked[first] === stored[first]) first++;
  // A short end is shown whole rather than begun in the middle.
  const from = first <= BEFORE * 2 ? 0 : first - BEFORE;
  return { asked: cut(asked, from), stored: cut(stored, from) };
}

function cut(text: string | undefined, from: number): string | undefined {
  if (text === undefined || (from === 0 && text.length <= MOST)) return text;
  const front = from > 0 ? "…" : "";
  const left = MOST - front.length;
  const whole = text.length - from <= left;
  const part = text.slice(from, whole ? undefined : from + left - 1);
  // No half of a character of two units at either end.
  const clean = part.replace(/^[\udc00-\udfff]/, "").replace(/[\ud800-\udbff]$/, "");
  return front + clean + (whole ? "" : "…");
}

/** Texts kept: paths of the endpoints in use, of which there are few. */
const MOST = 256;
/** Longer ones are not worth their memory. */
const LONGEST = 512;

/** `find`, which depends on its text alone, with what it found for texts lately given. */
export function remembered<Found>(find: (text: string) => Found): (text: string) => Found {
  const known = new Map<string, Found>();
  return (text) => {
    const before = known.get(text);
    if (before !== undefined) return before;
    const found = find(text);
    if (found === undefined || text.length > LONGEST) return found;
    if (known.size >= MOST) known.clear();
    known.set(text, found);
    return found;
  };
}

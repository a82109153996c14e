import type { MaskPreset, MaskRule } from "../config-masks.ts";

/**
 * What of a request's texts doesn't count for the key (`key.mask`): dates, ids and paths that an agent writes into
 * each prompt anew. The request goes up as it came. Linear in the text's length.
 */
export interface Mask {
  /** Whether texts below this top-level member are looked through. */
  applies(member: string): boolean;
  /**
   * What stands before, between and after the parts that don't count; undefined: all of it counts. The text stands
   * below the top-level `member`, in (a list in) the member `name`.
   */
  pieces(text: string, place: Place): string[] | undefined;
}

export interface Place {
  readonly member: string;
  readonly name: string;
}

/** Top-level members whose texts a model reads; a `model` with a date in its name is none of them. */
const READ = new Set(
  (
    "messages system prompt suffix instructions input inputs contents content systemInstruction system_instruction " +
    "message preamble chat_history documents query text texts requests tools"
  ).split(" "),
);

interface Finder {
  readonly members: ReadonlySet<string>;
  /** Whether it leaves alone what names a thing elsewhere: another file's id or address is another question. */
  readonly proseOnly?: boolean;
  /** The first part at or after `from`; undefined: none. */
  find(text: string, from: number): Span | undefined;
}

interface Span {
  readonly start: number;
  readonly end: number;
}

/** Each repetition in them has a bound, and what may follow it can't be in it: no text is gone through twice. */
const PRESETS: Readonly<Record<MaskPreset, Finder>> = {
  // Claude Code writes its version and a hash of the conversation into the first line of its system prompt.
  "billing-header": {
    ...byPattern(/(?<=^x-anthropic-billing-header:)[^\n]{1,2000}/gm),
    members: new Set(["system"]),
  },
  dates: inProse(
    /(?<!\d)(?:January|February|March|April|May|June|July|August|September|October|November|December) \d{1,2}, \d{4}(?!\d)|(?<![\d/])[01]?\d\/[0-3]?\d\/\d{4}(?![\d/])|(?<!\d)\d{4}-[01]\d-[0-3]\d(?:[T ][0-2]\d:[0-5]\d(?::[0-5]\d(?:[.,]\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?)?(?![\d-])/g,
  ),
  uuids: inProse(/(?<![0-9a-f-])[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?![0-9a-f-])/gi),
  // The first name below the folder: what lies below that tells one file from another.
  "temp-paths": byPattern(
    /(?<=\/tmp\/)[^\s"'`<>|:;,)\]/]{1,255}|(?<=\/var\/folders\/)[^\s/]{1,255}\/[^\s/]{1,255}\/T\/[^\s"'`<>|:;,)\]/]{1,255}|(?<=\\AppData\\Local\\Temp\\)[^\s"'`<>|:;,)\]\\/]{1,255}/g,
  ),
  "presigned-urls": byPattern(
    /(?<=[?&;](?:X-Amz-(?:Signature|Credential|Date|Security-Token|Expires)|X-Goog-(?:Signature|Credential|Date|Expires)|Signature|Expires|AWSAccessKeyId|GoogleAccessId|Key-Pair-Id|Policy|sig|se|st|skt|ske)=)[^&\s"'`<>)\]]{1,4000}/gi,
  ),
};

function byPattern(pattern: RegExp): Finder {
  return {
    members: READ,
    find(text, from) {
      pattern.lastIndex = from;
      const found = pattern.exec(text);
      return found === null ? undefined : { start: found.index, end: found.index + found[0].length };
    },
  };
}

function inProse(pattern: RegExp): Finder {
  return { ...byPattern(pattern), proseOnly: true };
}

const NAMES_REFERENCE = /(?:^|[_-])(?:id|ur[il])s?$|(?:I[dD]|U(?:r[il]|R[IL]))s?$/;
const ADDRESS = /^(?:[a-z][a-z0-9+.-]{0,30}:\/\/|data:)\S*$/i;

/** Whether a text is an id or an address, by its member's name or by itself. */
function isReference(text: string, name: string): boolean {
  return NAMES_REFERENCE.test(name) || ADDRESS.test(text);
}

const COMPILED = new WeakMap<readonly MaskRule[], Mask>();

/** Undefined where there are no rules. */
export function maskOf(rules: readonly MaskRule[]): Mask | undefined {
  if (rules.length === 0) return undefined;
  const known = COMPILED.get(rules);
  if (known !== undefined) return known;
  const finders = rules.map(finderOf);
  const mask: Mask = {
    applies: (member) => finders.some(({ members }) => members.has(member)),
    pieces: (text, { member, name }) =>
      piecesOf(
        text,
        finders.filter(
          ({ members, proseOnly }) => members.has(member) && !(proseOnly && isReference(text, name)),
        ),
      ),
  };
  COMPILED.set(rules, mask);
  return mask;
}

function finderOf(rule: MaskRule): Finder {
  if (rule.kind === "preset") return PRESETS[rule.name];
  if (rule.kind === "glob") return { members: READ, find: globFinder(rule.text) };
  return {
    members: READ,
    find(text, from) {
      const start = text.indexOf(rule.text, from);
      return start < 0 ? undefined : { start, end: start + rule.text.length };
    },
  };
}

function piecesOf(text: string, finders: readonly Finder[]): string[] | undefined {
  const spans = finders.flatMap((finder) => spansOf(text, finder));
  if (spans.length === 0) return undefined;
  spans.sort((a, b) => a.start - b.start);
  const pieces: string[] = [];
  let from = 0;
  let end = -1;
  for (const span of spans) {
    if (span.start > end) {
      pieces.push(text.slice(from, span.start));
      end = span.end;
    } else end = Math.max(end, span.end);
    from = end;
  }
  return [...pieces, text.slice(from)];
}

function spansOf(text: string, finder: Finder): Span[] {
  const spans: Span[] = [];
  for (let found = finder.find(text, 0); found !== undefined; found = finder.find(text, found.end))
    spans.push(found);
  return spans;
}

/** One character of a glob; undefined stands for `?`. */
type Unit = string | undefined;

/**
 * Finds `first*second*third` within a line: the first piece, then each next one where it first occurs. Where that
 * fails for one piece it fails for every later beginning in that line too, so the search goes on behind the line.
 */
function globFinder(glob: string): Finder["find"] {
  const [first = [], ...rest] = globPieces(glob);
  const last = rest.at(-1);
  const toLineEnd = last !== undefined && last.length === 0;
  const middle = rest.filter((piece) => piece.length > 0);
  return (text, from) => {
    for (let at = from; ; ) {
      const head = findPiece(text, first, { from: at, to: text.length });
      if (head === undefined) return undefined;
      const line = lineEnd(text, head.end);
      let end: number | undefined = head.end;
      for (const piece of middle) {
        end = findPiece(text, piece, { from: end, to: line })?.end;
        if (end === undefined) break;
      }
      if (end !== undefined) return { start: head.start, end: toLineEnd ? line : end };
      at = line;
    }
  };
}

function lineEnd(text: string, from: number): number {
  const end = text.indexOf("\n", from);
  return end < 0 ? text.length : end;
}

function globPieces(glob: string): Unit[][] {
  const pieces: Unit[][] = [[]];
  const units = [...glob];
  for (let at = 0; at < units.length; at++) {
    const unit = units[at] as string;
    if (unit === "\\" && at + 1 < units.length) pieces.at(-1)?.push(units[++at]);
    else if (unit === "*") pieces.push([]);
    else pieces.at(-1)?.push(unit === "?" ? undefined : unit);
  }
  return pieces;
}

/** Where the piece first stands in [from, to). A piece has at most a few hundred characters. */
function findPiece(
  text: string,
  piece: readonly Unit[],
  { from, to }: { from: number; to: number },
): Span | undefined {
  if (!piece.includes(undefined)) {
    const literal = piece.join("");
    // Not beyond the line: looking through the rest of the text for each line would not be linear.
    const found = text.slice(from, to).indexOf(literal);
    return found < 0 ? undefined : { start: from + found, end: from + found + literal.length };
  }
  for (let start = from; start < to; start++) {
    if (isSecondHalf(text, start)) continue;
    const end = matchPiece(text, piece, start);
    if (end !== undefined && end <= to) return { start, end };
  }
  return undefined;
}

function matchPiece(text: string, piece: readonly Unit[], start: number): number | undefined {
  let at = start;
  for (const unit of piece) {
    const code = text.codePointAt(at);
    if (code === undefined || code === 0x0a) return undefined;
    const here = String.fromCodePoint(code);
    if (unit !== undefined && unit !== here) return undefined;
    at += here.length;
  }
  return at;
}

function isSecondHalf(text: string, at: number): boolean {
  return at > 0 && (text.codePointAt(at - 1) ?? 0) > 0xffff;
}

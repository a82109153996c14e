/**
 * JSON as text: its tokens are moved about and never turned into values, so that a body comes back digit by digit and
 * escape by escape. All functions but `documentOf` expect valid JSON; of any other they make nonsense, but end.
 */

/** Where a value stands in a text. */
export interface Span {
  readonly start: number;
  /** Offset after its last character. */
  readonly end: number;
}

const TAB = 0x09;
const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_LIST = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const SCALAR = /[^\s{}[\],:"]+/y;

const isSpace = (code: number) => code === SPACE || code === LF || code === CR || code === TAB;

/** The offset of the first character from `at` on that is no white space. */
export function afterSpace(text: string, at: number): number {
  let here = at;
  while (here < text.length && isSpace(text.charCodeAt(here))) here++;
  return here;
}

/** The offset after the token that begins at `at`. */
export function tokenEnd(text: string, at: number): number {
  const code = text.charCodeAt(at);
  if (code === QUOTE) return stringEnd(text, at);
  SCALAR.lastIndex = at;
  return SCALAR.test(text) ? SCALAR.lastIndex : at + 1;
}

function stringEnd(text: string, open: number): number {
  for (let close = text.indexOf('"', open + 1); close >= 0; close = text.indexOf('"', close + 1)) {
    let before = close - 1;
    while (text.charCodeAt(before) === BACKSLASH) before--;
    if ((close - before) % 2 === 1) return close + 1;
  }
  return text.length;
}

/** The offset after the value that begins at `at`. */
export function valueEnd(text: string, at: number): number {
  let depth = 0;
  for (let here = at; here < text.length; ) {
    const code = text.charCodeAt(here);
    if (code === OPEN_LIST || code === OPEN_OBJECT) depth++;
    else if (code === CLOSE_LIST || code === CLOSE_OBJECT) depth--;
    here = tokenEnd(text, here);
    if (depth <= 0 && !isSpace(code)) return here;
  }
  return text.length;
}

export interface Member {
  readonly name: string;
  readonly value: Span;
}

/** The members of the object that opens at `at`, in their order. */
export function* membersAt(text: string, at: number): Generator<Member> {
  for (let here = afterSpace(text, at + 1); text.charCodeAt(here) === QUOTE; ) {
    const named = stringEnd(text, here);
    const start = afterSpace(text, afterSpace(text, named) + 1);
    const end = valueEnd(text, start);
    yield { name: JSON.parse(text.slice(here, named)) as string, value: { start, end } };
    here = afterSpace(text, afterSpace(text, end) + 1);
  }
}

/** The elements of the list that opens at `at`. */
export function* elementsAt(text: string, at: number): Generator<Span> {
  let start = afterSpace(text, at + 1);
  if (text.charCodeAt(start) === CLOSE_LIST) return;
  for (;;) {
    const end = valueEnd(text, start);
    yield { start, end };
    const next = afterSpace(text, end);
    if (text.charCodeAt(next) !== COMMA) return;
    start = afterSpace(text, next + 1);
  }
}

/** Without the white space between tokens. */
export function compacted(text: string): string {
  let out = "";
  let from = 0;
  for (let at = 0; at < text.length; ) {
    if (!isSpace(text.charCodeAt(at))) {
      at = tokenEnd(text, at);
      continue;
    }
    out += text.slice(from, at);
    at = afterSpace(text, at);
    from = at;
  }
  return from === 0 ? text : out + text.slice(from);
}

/** How the tokens of a document stand apart; compact where neither member is there. */
export interface Layout {
  /** White space by which each level is indented, as `JSON.stringify` does. */
  readonly indent?: string | undefined;
  /** On one line, a space after each comma and colon. */
  readonly spaced?: boolean | undefined;
}

/** Compact JSON in another layout. */
export function laidOut(text: string, { indent, spaced = false }: Layout): string {
  if (indent === undefined && !spaced) return text;
  const breaks = [""];
  const lineBreak = (depth: number) => {
    if (indent === undefined) return "";
    breaks[depth] ??= `\n${indent.repeat(depth)}`;
    return depth === 0 ? "\n" : (breaks[depth] as string);
  };
  const pieces: string[] = [];
  let depth = 0;
  for (let at = 0; at < text.length; ) {
    const end = tokenEnd(text, at);
    const code = text.charCodeAt(at);
    const token = text.slice(at, end);
    if (code === OPEN_OBJECT || code === OPEN_LIST) {
      const empty = text.charCodeAt(end) === code + 2;
      pieces.push(empty ? text.slice(at, end + 1) : token + lineBreak(++depth));
      at = empty ? end + 1 : end;
      continue;
    }
    if (code === CLOSE_OBJECT || code === CLOSE_LIST) pieces.push(lineBreak(--depth) + token);
    else if (code === COMMA) pieces.push(spaced ? ", " : `,${lineBreak(depth)}`);
    else pieces.push(code === COLON ? ": " : token);
    at = end;
  }
  return pieces.join("");
}

export interface JsonDocument {
  readonly compact: string;
  readonly layout: Layout;
  /** White space in front and behind. */
  readonly before: string;
  readonly after: string;
}

const EDGES = /^([ \t\r\n]*)([{[].*[}\]])([ \t\r\n]*)$/s;
const INDENT = /^[{[]\n( {1,8}|\t)(?=[^ \t])/;

/**
 * An object or list in a layout that is known, from which its text can be made again, character for character;
 * undefined for anything else.
 */
export function documentOf(text: string): JsonDocument | undefined {
  const found = EDGES.exec(text);
  if (found === null || !isJson(text)) return undefined;
  const [, before = "", core = "", after = ""] = found;
  const compact = compacted(core);
  const indent = INDENT.exec(core)?.[1];
  for (const layout of [{}, { spaced: true }, ...(indent === undefined ? [] : [{ indent }])]) {
    if (laidOut(compact, layout) === core) return { compact, layout, before, after };
  }
  return undefined;
}

export function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** Nesting up to which every program reads a document. */
const DEPTH_LIMIT = 500;

/**
 * Whether reading compact JSON into ordinary values and writing it again loses nothing that it says: no number that
 * a double can't hold, no name twice in an object.
 */
export function isFaithful(text: string): boolean {
  const names: (Set<string> | undefined)[] = [];
  for (let at = 0; at < text.length; ) {
    const end = tokenEnd(text, at);
    const code = text.charCodeAt(at);
    if (code === OPEN_OBJECT || code === OPEN_LIST) {
      if (names.length >= DEPTH_LIMIT) return false;
      names.push(code === OPEN_OBJECT ? new Set() : undefined);
    } else if (code === CLOSE_OBJECT || code === CLOSE_LIST) names.pop();
    else if (code === QUOTE && text.charCodeAt(end) === COLON) {
      const known = names.at(-1) as Set<string>;
      const before = known.size;
      if (known.add(JSON.parse(text.slice(at, end)) as string).size === before) return false;
    } else if ((code === 0x2d || (code >= 0x30 && code <= 0x39)) && !fits(text.slice(at, end))) return false;
    at = end;
  }
  return true;
}

/** Longer than any double is ever written. */
const NUMBER_LIMIT = 400;

/** Whether a double holds the number: 15 digits always survive. */
function fits(number: string): boolean {
  if (number.length > NUMBER_LIMIT) return false;
  if (number.length <= 15 && !/^-0|[eE]/.test(number)) return true;
  const read = String(Number(number));
  return read === number || decimal(number) === decimal(read);
}

/** Sign, digits without zeros at either end, and exponent: one text for one value. */
function decimal(number: string): string {
  const found = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(number);
  if (found === null) return number;
  const [, sign = "", whole = "", fraction = "", exponent = "0"] = found;
  const digits = `${whole}${fraction}`.replace(/^0+/, "");
  const plain = digits.replace(/0+$/, "");
  return plain === ""
    ? `${sign}0`
    : `${sign}${plain}e${Number(exponent) - fraction.length + digits.length - plain.length}`;
}

const WORD = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;

function wordEnd(text: string, at: number): number {
  WORD.lastIndex = at;
  return WORD.test(text) ? WORD.lastIndex : at;
}

/** The offset at which a text stops being JSON, for a person who is to mend it; its length where the end is missing. */
export function faultAt(text: string): number {
  const open: number[] = [];
  let wants: "value" | "name" | "next" = "value";
  let mayClose = false;
  for (let at = afterSpace(text, 0); at < text.length; at = afterSpace(text, at)) {
    const code = text.charCodeAt(at);
    const closes = code === CLOSE_OBJECT || code === CLOSE_LIST;
    if (closes && open.length > 0 && (wants === "next" || mayClose)) {
      if (open.pop() !== code - 2) return at;
      wants = "next";
      mayClose = false;
      at++;
    } else if (wants === "next") {
      if (code !== COMMA || open.length === 0) return at;
      wants = open.at(-1) === OPEN_OBJECT ? "name" : "value";
      at++;
    } else if (wants === "value" && (code === OPEN_OBJECT || code === OPEN_LIST)) {
      open.push(code);
      wants = code === OPEN_OBJECT ? "name" : "value";
      mayClose = true;
      at++;
    } else {
      const end = code === QUOTE ? stringEnd(text, at) : wordEnd(text, at);
      if ((wants === "name" && code !== QUOTE) || !isJson(text.slice(at, end))) return at;
      at = end;
      mayClose = false;
      if (wants === "name") {
        at = afterSpace(text, at);
        if (text.charCodeAt(at) !== COLON) return at;
        at++;
      }
      wants = wants === "name" ? "value" : "next";
    }
  }
  return text.length;
}

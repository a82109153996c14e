import type { Shape } from "../providers/shape.ts";

/** The words of JSON's grammar, and the objects under way, as `canonical-writer.ts` reads them. */

export interface Member {
  readonly name: string;
  readonly start: number;
  end: number;
  readonly ignored: boolean;
}

export interface Frame {
  readonly list: boolean;
  /** Offset of its opening bracket in the output. */
  readonly start: number;
  /** How its members stand to each other; undefined: their order counts. */
  readonly shape: Shape | undefined;
  readonly members: Member[];
}

/** What may come next. */
export enum Next {
  Value,
  ValueOrClose,
  NameOrClose,
  Name,
  CommaOrClose,
  Nothing,
}

/** An object's members as they count: without the ignored ones, sorted where their order does not count. */
export function arranged(frame: Frame): readonly Member[] {
  const kept = frame.members.filter((member) => !member.ignored);
  const names = new Set(kept.map((member) => member.name));
  const free = frame.shape?.free === true && names.size === kept.length;
  return free ? kept.toSorted((a, b) => (a.name < b.name ? -1 : 1)) : kept;
}

export const QUOTE = 0x22;
export const BACKSLASH = 0x5c;
export const COMMA = 0x2c;
export const COLON = 0x3a;
const HEX = "0123456789abcdef";
/** RFC 8259 §6. */
const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;
/** The letter after a backslash, and the character it stands for. */
const SIMPLE_ESCAPES = new Map<number, number>(
  Object.entries({ '"': 0x22, "\\": 0x5c, "/": 0x2f, b: 8, f: 12, n: 10, r: 13, t: 9 }).map(
    ([letter, code]) => [letter.charCodeAt(0), code],
  ),
);
export const CONTROL = new Map([
  [8, "\\b"],
  [9, "\\t"],
  [10, "\\n"],
  [12, "\\f"],
  [13, "\\r"],
]);

export function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

export function isDelimiter(byte: number): boolean {
  return (
    isSpace(byte) ||
    byte === 0x2c ||
    byte === 0x3a ||
    byte === 0x5d ||
    byte === 0x7d ||
    byte === 0x5b ||
    byte === 0x7b ||
    byte === 0x22
  );
}

/** The character that the escape at `at` stands for (half a pair where it has no other half), and where it ends. */
export function readEscape(text: Uint8Array, at: number): { code: number; end: number } | undefined {
  const kind = text[at + 1];
  if (kind !== 0x75) {
    const code = kind === undefined ? undefined : SIMPLE_ESCAPES.get(kind);
    return code === undefined ? undefined : { code, end: at + 2 };
  }
  const code = readHex(text, at + 2);
  if (code === undefined) return undefined;
  const pairs = code >= 0xd800 && code <= 0xdbff && text[at + 6] === 0x5c && text[at + 7] === 0x75;
  const low = pairs ? readHex(text, at + 8) : undefined;
  if (low === undefined || low < 0xdc00 || low > 0xdfff) return { code, end: at + 6 };
  return { code: 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00), end: at + 12 };
}

function readHex(text: Uint8Array, at: number): number | undefined {
  let value = 0;
  for (let i = at; i < at + 4; i++) {
    const digit = HEX.indexOf(String.fromCharCode(text[i] ?? 0).toLowerCase());
    if (digit < 0) return undefined;
    value = value * 16 + digit;
  }
  return value;
}

/** The number or literal that begins at `at`, as it is written; undefined where it is none, or absurdly long. */
export function scalarAt(bytes: Uint8Array, at: number): string | undefined {
  let end = at;
  while (end < bytes.byteLength && !isDelimiter(bytes[end] as number)) end++;
  if (end - at > 4096) return undefined;
  const text = String.fromCharCode(...bytes.subarray(at, end));
  return text === "true" || text === "false" || text === "null" || NUMBER.test(text) ? text : undefined;
}

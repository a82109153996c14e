/**
 * Where the values of a JSON text stand, without parsing them: offsets into its bytes. The text must be valid JSON;
 * of any other the spans mean nothing, but stay inside it, and every walk ends.
 */

export interface Span {
  readonly start: number;
  /** Offset after the last byte. */
  readonly end: number;
}

export interface Member {
  readonly name: string;
  /** The name with its quotes. */
  readonly named: Span;
  /** Offset of the value's first byte. */
  readonly value: number;
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN_LIST = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** The offset of the first byte from `at` on that is no white space. */
export function afterSpace(text: Uint8Array, at: number): number {
  let here = at;
  while (here < text.byteLength && isSpace(text[here] as number)) here++;
  return here;
}

/** The offset after the value that begins at `at`: native search wherever a run of bytes can be skipped. */
export function valueEnd(text: Uint8Array, at: number): number {
  let depth = 0;
  let here = at;
  while (here < text.byteLength) {
    const byte = text[here] as number;
    if (byte === QUOTE) here = stringEnd(text, here);
    else if (byte === OPEN_LIST) {
      const flat = flatListEnd(text, here);
      if (flat === undefined) depth++;
      here = flat ?? here + 1;
    } else if (byte === OPEN_OBJECT || byte === CLOSE_LIST || byte === CLOSE_OBJECT) {
      depth += byte === OPEN_OBJECT ? 1 : -1;
      here++;
    } else if (depth === 0) return scalarEnd(text, here);
    else here++;
    if (depth <= 0) return here;
  }
  return text.byteLength;
}

/**
 * The end of a list without strings and lists in it, which is what a vector is. Looked for no further than to where the
 * next list opens: looked for to the end, lists in lists would take the square of their depth.
 */
function flatListEnd(text: Uint8Array, open: number): number | undefined {
  const next = text.indexOf(OPEN_LIST, open + 1);
  const near = text.subarray(open + 1, next < 0 ? text.byteLength : next);
  const close = near.indexOf(CLOSE_LIST);
  if (close < 0 || near.subarray(0, close).indexOf(QUOTE) >= 0) return undefined;
  return open + 1 + close + 1;
}

/** The offset after the string whose quote opens at `open`. */
export function stringEnd(text: Uint8Array, open: number): number {
  for (let close = text.indexOf(QUOTE, open + 1); close >= 0; close = text.indexOf(QUOTE, close + 1)) {
    let escapes = 0;
    while (text[close - 1 - escapes] === BACKSLASH) escapes++;
    if (escapes % 2 === 0) return close + 1;
  }
  return text.byteLength;
}

function scalarEnd(text: Uint8Array, at: number): number {
  let here = at;
  while (here < text.byteLength && !isSpace(text[here] as number) && !isDelimiter(text[here] as number))
    here++;
  return Math.max(here, at + 1);
}

/** The elements of the list that opens at `open`, one after the other. */
export function* elements(text: Uint8Array, open: number): Generator<Span> {
  let at = afterSpace(text, open + 1);
  while (at < text.byteLength && text[at] !== CLOSE_LIST) {
    const end = valueEnd(text, at);
    yield { start: at, end };
    at = afterSpace(text, end);
    if (text[at] === COMMA) at = afterSpace(text, at + 1);
  }
}

/**
 * The members of the object that opens at `open`. A large value is passed over only when the next member is asked
 * for, and not even then where the one who walks has said with `passed` where it ends.
 */
export class Members {
  readonly #text: Uint8Array;
  #at: number;
  #value: number | undefined;

  constructor(text: Uint8Array, open: number) {
    this.#text = text;
    this.#at = afterSpace(text, open + 1);
  }

  next(): Member | undefined {
    const text = this.#text;
    if (this.#value !== undefined) this.passed(valueEnd(text, this.#value));
    if (text[this.#at] !== QUOTE) return undefined;
    const named = { start: this.#at, end: stringEnd(text, this.#at) };
    const value = afterSpace(text, afterSpace(text, named.end) + 1);
    this.#value = value;
    return { name: nameOf(text.subarray(named.start, named.end)), named, value };
  }

  /** The value just met ends at `end`. */
  passed(end: number): void {
    const at = afterSpace(this.#text, end);
    this.#at = this.#text[at] === COMMA ? afterSpace(this.#text, at + 1) : at;
    this.#value = undefined;
  }
}

function nameOf(quoted: Uint8Array): string {
  try {
    return String(JSON.parse(DECODER.decode(quoted)));
  } catch {
    return "";
  }
}

const DECODER = new TextDecoder();

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

function isDelimiter(byte: number): boolean {
  return byte === COMMA || byte === CLOSE_LIST || byte === CLOSE_OBJECT || byte === 0x3a;
}

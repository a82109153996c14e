import { namesAccountState } from "./bound.ts";
import type { Fold } from "./sse.ts";

/** Bytes of an event that is learnt from, and how deep its JSON goes. */
const LONGEST = 16 * 1024;
const DEEPEST = 12;
/** Events that are not learnt from, at most, where what was learnt before fitted none. */
const MOST_PATIENCE = 64;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const COMMA = 0x2c;
const ZERO = 0x30;
const LOWER_U = 0x75;

/** Bytes that may follow a backslash, and those of four hexadecimal digits. */
const ESCAPES = tableOf('"\\/bfnrt');
const HEX = tableOf("0123456789abcdefABCDEF");

function tableOf(characters: string): Uint8Array {
  const table = new Uint8Array(256);
  for (const character of characters) table[character.charCodeAt(0)] = 1;
  return table;
}

/**
 * Passes over events that say nothing new. Those of one stream mostly differ in a few words: where the bytes around
 * them are those of the last event, and such words make no difference (`Fold.indifferent`), parsing would find nothing.
 * Every byte is looked at, so what is passed over is JSON as the last event was.
 */
export class Alike {
  #template: Template | undefined;
  #fitted = false;
  #patience = 0;
  #waits = 0;

  /** The offset behind all whole events from `at` on that are like the last one. */
  pass(bytes: Uint8Array, at: number): number {
    const template = this.#template;
    if (template === undefined) return at;
    let passed = at;
    for (let next = template.fit(bytes, at); next >= 0; next = template.fit(bytes, next)) passed = next;
    if (passed > at) this.#fitted = true;
    return passed;
  }

  /** Forgets the last event: another one was taken, of which nothing was learnt. */
  forget(): void {
    this.#template = undefined;
  }

  /** Whether to learn from the event just taken: not each time where events take turns. */
  get eager(): boolean {
    if (this.#fitted) this.#patience = 0;
    this.#fitted = false;
    if (this.#waits > 0) {
      this.#waits--;
      return false;
    }
    return true;
  }

  /** Takes the event that `fold` took last: its bytes as they came, and where its JSON stands in them. */
  learn(fold: Fold, value: unknown, { event, json }: { event: Uint8Array; json: number }): void {
    this.#waits = this.#patience;
    this.#patience = Math.min(MOST_PATIENCE, this.#patience * 2 + 1);
    if (event.byteLength > LONGEST) return;
    const paths = fold.indifferent?.(value);
    if (paths === undefined || namesAccountState(value)) return;
    const holes = new Holes(event, paths).from(json);
    if (holes !== undefined) this.#template = new Template(event, holes);
  }
}

/** A text (between its quotes) or a count that may be another one. */
interface Hole {
  readonly from: number;
  readonly to: number;
  readonly text: boolean;
}

/** An event with holes in it. */
class Template {
  /** All that is no hole. */
  readonly #fixed: Uint8Array;
  /** Of each hole: the offset in `#fixed` at which it stands, and whether it is a text. */
  readonly #stops: number[];
  readonly #texts: boolean[];

  constructor(event: Uint8Array, holes: readonly Hole[]) {
    const fixed = new Uint8Array(event.byteLength);
    let size = 0;
    let from = 0;
    this.#stops = [];
    this.#texts = holes.map(({ text }) => text);
    for (const hole of holes) {
      fixed.set(event.subarray(from, hole.from), size);
      size += hole.from - from;
      this.#stops.push(size);
      from = hole.to;
    }
    fixed.set(event.subarray(from), size);
    this.#fixed = fixed.slice(0, size + event.byteLength - from);
  }

  /** The offset behind the event at `at`; -1 where it is another one, or not all there. */
  fit(bytes: Uint8Array, at: number): number {
    const fixed = this.#fixed;
    const stops = this.#stops;
    let here = at;
    let done = 0;
    for (let hole = 0; hole < stops.length; hole++) {
      const stop = stops[hole] as number;
      if (here + stop - done >= bytes.byteLength) return -1;
      while (done < stop) if (bytes[here++] !== fixed[done++]) return -1;
      here = this.#texts[hole] ? textEnd(bytes, here) : countEnd(bytes, here);
      if (here < 0) return -1;
    }
    if (here + fixed.byteLength - done > bytes.byteLength) return -1;
    while (done < fixed.byteLength) if (bytes[here++] !== fixed[done++]) return -1;
    return here;
  }
}

/** Where a JSON text ends, at its closing quote; -1 where it is empty, or none. */
function textEnd(bytes: Uint8Array, from: number): number {
  let at = from;
  while (at < bytes.byteLength) {
    const byte = bytes[at] as number;
    if (byte === QUOTE) return at === from ? -1 : at;
    if (byte < 0x20) return -1;
    at++;
    if (byte !== BACKSLASH) continue;
    const escaped = bytes[at++];
    if (escaped === LOWER_U) {
      for (const end = at + 4; at < end; at++) if (HEX[bytes[at] ?? 0] !== 1) return -1;
    } else if (ESCAPES[escaped ?? 0] !== 1) return -1;
  }
  return -1;
}

/** Where a count's digits end; -1 where there are none, or no JSON. */
function countEnd(bytes: Uint8Array, from: number): number {
  let at = from;
  while (isDigit(bytes[at])) at++;
  return at === from || at - from > 15 || (bytes[from] === ZERO && at - from > 1) ? -1 : at;
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= ZERO && byte <= 0x39;
}

/** Reads a text that is known to be JSON, for where its texts and counts stand. */
class Holes {
  readonly #bytes: Uint8Array;
  readonly #paths: ReadonlySet<string>;
  readonly #found: Hole[] = [];
  #at = 0;

  constructor(bytes: Uint8Array, paths: ReadonlySet<string>) {
    this.#bytes = bytes;
    this.#paths = paths;
  }

  /** In their order; undefined where it goes too deep, or names are written with escapes. */
  from(at: number): readonly Hole[] | undefined {
    this.#at = at;
    return this.#value("", 0) ? this.#found : undefined;
  }

  #value(path: string, depth: number): boolean {
    const byte = this.#next();
    if (depth > DEEPEST) return false;
    if (byte === 0x7b) return this.#members(path, depth);
    if (byte === 0x5b) return this.#items(path, depth);
    const from = this.#at;
    if (byte === QUOTE) {
      this.#text();
      if (this.#at - from > 2 && this.#paths.has(path))
        this.#found.push({ from: from + 1, to: this.#at - 1, text: true });
      return true;
    }
    while (this.#at < this.#bytes.byteLength && !isBreak(this.#bytes[this.#at] as number)) this.#at++;
    if (this.#paths.has(path) && countEnd(this.#bytes, from) === this.#at)
      this.#found.push({ from, to: this.#at, text: false });
    return this.#at > from;
  }

  #members(path: string, depth: number): boolean {
    this.#at++;
    if (this.#next() === 0x7d) return this.#step();
    for (;;) {
      if (this.#next() !== QUOTE) return false;
      const name = this.#name();
      if (name === undefined || this.#next() !== COLON) return false;
      this.#at++;
      if (!this.#value(path === "" ? name : `${path}.${name}`, depth + 1)) return false;
      const byte = this.#next();
      this.#at++;
      if (byte !== COMMA) return byte === 0x7d;
    }
  }

  #items(path: string, depth: number): boolean {
    this.#at++;
    if (this.#next() === 0x5d) return this.#step();
    for (;;) {
      if (!this.#value(`${path}.*`, depth + 1)) return false;
      const byte = this.#next();
      this.#at++;
      if (byte !== COMMA) return byte === 0x5d;
    }
  }

  #step(): true {
    this.#at++;
    return true;
  }

  /** A member's name, in plain ASCII. */
  #name(): string | undefined {
    const from = this.#at + 1;
    this.#text();
    const letters = this.#bytes.subarray(from, this.#at - 1);
    return letters.includes(BACKSLASH) ? undefined : String.fromCharCode(...letters);
  }

  /** Goes behind a text that begins here. */
  #text(): void {
    let at = this.#at + 1;
    while (at < this.#bytes.byteLength && this.#bytes[at] !== QUOTE)
      at += this.#bytes[at] === BACKSLASH ? 2 : 1;
    this.#at = at + 1;
  }

  /** The next byte that is no white space. */
  #next(): number {
    const bytes = this.#bytes;
    while (this.#at < bytes.byteLength && isBlank(bytes[this.#at] as number)) this.#at++;
    return bytes[this.#at] ?? 0;
  }
}

function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d;
}

/** What ends a number or a word. */
function isBreak(byte: number): boolean {
  return isBlank(byte) || byte === COMMA || byte === 0x7d || byte === 0x5d;
}

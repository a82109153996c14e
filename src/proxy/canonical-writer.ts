import type { Shape } from "../providers/shape.ts";
import type { CanonicalOptions } from "./canonical.ts";
import {
  arranged,
  BACKSLASH,
  COLON,
  COMMA,
  CONTROL,
  type Frame,
  isSpace,
  Next,
  QUOTE,
  readEscape,
  scalarAt,
} from "./json-text.ts";

const DEPTH_LIMIT = 1000;
/** Sorting more members than this would hold the loop. */
const MEMBERS_LIMIT = 50_000;
/** A longer text is not looked through for what doesn't count: it would hold the loop. */
const MASK_BYTES = 1024 * 1024;
/** Stands for a part that doesn't count. */
const MASKED = 0x1a;

const ENCODER = new TextEncoder();

/** Writes one text in the canonical form that `canonical.ts` tells of, as it reads it. */
export class CanonicalWriter {
  readonly #in: Uint8Array;
  readonly #out: Uint8Array;
  readonly #options: CanonicalOptions;
  readonly #frames: Frame[] = [];
  /** A byte order mark in a name or a text is a character like any other. */
  readonly #texts = new TextDecoder("utf-8", { ignoreBOM: true });
  #at = 0;
  #length = 0;
  #next = Next.Value;
  #name: string | undefined;
  #inString = false;
  #isName = false;
  /** Offset of the string's opening quote in the output. */
  #stringStart = 0;

  constructor(text: Uint8Array, options: CanonicalOptions) {
    this.#in = text;
    // The canonical form is never longer than the text.
    this.#out = new Uint8Array(text.byteLength);
    this.#options = options;
  }

  /** Reads on until past `until`; false where the text has no canonical form. */
  step(until: number): boolean {
    while (this.#at < this.#in.byteLength && this.#at < until) {
      if (this.#inString) {
        if (!this.#string(until)) return false;
        continue;
      }
      const byte = this.#in[this.#at] as number;
      if (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) this.#at++;
      else if (!this.#token(byte)) return false;
    }
    return true;
  }

  finish(): Uint8Array | undefined {
    return this.#next === Next.Nothing && !this.#inString ? this.#out.subarray(0, this.#length) : undefined;
  }

  #token(byte: number): boolean {
    const next = this.#next;
    if (byte === COMMA) return this.#comma();
    if (byte === 0x7d || byte === 0x5d) return this.#close(byte);
    this.#isName = next === Next.Name || next === Next.NameOrClose;
    if (byte === QUOTE && (this.#isName || next === Next.Value || next === Next.ValueOrClose)) {
      this.#inString = true;
      this.#stringStart = this.#length;
      this.#write(QUOTE);
      this.#at++;
      return true;
    }
    if (next !== Next.Value && next !== Next.ValueOrClose) return false;
    if (byte === 0x7b || byte === 0x5b) return this.#open(byte);
    if (!this.#scalar()) return false;
    this.#ended();
    return true;
  }

  #open(byte: number): boolean {
    if (this.#frames.length >= DEPTH_LIMIT) return false;
    const list = byte === 0x5b;
    this.#frames.push({ list, start: this.#length, shape: this.#shapeHere(), members: [] });
    this.#write(byte);
    this.#at++;
    this.#next = list ? Next.ValueOrClose : Next.NameOrClose;
    return true;
  }

  /** The shape of the value that begins here, by where it stands. */
  #shapeHere(): Shape | undefined {
    const frame = this.#frames.at(-1);
    if (frame === undefined) return this.#options.shape;
    if (frame.list) return frame.shape?.items;
    const members = frame.shape?.members;
    const name = this.#name ?? "";
    return members !== undefined && Object.hasOwn(members, name) ? members[name] : undefined;
  }

  /** A member's name has ended: its colon must follow. */
  #named(): boolean {
    while (isSpace(this.#in[this.#at])) this.#at++;
    if (this.#in[this.#at] !== COLON) return false;
    this.#at++;
    const name = this.#texts.decode(this.#out.subarray(this.#stringStart + 1, this.#length - 1));
    this.#write(COLON);
    const frame = this.#frames.at(-1) as Frame;
    const ignored = this.#frames.length === 1 && this.#options.ignore.has(name);
    if (frame.members.length >= MEMBERS_LIMIT) return false;
    frame.members.push({ name, start: this.#stringStart, end: this.#length, ignored });
    this.#name = name;
    this.#next = Next.Value;
    return true;
  }

  #ended(): void {
    const frame = this.#frames.at(-1);
    if (frame === undefined) {
      this.#next = Next.Nothing;
      return;
    }
    const member = frame.members.at(-1);
    if (member !== undefined) member.end = this.#length;
    this.#next = Next.CommaOrClose;
  }

  #comma(): boolean {
    const frame = this.#frames.at(-1);
    if (frame === undefined || this.#next !== Next.CommaOrClose) return false;
    this.#write(COMMA);
    this.#at++;
    this.#next = frame.list ? Next.Value : Next.Name;
    return true;
  }

  #close(byte: number): boolean {
    const frame = this.#frames.at(-1);
    if (frame === undefined || frame.list !== (byte === 0x5d)) return false;
    const empty = frame.list ? Next.ValueOrClose : Next.NameOrClose;
    if (this.#next !== Next.CommaOrClose && this.#next !== empty) return false;
    this.#frames.pop();
    if (!frame.list) this.#arrange(frame);
    this.#write(byte);
    this.#at++;
    this.#ended();
    return true;
  }

  /** Writes an object's members anew, where they do not stand as they count. */
  #arrange(frame: Frame): void {
    const ordered = arranged(frame);
    if (
      ordered.length === frame.members.length &&
      ordered.every((member, at) => member === frame.members[at])
    )
      return;
    const before = this.#out.slice(frame.start, this.#length);
    this.#length = frame.start + 1;
    for (const [at, member] of ordered.entries()) {
      if (at > 0) this.#write(COMMA);
      this.#out.set(before.subarray(member.start - frame.start, member.end - frame.start), this.#length);
      this.#length += member.end - member.start;
    }
  }

  /** Goes on with a string, in its shortest form, to its end or past `until`; false for what no string may hold. */
  #string(until: number): boolean {
    const text = this.#in;
    const end = Math.min(until, text.byteLength);
    while (this.#at < end) {
      const start = this.#at;
      let at = start;
      let byte = text[at] as number;
      while (byte >= 0x20 && byte !== QUOTE && byte !== BACKSLASH && ++at < end) byte = text[at] as number;
      this.#out.set(text.subarray(start, at), this.#length);
      this.#length += at - start;
      this.#at = at;
      if (at >= end) return true;
      if (byte === QUOTE) return this.#stringEnded();
      if (byte !== BACKSLASH) return false;
      const after = this.#escape(at);
      if (after === undefined) return false;
      this.#at = after;
    }
    return true;
  }

  #stringEnded(): boolean {
    this.#write(QUOTE);
    this.#at++;
    this.#inString = false;
    if (this.#isName) return this.#named();
    this.#mask();
    this.#ended();
    return true;
  }

  /** Writes a text anew with MASKED for each part that doesn't count: no raw control character stands in any other. */
  #mask(): void {
    const { mask } = this.#options;
    const top = this.#frames[0];
    const start = this.#stringStart;
    if (mask === undefined || top === undefined || this.#length - start > MASK_BYTES) return;
    const member = top.members.at(-1)?.name;
    if (member === undefined || !mask.applies(member)) return;
    const name = this.#frames.findLast(({ list }) => !list)?.members.at(-1)?.name ?? member;
    const text = JSON.parse(this.#texts.decode(this.#out.subarray(start, this.#length)));
    const pieces = mask.pieces(text, { member, name });
    if (pieces === undefined) return;
    this.#length = start + 1;
    for (const [at, piece] of pieces.entries()) {
      if (at > 0) this.#write(MASKED);
      // Written with the same escapes as here: only those that must be.
      for (const byte of ENCODER.encode(JSON.stringify(piece).slice(1, -1))) this.#write(byte);
    }
    this.#write(QUOTE);
  }

  /** Writes the character that the escape at `at` stands for; answers where the text goes on. */
  #escape(at: number): number | undefined {
    const found = readEscape(this.#in, at);
    if (found === undefined) return undefined;
    if (found.code >= 0xd800 && found.code <= 0xdfff) this.#ascii(`\\u${found.code.toString(16)}`);
    else this.#character(found.code);
    return found.end;
  }

  #character(code: number): void {
    if (code === QUOTE || code === BACKSLASH) this.#ascii(`\\${String.fromCharCode(code)}`);
    else if (code < 0x20) this.#ascii(CONTROL.get(code) ?? `\\u${code.toString(16).padStart(4, "0")}`);
    else if (code < 0x80) this.#write(code);
    else for (const byte of ENCODER.encode(String.fromCodePoint(code))) this.#write(byte);
  }

  /** A number or a literal, as it is written. */
  #scalar(): boolean {
    const text = scalarAt(this.#in, this.#at);
    if (text === undefined) return false;
    this.#ascii(text);
    this.#at += text.length;
    return true;
  }

  #ascii(text: string): void {
    for (let i = 0; i < text.length; i++) this.#write(text.charCodeAt(i));
  }

  #write(byte: number): void {
    this.#out[this.#length++] = byte;
  }
}

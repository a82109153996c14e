/** Reads JSON documents of any size without holding the loop: a big one is checked and shortened in steps. */

/** Up to this size JSON.parse takes a few ms at most and needs no help. */
const PARSE_WHOLE_BYTES = 1024 * 1024;
/** Bytes scanned before the loop gets a turn: about 3 ms. */
const STEP_BYTES = 1024 * 1024;
/** What a shortened copy may still take: parsing it holds the loop for 50 ms or so. */
const SHORT_BYTES = 8 * 1024 * 1024;
const LONG_STRING = 4096;
const LONG_NUMBERS = 64;
const DEPTH_LIMIT = 10_000;

/**
 * The value of a JSON document; undefined where it does not parse. In one over 1 MiB, strings over 4 KiB are
 * shortened (never to nothing) and lists of numbers cut after 64: enough to judge it by, not to pass on.
 * `text`: all of it, where nothing is shortened.
 */
export async function readDocument(
  chunks: Iterable<Uint8Array>,
  size: number,
): Promise<{ readonly value: unknown; readonly shortened: boolean; readonly text?: string } | undefined> {
  if (size <= PARSE_WHOLE_BYTES) return parse(chunks, false);
  const skeleton = new Skeleton();
  let first = true;
  for (const piece of chunks) {
    const chunk =
      first && piece[0] === 0xef && piece[1] === 0xbb && piece[2] === 0xbf ? piece.subarray(3) : piece;
    first = false;
    for (let at = 0; at < chunk.byteLength; at += STEP_BYTES) {
      if (!skeleton.feed(chunk.subarray(at, at + STEP_BYTES))) return undefined;
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
  }
  const short = skeleton.finish();
  return short === undefined ? undefined : parse([short], true);
}

const DECODER = new TextDecoder();

function parse(chunks: Iterable<Uint8Array>, shortened: boolean) {
  const text = decoded(chunks);
  try {
    const value = JSON.parse(text) as unknown;
    return shortened ? { value, shortened } : { value, shortened, text };
  } catch {
    return undefined;
  }
}

function decoded(chunks: Iterable<Uint8Array>): string {
  const all = [...chunks];
  const [only] = all;
  if (only !== undefined && all.length === 1) return DECODER.decode(only);
  const decoder = new TextDecoder();
  let text = "";
  for (const chunk of all) text += decoder.decode(chunk, { stream: true });
  return text + decoder.decode();
}

enum Expect {
  Value,
  ValueOrClose,
  KeyOrClose,
  Key,
  Colon,
  CommaOrClose,
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;
const LITERALS = new Set(["true", "false", "null"]);

/** A push scanner over UTF-8 bytes that checks RFC 8259's grammar and writes a shortened copy. */
class Skeleton {
  #out = new Uint8Array(64 * 1024);
  #length = 0;
  /** Open containers: "{" or "[", and for lists how many scalars were numbers so far. */
  readonly #stack: { list: boolean; numbers: number }[] = [];
  #expect: Expect = Expect.Value;
  #done = false;
  #inString = false;
  #isKey = false;
  #escape = 0;
  #stringStart = 0;
  #scalar = "";

  feed(bytes: Uint8Array): boolean {
    for (let at = 0; at < bytes.byteLength; ) {
      if (this.#inString) {
        at = this.#string(bytes, at);
        if (at < 0) return false;
        continue;
      }
      const byte = bytes[at++] as number;
      if (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) {
        if (!this.#endScalar()) return false;
      } else if (!this.#structural(byte)) return false;
    }
    return true;
  }

  finish(): Uint8Array | undefined {
    if (this.#inString || !this.#endScalar() || !this.#done || this.#stack.length > 0) return undefined;
    // Millions of members would hold the loop for seconds, and no family's answer or request has them.
    if (this.#length > SHORT_BYTES) return undefined;
    return this.#out.subarray(0, this.#length);
  }

  #structural(byte: number): boolean {
    switch (byte) {
      case QUOTE:
        if (!this.#endScalar() || !this.#startValue(true)) return false;
        this.#inString = true;
        this.#stringStart = this.#length;
        this.#write(QUOTE);
        return true;
      case 0x7b:
      case 0x5b:
        if (!this.#endScalar() || !this.#startValue(false) || this.#stack.length >= DEPTH_LIMIT) return false;
        this.#stack.push({ list: byte === 0x5b, numbers: 0 });
        this.#expect = byte === 0x5b ? Expect.ValueOrClose : Expect.KeyOrClose;
        this.#write(byte);
        return true;
      case 0x7d:
      case 0x5d:
        return this.#endScalar() && this.#close(byte === 0x5d, byte);
      case 0x3a:
        if (this.#expect !== Expect.Colon) return false;
        this.#expect = Expect.Value;
        this.#write(byte);
        return true;
      case COMMA:
        return this.#endScalar() && this.#comma();
      default:
        if (this.#scalar.length > 1024) return false;
        if (this.#scalar === "" && !this.#mayStartValue()) return false;
        this.#scalar += String.fromCharCode(byte);
        return true;
    }
  }

  /** Runs to the end of the string or of the bytes; answers where it stopped, -1 for a forbidden byte. */
  #string(bytes: Uint8Array, from: number): number {
    let at = from;
    while (at < bytes.byteLength) {
      const byte = bytes[at++] as number;
      if (this.#escape > 1) {
        if (!isHex(byte)) return -1;
        this.#escape--;
        if (this.#escape === 1) this.#escape = 0;
      } else if (this.#escape === 1) {
        if (byte === 0x75) this.#escape = 5;
        else if ('"\\/bfnrt'.includes(String.fromCharCode(byte))) this.#escape = 0;
        else return -1;
      } else if (byte === BACKSLASH) this.#escape = 1;
      else if (byte < 0x20) return -1;
      else if (byte === QUOTE) {
        this.#endString();
        return at;
      }
      if (this.#length - this.#stringStart <= LONG_STRING) this.#write(byte);
    }
    return at;
  }

  #endString(): void {
    this.#inString = false;
    if (this.#length - this.#stringStart > LONG_STRING) {
      // Cut where no escape and no UTF-8 sequence can be broken: plain ASCII from the start, else one letter.
      const start = this.#stringStart + 1;
      let keep = start;
      while (keep < start + 256 && isPlain(this.#out[keep] as number)) keep++;
      this.#length = keep;
      if (keep === start) this.#write(0x78);
    }
    this.#write(QUOTE);
    if (this.#isKey) this.#expect = Expect.Colon;
    else this.#endValue();
  }

  #mayStartValue(): boolean {
    return !this.#done && (this.#expect === Expect.Value || this.#expect === Expect.ValueOrClose);
  }

  #startValue(string: boolean): boolean {
    const key = this.#expect === Expect.Key || this.#expect === Expect.KeyOrClose;
    this.#isKey = key;
    return key ? string : this.#mayStartValue();
  }

  #endValue(): void {
    this.#expect = Expect.CommaOrClose;
    if (this.#stack.length === 0) this.#done = true;
  }

  #endScalar(): boolean {
    if (this.#scalar === "") return true;
    const text = this.#scalar;
    this.#scalar = "";
    const number = NUMBER.test(text);
    if (!number && !LITERALS.has(text)) return false;
    const top = this.#stack.at(-1);
    if (number && top?.list && ++top.numbers > LONG_NUMBERS) {
      if (this.#out[this.#length - 1] === COMMA) this.#length--;
    } else for (let i = 0; i < text.length; i++) this.#write(text.charCodeAt(i));
    this.#endValue();
    return true;
  }

  #comma(): boolean {
    const top = this.#stack.at(-1);
    if (top === undefined || this.#expect !== Expect.CommaOrClose) return false;
    this.#expect = top.list ? Expect.Value : Expect.Key;
    this.#write(COMMA);
    return true;
  }

  #close(list: boolean, byte: number): boolean {
    const top = this.#stack.at(-1);
    if (top === undefined || top.list !== list) return false;
    const empty = list ? Expect.ValueOrClose : Expect.KeyOrClose;
    if (this.#expect !== Expect.CommaOrClose && this.#expect !== empty) return false;
    this.#stack.pop();
    this.#write(byte);
    this.#endValue();
    return true;
  }

  #write(byte: number): void {
    if (this.#length === this.#out.byteLength) {
      const grown = new Uint8Array(this.#out.byteLength * 2);
      grown.set(this.#out);
      this.#out = grown;
    }
    this.#out[this.#length++] = byte;
  }
}

function isHex(byte: number): boolean {
  return (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x46) || (byte >= 0x61 && byte <= 0x66);
}

function isPlain(byte: number): boolean {
  return byte >= 0x20 && byte < 0x7f && byte !== BACKSLASH && byte !== QUOTE;
}

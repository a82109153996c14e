/**
 * Reads `multipart/form-data` (RFC 7578) so far as its key needs it: the parts, whatever boundary divides them. Parsers
 * differ in what they forgive, so only what all of them read alike is a form here; the rest counts byte for byte.
 */

export interface Part {
  /** Lower-case header names with their values, sorted: name, file name and type among them. */
  readonly headers: readonly string[];
  /** The form field's name, "" for none; as latin1. */
  readonly name: string;
  readonly isFile: boolean;
  readonly content: Uint8Array;
}

const CR = 0x0d;
const LF = 0x0a;
const DASH = 0x2d;
const MOST_PARTS = 10_000;

/** A boundary as RFC 2046 has it; in quotes where it is no token. */
const PARAMETER =
  /[ \t]*;[ \t]*(?:boundary=(?:([\w'+.-]{1,70})|"([\w'()+,./:=? -]{0,69}[\w'()+,./:=?-])")|charset=("?)utf-8\3)(?=[ \t]*(?:;|$))/iy;

/**
 * The boundary that a `Content-Type` names; undefined where it is no form's, or is not beyond doubt: another grammar
 * than RFC 9110's, several boundaries, parameters by which fields could be read in another way.
 */
export function formBoundary(contentType: string): string | undefined {
  const type = /^multipart\/form-data/i.exec(contentType)?.[0];
  // Not everybody minds quotes when looking for the word.
  if (type === undefined || contentType.match(/boundary\s*=/gi)?.length !== 1) return undefined;
  let boundary: string | undefined;
  PARAMETER.lastIndex = type.length;
  for (let end = type.length; end < contentType.length; end = PARAMETER.lastIndex) {
    const found = PARAMETER.exec(contentType);
    if (found === null) return undefined;
    boundary ??= found[1] ?? found[2];
  }
  return boundary;
}

/** The parts in order; undefined for what is not a complete form, or not one to every parser. */
export async function formParts(body: Uint8Array, boundary: string): Promise<Part[] | undefined> {
  const delimiter = new TextEncoder().encode(`--${boundary}`);
  if (!startsWith(body, 0, delimiter)) return undefined;
  const parts: Part[] = [];
  for (let from = 0; ; ) {
    const at = from + delimiter.byteLength;
    if (body[at] === DASH && body[at + 1] === DASH) return endsAt(body, at + 2) ? parts : undefined;
    if (!isBreak(body, at) || parts.length >= MOST_PARTS) return undefined;
    const next = await nextDelimiter(body, at, delimiter);
    // Whoever takes another line break for one sees a delimiter where others see content.
    if (next < at + 4 || !isBreak(body, next - 2)) return undefined;
    const part = readPart(body.subarray(at + 2, next - 2));
    if (part === undefined) return undefined;
    parts.push(part);
    from = next;
  }
}

function isBreak(body: Uint8Array, at: number): boolean {
  return body[at] === CR && body[at + 1] === LF;
}

/** Whether nothing but a line break follows. */
function endsAt(body: Uint8Array, at: number): boolean {
  return at === body.byteLength || (isBreak(body, at) && at + 2 === body.byteLength);
}

/** One line under a name that is a token; a tab is no control character here. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: a line break to one parser is none to the next
const HEADER = /^([!#$%&'*+.^_`|~0-9a-z-]+):([^\0-\x08\n-\x1f\x7f]*)$/i;

function readPart(bytes: Uint8Array): Part | undefined {
  const split = headEnd(bytes);
  if (split === undefined) return undefined;
  const headers = new Map<string, string>();
  // Byte for byte, so that no two file names become one by what can't be decoded.
  for (const line of new TextDecoder("latin1").decode(bytes.subarray(0, split.head)).split("\r\n")) {
    const [, name = "", value = ""] = HEADER.exec(line) ?? [];
    if (name === "" || headers.has(name.toLowerCase())) return undefined;
    headers.set(name.toLowerCase(), value.replace(/^[ \t]+/, ""));
  }
  const disposition = headers.get("content-disposition");
  if (disposition === undefined) return undefined;
  const named = /[;\s]name="((?:[^"\\]|\\.)*)"/.exec(disposition) ?? /[;\s]name=([^\s;]+)/.exec(disposition);
  return {
    headers: [...headers].map(([name, value]) => `${name}: ${value}`).sort(),
    name: named?.[1] ?? "",
    isFile: /[;\s]filename\*?=/i.test(disposition),
    content: bytes.subarray(split.content),
  };
}

/** Longer than any label. */
const LABEL_BYTES = 4096;
const PLAIN = "content-type: text/plain";

/**
 * Whether a field is a label of that name to every parser: a line of text under a name and nothing else. Only such a
 * field can be left out; another one may say more to the provider than its name says here.
 */
export function isLabel(
  { headers, name }: Pick<Part, "headers" | "name">,
  content: Uint8Array | string,
): boolean {
  const [line, type = PLAIN, ...more] = headers;
  if (line !== `content-disposition: form-data; name="${name}"`) return false;
  if (more.length > 0 || !type.toLowerCase().startsWith(PLAIN)) return false;
  const text =
    typeof content === "string"
      ? content
      : new TextDecoder("latin1").decode(content.subarray(0, LABEL_BYTES + 1));
  return text.length <= LABEL_BYTES && !/[\r\n]/.test(text);
}

/** Where the part's head ends and its content begins. */
function headEnd(bytes: Uint8Array): { head: number; content: number } | undefined {
  if (bytes[0] === CR && bytes[1] === LF) return { head: 0, content: 2 };
  for (let at = bytes.indexOf(CR); at >= 0; at = bytes.indexOf(CR, at + 1)) {
    if (bytes[at + 1] === LF && bytes[at + 2] === CR && bytes[at + 3] === LF)
      return { head: at, content: at + 4 };
  }
  return undefined;
}

/** Dashes looked at before the loop gets a turn: a few ms, whatever the bytes are. */
const LOOKS_A_TURN = 50_000;

/** Where the delimiter's text comes next, -1 for nowhere. */
async function nextDelimiter(body: Uint8Array, from: number, delimiter: Uint8Array): Promise<number> {
  let looks = 0;
  for (let at = body.indexOf(DASH, from); at >= 0; at = body.indexOf(DASH, at + 1)) {
    if (startsWith(body, at, delimiter)) return at;
    if (++looks % LOOKS_A_TURN === 0) await new Promise((resolve) => setTimeout(resolve, 0));
  }
  return -1;
}

function startsWith(body: Uint8Array, at: number, wanted: Uint8Array): boolean {
  if (body.byteLength < at + wanted.byteLength) return false;
  for (let i = 0; i < wanted.byteLength; i++) if (body[at + i] !== wanted[i]) return false;
  return true;
}

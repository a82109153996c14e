/** Reads `multipart/form-data` (RFC 7578) so far as its key needs it: the parts, whatever boundary divides them. */

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

/** The boundary that a `Content-Type` names; undefined where it is no form or names none. */
export function formBoundary(contentType: string): string | undefined {
  if (!/^multipart\/form-data\s*(?:;|$)/i.test(contentType)) return undefined;
  const found = /;\s*boundary=(?:"([^"]{1,200})"|([^\s;"]{1,200}))/i.exec(contentType);
  return found?.[1] ?? found?.[2];
}

/** The parts in order; undefined for what is not a complete form. Preamble and epilogue don't count. */
export async function formParts(body: Uint8Array, boundary: string): Promise<Part[] | undefined> {
  const delimiter = new TextEncoder().encode(`--${boundary}`);
  const parts: Part[] = [];
  let from = startsWith(body, 0, delimiter) ? 0 : (await nextDelimiter(body, 0, delimiter)) + 2;
  if (from < 2 && from !== 0) return undefined;
  for (;;) {
    let at = from + delimiter.byteLength;
    if (body[at] === DASH && body[at + 1] === DASH) return parts;
    while (body[at] === 0x20 || body[at] === 0x09) at++;
    if (body[at] !== CR || body[at + 1] !== LF || parts.length >= MOST_PARTS) return undefined;
    const end = await nextDelimiter(body, at, delimiter);
    if (end < 0) return undefined;
    const part = readPart(body.subarray(at + 2, end));
    if (part === undefined) return undefined;
    parts.push(part);
    from = end + 2;
  }
}

function readPart(bytes: Uint8Array): Part | undefined {
  const split = headEnd(bytes);
  if (split === undefined) return undefined;
  // Byte for byte, so that no two file names become one by what can't be decoded.
  const lines = new TextDecoder("latin1")
    .decode(bytes.subarray(0, split.head))
    .split("\r\n")
    .filter((line) => line !== "");
  const headers = lines.map((line) => {
    const colon = line.indexOf(":");
    return `${line.slice(0, colon).trim().toLowerCase()}: ${line.slice(colon + 1).trim()}`;
  });
  const disposition = headers.find((line) => line.startsWith("content-disposition:")) ?? "";
  const named = /[;\s]name="((?:[^"\\]|\\.)*)"/.exec(disposition) ?? /[;\s]name=([^\s;]+)/.exec(disposition);
  return {
    headers: headers.sort(),
    name: named?.[1] ?? "",
    isFile: /[;\s]filename\*?=/i.test(disposition),
    content: bytes.subarray(split.content),
  };
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

/** Line breaks looked at before the loop gets a turn: a few ms, whatever the bytes are. */
const LOOKS_A_TURN = 50_000;

/** The offset of the line break before the next delimiter, -1 for none. */
async function nextDelimiter(body: Uint8Array, from: number, delimiter: Uint8Array): Promise<number> {
  let looks = 0;
  for (let at = body.indexOf(CR, from); at >= 0; at = body.indexOf(CR, at + 1)) {
    if (body[at + 1] === LF && startsWith(body, at + 2, delimiter)) return at;
    if (++looks % LOOKS_A_TURN === 0) await new Promise((resolve) => setTimeout(resolve, 0));
  }
  return -1;
}

function startsWith(body: Uint8Array, at: number, wanted: Uint8Array): boolean {
  if (body.byteLength < at + wanted.byteLength) return false;
  for (let i = 0; i < wanted.byteLength; i++) if (body[at + i] !== wanted[i]) return false;
  return true;
}

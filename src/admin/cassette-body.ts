/** The bytes of an answer as members of a cassette's line, and back. */
import type { Body, ChunkMark } from "../cache/entry.ts";
import { documentOf, isFaithful, type Layout, laidOut } from "./cassette-json.ts";
import type { Redactor } from "./cassette-redact.ts";

/** Up to this many bytes a JSON body is written as JSON. Above, nobody reads it, and taking it apart holds the loop. */
export const JSON_BYTES = 512 * 1024;

/** What some programs take for the end of a line. */
const LINE_ENDS = /[\u0085\u2028\u2029]/g;

/** A text as a JSON string that stays on one line in every program. */
export function quoted(text: string): string {
  return JSON.stringify(text).replace(
    LINE_ENDS,
    (end) => `\\u${end.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** The members of a JSON object, as text; those that are undefined are left out. */
export function membersText(members: readonly (readonly [name: string, json: string | undefined])[]): string {
  return members
    .flatMap(([name, json]) => (json === undefined ? [] : [`${JSON.stringify(name)}:${json}`]))
    .join(",");
}

/** Compact JSON that may stand in a line as it is: nothing of it is lost by those who parse and write it again. */
export function embeddable(compact: string): boolean {
  return compact.search(LINE_ENDS) < 0 && isFaithful(compact);
}

/**
 * The members that hold a body, in pieces: `json` where its text can be made from the value again (with `indent`,
 * `spaced`, `before` and `after` for its white space), else `text`, else `base64`.
 */
export async function* bodyMembers(
  body: Body,
  { redactor, stream, turn }: { redactor: Redactor; stream: boolean; turn: () => Promise<void> },
): AsyncGenerator<string> {
  if (body.size > JSON_BYTES && !redactor.active) {
    yield* largeMembers(body, turn);
    return;
  }
  const bytes = wholeOf(body);
  const text = textOf(bytes);
  if (text === undefined) {
    yield redactor.active ? `"text":${quoted(redactor.whole())}` : `"base64":"${bytes.toBase64()}"`;
    return;
  }
  if (text === "") yield `"text":""`;
  else if (stream && documentOf(text) === undefined) yield `"text":${quoted(redactor.stream(text))}`;
  else yield documentMembers(redactor.document(text));
}

function documentMembers(text: string): string {
  const document = text.length > JSON_BYTES ? undefined : documentOf(text);
  if (document === undefined || !embeddable(document.compact)) return `"text":${quoted(text)}`;
  const { compact, layout, before, after } = document;
  return membersText([
    ["indent", layout.indent === undefined ? undefined : indentMember(layout.indent)],
    ["spaced", layout.spaced ? "true" : undefined],
    ["before", before === "" ? undefined : quoted(before)],
    ["after", after === "" ? undefined : quoted(after)],
    ["json", compact],
  ]);
}

function indentMember(indent: string): string {
  return indent === "\t" ? quoted(indent) : String(indent.length);
}

/** A slice at a time, looked through once for whether it is text. */
async function* largeMembers(body: Body, turn: () => Promise<void>): AsyncGenerator<string> {
  const release = body.hold();
  try {
    let decoder = strictDecoder();
    let isText = true;
    for (let at = 0; at < body.size && isText; ) {
      const slice = body.slice(at);
      at += slice.byteLength;
      isText = decodes(decoder, slice, at < body.size) !== undefined;
      await turn();
    }
    yield isText ? `"text":"` : `"base64":"`;
    decoder = strictDecoder();
    let rest: Uint8Array = new Uint8Array(0);
    for (let at = 0; at < body.size; ) {
      const slice = body.slice(at);
      at += slice.byteLength;
      if (isText) yield quoted(decodes(decoder, slice, at < body.size) as string).slice(1, -1);
      else {
        // Three bytes are four characters: what is over goes with the next slice.
        const joined = concat([rest, slice]);
        const whole = at < body.size ? joined.byteLength - (joined.byteLength % 3) : joined.byteLength;
        yield joined.subarray(0, whole).toBase64();
        rest = joined.subarray(whole);
      }
      await turn();
    }
    yield `"`;
  } finally {
    release();
  }
}

function strictDecoder(): TextDecoder {
  return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
}

function decodes(decoder: TextDecoder, bytes: Uint8Array, more: boolean): string | undefined {
  try {
    return decoder.decode(bytes, { stream: more });
  } catch {
    return undefined;
  }
}

/** The text of valid UTF-8, a byte order mark included; undefined for anything else. */
export function textOf(bytes: Uint8Array): string | undefined {
  return decodes(strictDecoder(), bytes, false);
}

function wholeOf(body: Body): Uint8Array {
  if (body.bytes !== undefined) return body.bytes;
  const release = body.hold();
  try {
    const slices: Uint8Array[] = [];
    for (let at = 0; at < body.size; at += (slices.at(-1) as Uint8Array).byteLength)
      slices.push(body.slice(at));
    return concat(slices);
  } finally {
    release();
  }
}

function concat(pieces: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(pieces.reduce((size, { byteLength }) => size + byteLength, 0));
  let at = 0;
  for (const piece of pieces) {
    joined.set(piece, at);
    at += piece.byteLength;
  }
  return joined;
}

/** A document in the layout that its members say, from its compact text. */
export function documentText(
  compact: string,
  said: {
    indent?: number | "\t" | undefined;
    spaced?: boolean | undefined;
    before?: string | undefined;
    after?: string | undefined;
  },
): string {
  const { indent, spaced, before = "", after = "" } = said;
  const layout: Layout = {
    indent: typeof indent === "number" ? " ".repeat(indent) : indent,
    spaced,
  };
  return before + laidOut(compact, layout) + after;
}

/** Media types of streams; anything else is one document. */
const STREAMS = new Set([
  "text/event-stream",
  "application/x-ndjson",
  "application/ndjson",
  "application/jsonl",
  "application/stream+json",
  "application/vnd.amazon.eventstream",
]);

/** Whether answers of this content type are streams, unless their line says otherwise. */
export function isStream(contentType: string | undefined): boolean {
  return STREAMS.has((contentType ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "");
}

const LF = 0x0a;
const CR = 0x0d;

const MOST_MARKS = 65_536;
const TURN_LINES = 50_000;

/** One mark for each event of a stream (or each line, where it is one of JSON lines), all at once; fewer for millions. */
export async function eventMarks(bytes: Uint8Array, turn: () => Promise<void>): Promise<ChunkMark[]> {
  const marks: ChunkMark[] = [];
  const lines = bytes[0] === 0x7b;
  let last = 0;
  let found = 0;
  for (let at = bytes.indexOf(LF); at >= 0; at = bytes.indexOf(LF, at + 1)) {
    if (++found % TURN_LINES === 0) await turn();
    const blank = bytes[at - 1] === LF || (bytes[at - 1] === CR && bytes[at - 2] === LF);
    if (!(lines || blank) || at + 1 - last < bytes.byteLength / MOST_MARKS) continue;
    last = at + 1;
    marks.push({ end: last, atMs: 0 });
  }
  if (last < bytes.byteLength) marks.push({ end: bytes.byteLength, atMs: 0 });
  return marks;
}

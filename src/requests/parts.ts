import { elements, Members, type Span, valueEnd } from "./json-spans.ts";
import type { KeptBody, KeptField } from "./kept.ts";

/**
 * A body cut into parts, each of which is stored once however many requests hold it: the values of a JSON object's
 * members, of a list among them each element; the texts of a form. What is short stays in `skeleton`, where a zero
 * byte (which no JSON text holds) stands for each part in turn.
 */
export interface Split {
  readonly form: KeptBody["form"];
  readonly skeleton: Uint8Array;
  readonly parts: readonly Uint8Array[];
}

/** Shorter values cost more as a part of their own than they save. */
const PART_FROM = 64;
const HOLE = 0;
const HOLES = Uint8Array.of(HOLE);

export interface SplitOptions {
  /** Takes out every text, however short: what is left in the skeleton are names, numbers and literals. */
  readonly everyText?: boolean;
}

/** `body` is compact, as `keptOf` makes it. */
export function splitBody(body: KeptBody, options: SplitOptions = {}): Split {
  switch (body.form) {
    case "json":
      return { form: "json", ...splitJson(ENCODER.encode(body.text), options) };
    case "fields":
      return { form: "fields", ...splitJson(ENCODER.encode(JSON.stringify(body.fields)), options) };
    case "text":
      return { form: "text", skeleton: HOLES, parts: [ENCODER.encode(body.text)] };
    case "bytes":
      return {
        form: "bytes",
        skeleton: ENCODER.encode(JSON.stringify([body.sha256, body.size])),
        parts: [],
      };
  }
}

/** The body that was split. Throws where skeleton and parts do not belong together. */
export function joinBody({ form, skeleton, parts }: Split): KeptBody {
  const text = DECODER.decode(joined(skeleton, parts));
  switch (form) {
    case "json":
      return { form, text };
    case "fields":
      return {
        form,
        fields: (JSON.parse(text) as KeptField[]).map((field) => ({ ...field, text: field.text })),
      };
    case "text":
      return { form, text };
    case "bytes": {
      const [sha256, size] = JSON.parse(text) as [string, number];
      return { form, sha256, size };
    }
  }
}

/** The top-level members of a JSON object, undefined for any other text. */
export function membersOf(text: Uint8Array): { name: string; named: Span; value: Span }[] | undefined {
  if (text[0] !== OPEN_OBJECT) return undefined;
  const found: { name: string; named: Span; value: Span }[] = [];
  const members = new Members(text, 0);
  for (let member = members.next(); member !== undefined; member = members.next()) {
    const end = valueEnd(text, member.value);
    members.passed(end);
    found.push({ name: member.name, named: member.named, value: { start: member.value, end } });
  }
  return found;
}

function splitJson(text: Uint8Array, options: SplitOptions): { skeleton: Uint8Array; parts: Uint8Array[] } {
  const cut = new Cutter(text, options);
  const members = membersOf(text);
  if (members === undefined) cut.value({ start: 0, end: text.byteLength });
  else for (const { value } of members) cut.value(value);
  return { skeleton: cut.skeleton(), parts: cut.parts };
}

class Cutter {
  readonly parts: Uint8Array[] = [];
  readonly #pieces: Uint8Array[] = [];
  #from = 0;

  constructor(
    readonly text: Uint8Array,
    readonly options: SplitOptions,
  ) {}

  value(span: Span): void {
    if (this.text[span.start] !== OPEN_LIST) this.#part(span);
    else for (const element of elements(this.text, span.start)) this.#part(element);
  }

  skeleton(): Uint8Array {
    this.#pieces.push(this.text.subarray(this.#from));
    return concat(this.#pieces);
  }

  #part({ start, end }: Span): void {
    const size = end - start;
    if (size < PART_FROM && !(this.options.everyText && this.#holdsText(start, end))) return;
    this.#pieces.push(this.text.subarray(this.#from, start), HOLES);
    this.parts.push(this.text.subarray(start, end));
    this.#from = end;
  }

  #holdsText(start: number, end: number): boolean {
    return this.text.subarray(start, end).includes(QUOTE);
  }
}

function joined(skeleton: Uint8Array, parts: readonly Uint8Array[]): Uint8Array {
  const pieces: Uint8Array[] = [];
  let from = 0;
  for (const part of parts) {
    const hole = skeleton.indexOf(HOLE, from);
    if (hole < 0) throw new Error("more parts than places for them");
    pieces.push(skeleton.subarray(from, hole), part);
    from = hole + 1;
  }
  if (skeleton.indexOf(HOLE, from) >= 0) throw new Error("a part is missing");
  pieces.push(skeleton.subarray(from));
  return concat(pieces);
}

/** One byte string of many. */
export function concat(pieces: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.byteLength, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.byteLength;
  }
  return whole;
}

const QUOTE = 0x22;
const OPEN_LIST = 0x5b;
const OPEN_OBJECT = 0x7b;
const ENCODER = new TextEncoder();
const DECODER = new TextDecoder("utf-8", { ignoreBOM: true });

import { type BatchForm, type BatchShape, batchForm, type InputKind } from "../providers/embeddings.ts";
import { afterSpace, elements, Members, type Span, valueEnd } from "../requests/json-spans.ts";
import { sha256Bytes, sha256Pieces } from "./digest.ts";
import type { Question } from "./question.ts";
import type { Turns } from "./turns.ts";

/** One input, asked for by itself. */
export interface Unit {
  /** Digest of the body that asks for it alone, and the path to which that goes. */
  readonly digest: string;
  readonly path: string;
  /** What a batch's token count is shared by: characters' bytes, or numbers of tokens. */
  readonly weight: number;
}

/** A request for embeddings as its inputs. */
export interface Batch {
  readonly form: BatchForm;
  /** The distinct inputs, in the order of their first places. */
  readonly units: readonly Unit[];
  /** Of each input, in the request's order, which unit it is. */
  readonly order: readonly number[];
  /** The request for some of the units only: the client's own text but for the others. */
  only(units: readonly number[]): Promise<{ readonly body: Uint8Array; readonly digest: string }>;
}

/** A body's text and where its list of inputs stands in it, brackets included. */
interface Listing {
  readonly text: Uint8Array;
  readonly list: Span;
  readonly inputs: readonly Span[];
}

const ENCODER = new TextEncoder();
const OPEN = ENCODER.encode("[");
const CLOSE = ENCODER.encode("]");
const COMMA = ENCODER.encode(",");
const OPEN_BRACE = ENCODER.encode("{");
const CLOSE_BRACE = ENCODER.encode("}");
const QUOTE = 0x22;
const OPEN_LIST = 0x5b;
const OPEN_OBJECT = 0x7b;

/** Of a request with more than this beside its inputs, the inputs are not remembered as requests of their own. */
const REST_REMEMBERED = 16 * 1024;
/** The rest of a request, hashed once for each input, may come to this many bytes in all. */
const REST_BYTES = 64 * 1024 * 1024;

/** Undefined where the request must be kept whole, or is already the request for one input alone. */
export async function readBatch(question: Question, turns: Turns): Promise<Batch | undefined> {
  const form = batchForm(question.asked);
  const { canonical } = question;
  if (form === undefined || canonical === undefined) return undefined;
  if (!form.listed) return singleBatch(form, { canonical, question });
  const inCanonical = await findInputs(canonical, form.shape, turns);
  const inPlain = inCanonical && (await findInputs(question.plain, form.shape, turns));
  if (inCanonical === undefined || inPlain?.inputs.length !== inCanonical.inputs.length) return undefined;

  const units: Unit[] = [];
  const places: number[] = [];
  const order: number[] = [];
  const kinds = new Set<InputKind>();
  const byDigest = new Map<string, number>();
  for (const [place, input] of inCanonical.inputs.entries()) {
    const kind = kindOf(canonical.subarray(input.start, input.end));
    // Lists of tokens stand among their like only.
    if (kind === undefined || !form.shape.kinds.includes(kind)) return undefined;
    if (kinds.add(kind).has("tokens") && kinds.size > 1) return undefined;
    const unit = unitOf(inCanonical, input, { form, kind, path: question.asked.path });
    if (unit === undefined) return undefined;
    let number = byDigest.get(unit.digest);
    if (number === undefined) {
      number = units.push(unit) - 1;
      places.push(place);
      byDigest.set(unit.digest, number);
    }
    order.push(number);
    const turn = turns();
    if (turn) await turn;
  }
  // Asked for by itself already: its entry is the unit's.
  if (units[0]?.digest === question.digest) return undefined;
  return {
    form,
    units,
    order,
    async only(wanted) {
      const here = wanted.map((number) => places[number] as number);
      const body = joined(piecesOf(inPlain, here));
      return { body, digest: `json:${await sha256Bytes(joined(piecesOf(inCanonical, here)))}` };
    },
  };
}

/** Undefined where there is no list of inputs, where it has none, or where it can't be told what they are. */
async function findInputs(text: Uint8Array, shape: BatchShape, turns: Turns): Promise<Listing | undefined> {
  let found: Listing | undefined;
  const members = new Members(text, afterSpace(text, 0));
  for (let member = members.next(); member !== undefined; member = members.next()) {
    // Beside the list of an endpoint for many there is nothing that its endpoint for one would know.
    if (shape.single && member.name !== shape.inputs) return undefined;
    if (member.name !== shape.inputs) continue;
    // A name twice: nobody knows which one counts.
    if (found !== undefined || text[member.value] !== OPEN_LIST) return undefined;
    const inputs: Span[] = [];
    let end = member.value + 1;
    for (const input of elements(text, member.value)) {
      inputs.push(input);
      end = input.end;
      const turn = turns();
      if (turn) await turn;
    }
    end = afterSpace(text, end) + 1;
    found = { text, list: { start: member.value, end }, inputs };
    members.passed(end);
  }
  if (found === undefined || found.inputs.length === 0) return undefined;
  const rest = text.byteLength - (found.list.end - found.list.start);
  return rest * found.inputs.length > REST_BYTES ? undefined : found;
}

function kindOf(input: Uint8Array): InputKind | undefined {
  const [first] = input;
  if (first === QUOTE) return "text";
  if (first === OPEN_OBJECT) return "object";
  const flat =
    [QUOTE, OPEN_OBJECT].every((byte) => input.indexOf(byte) < 0) && input.indexOf(OPEN_LIST, 1) < 0;
  return first === OPEN_LIST && flat ? "tokens" : undefined;
}

function unitOf(
  { text, list }: Listing,
  input: Span,
  options: { form: BatchForm; kind: InputKind; path: string },
): Unit | undefined {
  const { kind, form } = options;
  const { single } = form.shape;
  const item = text.subarray(input.start, input.end);
  if (single) {
    const bare = withoutModel(item, single.model);
    return bare && { digest: digestOf([bare]), path: single.path, weight: item.byteLength };
  }
  const before = text.subarray(0, list.start);
  const after = text.subarray(list.end);
  // An object by itself is not what the endpoint takes: then the request for one is a list of one.
  const alone = kind === "object" ? [OPEN, item, CLOSE] : [item];
  return {
    digest: digestOf([before, ...alone, after]),
    path: options.path,
    weight: kind === "tokens" ? [...elements(item, 0)].length : item.byteLength - 2,
  };
}

function digestOf(pieces: readonly Uint8Array[]): string {
  return `json:${sha256Pieces(pieces)}`;
}

/** Google's endpoint for one input: the unit is the request itself, without the model that its path names. */
function singleBatch(
  form: BatchForm,
  options: { canonical: Uint8Array; question: Question },
): Batch | undefined {
  const { single } = form.shape;
  const { canonical, question } = options;
  const bare = single && withoutModel(canonical, single.model);
  if (single === undefined || bare === undefined) return undefined;
  const unit = { digest: digestOf([bare]), path: single.path, weight: canonical.byteLength };
  if (unit.digest === question.digest && unit.path === question.asked.path) return undefined;
  const only = async () => ({ body: question.plain, digest: question.digest });
  return { form, units: [unit], order: [0], only };
}

/**
 * The body that asks for the input at one place alone, as the client would have written it; undefined where there
 * is none to be told. `plain` is a body that `readBatch` could read.
 */
export async function unitBodies(
  plain: Uint8Array,
  form: BatchForm,
  turns: Turns,
): Promise<((place: number) => Uint8Array | undefined) | undefined> {
  const { single } = form.shape;
  if (!form.listed) return () => single && withoutModel(plain.subarray(afterSpace(plain, 0)), single.model);
  const listing = await findInputs(plain, form.shape, turns);
  if (listing === undefined) return undefined;
  const { text, list, inputs } = listing;
  if (text.byteLength - (list.end - list.start) > REST_REMEMBERED) return undefined;
  return (place) => {
    const input = inputs[place];
    if (input === undefined) return undefined;
    const item = text.subarray(input.start, input.end);
    if (single) return withoutModel(item, single.model);
    const alone = kindOf(item) === "object" ? [OPEN, item, CLOSE] : [item];
    return joined([text.subarray(0, list.start), ...alone, text.subarray(list.end)]);
  };
}

/** An object without its `model`; undefined where that is another one than `model`. */
function withoutModel(item: Uint8Array, model: string): Uint8Array | undefined {
  const members = new Members(item, 0);
  const kept: Uint8Array[] = [];
  const decoder = new TextDecoder();
  let before: { name: string; start: number; value: number } | undefined;
  for (;;) {
    const member = members.next();
    if (before !== undefined) {
      const end = valueEnd(item, before.value);
      if (before.name !== "model") kept.push(item.subarray(before.start, end));
      else if (!names(decoder.decode(item.subarray(before.value, end)), model)) return undefined;
    }
    if (member === undefined) break;
    before = { name: member.name, start: member.named.start, value: member.value };
  }
  const pieces: Uint8Array[] = [OPEN_BRACE];
  for (const [at, piece] of kept.entries()) pieces.push(...(at === 0 ? [piece] : [COMMA, piece]));
  return joined([...pieces, CLOSE_BRACE]);
}

function names(quoted: string, model: string): boolean {
  return quoted === `"models/${model}"` || quoted === `"${model}"`;
}

function piecesOf({ text, list, inputs }: Listing, wanted: readonly number[]): Uint8Array[] {
  const pieces = [text.subarray(0, list.start), OPEN];
  for (const [at, place] of wanted.entries()) {
    const { start, end } = inputs[place] as Span;
    if (at > 0) pieces.push(COMMA);
    pieces.push(text.subarray(start, end));
  }
  pieces.push(CLOSE, text.subarray(list.end));
  return pieces;
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((size, piece) => size + piece.byteLength, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.byteLength;
  }
  return whole;
}

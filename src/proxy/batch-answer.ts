import type { BatchForm, BatchShape } from "../providers/embeddings.ts";
import { afterSpace, elements, Members, type Span, valueEnd } from "../requests/json-spans.ts";
import { type Count, countsAt, shares, total } from "./token-shares.ts";
import type { Turns } from "./turns.ts";

/**
 * One input's vector: an element of a provider's answer, as its raw text, with what frames it there. No digit of it
 * is ever parsed; only `index` and the counts of the frame are written anew.
 */
export interface Vector {
  readonly answer: Answer;
  readonly element: Element;
  /** Its part of each count of the answer, by the count's path. */
  readonly counts: ReadonlyMap<string, number>;
}

interface Element extends Span {
  /** Where its `index` stands, and what it says; undefined where it has none. */
  readonly index: (Span & { readonly value: number }) | undefined;
}

/** A provider's answer, looked into. */
interface Answer {
  readonly text: Uint8Array;
  /** Whether its vectors are in a list; else it is one vector's own. */
  readonly listed: boolean;
  /** The name, with quotes, of the member that holds them, and that member's value. */
  readonly name: Span;
  readonly value: Span;
  /** White space after the list's bracket and before the closing one. */
  readonly lead: Uint8Array;
  readonly trail: Uint8Array;
  readonly elements: readonly Element[];
  readonly counts: readonly Count[];
  /** What it says of its model, as raw text; "" for nothing. */
  readonly model: string;
}

const ENCODER = new TextEncoder();
const DECODER = new TextDecoder();
const NOTHING = new Uint8Array(0);
const OPEN_LIST = 0x5b;
const OPEN_OBJECT = 0x7b;

/**
 * The vectors of a provider's answer (a text known to be JSON) in the order of the inputs, whose `weights` share out
 * its counts. Undefined where the answer does not have exactly one vector an input, with indexes that say so.
 */
export async function splitAnswer(
  text: Uint8Array,
  options: { form: BatchForm; weights: readonly number[]; turns: Turns },
): Promise<readonly Vector[] | undefined> {
  const { form, weights, turns } = options;
  const answer = await readAnswer(text, form, turns);
  if (answer === undefined || answer.elements.length !== weights.length) return undefined;
  const ordered = inOrder(answer.elements);
  if (ordered === undefined) return undefined;
  const shared = answer.counts.map(({ path, value }) => ({ path, parts: shares(value, weights) }));
  return ordered.map((element, at) => ({
    answer,
    element,
    counts: new Map(shared.map(({ path, parts }) => [path, parts[at] as number])),
  }));
}

/** Servers may answer in another order than they were asked; without any index the order is the request's. */
function inOrder(found: readonly Element[]): readonly Element[] | undefined {
  if (found.every((element) => element.index === undefined)) return found;
  const ordered = new Array<Element | undefined>(found.length);
  for (const element of found) {
    const at = element.index?.value;
    if (at === undefined || !(at < found.length) || ordered[at] !== undefined) return undefined;
    ordered[at] = element;
  }
  return ordered as Element[];
}

async function readAnswer(text: Uint8Array, form: BatchForm, turns: Turns): Promise<Answer | undefined> {
  const { shape, listed } = form;
  const wanted = listed ? shape.vectors : shape.single?.vector;
  const open = afterSpace(text, 0);
  if (text[open] !== OPEN_OBJECT) return undefined;
  const counts: Count[] = [];
  let found: Pick<Answer, "name" | "value" | "lead" | "trail" | "elements"> | undefined;
  let model = "";
  const members = new Members(text, open);
  for (let member = members.next(); member !== undefined; member = members.next()) {
    const { name, value } = member;
    if (name === wanted) {
      if (found !== undefined) return undefined;
      const list = listed
        ? await readList(text, value, turns)
        : {
            elements: [{ start: value, end: valueEnd(text, value), index: undefined }],
            lead: NOTHING,
            trail: NOTHING,
          };
      if (list === undefined) return undefined;
      const end = "end" in list ? list.end : (list.elements[0] as Element).end;
      found = { ...list, name: member.named, value: { start: value, end } };
      members.passed(end);
    } else if (shape.counts.includes(name)) counts.push(...countsAt(text, { path: name, at: value }));
    else if (name === "model") model = DECODER.decode(text.subarray(value, valueEnd(text, value)));
  }
  return found && { text, listed, counts, model, ...found };
}

async function readList(text: Uint8Array, open: number, turns: Turns) {
  if (text[open] !== OPEN_LIST) return undefined;
  const found: Element[] = [];
  for (const span of elements(text, open)) {
    const index = indexOf(text, span);
    if (index === "unclear") return undefined;
    found.push({ ...span, index });
    const turn = turns();
    if (turn) await turn;
  }
  const first = found[0]?.start ?? open + 1;
  const last = found.at(-1)?.end ?? open + 1;
  const close = afterSpace(text, last);
  return {
    elements: found,
    lead: text.subarray(open + 1, first),
    trail: text.subarray(last, close),
    end: close + 1,
  };
}

function indexOf(text: Uint8Array, element: Span): Element["index"] | "unclear" {
  if (text[element.start] !== OPEN_OBJECT) return undefined;
  const members = new Members(text, element.start);
  let found: Element["index"];
  for (let member = members.next(); member !== undefined; member = members.next()) {
    if (member.name !== "index") continue;
    const end = valueEnd(text, member.value);
    const said = DECODER.decode(text.subarray(member.value, end));
    if (found !== undefined || !/^(?:0|[1-9]\d{0,8})$/.test(said)) return "unclear";
    found = { start: member.value, end, value: Number(said) };
  }
  return found;
}

/** Whether vectors come of answers that name one model: those of two must not stand in one answer. */
export function sameModel(vectors: readonly Vector[]): boolean {
  return vectors.every(({ answer }) => answer.model === vectors[0]?.answer.model);
}

/**
 * One answer with these vectors (at least one) in their order, in the frame of the first one's answer, as pieces in
 * a row. Its counts are the sums of theirs. A vector that makes up its answer comes back as that answer.
 */
export function* joinVectors(vectors: readonly Vector[], form: BatchForm): Generator<Uint8Array> {
  const [first] = vectors as [Vector];
  const { answer } = first;
  const { text, name, value } = answer;
  const single = form.shape.single;
  if (vectors.length === 1 && answer.elements.length === 1 && answer.listed === form.listed) {
    yield text;
    return;
  }
  const counts = summed(vectors);
  yield* withCounts(answer, { start: 0, end: name.start }, counts);
  const named = form.listed ? form.shape.vectors : (single?.vector as string);
  yield answer.listed === form.listed
    ? text.subarray(name.start, name.end)
    : ENCODER.encode(JSON.stringify(named));
  yield text.subarray(name.end, value.start);
  if (!form.listed) yield* numbered(first, undefined);
  else {
    const separator = separatorOf(answer);
    yield ENCODER.encode("[");
    yield answer.lead;
    for (const [at, vector] of vectors.entries()) {
      if (at > 0) yield separator;
      yield* numbered(vector, at);
    }
    yield answer.trail;
    yield ENCODER.encode("]");
  }
  yield* withCounts(answer, { start: value.end, end: text.byteLength }, counts);
}

function* numbered({ answer, element }: Vector, at: number | undefined): Generator<Uint8Array> {
  const { text } = answer;
  const { start, end, index } = element;
  if (index === undefined || at === undefined) {
    yield text.subarray(start, end);
    return;
  }
  yield text.subarray(start, index.start);
  yield ENCODER.encode(String(at));
  yield text.subarray(index.end, end);
}

/**
 * What stands between two elements, told by an answer of one alone, so that an answer put together from the parts of
 * a batch is the same before and after they went through the store.
 */
function separatorOf({ text, name, value, lead }: Answer): Uint8Array {
  if (lead.byteLength > 0) return ENCODER.encode(`,${DECODER.decode(lead)}`);
  return ENCODER.encode(value.start - name.end > 1 && text[value.start - 1] === 0x20 ? ", " : ",");
}

function summed(vectors: readonly Vector[]): ReadonlyMap<string, number> {
  const all = new Map<string, number[]>();
  for (const { counts } of vectors) {
    for (const [path, count] of counts) {
      const before = all.get(path);
      if (before === undefined) all.set(path, [count]);
      else before.push(count);
    }
  }
  return new Map([...all].map(([path, counts]) => [path, total(counts)]));
}

/** A stretch of an answer's frame with its counts written anew. */
function* withCounts(
  answer: Answer,
  stretch: Span,
  counts: ReadonlyMap<string, number>,
): Generator<Uint8Array> {
  const { text } = answer;
  let at = stretch.start;
  for (const count of answer.counts) {
    if (count.start < stretch.start || count.end > stretch.end) continue;
    yield text.subarray(at, count.start);
    yield ENCODER.encode(String(counts.get(count.path) ?? 0));
    at = count.end;
  }
  yield text.subarray(at, stretch.end);
}

/** The form in which one vector is kept: as the endpoint for one input, or a list of one, would have answered. */
export function unitForm({ shape }: { readonly shape: BatchShape }): BatchForm {
  return { shape, listed: shape.single === undefined };
}

/** One line of a cassette: written from an entry and its request, and read back. */
import * as v from "valibot";
import type { ChunkMark, Entry, HeaderList, Spent } from "../cache/entry.ts";
import { CassetteError } from "../errors.ts";
import type { KeptRequest } from "../requests/kept.ts";
import { bodyMembers, documentText, eventMarks, isStream, membersText, quoted } from "./cassette-body.ts";
import { afterSpace, compacted, faultAt, type Member, membersAt, type Span } from "./cassette-json.ts";
import type { Redactor } from "./cassette-redact.ts";
import { type ReadRequest, readRequest, requestText } from "./cassette-request.ts";
import { ANSWER_HEADERS, type EntryLine, entryLine, noteLine, type UsageLine } from "./cassette-schema.ts";

/** Who an answer belongs to: a pool that all share has no label. */
const EVERYBODY = "all";
/** Nor has that of whoever recorded a cassette alone: the answer is bound to an account, whosever that is. */
const RECORDERS = "own";
const LABEL_LENGTH = 12;

export interface LineOptions {
  readonly request: Redactor;
  readonly response: Redactor;
  /** Whether chunk times go along. */
  readonly times: boolean;
  /** Whether every credential has a pool of its own: then one says nothing of the answer. */
  readonly apart: boolean;
  /** Gives the loop a turn where it is time. */
  readonly turn: () => Promise<void>;
}

/** The line in pieces, the last of which ends with a line feed. */
export async function* lineOf(entry: Entry, kept: KeptRequest, options: LineOptions): AsyncGenerator<string> {
  const { pool, endpoint, model } = entry.facts;
  const own = pool !== EVERYBODY;
  const credential = own && pool !== RECORDERS ? pool.slice(0, LABEL_LENGTH) : undefined;
  const headers = writtenHeaders(entry.headers);
  const contentType = headers.find(([name]) => name === "content-type")?.[1];
  const { stream } = entry.facts;
  const request = requestText(kept, { redactor: options.request, credential });
  const head = membersText([
    ["status", String(entry.status)],
    [
      "headers",
      headers.length === 0 ? undefined : `{${membersText(headers.map(([n, value]) => [n, quoted(value)]))}}`,
    ],
    ["stream", stream === isStream(contentType) ? undefined : String(stream)],
    ...(options.times ? timesMembers(entry, options.response.active) : []),
  ]);
  yield `{"askonce":1,"request":${request},"response":{${head},`;
  yield* bodyMembers(entry.body, { redactor: options.response, stream, turn: options.turn });
  const redacted = [...options.request.hits, ...options.response.hits];
  const tail = membersText([
    ["endpoint", quoted(endpoint)],
    ["model", model === undefined ? undefined : quoted(model)],
    ["bound", own && !options.apart ? "true" : undefined],
    ["usage", usageText(entry.spent)],
    ["redacted", redacted.length === 0 ? undefined : JSON.stringify(redacted)],
  ]);
  yield `},${tail}}\n`;
}

/** The line that says what a cassette lacks, and why. */
export function noteText(skipped: Readonly<Record<string, number>>): string {
  return `${JSON.stringify({ askonce: 1, skipped })}\n`;
}

function writtenHeaders(headers: HeaderList): HeaderList {
  return headers
    .map(([name, value]) => [name.toLowerCase(), value] as const)
    .filter(([name]) => ANSWER_HEADERS.includes(name))
    .sort(([one], [other]) => (one < other ? -1 : 1));
}

function timesMembers(entry: Entry, redacted: boolean): (readonly [string, string | undefined])[] {
  const { chunks } = entry;
  const marks = chunks?.map(({ end, atMs }) => [end, Math.round(atMs)]);
  return [
    ["chunks", marks === undefined || redacted ? undefined : JSON.stringify(marks)],
    ["first_byte_ms", String(Math.round(entry.firstByteMs))],
    ["duration_ms", String(Math.round(entry.durationMs))],
  ];
}

function usageText(spent: Spent | undefined): string | undefined {
  const usage: UsageLine = {};
  if (spent?.inputTokens !== undefined) usage.input_tokens = spent.inputTokens;
  if (spent?.outputTokens !== undefined) usage.output_tokens = spent.outputTokens;
  if (spent?.cacheReadTokens !== undefined) usage.cache_read_tokens = spent.cacheReadTokens;
  if (spent?.reasoningTokens !== undefined) usage.reasoning_tokens = spent.reasoningTokens;
  // Sums of prices end in digits that mean nothing.
  if (spent?.costUsd !== undefined) usage.cost_usd = Number(spent.costUsd.toPrecision(12));
  return Object.keys(usage).length === 0 ? undefined : JSON.stringify(usage);
}

/** A line read: a request whose key is still to be worked out, and its answer. */
export interface ReadLine {
  readonly request: ReadRequest;
  readonly credential: string | undefined;
  readonly bound: boolean;
  readonly answer: Pick<Entry, "status" | "headers" | "chunks" | "firstByteMs" | "durationMs" | "spent"> & {
    readonly stream: boolean;
    readonly bytes: Uint8Array;
  };
}

/**
 * Undefined for a line that holds no entry. Throws `CassetteError` that says what is wrong, not where. `turn` gives the
 * loop a turn between the steps, each of which takes a few ms for each MiB.
 */
export async function readLine(text: string, turn: () => Promise<void>): Promise<ReadLine | undefined> {
  const value = parsed(text);
  await turn();
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw wrong("not a JSON object");
  const { askonce } = value as { askonce?: unknown };
  if (askonce === undefined) throw wrong(`"askonce":1 is missing: this is no line of a cassette`);
  if (askonce !== 1) throw wrong(`version ${JSON.stringify(askonce)} of the format is not known here: 1 is`);
  if ("skipped" in value) {
    check(noteLine, value);
    return undefined;
  }
  const line = check(entryLine, value);
  const masked = line.redacted?.find((path) => path.startsWith("request"));
  if (masked !== undefined) {
    throw wrong(`its request is redacted (${masked}), so nothing could ever match it: delete the line`);
  }
  await turn();
  const spans = bodySpans(text, line);
  const json = (span: Span | undefined) => span && compacted(text.slice(span.start, span.end));
  const { endpoint, model } = line;
  return {
    request: await readRequest(line.request, { json: json(spans.request), endpoint, model }),
    credential: line.request.credential,
    bound: line.bound ?? false,
    answer: await readAnswer(line, { json: json(spans.response), turn }),
  };
}

async function readAnswer(
  { response, usage }: EntryLine,
  { json, turn }: { json: string | undefined; turn: () => Promise<void> },
): Promise<ReadLine["answer"]> {
  await turn();
  const bytes = answerBytes(response, json);
  await turn();
  const headers = Object.entries(response.headers);
  const stream = response.stream ?? isStream(response.headers["content-type"]);
  return {
    status: response.status,
    headers,
    stream,
    bytes,
    chunks: stream ? (timedMarks(response.chunks, bytes) ?? (await eventMarks(bytes, turn))) : undefined,
    firstByteMs: response.first_byte_ms ?? 0,
    durationMs: response.duration_ms ?? 0,
    spent: usage && {
      inputTokens: usage.input_tokens,
      outputTokens: usage.output_tokens,
      cacheReadTokens: usage.cache_read_tokens,
      reasoningTokens: usage.reasoning_tokens,
      costUsd: usage.cost_usd,
    },
  };
}

function answerBytes(response: EntryLine["response"], json: string | undefined): Uint8Array {
  if (response.base64 !== undefined) {
    try {
      return Uint8Array.fromBase64(response.base64);
    } catch {
      throw wrong("response.base64: is not base64");
    }
  }
  return new TextEncoder().encode(json === undefined ? response.text : documentText(json, response));
}

/** Undefined where the marks are not those of this body: it was edited since. */
function timedMarks(
  said: readonly (readonly [number, number])[] | undefined,
  bytes: Uint8Array,
): readonly ChunkMark[] | undefined {
  const rising = said?.every(([end], at) => end > (said[at - 1]?.[0] ?? 0));
  if (said === undefined || !rising || (said.at(-1)?.[0] ?? 0) !== bytes.byteLength) return undefined;
  return said.map(([end, atMs]) => ({ end, atMs }));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw wrong(`not valid JSON${placeOf(text)}`);
  }
}

interface BodySpans {
  readonly request: Span | undefined;
  readonly response: Span | undefined;
}

/**
 * Where the JSON bodies stand. Throws where a member is there twice: which one was meant is anybody's guess. (Not in a
 * long line: there the search ends with what it looks for.)
 */
function bodySpans(text: string, { request, response }: EntryLine): BodySpans {
  const found = { request: undefined as Span | undefined, response: undefined as Span | undefined };
  const long = text.length > LONG_LINE;
  const wanted = new Set<string>();
  if (Object.hasOwn(request, "json")) wanted.add("request");
  if (Object.hasOwn(response, "json")) wanted.add("response");
  for (const { name, value } of uniqueMembers(text, afterSpace(text, 0), "")) {
    if (long && wanted.size === 0) break;
    if (name !== "request" && name !== "response") continue;
    for (const member of uniqueMembers(text, value.start, `${name}.`)) {
      if (member.name !== "json") continue;
      found[name] = member.value;
      wanted.delete(name);
      if (long) break;
    }
  }
  return found;
}

function* uniqueMembers(text: string, at: number, where: string): Generator<Member> {
  const names = new Set<string>();
  for (const member of membersAt(text, at)) {
    if (names.has(member.name)) throw wrong(`${where}${member.name} is there twice`);
    names.add(member.name);
    yield member;
  }
}

function check<S extends v.GenericSchema>(schema: S, value: unknown): v.InferOutput<S> {
  const result = v.safeParse(schema, value, { abortEarly: true });
  if (result.success) return result.output;
  const issue = result.issues[0];
  const path = issue === undefined ? null : v.getDotPath(issue);
  const unknown = issue?.type === "strict_object" && issue.expected === "never";
  const message = unknown ? "is not known here" : (issue?.message ?? "is not valid");
  throw wrong(`${path ?? "the line"}: ${message}`);
}

/** What is longer is not read again and again: that would hold the loop. */
const LONG_LINE = 1024 * 1024;

function placeOf(text: string): string {
  if (text.length > LONG_LINE) return "";
  const at = faultAt(text);
  if (at >= text.length) return ": it ends too early";
  return `: column ${at + 1}, at ${JSON.stringify(text.slice(at, at + 20).toWellFormed())}`;
}

const wrong = (why: string) => new CassetteError("invalid_cassette", why);

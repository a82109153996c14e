/** Asks every client everything, straight at the provider and twice through askonce, and compares what came out. */
import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import type { Askonce } from "../support/askonce.ts";
import { eventually } from "../support/session.ts";
import type { Client, ErrorStatus } from "./client.ts";

export interface Row {
  readonly client: string;
  readonly version: string;
  readonly base: string;
  readonly call: string;
  /** Cache words of the requests it made, in order. */
  readonly words: readonly string[];
  readonly equal: boolean;
  /** What is wrong; empty where all is as it should be. */
  readonly wrong: readonly string[];
}

let asked = 0;
/** A question that no other holds, and that the scripted answer repeats. */
export function question(): string {
  asked += 1;
  return `ask-${process.pid}-${asked}`;
}

/** What an error says that a program may act on. */
export interface Fault {
  readonly class: string;
  readonly status: number | undefined;
  readonly text: string;
}

/** The result as the parser gave it, or the error that the library threw. */
export async function outcome(ask: () => Promise<unknown>): Promise<{ value?: unknown; fault?: Fault }> {
  try {
    return { value: plain(await ask()) };
  } catch (error) {
    return { fault: faultOf(error) };
  }
}

function plain(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
}

export function faultOf(error: unknown): Fault {
  const of = error as Record<string, unknown>;
  const response = (of.httpResponse ?? {}) as Record<string, unknown>;
  const last = of.lastError as Record<string, unknown> | undefined;
  const status = of.status ?? of.statusCode ?? of.status_code ?? response.status ?? last?.statusCode;
  const named = of.name === "Error" || of.name === undefined;
  const constructed = (error as object).constructor.name;
  return {
    // Bundlers shorten class names: then only `name` says it.
    class: String(
      /^AI_/.test(String(of.name)) || (!named && constructed === "Error") ? of.name : constructed,
    ),
    status: typeof status === "number" ? status : undefined,
    text: [of.message, JSON.stringify(of.body ?? of.responseBody ?? response.body ?? "")].join(" "),
  };
}

/** Requests that a server has logged: their cache words, from a mark on, for one namespace or all. */
export class Requests {
  #seen = 0;
  constructor(readonly server: Askonce) {}

  /** Forgets those so far. */
  mark(): void {
    this.#seen = this.#lines().length;
  }

  /** Waits until at least `count` have ended since the mark. */
  async since(count: number, within = ""): Promise<{ word: string; status: number }[]> {
    const read = () =>
      this.#lines()
        .slice(this.#seen)
        .filter((line) => line.includes(`POST /${within}`));
    await eventually(() => assert.ok(read().length >= count, `${read().length} of ${count} requests logged`));
    return read().map((line) => {
      const [, status, word] = /" (\d+) \d+ ".*Cache: (\S+)$/.exec(line) ?? [];
      return { word: word ?? "", status: Number(status) };
    });
  }

  #lines(): string[] {
    return this.server.log.filter((line) => / Cache: \S+$/.test(line));
  }
}

export interface Stand {
  readonly requests: Requests;
  /** Calls so far, at whatever provider. */
  calls(): number;
  /** The provider's own address. */
  readonly direct: string;
}

/** One call of one client at one base URL: at the provider itself, then MISS, then HIT; all three must be one. */
export async function tryCall(
  client: Client,
  call: string,
  options: Stand & { readonly base: string },
): Promise<Row> {
  const { requests, base } = options;
  const wrong: string[] = [];
  const text = question();
  const straight = client.connect(options.direct + client.direct, { retries: false });
  const through = client.connect(requests.server.url + base, { retries: false });
  const own = await outcome(() => straight[call]!(text));
  const before = options.calls();
  requests.mark();
  const first = await outcome(() => through[call]!(text));
  await requests.since(1);
  const second = await outcome(() => through[call]!(text));
  const words = (await requests.since(2)).map(({ word }) => word);

  if (own.fault) wrong.push(`the provider's own answer is not understood: ${own.fault.text}`);
  else if (!sayingWhat(call).every((said) => said.test(JSON.stringify(own.value))))
    wrong.push(`nothing of the answer in ${JSON.stringify(own.value)}`);
  if (first.fault) wrong.push(`MISS threw ${JSON.stringify(first.fault)}`);
  if (second.fault) wrong.push(`HIT threw ${JSON.stringify(second.fault)}`);
  if (words.join() !== "MISS,HIT") wrong.push(`cache words ${words}`);
  const calls = options.calls() - before;
  if (calls !== 1) wrong.push(`${calls} provider calls`);
  const equal = isDeepStrictEqual(first, own) && isDeepStrictEqual(second, own);
  if (!equal) wrong.push(`differ: ${[own, first, second].map((one) => JSON.stringify(one)).join("\n  ")}`);
  return { client: client.name, version: client.version, base, call, words, equal, wrong };
}

function sayingWhat(call: string): readonly RegExp[] {
  if (/embeddings/.test(call)) return [/0\.5/, /-0\.25/];
  return /tools/.test(call) ? [/get_weather/, /Z(ü|\\+u00fc)rich/] : [/Answer/];
}

/** The provider's own error, straight and twice through askonce: one class, one status, one text, never kept. */
export async function tryProviderError(
  client: Client,
  status: 400 | 429,
  options: Stand & { readonly base: string; readonly streamed: boolean },
): Promise<Row> {
  const { requests, base, streamed } = options;
  const wrong: string[] = [];
  const text = `${question()} FAIL ${status}`;
  const straight = client.connect(options.direct + client.direct, { retries: false });
  const through = client.connect(requests.server.url + base, { retries: false });
  const call = Object.keys(through).find((name) => name.includes("stream") === streamed)!;
  const own = await outcome(() => straight[call]!(text));
  const before = options.calls();
  requests.mark();
  const faults = [await outcome(() => through[call]!(text)), await outcome(() => through[call]!(text))];
  const words = (await requests.since(2)).map(({ word }) => word);
  wrong.push(...wrongClass(client, status, own.fault));
  const equal = faults.every((fault) => isDeepStrictEqual(fault, own));
  if (!equal) wrong.push(`differ: ${[own, ...faults].map((one) => JSON.stringify(one)).join("\n  ")}`);
  if (words.join() !== "MISS,MISS") wrong.push(`cache words ${words}`);
  if (options.calls() - before !== 2) wrong.push(`${options.calls() - before} provider calls`);
  const named = `${status} of ${call}`;
  return { client: client.name, version: client.version, base, call: named, words, equal, wrong };
}

export interface OwnError {
  readonly status: ErrorStatus;
  /** What the client is told, a namespace of its own in front; and what the table says. */
  readonly url: string;
  readonly namespace: string;
  readonly base: string;
  /** What the library must show of the message. */
  readonly saying: RegExp;
  /** The most requests it may make. */
  readonly requests: number;
}

/** An error of askonce's own, with the library's own retries: its class, its message, and how often it asked. */
export async function tryOwnError(client: Client, requests: Requests, error: OwnError): Promise<Row> {
  const { status } = error;
  const asks = client.connect(error.url, { retries: status < 500 || !client.stubborn });
  const [call] = Object.keys(asks) as [string];
  const { fault } = await outcome(() => asks[call]!(question()));
  const made = await requests.since(1, error.namespace);
  const wrong = wrongClass(client, status, fault);
  if (fault && !error.saying.test(fault.text)) wrong.push(`says ${fault.text}`);
  if (made.length > error.requests) wrong.push(`${made.length} requests for one question`);
  if (made.some((one) => one.status !== status)) wrong.push(`statuses ${made.map((one) => one.status)}`);
  const words = made.map(({ word }) => word);
  const { name, version } = client;
  return { client: name, version, base: error.base, call: `askonce's ${status}`, words, equal: true, wrong };
}

function wrongClass(client: Client, status: ErrorStatus, fault: Fault | undefined): string[] {
  const wanted = client.errors[status];
  if (fault === undefined) return [`no error for ${status}`];
  const wrong: string[] = [];
  if (fault.class !== wanted) wrong.push(`${fault.class} for ${status}, not ${wanted}: ${fault.text}`);
  if (fault.status !== undefined && fault.status !== status) wrong.push(`status ${fault.status}`);
  return wrong;
}

/** Lines of a table for people: one per client and base URL. */
export function tableOf(rows: readonly Row[]): string {
  const groups = Map.groupBy(rows, ({ client, version, base }) =>
    [client, version, base || "(root)"].join("\t"),
  );
  const cells = [["SDK", "version", "base URL", "calls", "cache", "parsed alike", "errors"]];
  for (const [head, group] of groups) {
    const calls = group.filter(({ call }) => !/\d/.test(call));
    const faults = group.filter(({ call }) => /\d/.test(call));
    const asExpected = calls.filter(({ words }) => words.join() === "MISS,HIT").length;
    const alike = calls.filter(({ equal }) => equal).length;
    const bad = faults.filter(({ wrong }) => wrong.length > 0).map(({ call }) => call);
    cells.push([
      ...head.split("\t"),
      String(calls.length),
      `MISS, HIT ${asExpected}/${calls.length}`,
      `${alike}/${calls.length}`,
      bad.length > 0 ? `wrong: ${bad}` : `${faults.length} of ${faults.length} right`,
    ]);
  }
  const widths = cells[0]!.map((_, column) => Math.max(...cells.map((line) => line[column]!.length)));
  const lines = cells.map((line) => `| ${line.map((text, i) => text.padEnd(widths[i]!)).join(" | ")} |`);
  return [lines[0], `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`, ...lines.slice(1)].join(
    "\n",
  );
}

export function assertRight(rows: readonly Row[]): void {
  const wrong = rows.flatMap((row) =>
    row.wrong.map((what) => `${row.client} ${row.base} ${row.call}: ${what}`),
  );
  assert.deepEqual(wrong, [], wrong.join("\n"));
}

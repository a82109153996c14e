import type { Config } from "../../config.ts";
import { CommandError, UsageError } from "../../errors.ts";
import { providersFor } from "../../providers/table.ts";
import { ask, type ExplainAnswer, isKeyLike, type RowAnswer, refuseError, wholeKey } from "../answers.ts";
import type { Api } from "../api.ts";
import { type Command, type Context, jsonFlag, option } from "../command.ts";
import { type CurlRequest, readCurl, shellWords } from "../curl.ts";
import { nearestStored } from "../differences.ts";
import { line, lines, wrapped } from "../display.ts";
import { absolute, spokenCode } from "../folders.ts";
import { facts } from "../table.ts";
import { rowLine } from "./tail.ts";

export const explain: Command = {
  name: "explain",
  operands: "[FILE|KEY] | -- curl …",
  words: { least: 0, most: 1 },
  rest: true,
  summary: "say what a request would be answered with, and why",
  notes: [
    'FILE holds {"method","path","headers","body"} as JSON, or a curl command line; - is standard input. KEY is a stored',
    "entry's. No provider is called, and nothing changes.",
  ].join(" "),
  flags: [
    { name: "--last", help: "the last request that was answered" },
    { name: "--canonical", help: "print the body as it counts for the key, too" },
    jsonFlag,
  ],
  settings: "place",
  examples: [
    ["askonce explain --last", "why was that a miss?"],
    ["askonce explain 3fa2b1c09d44", "a stored entry, and what is close to it"],
    [
      "askonce explain request.json",
      'a request in a file: {"path": "/openai/v1/chat/completions", "body": {…}}',
    ],
    [
      "askonce explain -- curl -d @body.json http://127.0.0.1:8181/openai/v1/chat/completions",
      "as curl would send it",
    ],
  ],
  async run(context) {
    const { screen } = context;
    const what = await described(context);
    const api = await context.connect();
    let row: RowAnswer | undefined;
    if ("last" in what) {
      row = await lastRequest(api);
      if (row.key === null) return await withoutKey(context, { api, row });
    }
    const key = row?.key ?? ("key" in what ? await wholeKey(api, what.key) : undefined);
    const asked = "text" in what ? { text: what.text } : { body: key === undefined ? what : { key } };
    const response = await api.request("POST", "/explain", asked);
    if (row && response.status === 404) return await withoutEntry(context, row);
    await refuseError(response);
    const answer = (await response.json()) as ExplainAnswer;
    if (screen.json) await screen.document(row ? { request: row, ...answer } : answer);
    else {
      const head = row ? `${rowLine(row, screen)}\n\n` : "";
      const canonical = option(context, "--canonical") !== undefined;
      await screen.out(head + report(answer, { context, canonical }));
    }
    return 0;
  },
};

interface Request {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What is asked about: `text` is a request as the JSON of a file, every digit of its numbers as it stands there. */
type Asked = { readonly last: true } | { readonly key: string } | { readonly text: string } | Request;

async function described(context: Context): Promise<Asked> {
  const { given, host } = context;
  const [word] = given.words;
  const ways = [option(context, "--last") !== undefined, word !== undefined, given.rest !== undefined];
  if (ways.filter(Boolean).length !== 1) {
    throw new UsageError("say what to explain, one of: FILE, KEY, --last, or -- curl …");
  }
  if (given.rest) return await fromCurl(context, given.rest);
  if (word === undefined) return { last: true };
  const path = absolute(host, word);
  if (word !== "-" && isKeyLike(word) && !(await host.files.facts(path).catch(() => undefined)))
    return { key: word };
  const text = await readText(context, word);
  if (/^\s*(\$\s+)?curl\s/.test(text))
    return await fromCurl(context, shellWords(text.replace(/^\s*(\$\s+)?/, "")));
  return fromJson(text, word);
}

async function readText({ host }: Context, name: string): Promise<string> {
  if (name === "-") {
    const decoder = new TextDecoder();
    let text = "";
    for await (const chunk of host.stdin()) text += decoder.decode(chunk, { stream: true });
    return text + decoder.decode();
  }
  const path = absolute(host, name);
  try {
    return await host.files.readText(path);
  } catch (error) {
    throw new CommandError(`${name} cannot be read (${spokenCode(error)})`);
  }
}

function fromJson(text: string, name: string): Asked {
  const valid = '{"method", "path", "headers", "body"} as JSON, or a curl command line';
  let value: { readonly path?: unknown } | null;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new CommandError(`${name} is not valid, use ${valid}: ${(error as Error).message}`);
  }
  if (typeof value?.path !== "string") throw new CommandError(`${name} has no "path", use ${valid}`);
  return { text };
}

async function fromCurl(context: Context, words: readonly string[]): Promise<Request> {
  const { config } = await context.load();
  const request = await readCurl(words, (path) => readText(context, path));
  return {
    method: request.method,
    path: pathOf(request, config),
    headers: request.headers,
    body: request.body,
  };
}

/** A URL of a provider itself becomes the path that askonce has for it; of any other host only the path counts. */
function pathOf({ url }: CurlRequest, config: Config): string {
  const whole = URL.parse(
    /^[a-z][a-z0-9+.-]*:\/\//i.test(url)
      ? url
      : url.startsWith("/")
        ? `http://localhost${url}`
        : `http://${url}`,
  );
  if (!whole) throw new UsageError(`"${url}" is no URL`);
  const path = `${whole.pathname}${whole.search}`;
  for (const { name, baseUrl } of providersFor(config.providers).values()) {
    if (new URL(baseUrl).host === whole.host) return `/${name}${path}`;
  }
  return path;
}

async function lastRequest(api: Api): Promise<RowAnswer> {
  const { requests } = await ask<{ requests: readonly RowAnswer[] }>(api, ["GET", "/requests"], {
    query: { limit: 1 },
  });
  const [row] = requests;
  if (!row) throw new CommandError("no request was answered yet, or none was written down (setting journal)");
  return row;
}

/** What was passed on without the cache leaves no more than its line and the reason. */
async function withoutKey({ screen }: Context, { api, row }: { api: Api; row: RowAnswer }): Promise<number> {
  if (screen.json) await screen.document({ request: row });
  else {
    const told = await whyNot(api, row);
    await screen.out(`${rowLine(row, screen)}\n\n${wrapped(line(told), screen.width).join("\n")}\n`);
  }
  return 0;
}

function report(
  answer: ExplainAnswer,
  { context, canonical }: { context: Context; canonical: boolean },
): string {
  const { width, paint } = context.screen;
  const color = answer.would === "HIT" ? paint.green : answer.would === "BYPASS" ? paint.dim : paint.yellow;
  const heading = (text: string) => `\n${paint.bold(text)}\n`;
  const parts = [
    `${color(paint.bold(answer.would))}\n`,
    ...wrapped(line(answer.why), width).map((text) => `${text}\n`),
  ];
  if (answer.key_parts.length > 0) {
    const pairs = answer.key_parts.map(({ name, value }) => [name, line(value) || "(none)"] as const);
    parts.push(
      heading("Its key is made of"),
      facts([...pairs, ["key", answer.key ?? undefined]], { width, indent: "  ", dim: paint.dim }),
    );
  }
  if (answer.left_out.length > 0) {
    const pairs = answer.left_out.map(
      ({ where, name, reason }) => [line(`${where} ${name}`), line(reason)] as const,
    );
    parts.push(heading("Left out"), facts(pairs, { width, indent: "  ", dim: paint.dim }));
  }
  const near = nearestStored(answer, context.screen);
  if (answer.nearest.length > 0) parts.push(heading("Nearest stored"));
  if (near !== "") parts.push(near);
  if (canonical && answer.canonical !== null)
    parts.push(heading("The body as it counts"), `${lines(answer.canonical)}\n`);
  return parts.join("");
}

/** Nothing of the request is remembered, but its line says how it ended. */
async function withoutEntry({ screen }: Context, row: RowAnswer): Promise<number> {
  if (screen.json) await screen.document({ request: row });
  else {
    const why = row.detail === null ? "it was not kept, or has gone since" : `not kept: ${line(row.detail)}`;
    await screen.out(`${rowLine(row, screen)}\n\nNothing is stored under its key (${why}).\n`);
  }
  return 0;
}

/** In words where method and path are all that the reason needs. */
async function whyNot(api: Api, { method, path, detail }: RowAnswer): Promise<string> {
  if (detail !== "method" && detail !== "endpoint")
    return `It was not cacheable${detail === null ? "" : `: ${detail}`}`;
  const body = { method, path, headers: {}, body: "" };
  return (await ask<ExplainAnswer>(api, ["POST", "/explain"], { body })).why;
}

import { CommandError, UsageError } from "../../errors.ts";
import { ask, type EntryAnswer, type RequestAnswer, refuseError, wholeKey } from "../answers.ts";
import type { Api } from "../api.ts";
import { type Command, type Context, jsonFlag, option } from "../command.ts";
import { line, lines } from "../display.ts";
import { age, bytes, count, duration, moment, plural, usd } from "../readable.ts";
import { facts } from "../table.ts";

type Shown = EntryAnswer & { readonly request: RequestAnswer | null };

export const show: Command = {
  name: "show",
  operands: "KEY",
  words: { least: 1, most: 1 },
  summary: "one entry: its facts, its request, its answer",
  notes: "KEY is what ls prints, or the X-Cache-Key of an answer: any beginning that no other key has.",
  flags: [{ name: "--body", help: "the answer's bytes instead, as a client gets them" }, jsonFlag],
  settings: "place",
  examples: [
    ["askonce show 3fa2b1c09d44", "what is known of it, and what was asked"],
    ["askonce show 3fa2b1c09d44 --body > answer.json", "the answer itself"],
  ],
  async run(context) {
    const { screen } = context;
    const body = option(context, "--body") !== undefined;
    if (body && screen.json)
      throw new UsageError("--body prints the stored bytes, which --json cannot: use one of them");
    const api = await context.connect();
    const key = await wholeKey(api, context.given.words[0]!);
    if (body) await printBody(context, { api, key });
    else {
      const entry = await ask<Shown>(api, ["GET", `/entries/${key}`]);
      await (screen.json ? screen.document(entry) : screen.out(report(entry, context)));
    }
    return 0;
  },
};

function report(entry: Shown, { screen: { width, paint } }: Context): string {
  const { input_tokens: input, output_tokens: output } = entry;
  const tokens =
    input === null && output === null ? "not reported" : `${count(input ?? 0)} in, ${count(output ?? 0)} out`;
  const kind = `${entry.status}${entry.stream ? ", a stream" : ""}, ${bytes(entry.size_bytes)}`;
  const flags = [entry.pinned ? "pinned" : "", entry.imported ? "imported" : ""].filter(
    (word) => word !== "",
  );
  const pairs: [string, string | undefined][] = [
    ["key", entry.key],
    ["provider", line(entry.provider)],
    ["endpoint", line(entry.endpoint)],
    ["model", entry.model === null ? undefined : line(entry.model)],
    ["namespace", entry.namespace === "" ? undefined : line(entry.namespace)],
    ["answer", kind],
    ["stored", `${moment(entry.stored_at)} (${age(entry.age_s)} ago)`],
    ["fresh", fresh(entry)],
    ["hits", usedAt(entry)],
    ["tokens", tokens],
    ["cost", `${usd(entry.cost_usd)}, ${duration(entry.duration_ms)}`],
    ["marks", flags.length > 0 ? flags.join(", ") : undefined],
  ];
  const { request } = entry;
  const asked = request === null ? "its request was not remembered\n" : requestText(request);
  return `${facts(pairs, { width, dim: paint.dim })}\n${paint.bold("Request")}\n${asked}`;
}

function usedAt(entry: EntryAnswer): string {
  const last = entry.last_used_at === null || entry.hits === 0 ? "" : `, last ${moment(entry.last_used_at)}`;
  return `${plural(entry.hits, "hit")}${last}`;
}

function fresh(entry: EntryAnswer): string {
  if (entry.ttl_s === null || entry.expires_at === null) return "forever";
  const own = `of ${age(entry.ttl_s)}`;
  return entry.stale
    ? `past its time since ${moment(entry.expires_at)} (${own})`
    : `until ${moment(entry.expires_at)} (${own})`;
}

function requestText(request: RequestAnswer): string {
  const head = line(`${request.method} ${request.path}${request.query}`);
  const body = bodyText(request);
  return [head, ...request.headers.map((text) => line(text)), "", ...(body === "" ? [] : [lines(body)])]
    .join("\n")
    .concat("\n");
}

/** JSON is laid out; anything else stands as it was remembered. */
function bodyText({ body, text, fields, bytes: unread }: RequestAnswer): string {
  if (fields) {
    return fields
      .map((field) => `${field.name} = ${field.text ?? `(a file of ${bytes(field.size_bytes)})`}`)
      .join("\n");
  }
  if (body !== undefined) return JSON.stringify(body, null, 2);
  return text ?? (unread ? `(${bytes(unread.size_bytes)}, SHA-256 ${unread.sha256})` : "");
}

async function printBody({ host, screen }: Context, { api, key }: { api: Api; key: string }): Promise<void> {
  const answer = await api.request("GET", `/entries/${key}/body`);
  await refuseError(answer);
  if (host.terminal.stdout) {
    // What a provider sent must not drive a terminal.
    const whole = new Uint8Array(await answer.arrayBuffer());
    let text: string;
    try {
      text = new TextDecoder("utf-8", { fatal: true }).decode(whole);
    } catch {
      throw new CommandError(
        `the answer is no text: askonce show ${key.slice(0, 12)} --body > FILE keeps its ${bytes(whole.byteLength)}`,
      );
    }
    await screen.out(`${lines(text)}${text.endsWith("\n") ? "" : "\n"}`);
    return;
  }
  for await (const chunk of answer.body ?? []) await host.print(chunk);
}

import { UsageError } from "../../errors.ts";
import { ask, type EntriesAnswer, type EntryAnswer, SHORT_KEY } from "../answers.ts";
import type { Api } from "../api.ts";
import { type Command, type Context, filterFlags, jsonFlag, option } from "../command.ts";
import { line } from "../display.ts";
import { age, bytes, short } from "../readable.ts";
import { type Column, layout, table } from "../table.ts";

const SORTS = ["newest", "oldest", "used", "hits", "size"] as const;
const USUAL_LIMIT = 50;
const PAGE = 500;

export const ls: Command = {
  name: "ls",
  operands: "",
  words: { least: 0, most: 0 },
  summary: "list what is stored",
  notes:
    "Shortened keys are taken back by show, rm and explain. KEY is followed by * for pinned and ~ for imported entries; AGE in brackets is past its time.",
  flags: [
    { name: "--search", short: "-q", value: "WORDS", help: "only those whose prompt holds all these words" },
    ...filterFlags,
    { name: "--sort", value: "ORDER", values: SORTS, help: `${SORTS.join(", ")} (default newest)` },
    { name: "--limit", value: "N", help: `how many (default ${USUAL_LIMIT})` },
    { name: "--all", help: "all there are" },
    jsonFlag,
  ],
  settings: "place",
  examples: [
    ["askonce ls", "the 50 newest"],
    ["askonce ls -q 'release notes' --model gpt-5-mini", "by words of the prompt, of one model"],
    ["askonce ls --sort size --limit 10", "the largest"],
    ["askonce ls --all --json | jq -r '.entries[].key'", "every key"],
  ],
  async run(context) {
    const limit = readLimit(context);
    const api = await context.connect();
    const { screen } = context;
    const pages = pagesOf(api, { context, limit });
    if (screen.json) {
      const entries: EntryAnswer[] = [];
      let next: string | null = null;
      for await (const page of pages) {
        entries.push(...page.entries);
        next = page.next_cursor;
      }
      await screen.document({ entries, next_cursor: next });
      return 0;
    }
    await print(context, pages);
    return 0;
  },
};

function readLimit(context: Context): number {
  if (option(context, "--all") !== undefined) return Number.POSITIVE_INFINITY;
  const given = option(context, "--limit");
  if (given === undefined) return USUAL_LIMIT;
  if (!/^[1-9]\d{0,8}$/.test(given))
    throw new UsageError(`--limit ${given} is not valid: use a whole number from 1`);
  return Number(given);
}

/** Pages until `limit` entries were seen or there are no more. */
async function* pagesOf(
  api: Api,
  { context, limit }: { context: Context; limit: number },
): AsyncGenerator<EntriesAnswer> {
  const filter = {
    q: option(context, "--search"),
    provider: option(context, "--provider"),
    model: option(context, "--model"),
    namespace: option(context, "--namespace"),
    sort: option(context, "--sort"),
  };
  let cursor: string | undefined;
  for (let left = limit; left > 0; ) {
    const query = { ...filter, limit: Math.min(left, PAGE), cursor };
    const page = await ask<EntriesAnswer>(api, ["GET", "/entries"], { query });
    yield page;
    left -= page.entries.length;
    cursor = page.next_cursor ?? undefined;
    if (cursor === undefined) return;
  }
}

const columns: readonly Column[] = [
  { head: "KEY" },
  { head: "AGE", align: "right" },
  { head: "PROVIDER/MODEL", most: 26, least: 12 },
  { head: "HITS", align: "right" },
  { head: "SIZE", align: "right" },
  { head: "TOKENS", align: "right" },
  { head: "PROMPT", least: 16 },
];

async function print({ screen }: Context, pages: AsyncIterable<EntriesAnswer>): Promise<void> {
  let widths: readonly number[] | undefined;
  let shown = 0;
  let more = false;
  for await (const { entries, next_cursor } of pages) {
    const rows = entries.map(cells);
    shown += rows.length;
    more = next_cursor !== null;
    if (rows.length === 0) continue;
    const heads = widths === undefined ? screen.paint.dim : false;
    widths ??= layout(columns, { rows, width: screen.width });
    await screen.out(table(columns, { rows, width: screen.width, widths, heads }));
  }
  if (shown === 0) screen.say("no entries");
  else if (more) screen.say(`these are ${shown}, there are more: --limit N or --all`);
}

function cells(entry: EntryAnswer): readonly string[] {
  const marks = `${entry.pinned ? "*" : ""}${entry.imported ? "~" : ""}`;
  const old = age(entry.age_s);
  const namespace = entry.namespace === "" ? "" : `@${entry.namespace} `;
  const tokens = (entry.input_tokens ?? 0) + (entry.output_tokens ?? 0);
  const known = entry.input_tokens !== null || entry.output_tokens !== null;
  return [
    `${entry.key.slice(0, SHORT_KEY)}${marks}`,
    entry.stale ? `(${old})` : old,
    line(`${namespace}${entry.provider}/${entry.model ?? entry.endpoint}`),
    short(entry.hits),
    bytes(entry.size_bytes),
    known ? short(tokens) : "–",
    line(entry.prompt ?? ""),
  ];
}

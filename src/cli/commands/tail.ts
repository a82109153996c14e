import { createParser, type EventSourceMessage } from "eventsource-parser";
import { CommandError, UsageError } from "../../errors.ts";
import { ask, type RowAnswer, refuseError } from "../answers.ts";
import type { Api } from "../api.ts";
import { type Command, type Context, jsonFlag, option } from "../command.ts";
import { fitted, line, padded } from "../display.ts";
import { duration, short, timeOfDay, usd } from "../readable.ts";
import type { Paint } from "../screen.ts";

const USUAL_ROWS = 10;
/** Time, word, duration, tokens and money, with a space behind each and one behind the model. */
const FIXED_COLUMNS = 8 + 8 + 7 + 6 + 10 + 6;
/** The longest reasons have that many letters. */
const WHY_COLUMNS = 16;

export const tail: Command = {
  name: "tail",
  operands: "",
  words: { least: 0, most: 0 },
  summary: "follow the requests of the running instance as they end",
  notes:
    "Each line: time, X-Cache-Status, provider/model, time taken, tokens, money spent (-) or saved (+), and why.",
  flags: [
    {
      name: "--lines",
      short: "-n",
      value: "N",
      help: `how many of the last to begin with (default ${USUAL_ROWS})`,
    },
    { name: "--json", help: "a JSON object a line (NDJSON), and nothing else" },
  ].map((flag) => (flag.name === jsonFlag.name ? { ...jsonFlag, help: flag.help } : flag)),
  settings: "place",
  examples: [
    ["askonce tail", "the last ten requests, then each new one"],
    ["askonce tail -n 0 --json | jq -c 'select(.cache == \"MISS\")'", "new misses only, for a program"],
  ],
  async run(context) {
    const rows = readRows(context);
    const api = await context.connect({ running: true });
    // Followed before the last rows are asked for, so that nothing falls between; what came twice is told once.
    const answer = await api.request("GET", "/events");
    await refuseError(answer);
    if (!answer.body) throw new CommandError("the instance answered without events");
    const seen = new Set<string>();
    await printRows(context, { api, rows, seen });
    await follow(context, answer.body, seen);
    context.screen.say(`the instance at ${api.instance?.url} has ended`);
    return 0;
  },
};

function readRows(context: Context): number {
  const given = option(context, "--lines");
  if (given === undefined) return USUAL_ROWS;
  if (!/^\d{1,3}$/.test(given))
    throw new UsageError(`--lines ${given} is not valid: use a whole number up to 999`);
  return Number(given);
}

async function printRows(
  context: Context,
  { api, rows, seen }: { api: Api; rows: number; seen: Set<string> },
): Promise<void> {
  if (rows === 0) return;
  const { requests } = await ask<{ requests: readonly RowAnswer[] }>(api, ["GET", "/requests"], {
    query: { limit: rows },
  });
  for (const row of [...requests].reverse()) {
    seen.add(row.request_id);
    await print(context, row);
  }
}

async function follow(context: Context, body: ReadableStream<Uint8Array>, seen: Set<string>): Promise<void> {
  const waiting: EventSourceMessage[] = [];
  const parser = createParser({ onEvent: (event) => void waiting.push(event) });
  const decoder = new TextDecoder();
  const reader = body.getReader();
  for (;;) {
    // The server may be killed: that ends it as well as its own end does.
    const { done, value } = await reader.read().catch(() => ({ done: true as const, value: undefined }));
    if (done) return;
    parser.feed(decoder.decode(value, { stream: true }));
    for (const { event, data } of waiting.splice(0)) {
      if (event === "dropped") {
        context.screen.say("requests came faster than they could be shown: some are left out");
        continue;
      }
      const row = JSON.parse(data) as RowAnswer;
      if (!seen.delete(row.request_id)) await print(context, row);
    }
  }
}

async function print({ screen }: Context, row: RowAnswer): Promise<void> {
  await screen.out(screen.json ? `${JSON.stringify(row)}\n` : `${rowLine(row, screen)}\n`);
}

/** One request as a line of at most `width` columns. */
export function rowLine(row: RowAnswer, { width, paint }: { width: number; paint: Paint }): string {
  const { input_tokens: input, output_tokens: output } = row;
  const tokens = input === null && output === null ? "" : `${short((input ?? 0) + (output ?? 0))}t`;
  const named = row.provider !== null && (row.model ?? row.endpoint) !== null;
  const what = named ? `${row.provider}/${row.model ?? row.endpoint}` : `${row.method} ${row.path}`;
  const why = [row.status >= 400 ? String(row.status) : "", row.detail ?? ""]
    .filter((word) => word !== "")
    .join(" ");
  const left = width - FIXED_COLUMNS;
  const model = Math.min(34, Math.max(8, left - WHY_COLUMNS));
  const cells = [
    paint.dim(timeOfDay(row.at)),
    wordColor(row, paint)(padded(row.cache, 8)),
    padded(line(what), model),
    padded(duration(row.total_ms), 7, "right"),
    padded(tokens, 6, "right"),
    padded(money(row), 10, "right"),
    fitted(line(why), Math.max(1, left - model)),
  ];
  return cells.join(" ").trimEnd();
}

function money(row: RowAnswer): string {
  if (row.saved_usd !== null && row.saved_usd !== undefined) return signed("+", row.saved_usd);
  if (row.cost_usd !== null && row.cost_usd !== undefined) return signed("-", row.cost_usd);
  return row.input_tokens === null && row.output_tokens === null ? "" : "no price";
}

/** A sum too small to be written out leaves no room for its sign, and needs none. */
function signed(sign: "+" | "-", value: number): string {
  const text = usd(value);
  return text.startsWith("<") ? text : sign + text;
}

function wordColor({ cache, status }: RowAnswer, paint: Paint): (text: string) => string {
  if (status >= 400) return paint.red;
  if (cache === "HIT") return paint.green;
  return cache === "BYPASS" || cache === "-" ? paint.dim : paint.yellow;
}

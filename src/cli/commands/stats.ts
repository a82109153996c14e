import type { FiguresAnswer, StatsAnswer } from "../answers.ts";
import { ask } from "../answers.ts";
import { type Command, type Context, jsonFlag, option } from "../command.ts";
import { line } from "../display.ts";
import { bytes, count, duration, percent, plural, short, usd } from "../readable.ts";
import { type Column, facts, table } from "../table.ts";

const GROUPS = ["provider", "model", "namespace", "endpoint", "credential"] as const;

export const stats: Command = {
  name: "stats",
  operands: "",
  words: { least: 0, most: 0 },
  summary: "what was answered, saved and spent",
  flags: [
    { name: "--since", value: "24h", help: "how far back: a duration, or a date and time (default 24h)" },
    { name: "--by", value: "GROUP", values: GROUPS, help: `a line for each ${GROUPS.join(", ")}` },
    jsonFlag,
  ],
  settings: "place",
  examples: [
    ["askonce stats", "the last 24 hours"],
    ["askonce stats --since 30d --by model", "the last 30 days, model by model"],
    ["askonce stats --json | jq .total.saved_usd", "one figure, for a program"],
  ],
  async run(context) {
    const since = option(context, "--since");
    const by = option(context, "--by");
    const api = await context.connect();
    const answer = await ask<StatsAnswer>(api, ["GET", "/stats"], { query: { since, by } });
    if (context.screen.json) await context.screen.document(answer);
    else await context.screen.out(report(answer, { since: since ?? "24h", by, context }));
    return 0;
  },
};

function report(
  { total, groups, store }: StatsAnswer,
  { since, by, context }: { since: string; by: string | undefined; context: Context },
): string {
  const { screen } = context;
  const { width, paint } = screen;
  const head = /^\d+[a-z]+$/.test(since) ? `The last ${since}` : `Since ${line(since)}`;
  const parts = [
    `${paint.bold(head)}\n`,
    facts(totals(total, store), { width, indent: "  ", dim: paint.dim }),
  ];
  if (by !== undefined) {
    const rows = groups.map((group) => [
      group.name === "" ? "(none)" : line(group.name),
      count(group.requests),
      percent(group.hits, answered(group)),
      short(group.saved_tokens),
      savedMoney(group),
      money(group.spent_usd, group),
    ]);
    parts.push("\n", table(columns(by), { rows, width, heads: paint.dim }));
    if (rows.length === 0) parts.push("(no requests)\n");
  }
  return parts.join("");
}

function columns(by: string): readonly Column[] {
  return [
    { head: by, least: 12 },
    { head: "requests", align: "right" },
    { head: "hits", align: "right" },
    { head: "saved tokens", align: "right" },
    { head: "saved", align: "right" },
    { head: "spent", align: "right" },
  ];
}

function totals(
  total: FiguresAnswer,
  store: StatsAnswer["store"],
): readonly (readonly [string, string | undefined])[] {
  return [
    ["requests", count(total.requests)],
    ["answered", kinds(total)],
    ["saved", saved(total)],
    ["spent", spent(total)],
    [
      "no price",
      total.unpriced > 0
        ? `${plural(total.unpriced, "call or hit", "calls and hits")}: price unknown`
        : undefined,
    ],
    ["time", times(total)],
    ["not kept", reasons(total.not_kept)],
    ["errors", total.errors > 0 ? plural(total.errors, "answer") : undefined],
    ["client left", total.aborted > 0 ? plural(total.aborted, "time") : undefined],
    ["store", `${plural(store.entries, "entry", "entries")}, ${bytes(store.bytes)}`],
  ];
}

/** Those that the cache could have answered. */
function answered({ hits, misses, partial, joined }: FiguresAnswer): number {
  return hits + misses + partial + joined;
}

function kinds(total: FiguresAnswer): string {
  const parts = [
    `${plural(total.hits, "hit")} (${percent(total.hits, answered(total))})`,
    plural(total.misses, "miss", "misses"),
  ];
  for (const kind of ["partial", "joined", "bypassed", "refused"] as const) {
    if (total[kind] > 0) parts.push(`${count(total[kind])} ${kind}`);
  }
  return parts.join(" · ");
}

function saved(total: FiguresAnswer): string {
  const parts = [`${short(total.saved_tokens)} tokens`, savedMoney(total), duration(total.saved_ms)];
  const joined =
    total.joined > 0
      ? `\nand by joining ${short(total.joined_tokens)} tokens, ${money(total.joined_usd, total)}`
      : "";
  return `${parts.slice(0, 2).join(", ")} and ${parts[2]}${joined}`;
}

function spent(total: FiguresAnswer): string {
  const apart = [
    total.refreshes > 0 ? `refreshes ${money(total.refresh_usd, total)}` : "",
    total.unread > 0 ? `unread ${money(total.unread_usd, total)}` : "",
  ].filter((part) => part !== "");
  return `${short(total.spent_tokens)} tokens, ${money(total.spent_usd, total)}${apart.length > 0 ? ` (${apart.join(", ")})` : ""}`;
}

/** A sum of nothing known is no zero. */
function money(value: number, { unpriced }: Pick<FiguresAnswer, "unpriced">): string {
  return value === 0 && unpriced > 0 ? usd(undefined) : usd(value);
}

/** Where nothing was answered from the store nothing was saved, whatever has no price. */
function savedMoney(figures: FiguresAnswer): string {
  return figures.hits + figures.partial === 0 ? usd(figures.saved_usd) : money(figures.saved_usd, figures);
}

function times(total: FiguresAnswer): string | undefined {
  const one = (name: string, half: number | null, most: number | null) =>
    half === null ? [] : [`${name} ${duration(half)}${most === null ? "" : ` (p99 ${duration(most)})`}`];
  const parts = [
    ...one("hits", total.hit_p50_ms, total.hit_p99_ms),
    ...one("misses", total.miss_p50_ms, total.miss_p99_ms),
  ];
  return parts.length === 0 ? undefined : parts.join(", ");
}

function reasons(counts: Readonly<Record<string, number>>): string | undefined {
  const found = Object.entries(counts).filter(([, times]) => times > 0);
  if (found.length === 0) return undefined;
  return found.map(([reason, times]) => `${count(times)} ${line(reason)}`).join(", ");
}

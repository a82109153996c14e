import { CommandError, UsageError } from "../../errors.ts";
import { ask } from "../answers.ts";
import { type Command, type Context, filterFlags, jsonFlag, option } from "../command.ts";
import { plural } from "../readable.ts";

export const purge: Command = {
  name: "purge",
  operands: "[--FILTER VALUE]…",
  words: { least: 0, most: 0 },
  summary: "remove entries by age, provider, model or namespace",
  notes: "All filters given must match. What is being answered just now and matches is not kept either.",
  flags: [
    { name: "--older-than", value: "30d", help: "stored longer ago than this, or before this date" },
    { name: "--newer-than", value: "1h", help: "stored since then" },
    ...filterFlags,
    { name: "--all", help: "everything" },
    { name: "--dry-run", help: "only say how many they are" },
    { name: "--yes", short: "-y", help: "do not ask" },
    jsonFlag,
  ],
  settings: "place",
  examples: [
    ["askonce purge --older-than 30d", "what is older than 30 days, after asking"],
    ["askonce purge --provider openai --model gpt-5-mini --dry-run", "how many that would be"],
    ["askonce purge --all --yes", "everything, without asking"],
  ],
  async run(context) {
    const { screen } = context;
    const filter = readFilter(context);
    const dryRun = option(context, "--dry-run") !== undefined;
    const api = await context.connect();
    const count = () =>
      ask<{ purged: number }>(api, ["POST", "/purge"], { body: { ...filter, dry_run: true } });
    if (!dryRun && mustAsk(context)) {
      const { purged } = await count();
      if (!(await confirmed(context, `remove ${plural(purged, "entry", "entries")}?`))) {
        throw new CommandError("nothing was removed");
      }
    }
    const progress = screen.progress("removing …");
    const answer = await (dryRun
      ? count()
      : ask<{ purged: number }>(api, ["POST", "/purge"], { body: filter })
    ).finally(() => progress.done());
    const what = plural(answer.purged, "entry", "entries");
    if (screen.json) await screen.document(answer);
    else await screen.out(dryRun ? `would remove ${what}\n` : `removed ${what}\n`);
    return 0;
  },
};

function readFilter(context: Context): Readonly<Record<string, string | boolean>> {
  const members = {
    older_than: "--older-than",
    newer_than: "--newer-than",
    provider: "--provider",
    model: "--model",
    namespace: "--namespace",
  };
  const given = Object.entries(members).flatMap(([member, flag]) => {
    const value = option(context, flag);
    return value === undefined ? [] : [[member, value] as const];
  });
  const all = option(context, "--all") !== undefined;
  if (given.length === 0 && !all) {
    throw new UsageError(
      "say what to remove: --older-than, --newer-than, --provider, --model, --namespace, or --all for everything",
    );
  }
  if (given.length > 0 && all) throw new UsageError("--all stands alone, since it means everything");
  return { ...Object.fromEntries(given), ...(all ? { all } : {}) };
}

/** A person at a terminal is asked, a script is not. */
function mustAsk(context: Context): boolean {
  const { terminal } = context.host;
  return terminal.stdin && terminal.stderr && option(context, "--yes") === undefined && !context.screen.json;
}

async function confirmed({ host }: Context, question: string): Promise<boolean> {
  host.write("stderr", `${question} [y/N] `);
  let said = "";
  for await (const chunk of host.stdin()) {
    said += new TextDecoder().decode(chunk);
    if (said.includes("\n")) break;
  }
  return /^\s*(y|yes)\s*$/i.test(said.split("\n")[0]!);
}

import { ConfigError } from "../../errors.ts";
import { type Command, type Context, jsonFlag, option } from "../command.ts";
import { line, padded, wrapped } from "../display.ts";
import { type Check, within } from "../examination.ts";
import { clientChecks } from "../examine-clients.ts";
import { folderChecks } from "../examine-folder.ts";
import { networkChecks, providerChecks } from "../examine-network.ts";
import { loadConfig } from "../load.ts";
import type { Paint } from "../screen.ts";

const ALL_WITHIN_MS = 8_000;

export const doctor: Command = {
  name: "doctor",
  operands: "",
  words: { least: 0, most: 0 },
  summary: "look for what goes wrong in practice, and say what to do",
  notes: "It changes nothing, ends within 10 s, and exits with 1 if something fails.",
  flags: [{ name: "--offline", help: "call no provider" }, jsonFlag],
  settings: "all",
  examples: [
    ["askonce doctor", "everything"],
    ["askonce doctor --offline --json", "without calls, for a program"],
  ],
  async run(context) {
    const checks = await examine(context);
    const ok = !checks.some(({ status }) => status === "fail");
    if (context.screen.json) await context.screen.document({ ok, checks });
    else await context.screen.out(report(checks, context));
    return ok ? 0 : 1;
  },
};

async function examine(context: Context): Promise<readonly Check[]> {
  const { host, given } = context;
  try {
    const loaded = await loadConfig(host, given);
    const settings: Check[] = [
      {
        name: "settings",
        status: "ok",
        found: loaded.file ? `from ${loaded.file}` : "no settings file, which is fine",
      },
      ...loaded.warnings.map(
        (found): Check => ({
          name: "settings",
          status: "warn",
          found,
          todo: "take the variable away, or spell it as askonce config --help does",
        }),
      ),
    ];
    const { config } = loaded;
    const offline = option(context, "--offline") !== undefined;
    const groups = await Promise.all([
      within(ALL_WITHIN_MS, "data folder", () => folderChecks(host, config)),
      within(ALL_WITHIN_MS, "network", () => networkChecks(host, config)),
      within(ALL_WITHIN_MS, "providers", () =>
        offline ? Promise.resolve([]) : providerChecks(host, config),
      ),
      within(ALL_WITHIN_MS, "clients", () => clientChecks(host, config)),
    ]);
    return [...settings, ...groups.flat()];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return [
      { name: "settings", status: "fail", found: error.message, todo: "no start is possible before that" },
    ];
  }
}

const NAME_COLUMNS = 12;

function report(checks: readonly Check[], { screen: { width, paint } }: Context): string {
  const text = checks.map((check) => checkLines(check, { width, paint })).join("");
  const count = (status: Check["status"]) => checks.filter((check) => check.status === status).length;
  const [failed, warned] = [count("fail"), count("warn")];
  const sum =
    failed > 0 ? `${failed} failed` : warned > 0 ? `nothing failed, ${warned} to look at` : "all is well";
  return `${text}\n${sum}\n`;
}

function checkLines(
  { name, status, found, todo }: Check,
  { width, paint }: { width: number; paint: Paint },
): string {
  const color = { ok: paint.green, warn: paint.yellow, fail: paint.red }[status];
  const left = 4 + 2 + NAME_COLUMNS + 2;
  const texts = [found, ...(todo === undefined ? [] : [`→ ${todo}`])];
  const all = texts.flatMap((text) => wrapped(line(text), width - left));
  return all
    .map((text, at) =>
      at === 0
        ? `${color(padded(status, 4))}  ${padded(name, NAME_COLUMNS)}  ${text}\n`
        : `${" ".repeat(left)}${text}\n`,
    )
    .join("");
}

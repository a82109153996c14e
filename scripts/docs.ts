/**
 * Writes the tables that README.md and docs/ take from the code, between `<!-- NAME -->` and `<!-- /NAME -->`.
 * With `--check` it writes nothing and fails where a page is behind the code.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { commands } from "../src/cli/commands.ts";
import { commandsTable } from "../src/cli/help.ts";
import { settingsReference, settingsTable } from "../src/config-tables.ts";
import { clientVariablesOf } from "../src/providers/client-variables.ts";
import { builtinNames, providerFacts } from "../src/providers/table.ts";
import { aliases } from "../src/proxy/aliases.ts";
import { errorsTable } from "./docs-errors.ts";
import { keyTables } from "./docs-keys.ts";

const root = dirname(import.meta.dirname);
const BASE = "http://127.0.0.1:8181";

const tables: Readonly<Record<string, () => string>> = {
  providers: providersTable,
  commands: () => commandsTable(commands),
  variables: variablesTable,
  settings: () => settingsTable().trim(),
  reference: settingsReference,
  errors: errorsTable,
  lines: linesTable,
  ...keyTables,
  gateways: () =>
    ["| gateway | header | here |", "| --- | --- | --- |"]
      .concat(aliases.map(({ gateway, header, means }) => `| ${gateway} | \`${header}\` | ${means} |`))
      .join("\n"),
};

function providersTable(): string {
  const rows = providerFacts().map(({ name, baseUrl, clientHints, shortPath }) => {
    const hints = clientHints.map((hint) => `\`${hint.replace("{base}", `${BASE}/${name}`)}\``).join("<br>");
    return `| ${name} | ${hints} | \`${shortPath}\` | \`${baseUrl}\` |`;
  });
  return [
    "| provider | give to the client | short path | goes to |",
    "| --- | --- | --- | --- |",
    ...rows,
  ].join("\n");
}

function variablesTable(): string {
  const rows = [...builtinNames, "azure"].flatMap((provider) =>
    clientVariablesOf(provider).map(
      ({ name, path, readBy }) => `| ${provider} | \`${name}\` | \`/${provider}${path}\` | ${readBy} |`,
    ),
  );
  return ["| provider | variable | ends in | read by |", "| --- | --- | --- | --- |", ...rows].join("\n");
}

/** One line to paste for each client, by the variable that it reads. */
function linesTable(): string {
  const rows = builtinNames.flatMap((provider) =>
    clientVariablesOf(provider).map(
      ({ name, path, readBy }) =>
        `| ${provider}: ${readBy} | \`export ${name}=${BASE}/${provider}${path}\` |`,
    ),
  );
  return ["| provider and client | line |", "| --- | --- |", ...rows].join("\n");
}

/** The page with its tables as the code has them now. Throws for a mark that no table has. */
export function renew(page: string): string {
  return page.replace(/<!-- (\w+) -->\n[\s\S]*?<!-- \/\1 -->/g, (_, name: string) => {
    const table = tables[name];
    if (table === undefined) throw new Error(`no table ${name}`);
    return `<!-- ${name} -->\n${table()}\n<!-- /${name} -->`;
  });
}

export function pages(): string[] {
  const docs = readdirSync(join(root, "docs"), { recursive: true, encoding: "utf8" });
  return [
    join(root, "README.md"),
    ...docs.filter((name) => name.endsWith(".md")).map((name) => join(root, "docs", name)),
  ];
}

if (import.meta.main) {
  const check = process.argv.includes("--check");
  for (const path of pages()) {
    const before = readFileSync(path, "utf8");
    const after = renew(before);
    if (after === before) continue;
    if (check) {
      console.error(`${path.slice(root.length + 1)} is behind the code: run bun scripts/docs.ts`);
      process.exitCode = 1;
    } else writeFileSync(path, after);
  }
}

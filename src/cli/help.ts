import { settingsHelp } from "../config-tables.ts";
import { type Command, commonFlags, type Flag } from "./command.ts";
import { wrapped } from "./display.ts";

const WORD_COLUMNS = 26;
const HELP_COLUMNS = 80;
const place: readonly Flag[] = [
  { name: "--data", value: "FOLDER", help: "where answers are kept" },
  { name: "--config", value: "FILE", help: "the settings file (askonce.toml)" },
];

/** What `askonce --help` prints. */
export function help(commands: readonly Command[]): string {
  const list = commands.map((command) => entry(usage(command), command.summary));
  const flags = [
    entry("--listen ADDRESS", "where to listen (127.0.0.1:8181 and [::1]:8181)"),
    entry("--provider NAME=URL", "a further provider, or another address for one that is built in"),
    ...[...place, ...commonFlags].map(flagLine),
  ];
  return `askonce: a caching reverse proxy for LLM APIs

Usage: askonce [COMMAND] [--FLAG VALUE]…

Commands:
${list.join("\n")}

askonce COMMAND --help says more. Without a command askonce serves.

Flags:
${flags.join("\n")}

Every setting is a flag, a variable and a line of the settings file:
--ttl 4h, ASKONCE_TTL=4h, ttl = "4h". Flags beat variables, variables beat the
file. askonce config --help lists them all.
`;
}

/** What `askonce COMMAND --help` prints. */
export function commandHelp(command: Command): string {
  const parts = [
    wrapped(`askonce ${usage(command)}: ${command.summary}`, HELP_COLUMNS).join("\n"),
    ...(command.notes === undefined ? [] : [wrapped(command.notes, HELP_COLUMNS).join("\n")]),
    [
      "Flags:",
      ...[...command.flags, ...(command.settings === "all" ? [] : place), ...commonFlags].map(flagLine),
    ].join("\n"),
    ["Examples:", ...exampleLines(command)].join("\n"),
  ];
  if (command.name === "config") parts.push(`Settings, each a flag here too:\n${settingsHelp().trimEnd()}`);
  else if (command.settings === "all") {
    parts.push("Every setting is a flag here too: askonce config --help lists them all.");
  }
  return `${parts.join("\n\n")}\n`;
}

/** The commands as a Markdown table for the README. */
export function commandsTable(commands: readonly Command[]): string {
  const rows = commands.map((command) => {
    const [line] = command.examples[0] ?? ["", ""];
    return `| \`${usage(command).replaceAll("|", "\\|")}\` | ${command.summary} | \`${line.replaceAll("|", "\\|")}\` |`;
  });
  return ["| command | does | for example |", "| --- | --- | --- |", ...rows].join("\n");
}

function usage({ name, operands }: Command): string {
  return operands === "" ? name : `${name} ${operands}`;
}

function flagLine({ name, short, value, optional, help: text }: Flag): string {
  const shown = value === undefined ? name : optional ? `${name}[=${value}]` : `${name} ${value}`;
  const both = short === undefined ? shown : `${short}, ${shown}`;
  return entry(both, text);
}

/** A word and what it does, in two columns; a long one has a line of its own. */
function entry(word: string, does: string): string {
  const left = " ".repeat(WORD_COLUMNS);
  const [first, ...others] = wrapped(does, HELP_COLUMNS - WORD_COLUMNS);
  const begin = `  ${word}`;
  const top =
    begin.length > WORD_COLUMNS - 2 ? `${begin}\n${left}${first}` : begin.padEnd(WORD_COLUMNS) + first;
  return [top, ...others.map((text) => left + text)].join("\n");
}

function exampleLines({ examples }: Command): readonly string[] {
  return examples.map(([line, does]) =>
    [`  ${line}`, ...wrapped(does, HELP_COLUMNS - 6).map((text) => `      ${text}`)].join("\n"),
  );
}

import { knownFlags } from "../config-sources.ts";
import { UsageError } from "../errors.ts";
import { nearest } from "../nearest.ts";

export const commands = ["serve", "config"] as const;
export type Command = (typeof commands)[number];

export interface Arguments {
  readonly command: Command;
  readonly help: boolean;
  readonly version: boolean;
  /** Settings in the order given. */
  readonly flags: readonly (readonly [flag: string, value: string])[];
}

/**
 * Reads a command line: `[COMMAND] [--name VALUE | --name=VALUE]…`, the command anywhere between the flags.
 * Throws UsageError for a word or a flag that is not known, or a flag without its value.
 */
export function readArguments(args: readonly string[]): Arguments {
  const flags: [string, string][] = [];
  let command: Command | undefined;
  let help = false;
  let version = false;
  for (let at = 0; at < args.length; at++) {
    const word = args[at]!;
    if (word === "--help" || word === "-h") help = true;
    else if (word === "--version" || word === "-V") version = true;
    else if (word.startsWith("-")) {
      const equals = word.indexOf("=");
      const flag = equals < 0 ? word : word.slice(0, equals);
      if (!knownFlags().includes(flag)) throw unknownFlag(flag, word);
      const value = equals < 0 ? args[++at] : word.slice(equals + 1);
      if (value === undefined || (equals < 0 && value.startsWith("--"))) throw missingValue(flag);
      flags.push([flag, value]);
    } else if (command === undefined) command = readCommand(word);
    else throw new UsageError(`"${word}" is too much after "${command}": it takes flags only`);
  }
  return { command: command ?? "serve", help, version, flags };
}

function readCommand(word: string): Command {
  const known = commands.find((command) => command === word);
  if (known) return known;
  const close = nearest(word, commands);
  throw new UsageError(
    `there is no command "${word}"${close ? `, did you mean "${close}"?` : ""}: known are ${commands.join(", ")}`,
  );
}

function unknownFlag(flag: string, word: string): UsageError {
  const known = [...knownFlags(), "--help", "--version"];
  const close = nearest(flag, known);
  return new UsageError(
    `there is no flag ${flag} (given as ${JSON.stringify(word)})${close ? `, did you mean ${close}?` : ""}: ` +
      `known are ${known.join(", ")}`,
  );
}

function missingValue(flag: string): UsageError {
  return new UsageError(
    `the flag ${flag} has no value: write ${flag} VALUE or ${flag}=VALUE (askonce config --help says what is valid)`,
  );
}

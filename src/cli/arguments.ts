import { knownFlags } from "../config-sources.ts";
import { UsageError } from "../errors.ts";
import { nearest } from "../nearest.ts";
import { type Arguments, type Command, commonFlags, type Flag, settingFlags } from "./command.ts";
import { commands } from "./commands.ts";

/**
 * Reads a command line: `[COMMAND] [WORD | --name VALUE | --name=VALUE]…`, the command anywhere between the flags.
 * Throws UsageError for a word or a flag that is not known, or a flag without its value.
 */
export function readArguments(args: readonly string[]): Arguments {
  const command = readCommand(args);
  const settings = settingFlags(command);
  const flags: [string, string][] = [];
  const words: string[] = [];
  const options = new Map<string, string[]>();
  let rest: readonly string[] | undefined;
  let named = false;
  for (let at = 0; at < args.length; at++) {
    const word = args[at]!;
    if (word === "--" && command.rest) {
      rest = args.slice(at + 1);
      break;
    }
    if (isFlag(word)) {
      const own = flagOf(word, [...command.flags, ...commonFlags]);
      const name = own?.name ?? nameOf(word);
      if (!own && !settings.includes(name)) throw unknownFlag(word, { command, settings });
      const value = givenValue(args, at, { name, takes: own ? takes(own) : "value" });
      at += value.words;
      if (own?.values && value.text !== "" && !own.values.includes(value.text)) {
        throw new UsageError(`${name} ${value.text} is not valid: use ${own.values.join(", ")}`);
      }
      if (own) options.set(name, [...(options.get(name) ?? []), value.text]);
      else flags.push([name, value.text]);
    } else if (!named && word === command.name) named = true;
    else words.push(word);
  }
  const told = options.has("--help") || options.has("--version");
  if (!told) checkWords(command, { words, options, rest });
  return {
    command: command.name,
    help: options.has("--help"),
    version: options.has("--version"),
    flags,
    words,
    options,
    rest,
  };
}

/** The first word that is neither a flag nor a flag's value. */
function readCommand(args: readonly string[]): Command {
  for (let at = 0; at < args.length; at++) {
    const word = args[at]!;
    if (word === "--") break;
    if (!isFlag(word)) return named(word);
    const known = commands.flatMap(({ flags }) => flags);
    const own = flagOf(word, [...known, ...commonFlags]);
    const setting = knownFlags().includes(nameOf(word));
    // Nobody knows whether a value follows a flag that nobody knows: it is refused where the command is clear.
    if (!own && !setting) return named(args.slice(at).find(isCommand) ?? "serve");
    const valued = own ? takes(own) === "value" : setting;
    if (valued && !word.includes("=") && !args[at + 1]?.startsWith("--")) at += 1;
  }
  return named("serve");
}

function isCommand(word: string): boolean {
  return commands.some(({ name }) => name === word);
}

function named(word: string): Command {
  const known = commands.find(({ name }) => name === word);
  if (known) return known;
  const names = commands.map(({ name }) => name);
  const close = nearest(word, names);
  throw new UsageError(
    `there is no command "${word}"${close ? `, did you mean "${close}"?` : ""}: known are ${names.join(", ")}`,
  );
}

function isFlag(word: string): boolean {
  return word.startsWith("-") && word !== "-";
}

function nameOf(word: string): string {
  const equals = word.indexOf("=");
  return equals < 0 ? word : word.slice(0, equals);
}

function flagOf(word: string, known: readonly Flag[]): Flag | undefined {
  const name = nameOf(word);
  return known.find((flag) => flag.name === name || flag.short === name);
}

function takes(flag: Flag): "value" | "optional" | "nothing" {
  return flag.value === undefined ? "nothing" : flag.optional ? "optional" : "value";
}

function givenValue(
  args: readonly string[],
  at: number,
  { name, takes }: { name: string; takes: "value" | "optional" | "nothing" },
): { readonly text: string; readonly words: 0 | 1 } {
  const word = args[at]!;
  const equals = word.indexOf("=");
  if (takes === "nothing" && equals >= 0) {
    throw new UsageError(`the flag ${name} takes no value (given as ${JSON.stringify(word)})`);
  }
  if (equals >= 0) return { text: word.slice(equals + 1), words: 0 };
  if (takes !== "value") return { text: "", words: 0 };
  const next = args[at + 1];
  if (next !== undefined && !next.startsWith("--")) return { text: next, words: 1 };
  throw new UsageError(
    `the flag ${name} has no value: write ${name} VALUE or ${name}=VALUE (askonce config --help says what is valid)`,
  );
}

function unknownFlag(
  word: string,
  { command, settings }: { command: Command; settings: readonly string[] },
): UsageError {
  const flag = nameOf(word);
  const known = [
    ...command.flags.map(({ name }) => name),
    ...settings,
    ...commonFlags.map(({ name }) => name),
  ];
  const close = nearest(flag, known);
  const where = command.name === "serve" ? "" : ` for ${command.name}`;
  return new UsageError(
    `there is no flag ${flag}${where} (given as ${JSON.stringify(word)})${close ? `, did you mean ${close}?` : ""}: ` +
      `known are ${known.join(", ")}`,
  );
}

function checkWords(
  { name, words: { least, most }, operands, flags }: Command,
  given: Pick<Arguments, "words" | "options" | "rest">,
): void {
  const { words, options } = given;
  if (words.length > most) {
    const last = words[most]!;
    const meant = flags.find((flag) => flag.optional && options.get(flag.name)?.at(-1) === "");
    const hint = meant && /^\d+$/.test(last) ? `: write ${meant.name}=${last}` : "";
    const accepted = most === 0 ? "it takes flags only" : `it takes ${operands}`;
    throw new UsageError(`"${last}" is too much after "${name}"${hint || `: ${accepted}`}`);
  }
  if (words.length < least) {
    throw new UsageError(`${name} needs ${operands} behind it: askonce ${name} --help shows how`);
  }
}

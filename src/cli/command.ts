import { knownFlags } from "../config-sources.ts";
import type { Host } from "../host.ts";
import type { Api, ConnectOptions } from "./api.ts";
import type { Loaded } from "./load.ts";
import type { Screen } from "./screen.ts";

/** A command as it is read, helped with, completed and run: one file of this room each. */
export interface Command {
  readonly name: string;
  /** What stands behind the name, as in `show KEY`: "" for nothing. */
  readonly operands: string;
  /** How many words may stand there. */
  readonly words: { readonly least: number; readonly most: number };
  readonly summary: string;
  /** Further lines of its help. */
  readonly notes?: string;
  readonly flags: readonly Flag[];
  /** `all`: every setting is a flag of it too; `place`: only where data and settings lie. */
  readonly settings: "all" | "place";
  /** Whether it takes what stands behind `--` as it is. */
  readonly rest?: boolean;
  /** Command lines and what they do. */
  readonly examples: readonly (readonly [line: string, does: string])[];
  /** Resolves to the exit code. */
  run(context: Context): Promise<number>;
}

export interface Flag {
  readonly name: string;
  readonly short?: string;
  /** What its value is called in the help; absent: it takes none. */
  readonly value?: string;
  /** Whether the value may be left out: then it is given as `--flag=VALUE` only. */
  readonly optional?: boolean;
  /** What completions offer for it. */
  readonly values?: readonly string[];
  /** Whether its value is a file's name. */
  readonly files?: boolean;
  readonly help: string;
}

export interface Arguments {
  /** Of the table; `serve` where none was given. */
  readonly command: Command["name"];
  readonly help: boolean;
  readonly version: boolean;
  /** Settings in the order given. */
  readonly flags: readonly (readonly [flag: string, value: string])[];
  /** What stands behind the command. */
  readonly words: readonly string[];
  /** The command's own flags with their values in the order given: "" for one that has none. */
  readonly options: ReadonlyMap<string, readonly string[]>;
  /** What stands behind `--`; undefined without it. */
  readonly rest: readonly string[] | undefined;
}

export interface Context {
  readonly host: Host;
  readonly given: Arguments;
  readonly screen: Screen;
  /** All commands, for those that speak of them. */
  readonly commands: readonly Command[];
  /** The settings in effect; warnings go to stderr once. */
  load(): Promise<Loaded>;
  /** The admin API of the running instance, or of the data folder itself. Closed behind the command. */
  connect(options?: ConnectOptions): Promise<Api>;
}

/** The last value given for a flag: "" where it takes none or has none, undefined where it is absent. */
export function option({ given }: Pick<Context, "given">, name: string): string | undefined {
  return given.options.get(name)?.at(-1);
}

/** Flags of nearly every command. */
export const jsonFlag: Flag = { name: "--json", help: "JSON on stdout, and nothing else" };

export const filterFlags: readonly Flag[] = [
  { name: "--provider", value: "NAME", help: "only this provider's" },
  { name: "--model", value: "NAME", help: "only this model's" },
  { name: "--namespace", value: "NAME", help: "only this namespace's" },
];

const help: Flag = { name: "--help", short: "-h", help: "print this" };
const version: Flag = { name: "--version", short: "-V", help: "print the version" };
/** Flags that every command takes beside its own. */
export const commonFlags: readonly Flag[] = [
  { name: "--no-color", help: "no colors (as with NO_COLOR in the environment)" },
  help,
  version,
];
const place = ["--data", "--config"];

/** Flags of settings that a command takes. */
export function settingFlags({ flags, settings }: Command): readonly string[] {
  if (settings === "place") return place;
  return knownFlags().filter((name) => !flags.some((flag) => flag.name === name));
}

import { parse, TomlDate, TomlError } from "smol-toml";
import { ConfigError } from "./errors.ts";
import { shownLine } from "./shown.ts";

export interface FileValue {
  /** Tables and key with dots between them: `upstream.timeout`, `providers.azure.url`. An empty table has text {}. */
  readonly name: string;
  /** A list's texts, joined by commas, where `list`. */
  readonly text: string;
  readonly list: boolean;
  /** `askonce.toml line 3`, for messages. */
  readonly where: string;
}

/** Reads a settings file into its single values. Throws ConfigError where it is no TOML, and for dates. */
export function readFileValues(path: string, text: string): readonly FileValue[] {
  let tree: Record<string, unknown>;
  try {
    tree = parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const reason = error.message.split("\n")[0]!.replace(/^Invalid TOML document: /, "");
    throw new ConfigError(
      "config",
      shownLine(lineAt(text, error.line)),
      `${path} line ${error.line}`,
      `TOML (${reason})`,
    );
  }
  const values: FileValue[] = [];
  const collect = (node: unknown, names: readonly string[]) => {
    if (isTable(node) && Object.keys(node).length > 0) {
      for (const [name, child] of Object.entries(node)) collect(child, [...names, name]);
      return;
    }
    const line = lineOf(text, names);
    values.push({
      name: names.join("."),
      text: Array.isArray(node) ? node.map(asText).join(",") : asText(node),
      list: Array.isArray(node),
      where: line === undefined ? path : `${path} line ${line}`,
    });
  };
  if (Object.keys(tree).length > 0) collect(tree, []);
  return values;
}

function isTable(node: unknown): node is Record<string, unknown> {
  return typeof node === "object" && node !== null && !Array.isArray(node) && !(node instanceof TomlDate);
}

function asText(node: unknown): string {
  return typeof node === "string"
    ? node
    : node instanceof TomlDate
      ? node.toISOString()
      : JSON.stringify(node);
}

/**
 * The line (from 1) on which the value of `names` stands. The parser tells none, so this looks for the key under
 * its table; a key inside an inline table is found at that table's line. Undefined where the look fails.
 */
function lineOf(text: string, names: readonly string[]): number | undefined {
  let table: readonly string[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    const header = /^\s*\[{1,2}\s*(.+?)\s*\]{1,2}\s*(#.*)?$/.exec(line);
    if (header && !line.includes("=")) {
      table = keyParts(header[1]!);
      if (table.length >= names.length && names.every((part, depth) => part === table[depth]))
        return index + 1;
      continue;
    }
    const key = /^\s*((?:"[^"]*"|'[^']*'|[A-Za-z0-9_.-]|\s)+?)\s*=/.exec(line);
    const found = key ? [...table, ...keyParts(key[1]!)] : undefined;
    if (found?.every((part, depth) => part === names[depth])) return index + 1;
  }
  return undefined;
}

function keyParts(key: string): readonly string[] {
  return [...key.matchAll(/"([^"]*)"|'([^']*)'|[^\s."']+/g)].map((part) => part[1] ?? part[2] ?? part[0]);
}

function lineAt(text: string, line: number): string {
  return (text.split("\n")[line - 1] ?? "").trim();
}

import { parse, TomlError } from "smol-toml";

/** US dollars. What is absent costs what the coarser member says; without `input` and `output` nothing is known. */
export interface Rates {
  /** Per token; a tier's rate counts for a whole call whose input passes `above` tokens. */
  readonly input?: Rate | undefined;
  readonly output?: Rate | undefined;
  /** Of the input, read from and written to the provider's prompt cache. */
  readonly cacheRead?: Rate | undefined;
  readonly cacheWrite?: Rate | undefined;
  /** Of the output. */
  readonly reasoning?: Rate | undefined;
  /** Per call. */
  readonly call?: number | undefined;
}

export interface Rate {
  readonly usd: number;
  readonly tiers: readonly { readonly above: number; readonly usd: number }[];
}

/** Prices that an operator wrote down. */
export interface PriceList {
  /** The rates of the row that fits best: the longest name, a provider's own before `*`. */
  find(provider: string, model: string): Rates | undefined;
}

/** Why a price file is ignored, in words for its author. */
export class PriceFileError extends Error {}

const MEMBERS: Readonly<Record<string, keyof Rates>> = {
  input_usd_per_million: "input",
  output_usd_per_million: "output",
  cached_input_usd_per_million: "cacheRead",
  cache_write_usd_per_million: "cacheWrite",
  reasoning_usd_per_million: "reasoning",
  usd_per_call: "call",
};

const NAME = /^([A-Za-z0-9._-]+|\*)\/([^*]*\*?)$/;

/**
 * Reads TOML (or JSON) with one table a model: `["openai/gpt-5-mini"]`, `["*\/llama-*"]`. Throws `PriceFileError` with
 * the line where it can be told and what would be valid.
 */
export function readPrices(text: string): PriceList {
  const rows = Object.entries(parsed(text)).map(([name, value]) => {
    const [, provider, model] = NAME.exec(name) ?? [];
    if (provider === undefined || model === undefined)
      throw wrong(
        text,
        name,
        `"${name}" names no model; valid is "PROVIDER/MODEL", * for any provider or at the end`,
      );
    return { provider, model: model.toLowerCase(), rates: ratesOf(text, name, value) };
  });
  // The first that fits is the best: exact names, then longer beginnings, a provider's own before any's.
  rows.sort(
    (a, b) =>
      Number(a.model.endsWith("*")) - Number(b.model.endsWith("*")) ||
      b.model.length - a.model.length ||
      Number(a.provider === "*") - Number(b.provider === "*"),
  );
  return {
    find: (provider, model) =>
      rows.find((row) => (row.provider === "*" || row.provider === provider) && fits(row.model, model))
        ?.rates,
  };
}

function fits(pattern: string, model: string): boolean {
  const name = model.toLowerCase();
  return pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
}

function parsed(text: string): Record<string, unknown> {
  const json = /^\s*\{/.test(text);
  try {
    const value: unknown = json ? JSON.parse(text) : parse(text);
    return value as Record<string, unknown>;
  } catch (error) {
    const why = (error as Error).message.split("\n")[0]!.replace(/^Invalid TOML document: /, "");
    const line = error instanceof TomlError ? `line ${error.line}: ` : "";
    throw new PriceFileError(`${line}it is no ${json ? "JSON" : "TOML"} (${why})`);
  }
}

function ratesOf(text: string, name: string, value: unknown): Rates {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw wrong(text, name, `"${name}" is no table of prices`);
  const rates: { -readonly [K in keyof Rates]: Rates[K] } = {};
  for (const [member, price] of Object.entries(value)) {
    const to = Object.hasOwn(MEMBERS, member) ? MEMBERS[member] : undefined;
    if (to === undefined)
      throw wrong(
        text,
        member,
        `"${member}" is no price; valid are ${Object.keys(MEMBERS).join(", ")}`,
        name,
      );
    if (typeof price !== "number" || !Number.isFinite(price) || price < 0)
      throw wrong(text, member, `${member} is not a number of US dollars, 0 or more`, name);
    if (to === "call") rates.call = price;
    else rates[to] = { usd: price / 1e6, tiers: [] };
  }
  if (Object.keys(rates).length === 0) throw wrong(text, name, `"${name}" has no price`);
  return rates;
}

/** Neither parser tells lines of what it read, so the word is looked for, below the table's name where there is one. */
function wrong(text: string, word: string, why: string, table?: string): PriceFileError {
  const lines = text.split("\n");
  const from =
    table === undefined
      ? 0
      : Math.max(
          0,
          lines.findIndex((line) => line.includes(table)),
        );
  const line = lines.findIndex((content, at) => at >= from && content.includes(word));
  return new PriceFileError(line === -1 ? why : `line ${line + 1}: ${why}`);
}

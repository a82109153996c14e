import type { ModelPrice } from "@pydantic/genai-prices";
import type { Clock } from "../clock.ts";
import type { Provider, Usage } from "../providers/provider.ts";
import { type PriceList, type Rate, type Rates, readPrices } from "./price-file.ts";

/** Looks prices up. */
export interface Pricing {
  /**
   * US dollars for one call; undefined where the price is not known, never 0 for that. What the provider says it
   * charged counts first, then the operator's file, then the built-in table. Servers of one's own cost nothing.
   * Told at once where it was looked up lately.
   */
  price(call: {
    provider: string;
    model: string | undefined;
    usage: Usage | undefined;
  }): number | undefined | Promise<number | undefined>;
}

export interface FilePricing extends Pricing {
  /** Reads the file again. */
  reload(): void;
}

export interface PricingOptions {
  /** Text of the file that outranks the built-in table; undefined for none. */
  readonly file: () => Promise<string | undefined>;
  readonly report: (message: string) => void;
  /** Where a provider is and whether it is one's own; by its name alone where this is not given. */
  readonly providers?: () => ReadonlyMap<string, Pick<Provider, "baseUrl" | "local">>;
  readonly clock: Pick<Clock, "now">;
}

/** Our names of providers whose prices the table has, and its names. */
const TABLE_NAMES: Readonly<Record<string, string>> = {
  openai: "openai",
  openrouter: "openrouter",
  anthropic: "anthropic",
  groq: "groq",
  mistral: "mistral",
  cohere: "cohere",
  google: "google",
  together: "together",
  deepseek: "deepseek",
  xai: "x-ai",
  fireworks: "fireworks",
  perplexity: "perplexity",
  cerebras: "cerebras",
  voyage: "voyageai",
  azure: "azure",
  bedrock: "aws",
};

const LOCAL: ReadonlySet<string> = new Set(["ollama", "lmstudio", "vllm", "llamacpp"]);

/** Some prices go by the hour of the day, so what was looked up is forgotten this often. */
const REMEMBER_MS = 5 * 60_000;
const MOST_REMEMBERED = 1_000;

export function createPricing(options: PricingOptions): FilePricing {
  let list = readList(options);
  let remembered = new Map<string, Rates | undefined>();
  let until = 0;
  const look = async (provider: string, model: string, name: string): Promise<Rates | undefined> => {
    const now = options.clock.now();
    const rates = (await list)?.find(provider, model) ?? (await builtIn({ provider, model, now }));
    remembered.set(name, rates);
    return rates;
  };
  const known = (provider: string) => options.providers?.().get(provider);
  const isLocal = (provider: string) => known(provider)?.local ?? LOCAL.has(provider);
  const builtIn = async (wanted: Omit<Wanted, "url">): Promise<Rates | undefined> =>
    isLocal(wanted.provider) ? {} : fromTable({ ...wanted, url: known(wanted.provider)?.baseUrl });
  return {
    price({ provider, model, usage }) {
      if (usage?.costUsd !== undefined) return usage.costUsd;
      if (model === undefined && !isLocal(provider)) return undefined;
      const now = options.clock.now();
      if (now >= until || until - now > REMEMBER_MS || remembered.size >= MOST_REMEMBERED) {
        remembered = new Map();
        until = now + REMEMBER_MS;
      }
      const name = `${provider} ${model ?? ""}`;
      const cost = (rates: Rates | undefined) => (rates === undefined ? undefined : costOf(rates, usage));
      if (remembered.has(name)) return cost(remembered.get(name));
      return look(provider, model ?? "", name).then(cost);
    },
    reload() {
      list = readList(options);
      until = 0;
    },
  };
}

async function readList({ file, report }: PricingOptions): Promise<PriceList | undefined> {
  try {
    const text = await file();
    return text === undefined ? undefined : readPrices(text);
  } catch (error) {
    report(`prices: the file is ignored, ${(error as Error).message}`);
    return undefined;
  }
}

interface Wanted {
  readonly provider: string;
  readonly model: string;
  readonly url: string | undefined;
  readonly now: number;
}

/** The kept table of prices, loaded with the first question. */
async function fromTable({ provider, model, url, now }: Wanted): Promise<Rates | undefined> {
  const { calcPrice, findProvider } = await import("@pydantic/genai-prices");
  const byUrl = () => (url === undefined ? undefined : findProvider({ providerApiUrl: url })?.id);
  for (const { id, name } of spellings(provider, model)) {
    const providerId = id ?? byUrl();
    if (providerId === undefined) continue;
    const found = calcPrice({}, name, { providerId, timestamp: new Date(now) });
    if (found !== null) return ratesOf(found.model_price, found.model.id);
  }
  return undefined;
}

interface Spelling {
  readonly id: string | undefined;
  readonly name: string;
}

/** A model's name as sent, without a path before it, and at Hugging Face's router with its inference provider. */
function spellings(provider: string, model: string): Spelling[] {
  if (provider === "huggingface") {
    const [name = "", route] = model.split(":");
    return route === undefined ? [] : [{ id: `huggingface_${route}`, name }];
  }
  const id = Object.hasOwn(TABLE_NAMES, provider) ? TABLE_NAMES[provider] : undefined;
  const short = /(?:^|\/)models\/([^/]+)$/.exec(model)?.[1];
  return short === undefined
    ? [{ id, name: model }]
    : [
        { id, name: model },
        { id, name: short },
      ];
}

/** Undefined where tokens have no price: audio by the hour, pages, or a row without prices that names none as free. */
function ratesOf(price: ModelPrice, model: string): Rates | undefined {
  if (Object.keys(price).length === 0)
    return model.endsWith(":free") || model === "moderation" ? {} : undefined;
  const rate = (name: string): Rate | undefined => {
    const value = price[name];
    if (value === undefined) return undefined;
    if (typeof value === "number") return { usd: value / 1e6, tiers: [] };
    const tiers = value.tiers.map(({ start, price: usd }) => ({ above: start, usd: usd / 1e6 }));
    return { usd: value.base / 1e6, tiers: tiers.sort((a, b) => a.above - b.above) };
  };
  const [input, output] = [rate("input_mtok"), rate("output_mtok")];
  if (input === undefined && output === undefined) return undefined;
  const calls = price.requests_kcount;
  return {
    input,
    output,
    cacheRead: rate("cache_read_mtok"),
    cacheWrite: rate("cache_write_mtok"),
    reasoning: rate("output_reasoning_mtok"),
    call: typeof calls === "number" ? calls / 1000 : undefined,
  };
}

/** `usage` counts what was read from and written to a prompt cache as input, and reasoning as output. */
function costOf(rates: Rates, usage: Usage | undefined): number | undefined {
  const { input, output, cacheRead = input, cacheWrite = input, reasoning = output, call = 0 } = rates;
  if (input === undefined && output === undefined && call === 0) return 0;
  const taken = usage?.inputTokens;
  if (taken === undefined && (input !== undefined || output !== undefined)) return undefined;
  const all = taken ?? 0;
  const read = Math.min(usage?.cacheReadTokens ?? 0, all);
  const written = Math.min(usage?.cacheWriteTokens ?? 0, all - read);
  const given = usage?.outputTokens ?? 0;
  const thought = Math.min(usage?.reasoningTokens ?? 0, given);
  const usd = (rate: Rate | undefined, tokens: number) => {
    if (rate === undefined || tokens === 0) return 0;
    let perToken = rate.usd;
    for (const tier of rate.tiers) if (all > tier.above) perToken = tier.usd;
    return perToken * tokens;
  };
  return (
    usd(input, all - read - written) +
    usd(cacheRead, read) +
    usd(cacheWrite, written) +
    usd(output, given - thought) +
    usd(reasoning, thought) +
    call
  );
}

import type { Spent } from "../cache/entry.ts";
import type { Usage } from "../providers/provider.ts";
import { inTime } from "./in-time.ts";
import type { ProxyParts } from "./parts.ts";
import { shares, total } from "./token-shares.ts";

/** A price that takes longer to find out is not known: an answer waits for its commit, never for its price. */
const PATIENCE_MS = 500;
/** Shares of money are whole numbers of these in a dollar. */
const STEPS_PER_USD = 1e12;

/**
 * What a call took, with its price where that is known: one that goes by the call needs no usage. Never rejects.
 * `models`: the first that has a price counts.
 */
export async function spentOn(
  parts: Pick<ProxyParts, "pricing" | "report">,
  call: { provider: string; models: readonly (string | undefined)[]; usage: Usage | undefined },
): Promise<Spent | undefined> {
  const { usage } = call;
  const costUsd = await priceOf(parts, call);
  if (usage === undefined) return costUsd === undefined ? undefined : { costUsd };
  return {
    ...(usage.inputTokens !== undefined && { inputTokens: usage.inputTokens }),
    ...(usage.outputTokens !== undefined && { outputTokens: usage.outputTokens }),
    ...(usage.cacheReadTokens !== undefined && { cacheReadTokens: usage.cacheReadTokens }),
    ...(usage.reasoningTokens !== undefined && { reasoningTokens: usage.reasoningTokens }),
    ...(costUsd !== undefined && { costUsd }),
  };
}

async function priceOf(
  parts: Pick<ProxyParts, "pricing" | "report">,
  call: { provider: string; models: readonly (string | undefined)[]; usage: Usage | undefined },
): Promise<number | undefined> {
  const { provider, usage } = call;
  const models = [...new Set(call.models)];
  const look = (from: number): number | undefined | Promise<number | undefined> => {
    for (let at = from; at < models.length; at++) {
      const price = parts.pricing.price({ provider, model: models[at], usage });
      if (price instanceof Promise) return price.then((found) => found ?? look(at + 1));
      if (price !== undefined) return price;
    }
    return undefined;
  };
  try {
    const price = look(0);
    return price instanceof Promise ? await inTime(price, PATIENCE_MS) : price;
  } catch (error) {
    parts.report(`finding out a price failed: ${String(error)}`);
    return undefined;
  }
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

const COUNTS = ["inputTokens", "outputTokens", "cacheReadTokens", "reasoningTokens"] as const;

/** What a batch took, shared out by weight; the shares sum up to it. */
export function spentShares(
  spent: Spent | undefined,
  weights: readonly number[],
): readonly (Spent | undefined)[] {
  if (spent === undefined) return weights.map(() => undefined);
  const found: Mutable<Spent>[] = weights.map(() => ({}));
  for (const name of COUNTS) {
    const whole = spent[name];
    if (whole === undefined) continue;
    for (const [at, part] of shares(whole, weights).entries()) (found[at] as Mutable<Spent>)[name] = part;
  }
  if (spent.costUsd !== undefined) {
    const parts = shares(Math.round(spent.costUsd * STEPS_PER_USD), weights);
    for (const [at, part] of parts.entries()) (found[at] as Mutable<Spent>).costUsd = part / STEPS_PER_USD;
  }
  return found;
}

/** What several took together. Of money only where each that took tokens has its price: half a sum is none. */
export function spentTogether(all: readonly (Spent | undefined)[]): Spent {
  const known = all.filter((spent) => spent !== undefined);
  const found: Mutable<Spent> = {};
  for (const name of COUNTS) {
    const counts = known.map((spent) => spent[name]).filter((count) => count !== undefined);
    if (counts.length > 0) found[name] = total(counts);
  }
  const prices = known.map((spent) => spent.costUsd).filter((price) => price !== undefined);
  if (prices.length > 0 && prices.length === all.length) found.costUsd = total(prices);
  return found;
}

import type { Usage } from "../providers/provider.ts";

/** Looks prices up. */
export interface Pricing {
  /** US dollars for one call; undefined where the price is not known. What the provider says it charged counts first. */
  price(call: {
    provider: string;
    model: string | undefined;
    usage: Usage | undefined;
  }): Promise<number | undefined>;
}

export function createPricing(_options: {
  /** Text of the file that outranks the built-in table; undefined for none. */
  readonly file: () => Promise<string | undefined>;
  readonly report: (message: string) => void;
}): Pricing {
  return { price: async ({ usage }) => usage?.costUsd };
}

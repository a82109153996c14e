import type { Kind } from "./config-kinds.ts";

/** How fast a stored stream is replayed. */
export type Pace =
  | { readonly kind: "instant" }
  /** As the provider sent it, `factor` times as fast. */
  | { readonly kind: "recorded"; readonly factor: number }
  /** So many events a second; a provider sends about a token in each. */
  | { readonly kind: "tps"; readonly rate: number };

const INSTANT: Pace = { kind: "instant" };
const FASTEST = 1_000_000;

export const pace: Kind<Pace> = {
  valid: "instant, recorded, recorded*4 or 50tps",
  parse(text) {
    if (text === "instant") return INSTANT;
    const recorded = /^recorded(?:\*(\d{1,6}(?:\.\d{1,6})?))?$/.exec(text);
    if (recorded) return positive(Number(recorded[1] ?? 1), (factor) => ({ kind: "recorded", factor }));
    const tps = /^(\d{1,6}(?:\.\d{1,6})?)tps$/.exec(text);
    return tps ? positive(Number(tps[1]), (rate) => ({ kind: "tps", rate })) : null;
  },
  format(value) {
    if (value.kind === "instant") return "instant";
    if (value.kind === "tps") return `${value.rate}tps`;
    return value.factor === 1 ? "recorded" : `recorded*${value.factor}`;
  },
};

function positive(value: number, make: (value: number) => Pace): Pace | null {
  return value > 0 && value <= FASTEST ? make(value) : null;
}

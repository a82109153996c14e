import type { Spent } from "../cache/entry.ts";
import type { CacheWord, RefreshEvent, RequestEvent } from "./event.ts";
import { binOf, emptyBins } from "./latency.ts";
import { isUnpricedCall, isUnpricedHit } from "./unpriced.ts";

export const WORDS: readonly CacheWord[] = [
  "HIT",
  "MISS",
  "EXPIRED",
  "STALE",
  "UPDATING",
  "PARTIAL",
  "BYPASS",
  "-",
];

/** Times in ms: how many by bin of LATENCY_BINS, and their sum. */
export interface Times {
  readonly bins: number[];
  sumMs: number;
}

export interface Amount {
  inputTokens: number;
  outputTokens: number;
  usd: number;
}

/** All there was at one provider's endpoint since the start. */
export interface Total {
  readonly provider: string;
  readonly endpoint: string;
  readonly requests: Record<CacheWord, number>;
  bytes: number;
  errors: number;
  aborted: number;
  joined: number;
  refreshes: number;
  unread: number;
  unpriced: number;
  savedMs: number;
  readonly spent: Amount;
  readonly saved: Amount;
  readonly shared: Amount;
}

/** What is counted, as it is read. */
export type Sums = Pick<Totals, "all" | "notKept" | "duration" | "firstByte" | "astray">;

/** What `/metrics` shows of requests: counted since the start, kept or not, at two look-ups a request. */
export class Totals {
  readonly all: Total[] = [];
  readonly notKept = new Map<string, number>();
  readonly duration = perWord();
  readonly firstByte = perWord();
  /** Requests for which no provider was known. */
  astray = 0;
  readonly #byProvider = new Map<string, Map<string, Total>>();

  add(event: RequestEvent): void {
    if (event.provider === undefined) {
      this.astray++;
      return;
    }
    const total = this.#total(event.provider, event.endpoint ?? "other");
    total.requests[event.cache]++;
    total.bytes += event.bytes;
    time(this.duration[event.cache], event.totalMs);
    if (event.firstByteMs !== undefined) time(this.firstByte[event.cache], event.firstByteMs);
    if (event.status >= 400) total.errors++;
    if (event.aborted) total.aborted++;
    if (event.outcome === "joined") total.joined++;
    if (event.unread) total.unread++;
    if (event.saved !== undefined) {
      total.savedMs += event.saved.ms;
      add(total.saved, event.saved, event.saved.costUsd);
    }
    if (event.shared !== undefined) add(total.shared, event.shared, event.shared.costUsd);
    if (event.usage !== undefined) add(total.spent, event.usage, event.costUsd);
    if (isUnpricedHit(event)) total.unpriced++;
    if (isUnpricedCall(event)) total.unpriced++;
    if (event.notKept !== undefined) this.#note(event.notKept);
  }

  refreshed(event: RefreshEvent): void {
    const total = this.#total(event.provider, event.endpoint);
    total.refreshes++;
    if (event.usage !== undefined) add(total.spent, event.usage, event.costUsd);
    if (isUnpricedCall(event)) total.unpriced++;
    if (event.notKept !== undefined) this.#note(event.notKept);
  }

  #note(reason: string): void {
    this.notKept.set(reason, (this.notKept.get(reason) ?? 0) + 1);
  }

  #total(provider: string, endpoint: string): Total {
    const found = this.#byProvider.get(provider)?.get(endpoint);
    if (found !== undefined) return found;
    const total: Total = {
      provider,
      endpoint,
      requests: { HIT: 0, MISS: 0, EXPIRED: 0, STALE: 0, UPDATING: 0, PARTIAL: 0, BYPASS: 0, "-": 0 },
      bytes: 0,
      errors: 0,
      aborted: 0,
      joined: 0,
      refreshes: 0,
      unread: 0,
      unpriced: 0,
      savedMs: 0,
      spent: nothing(),
      saved: nothing(),
      shared: nothing(),
    };
    this.all.push(total);
    const endpoints = this.#byProvider.get(provider) ?? new Map<string, Total>();
    this.#byProvider.set(provider, endpoints.set(endpoint, total));
    return total;
  }
}

const nothing = (): Amount => ({ inputTokens: 0, outputTokens: 0, usd: 0 });

function perWord(): Record<CacheWord, Times> {
  return Object.fromEntries(WORDS.map((word) => [word, { bins: emptyBins(), sumMs: 0 }])) as Record<
    CacheWord,
    Times
  >;
}

export function time(times: Times, ms: number): void {
  times.bins[binOf(ms)]!++;
  times.sumMs += ms;
}

function add(amount: Amount, spent: Spent, usd: number | undefined): void {
  amount.inputTokens += spent.inputTokens ?? 0;
  amount.outputTokens += spent.outputTokens ?? 0;
  amount.usd += usd ?? 0;
}

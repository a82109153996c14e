import type { CacheKey } from "../cache/entry.ts";
import type { Clock } from "../clock.ts";

/** The pause after a first failure; it doubles with each further one. */
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 5 * 60_000;
/** How long a provider that said 429 without saying for how long is left alone by refreshes. */
const PROVIDER_PAUSE_MS = 30_000;
const REMEMBERED = 10_000;

/**
 * Keeps refreshes behind stale answers few, and leaves a provider that fails alone for a while: a rerun of a test
 * suite after its TTL is not a silent bill, and an outage is not a storm of calls.
 */
export class Refreshes {
  readonly #running = new Set<CacheKey>();
  readonly #failed = new Map<CacheKey, { times: number; until: number }>();
  readonly #providers = new Map<string, number>();
  readonly #clock: Clock;
  readonly #limit: () => number;

  constructor(clock: Clock, limit: () => number) {
    this.#clock = clock;
    this.#limit = limit;
  }

  isRunning(key: CacheKey): boolean {
    return this.#running.has(key);
  }

  /** Whether a refresh of `key` may begin now. */
  mayBegin(key: CacheKey, provider: string): boolean {
    const now = this.#clock.monotonic();
    if (this.#running.size >= this.#limit() || (this.#providers.get(provider) ?? 0) > now) return false;
    return !this.isPaused(key);
  }

  /** Whether the provider failed for `key` so lately that it is not asked again yet. */
  isPaused(key: CacheKey): boolean {
    return (this.#failed.get(key)?.until ?? 0) > this.#clock.monotonic();
  }

  begin(key: CacheKey, done: Promise<unknown>): void {
    this.#running.add(key);
    const end = () => this.#running.delete(key);
    done.then(end, end);
  }

  succeeded(key: CacheKey): void {
    this.#failed.delete(key);
  }

  /** `retryAfterMs` is what a 429 said, if it was one. */
  failed(
    key: CacheKey,
    failure: { provider: string; status: number | undefined; retryAfterMs?: number | undefined },
  ): void {
    const now = this.#clock.monotonic();
    const times = (this.#failed.get(key)?.times ?? 0) + 1;
    const pause = Math.min(FIRST_PAUSE_MS * 2 ** (times - 1), LONGEST_PAUSE_MS);
    this.#failed.delete(key);
    this.#failed.set(key, { times, until: now + pause });
    if (this.#failed.size > REMEMBERED)
      for (const oldest of this.#failed.keys()) {
        this.#failed.delete(oldest);
        break;
      }
    if (failure.status !== 429) return;
    this.#providers.set(
      failure.provider,
      now + Math.min(failure.retryAfterMs ?? PROVIDER_PAUSE_MS, LONGEST_PAUSE_MS),
    );
  }
}

/** `Retry-After` (RFC 9110 §10.2.3) in ms, undefined for none; a date counts from `now`, epoch ms. */
export function retryAfter(headers: Headers, now: number): number | undefined {
  const exact = headers.get("retry-after-ms");
  if (exact !== null && /^\d+$/.test(exact)) return Number(exact);
  const text = headers.get("retry-after");
  if (text === null) return undefined;
  if (/^\d+(\.\d+)?$/.test(text.trim())) return Number(text) * 1000;
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : Math.max(0, at - now);
}

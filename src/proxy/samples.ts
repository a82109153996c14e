import type { CacheKey } from "../cache/entry.ts";

/** Runs and questions remembered at most; the oldest go first, and would then count from 0 again. */
const RUNS = 1_000;
const QUESTIONS = 100_000;

interface Count {
  next: number;
  last: number;
  /** The numbers that requests with an idempotency key got: all tries of one request carry the same. */
  readonly tries: Map<string, number>;
}

/**
 * `X-Cache-Sample: auto`: the first of identical requests in a run gets the plain entry, the next sample 1, and so
 * on; so an evaluation that asks each question five times gets five answers, and the same ones when it is run again.
 */
export class Samples {
  readonly #runs = new Map<string, Map<CacheKey, Count>>();

  /**
   * The number for this request. `plain` is its key as sample 0. An SDK's retry of a request keeps its number:
   * told by the idempotency key, else by `x-stainless-retry-count`.
   */
  number(run: string, plain: CacheKey, headers: Headers): number {
    const count = this.#count(run, plain);
    const id = headers.get("idempotency-key") ?? headers.get("x-idempotency-key");
    const known = id === null ? undefined : count.tries.get(id);
    if (known !== undefined) return known;
    if (isRetry(headers) && id === null) return count.last;
    count.last = count.next++;
    if (id !== null) {
      count.tries.set(id, count.last);
      if (count.tries.size > 100) dropOldest(count.tries);
    }
    return count.last;
  }

  /** The number that this request would get, which it does not take. */
  peek(run: string, plain: CacheKey, headers: Headers): number {
    const count = this.#runs.get(run)?.get(plain);
    if (count === undefined) return 0;
    const id = headers.get("idempotency-key") ?? headers.get("x-idempotency-key");
    const retry = id === null && isRetry(headers);
    return (id === null ? undefined : count.tries.get(id)) ?? (retry ? count.last : count.next);
  }

  #count(run: string, plain: CacheKey): Count {
    let questions = this.#runs.get(run);
    if (questions === undefined) {
      questions = new Map();
      this.#runs.set(run, questions);
      if (this.#runs.size > RUNS) dropOldest(this.#runs);
    }
    let count = questions.get(plain);
    if (count === undefined) {
      count = { next: 0, last: 0, tries: new Map() };
      questions.set(plain, count);
      if (questions.size > QUESTIONS) dropOldest(questions);
    }
    return count;
  }
}

/** Whether an SDK says that it asks again. */
export function isRetry(headers: Headers): boolean {
  return Number(headers.get("x-stainless-retry-count") ?? 0) > 0;
}

function dropOldest(map: Map<unknown, unknown>): void {
  for (const key of map.keys()) {
    map.delete(key);
    return;
  }
}

import type { CacheKey, Spent } from "../cache/entry.ts";
import type { RequestEvent, RequestOutcome } from "../journal/event.ts";
import { isUnpricedHit, tokensOf } from "../journal/unpriced.ts";
import type { Asked } from "../providers/provider.ts";
import type { Call } from "./call.ts";
import type { Job } from "./flight.ts";
import { isRetry } from "./samples.ts";

/** What one command asked, and what it was answered. Tokens are input + output. */
export interface Watched {
  readonly outcomes: Readonly<Record<RequestOutcome, number>>;
  readonly saved: { readonly tokens: number; readonly usd: number; readonly ms: number };
  /** Answers from the store of which nobody knows what they would have cost. */
  readonly unpriced: number;
  /** Answers to identical questions that might have been others: those after the first of each. */
  readonly repeats: number;
  /** Answers that were not kept, by reason. */
  readonly notKept: ReadonlyMap<string, number>;
  /** Requests that could not be cached, by reason. */
  readonly passedOn: ReadonlyMap<string, number>;
  /** Requests that were refused since nothing stored answered them and no provider was to be asked. */
  readonly unanswered: number;
  /** Requests that nothing stored answered, in words; the first of them. */
  readonly missed: readonly string[];
  readonly missedMore: number;
}

/** Questions that are told apart, and misses that are told in words. */
const MOST_QUESTIONS = 100_000;
const MOST_TOLD = 20;
/** Endpoints whose models draw lots. */
const SAMPLING = new Set(["chat", "completions", "responses", "messages", "generate"]);

interface Question {
  answers: number;
  /** Of these, answers of the provider's own. */
  fresh: number;
}

/** Looks on while one command runs: sums for its last line, and what it should know. */
export class Watch {
  readonly #outcomes: Record<RequestOutcome, number> = {
    hit: 0,
    miss: 0,
    partial: 0,
    joined: 0,
    bypassed: 0,
    refused: 0,
  };
  readonly #saved = { tokens: 0, usd: 0, ms: 0 };
  #unpriced = 0;
  readonly #questions = new Map<CacheKey, Question>();
  readonly #retries = new Set<string>();
  readonly #refusals = new Map<string, string>();
  readonly #notKept = new Map<string, number>();
  readonly #passedOn = new Map<string, number>();
  readonly #missed: string[] = [];
  #missedMore = 0;
  #unanswered = 0;

  /** A cacheable request, before it is answered. */
  asked({ id, request }: Call, { key, ownKey, asked, plan }: Job): void {
    if (!plan.read || !isSampled(asked)) return;
    if (isRetry(request.headers)) this.#retries.add(id);
    for (const one of [key, ownKey]) {
      if (!this.#questions.has(one) && this.#questions.size < MOST_QUESTIONS)
        this.#questions.set(one, { answers: 0, fresh: 0 });
    }
  }

  /** What the client was told in place of an answer; its event follows. */
  refused(id: string, message: string): void {
    this.#refusals.set(id, message);
  }

  answered(event: RequestEvent): void {
    this.#outcomes[event.outcome]++;
    const refusal = this.#refusals.get(event.requestId);
    this.#refusals.delete(event.requestId);
    this.#repeat(event);
    if (event.saved !== undefined) this.#save(event.saved);
    if (isUnpricedHit(event)) this.#unpriced++;
    if (event.notKept !== undefined) count(this.#notKept, event.notKept);
    if (event.outcome === "bypassed") count(this.#passedOn, event.detail ?? "method");
    if (!isMiss(event)) return;
    if (event.outcome === "refused") this.#unanswered++;
    this.#miss(event, refusal);
  }

  watched(): Watched {
    let repeats = 0;
    for (const { answers, fresh } of this.#questions.values()) {
      if (answers > 0) repeats += answers - Math.max(1, fresh);
    }
    return {
      outcomes: { ...this.#outcomes },
      saved: { ...this.#saved },
      unpriced: this.#unpriced,
      repeats,
      notKept: this.#notKept,
      passedOn: this.#passedOn,
      unanswered: this.#unanswered,
      missed: this.#missed,
      missedMore: this.#missedMore,
    };
  }

  #repeat({ key, outcome, requestId, status }: RequestEvent): void {
    const question = key === undefined ? undefined : this.#questions.get(key);
    const retry = this.#retries.delete(requestId);
    if (question === undefined || retry || status >= 400 || outcome === "refused") return;
    question.answers++;
    if (outcome === "miss") question.fresh++;
  }

  #save(saved: Spent & { readonly ms: number }): void {
    this.#saved.tokens += tokensOf(saved);
    this.#saved.usd += saved.costUsd ?? 0;
    this.#saved.ms += saved.ms;
  }

  #miss(event: RequestEvent, refusal: string | undefined): void {
    if (this.#missed.length >= MOST_TOLD) this.#missedMore++;
    else this.#missed.push(described(event, refusal));
  }
}

function described({ method, target, endpoint, provider, model }: RequestEvent, refusal?: string): string {
  const request = `${method} ${target}`;
  if (endpoint === undefined) return `${request}: ${refusal ?? "the provider was called"}`;
  return refusal ?? `the provider was called: ${endpoint} of ${provider}, model ${model ?? "-"}`;
}

/** Methods by which clients only see whether anybody is there. */
const PROBES = new Set(["HEAD", "OPTIONS"]);

/** Whether it was answered by something else than what was recorded. One that joined a call is told by that call. */
function isMiss({ method, outcome, detail }: RequestEvent): boolean {
  if (PROBES.has(method)) return false;
  if (outcome === "refused") return detail === "replay_miss" || detail === "only_if_cached_miss";
  return outcome === "miss" || outcome === "partial" || outcome === "bypassed";
}

/** Whether the same question might be answered otherwise: without a temperature providers take one above 0. */
function isSampled({ endpoint, json }: Asked): boolean {
  if (!SAMPLING.has(endpoint.kind)) return false;
  const inner = [json?.generationConfig, json?.options] as readonly ({ temperature?: unknown } | undefined)[];
  return [json?.temperature, ...inner.map((options) => options?.temperature)].every((value) => value !== 0);
}

function count(counts: Map<string, number>, reason: string): void {
  counts.set(reason, (counts.get(reason) ?? 0) + 1);
}

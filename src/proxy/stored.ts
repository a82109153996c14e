import type { CacheWord } from "../journal/event.ts";
import type { Call } from "./call.ts";
import type { AnswerFlight, Job, Outcome } from "./flight.ts";
import type { Found } from "./job.ts";
import type { ProxyParts } from "./parts.ts";
import type { Plan } from "./policy.ts";
import { launch } from "./record.ts";
import { retryAfter } from "./refresh.ts";
import { hitStatus, replyEntry } from "./reply.ts";
import { savedBy, tell, tellRefresh } from "./report.ts";

export interface Serving {
  readonly plan: Plan;
  readonly found: Found;
  readonly word: CacheWord;
  /** The part of `Cache-Status` before the key; by default that it is a hit. */
  readonly why?: string;
  /** The call that this request led, and that brought nothing. */
  readonly led?: AnswerFlight | undefined;
  readonly allowedOrigins: readonly string[];
}

/** Answers from the store. */
export function serve(parts: ProxyParts, call: Call, options: Serving): Response {
  const { found, word, led, allowedOrigins } = options;
  const { entry, fresh } = found;
  parts.store.touch(entry);
  return replyEntry(call, entry, {
    status: { word, cacheStatus: options.why ?? hitStatus(fresh), key: entry.key, ageMs: fresh.ageMs },
    pace: options.plan.pace,
    freshIds: options.plan.freshIds,
    allowedOrigins,
    now: () => parts.clock.monotonic(),
    ended: (delivery) => {
      const add = (ended: Outcome | undefined) =>
        tell(parts, call, {
          status: entry.status,
          word,
          outcome: "hit",
          detail: undefined,
          delivery,
          key: entry.key,
          model: entry.facts.model,
          saved: savedBy(entry),
          led: ended,
        });
      if (led === undefined) add(undefined);
      else void led.done.then(add);
    },
  });
}

/**
 * Begins a refresh behind an answer past its time, where one may. `begun` says that the job's bytes are now the
 * call's to give back.
 */
export function refreshBehind(parts: ProxyParts, job: Job): { word: CacheWord; begun: boolean } {
  const { refreshes, flights, clock } = parts;
  const patience = { now: clock.monotonic(), patienceMs: job.plan.joinPatienceMs };
  if (refreshes.isRunning(job.key) || flights.find(job.key, patience))
    return { word: "UPDATING", begun: false };
  if (job.plan.offline !== undefined || !refreshes.mayBegin(job.key, job.provider))
    return { word: "STALE", begun: false };
  const flight = launch(parts, job);
  refreshes.begin(job.key, flight.done);
  learn(parts, job, flight);
  tellRefresh(parts, job, flight);
  return { word: "STALE", begun: true };
}

const CREDENTIAL_REFUSED = new Set([401, 402, 403]);

/** Remembers whether a call for something that is stored already brought anything, for the pause before the next. */
export function learn(parts: ProxyParts, job: Job, flight: AnswerFlight): void {
  const { refreshes, clock } = parts;
  const fail = (status: number | undefined, headers?: Headers) =>
    refreshes.failed(job.key, {
      provider: job.provider,
      status,
      retryAfterMs: headers && retryAfter(headers, clock.now()),
    });
  flight.head.then(
    async ({ status, headers }) => {
      const { kept } = await flight.done;
      if (kept) refreshes.succeeded(job.key);
      // What one credential is refused says nothing about the next one's request.
      else if (!CREDENTIAL_REFUSED.has(status)) fail(status, headers);
    },
    () => fail(undefined),
  );
}

import type { CacheKey, Entry, Spent } from "../cache/entry.ts";
import type { CacheWord, RequestEvent, RequestOutcome } from "../journal/event.ts";
import type { Call, CallFacts } from "./call.ts";
import type { Delivery } from "./counted.ts";
import { credentialLabel, masked, maskedQuery, maskedReferer, maskedText } from "./credential.ts";
import type { AnswerFlight, Job, Outcome } from "./flight.ts";
import type { ProxyParts } from "./parts.ts";

export interface Told {
  readonly status: number;
  readonly word: CacheWord;
  readonly outcome: RequestOutcome;
  readonly detail: string | undefined;
  readonly delivery: Delivery;
  readonly key?: CacheKey | undefined;
  readonly model?: string | undefined;
  /** How the call ended that this request led. */
  readonly led?: Outcome | undefined;
  /** The same of a call of which nothing is known at its end: whether it is paid for. */
  readonly paid?: boolean;
  readonly saved?: RequestEvent["saved"];
  readonly shared?: Spent | undefined;
}

export function factsOf(call: Call): CallFacts {
  return {
    method: call.method,
    target: masked(call.url.pathname) + maskedQuery(call.url.search),
    userAgent: maskedText(call.request.headers.get("user-agent")),
    referer: maskedReferer(call.request.headers.get("referer")),
    provider: call.route.provider.name,
    endpoint: call.route.endpoint?.kind,
    namespace: call.controls.namespace,
    credential: credentialLabel(call.credential),
  };
}

/** Writes one request into the journal, once its body has ended. */
export function tell(parts: Pick<ProxyParts, "journal">, call: Call, told: Told): void {
  parts.journal.add(
    eventOf(
      call.facts ?? factsOf(call),
      { at: call.at, began: call.began, id: call.id, remote: call.peer.address },
      told,
    ),
  );
}

/** One request as the journal takes it; `at` is epoch ms and `began` monotonic ms of its coming. */
export function eventOf(
  facts: CallFacts,
  came: Pick<Call, "at" | "began" | "id"> & { readonly remote: string },
  told: Told,
): RequestEvent {
  const { delivery, led } = told;
  return {
    at: came.at,
    remote: came.remote,
    method: facts.method,
    target: facts.target,
    status: told.status,
    bytes: delivery.bytes,
    userAgent: facts.userAgent,
    referer: facts.referer,
    cache: told.word,
    detail: told.detail,
    requestId: came.id,
    provider: facts.provider,
    endpoint: facts.endpoint,
    model: told.model,
    namespace: facts.namespace,
    key: told.key,
    firstByteMs: delivery.firstAt === undefined ? undefined : delivery.firstAt - came.began,
    totalMs: delivery.endedAt - came.began,
    usage: led?.usage,
    costUsd: led?.spent?.costUsd,
    paid: told.paid ?? led?.paid ?? false,
    aborted: delivery.end === "left",
    outcome: told.outcome,
    notKept: led?.refusal,
    credential: facts.credential,
    saved: told.saved,
    shared: told.shared,
    unread: led?.unread ?? false,
  };
}

/** What a stored answer made needless. */
export function savedBy(entry: Entry): RequestEvent["saved"] {
  return { ...entry.spent, ms: entry.durationMs };
}

/** Writes a call into the journal that is no request's own, once it has ended. */
export function tellRefresh(parts: ProxyParts, job: Job, flight: AnswerFlight): void {
  const at = parts.clock.now();
  const { provider, endpoint, model, namespace } = job.facts;
  void flight.done.then(({ usage, spent, paid, refusal }: Outcome) =>
    parts.journal.refreshed({
      at,
      provider,
      endpoint,
      model,
      namespace,
      credential: job.credentialLabel,
      usage,
      costUsd: spent?.costUsd,
      paid,
      notKept: refusal,
    }),
  );
}

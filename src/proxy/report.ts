import type { CacheKey, Entry, Spent } from "../cache/entry.ts";
import type { CacheWord, RequestEvent, RequestOutcome } from "../journal/event.ts";
import type { Call } from "./call.ts";
import { credentialLabel, masked, maskedQuery, maskedReferer, maskedText } from "./credential.ts";
import type { AnswerFlight, Job, Outcome } from "./flight.ts";
import type { ProxyParts } from "./parts.ts";
import type { Delivery } from "./reply.ts";

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
  readonly saved?: RequestEvent["saved"];
  readonly shared?: Spent | undefined;
}

/** Writes one request into the journal, once its body has ended. */
export function tell(parts: Pick<ProxyParts, "journal">, call: Call, told: Told): void {
  const { delivery, led } = told;
  parts.journal.add({
    at: call.at,
    remote: call.peer.address,
    method: call.method,
    target: masked(call.url.pathname) + maskedQuery(call.url.search),
    status: told.status,
    bytes: delivery.bytes,
    userAgent: maskedText(call.request.headers.get("user-agent")),
    referer: maskedReferer(call.request.headers.get("referer")),
    cache: told.word,
    detail: told.detail,
    requestId: call.id,
    provider: call.route.provider.name,
    endpoint: call.route.endpoint?.kind,
    model: told.model,
    namespace: call.controls.namespace,
    key: told.key,
    firstByteMs: delivery.firstAt === undefined ? undefined : delivery.firstAt - call.began,
    totalMs: delivery.endedAt - call.began,
    usage: led?.usage,
    costUsd: led?.spent?.costUsd,
    aborted: delivery.end === "left",
    outcome: told.outcome,
    notKept: led?.refusal,
    credential: credentialLabel(call.credential),
    saved: told.saved,
    shared: told.shared,
    unread: led?.unread ?? false,
  });
}

/** What a stored answer made needless. */
export function savedBy(entry: Entry): RequestEvent["saved"] {
  return { ...entry.spent, ms: entry.durationMs };
}

/** Writes a call into the journal that is no request's own, once it has ended. */
export function tellRefresh(parts: ProxyParts, job: Job, flight: AnswerFlight): void {
  const at = parts.clock.now();
  const { provider, endpoint, model, namespace } = job.facts;
  void flight.done.then(({ usage, spent, refusal }: Outcome) =>
    parts.journal.refreshed({
      at,
      provider,
      endpoint,
      model,
      namespace,
      credential: job.credentialLabel,
      usage,
      costUsd: spent?.costUsd,
      notKept: refusal,
    }),
  );
}

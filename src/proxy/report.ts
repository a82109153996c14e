import type { CacheKey } from "../cache/entry.ts";
import type { CacheWord, RequestOutcome } from "../journal/event.ts";
import type { Usage } from "../providers/provider.ts";
import type { Call } from "./call.ts";
import { masked, maskedQuery, maskedReferer } from "./credential.ts";
import type { ProxyParts } from "./parts.ts";
import type { Delivery } from "./reply.ts";

export interface Told {
  readonly status: number;
  readonly word: CacheWord;
  readonly detail: string | undefined;
  readonly delivery: Delivery;
  readonly key?: CacheKey | undefined;
  readonly model?: string | undefined;
  readonly usage?: Usage | undefined;
}

/** Writes one request into the journal, once its body has ended. */
export function tell(parts: Pick<ProxyParts, "journal" | "clock">, call: Call, told: Told): void {
  const { delivery } = told;
  parts.journal.add({
    at: call.at,
    remote: call.peer.address,
    method: call.method,
    target: masked(call.url.pathname) + maskedQuery(call.url.search),
    status: told.status,
    bytes: delivery.bytes,
    userAgent: call.request.headers.get("user-agent") ?? undefined,
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
    totalMs: parts.clock.monotonic() - call.began,
    usage: told.usage,
    costUsd: undefined,
    aborted: delivery.end === "left",
    outcome: outcomeOf(told),
    notKept: undefined,
    credential: "",
    saved: undefined,
    shared: undefined,
    unread: false,
  });
}

const OUTCOMES: Readonly<Record<CacheWord, RequestOutcome>> = {
  HIT: "hit",
  STALE: "hit",
  UPDATING: "hit",
  MISS: "miss",
  EXPIRED: "miss",
  PARTIAL: "partial",
  BYPASS: "bypassed",
  "-": "refused",
};

function outcomeOf({ word, detail }: Told): RequestOutcome {
  return detail === "collapsed" ? "joined" : OUTCOMES[word];
}

import type { Entry } from "../cache/entry.ts";
import type { Call } from "./call.ts";
import { credentialLabel } from "./credential.ts";
import type { Job } from "./flight.ts";
import { upstreamHeaders } from "./headers.ts";
import { answerHeaders, keyOf, wantedHeaders } from "./key.ts";
import type { ProxyParts } from "./parts.ts";
import { type Freshness, freshness, type Plan, type Standing, standing, unproven } from "./policy.ts";
import type { Question } from "./question.ts";

/** All that a provider call for this request needs, and the keys under which its answer is looked for and kept. */
export function jobOf(
  parts: ProxyParts,
  call: Call,
  options: {
    plan: Plan;
    question: Question;
    keyHeaders: readonly string[];
    body: Uint8Array | undefined;
    reserved: number;
    /** The number of a sample is looked up and not taken: the request is only thought of. */
    peek?: boolean;
  },
): Job {
  const { question, body, peek = false } = options;
  const { provider, upstreamPath, query, url } = call.route;
  const claim = options.plan.proves
    ? { provider: provider.name, model: question.model ?? "", tag: options.plan.ownPool }
    : undefined;
  const plan = claim === undefined || parts.verified.has(claim) ? options.plan : unproven(options.plan);
  const keyParts = {
    namespace: call.controls.namespace,
    provider: provider.name,
    path: upstreamPath,
    query,
    headers: answerHeaders(call.request.headers, wantedHeaders(provider, options.keyHeaders)),
  };
  const keyIn = (partition: string, sample: number) =>
    keyOf({ ...keyParts, partition, sample, body: question.digest });
  const pool = question.accountBound ? plan.ownPool : plan.pool;
  const { sample: said, run } = call.controls;
  const number = peek ? "peek" : "number";
  const sample = said === "auto" ? parts.samples[number](run, keyIn(pool, 0), call.request.headers) : said;
  return {
    plan,
    family: provider.family,
    asked: question.asked,
    facts: {
      provider: provider.name,
      endpoint: question.asked.endpoint.kind,
      model: question.model,
      namespace: call.controls.namespace,
      pool,
    },
    key: keyIn(pool, sample),
    ownKey: keyIn(plan.ownPool, sample),
    credential: call.credential.tag,
    credentialLabel: credentialLabel(call.credential),
    claim,
    wantsStream: question.wantsStream,
    request: {
      url,
      method: call.method,
      headers: upstreamHeaders(call.request.headers, {
        decodes: parts.host.decodes,
        dropCacheControl: true,
        loop: parts.loopFor(url),
        provider: provider.name,
      }),
      body: call.method === "GET" ? undefined : body,
    },
    content: {
      contentType: question.contentType,
      coding: question.coding,
      digest: question.digest,
      ignored: question.ignored,
    },
    provider: provider.name,
    reserved: options.reserved,
    keyParts: { ...keyParts, sample },
  };
}

/** A stored answer, and how good it still is. */
export interface Found {
  readonly entry: Entry;
  readonly fresh: Freshness;
  readonly standing: Standing;
}

export function lookUp(parts: ProxyParts, call: Call, job: Job): Found | undefined {
  if (!job.plan.read) return undefined;
  const { store, clock } = parts;
  const judge = (entry: Entry): Found => {
    const fresh = freshness(entry, job.plan, clock.now());
    return { entry, fresh, standing: standing(fresh, job.plan, call.controls) };
  };
  const shared = store.get(job.key);
  const found = shared && judge(shared);
  if (job.ownKey === job.key || found?.standing === "fresh") return found;
  // The credential's own answer may be newer than what all share: a 404, or one bound to the account.
  const own = store.get(job.ownKey);
  const foundOwn = own && judge(own);
  if (found === undefined || foundOwn === undefined) return found ?? foundOwn;
  return foundOwn.fresh.leftMs > found.fresh.leftMs ? foundOwn : found;
}

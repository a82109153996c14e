import type { CacheKey, Entry } from "../cache/entry.ts";
import type { Call } from "./call.ts";
import type { Controls } from "./controls.ts";
import { credentialLabel } from "./credential.ts";
import type { Job } from "./flight.ts";
import { type KeyParts, keyHeadersOf, sharedKeyOf } from "./key.ts";
import type { ProxyParts } from "./parts.ts";
import { type Freshness, freshness, type Plan, type Standing, standing, unproven } from "./policy.ts";
import { modelInPath, type Question } from "./question.ts";
import type { Claim } from "./verified.ts";

/** What of a question counts for its key. */
export type Gist = Pick<Question, "digest" | "model" | "accountBound">;

/** The keys under which an answer is looked for and kept, and what they are made of. */
export interface Keys {
  /** As the credential's standing has it. */
  readonly plan: Plan;
  readonly claim: Claim | undefined;
  readonly pool: string;
  readonly key: CacheKey;
  /** That of the credential's own pool. */
  readonly ownKey: CacheKey;
  readonly keyParts: Omit<KeyParts, "partition" | "body">;
}

export type KeysIn = Pick<Keys, "pool" | "key" | "ownKey">;

/** The keys in the pool that a question's answer belongs to, and in its credential's own. */
export function keysIn(
  keyParts: Keys["keyParts"],
  plan: Pick<Plan, "pool" | "ownPool">,
  gist: Pick<Gist, "digest" | "accountBound">,
): KeysIn {
  const pool = gist.accountBound ? plan.ownPool : plan.pool;
  const key = keyUnder(keyParts, pool, gist);
  return { pool, key, ownKey: pool === plan.ownPool ? key : keyUnder(keyParts, plan.ownPool, gist) };
}

/** The key of a question in one pool. */
export function keyUnder(
  keyParts: Keys["keyParts"],
  pool: string,
  { digest }: Pick<Gist, "digest">,
): CacheKey {
  return sharedKeyOf(keyParts, { partition: pool, body: digest });
}

/** What a request's keys are made of beside its body, as its head has it. */
export function keyPartsOf(call: Call, keyHeaders: readonly string[]): Keys["keyParts"] {
  const { provider, upstreamPath, query } = call.route;
  const { sample, namespace } = call.controls;
  return {
    namespace,
    provider: provider.name,
    path: upstreamPath,
    query,
    headers: keyHeadersOf(call.request.headers, { provider, path: upstreamPath, more: keyHeaders }),
    sample: sample === "auto" ? 0 : sample,
  };
}

/**
 * What a credential has to prove for this request, if anything. Whether a provider goes by the path's model or the
 * body's is its own matter, so both count.
 */
export function claimOf(
  { route }: Pick<Call, "route">,
  { plan, gist: { model = "" } }: { plan: Plan; gist: Pick<Gist, "model"> },
): Claim | undefined {
  if (!plan.proves) return undefined;
  const models = `${modelInPath(route.upstreamPath) ?? ""} ${model}`;
  return { provider: route.provider.name, model: models, tag: plan.ownPool };
}

/** Works out the keys of a request; one with `sample: auto` takes its number, unless it only peeks. */
export function keysOf(
  parts: Pick<ProxyParts, "verified" | "samples">,
  call: Call,
  options: { plan: Plan; keyParts: Keys["keyParts"]; gist: Gist; peek?: boolean },
): Keys {
  const { gist, keyParts } = options;
  const claim = claimOf(call, options);
  const plan = claim === undefined || parts.verified.has(claim) ? options.plan : unproven(options.plan);
  const plain = { plan, claim, keyParts, ...keysIn(keyParts, plan, gist) };
  if (call.controls.sample !== "auto") return plain;
  const number = options.peek ? "peek" : "number";
  const sample = parts.samples[number](call.controls.run, plain.key, call.request.headers);
  const numbered = { ...keyParts, sample };
  return { ...plain, keyParts: numbered, ...keysIn(numbered, plan, gist) };
}

/** All that a provider call for this request needs; `upstream` are the headers that go up. */
export function jobOf(
  call: Call,
  options: {
    keys: Keys;
    question: Question;
    upstream: Headers;
    body: Uint8Array | undefined;
    reserved: number;
    askedIn: Uint8Array | undefined;
  },
): Job {
  const { keys, question, body } = options;
  const { provider, url } = call.route;
  return {
    plan: keys.plan,
    family: provider.family,
    asked: question.asked,
    facts: {
      provider: provider.name,
      endpoint: question.asked.endpoint.kind,
      model: question.model,
      namespace: call.controls.namespace,
      pool: keys.pool,
    },
    key: keys.key,
    ownKey: keys.ownKey,
    credential: call.credential.tag,
    credentialLabel: credentialLabel(call.credential),
    claim: keys.claim,
    wantsStream: question.wantsStream,
    request: {
      url,
      method: call.method,
      headers: options.upstream,
      body: call.method === "GET" ? undefined : body,
    },
    content: {
      contentType: question.contentType,
      coding: question.coding,
      digest: question.digest,
      ignored: question.ignored,
    },
    provider: provider.name,
    local: provider.local,
    reserved: options.reserved,
    keyParts: keys.keyParts,
    askedIn: options.askedIn,
  };
}

/** A stored answer, and how good it still is. */
export interface Found {
  readonly entry: Entry;
  readonly fresh: Freshness;
  readonly standing: Standing;
}

/** A stored answer, judged at this moment (epoch ms). */
export function judged(
  entry: Entry,
  { plan, controls, now }: { plan: Plan; controls: Controls; now: number },
): Found {
  const fresh = freshness(entry, plan, now);
  return { entry, fresh, standing: standing(fresh, plan, controls) };
}

/** What is stored for a request, judged at this moment; undefined where nothing is, or nothing stored will do. */
export function lookUp(
  parts: Pick<ProxyParts, "store" | "clock">,
  controls: Controls,
  keys: Pick<Keys, "plan" | "key" | "ownKey">,
): Found | undefined {
  const { plan, key } = keys;
  if (!plan.read) return undefined;
  const { store, clock } = parts;
  const judge = (entry: Entry) => judged(entry, { plan, controls, now: clock.now() });
  const shared = store.get(key);
  const found = shared && judge(shared);
  // Only now: whoever hands it in may work it out when it is asked for.
  if (found?.standing === "fresh" || keys.ownKey === key) return found;
  // The credential's own answer may be newer than what all share: a 404, or one bound to the account.
  const own = store.get(keys.ownKey);
  const foundOwn = own && judge(own);
  if (found === undefined || foundOwn === undefined) return found ?? foundOwn;
  return foundOwn.fresh.leftMs > found.fresh.leftMs ? foundOwn : found;
}

import type { Entry } from "../cache/entry.ts";
import type { Config } from "../config.ts";
import { ProxyError, proxyErrors } from "../errors.ts";
import type { Peer } from "../host.ts";
import type { CacheWord } from "../journal/event.ts";
import { answerBatch } from "./batch.ts";
import { placedUnits, withParts } from "./batch-parts.ts";
import { readBatch } from "./batch-request.ts";
import { readBody } from "./body.ts";
import { bypass, PIECE } from "./bypass.ts";
import { type Call, readCall } from "./call.ts";
import { ClientGone } from "./connected.ts";
import { gather } from "./gather.ts";
import { upstreamHeaders } from "./headers.ts";
import { type Joined, join } from "./join.ts";
import { answerHeaders, keyOf } from "./key.ts";
import { pacer } from "./pace.ts";
import type { ProxyParts } from "./parts.ts";
import { type Freshness, freshness, type Plan, planFor, unproven } from "./policy.ts";
import { type Question, readQuestion } from "./question.ts";
import type { Job, Outcome } from "./record.ts";
import { refuse, refuseUnread } from "./refuse.ts";
import { type ReplyOptions, replyEntry, replyLive, replyWhole } from "./reply.ts";
import { tell } from "./report.ts";

/** THE ORDER: one request from its head to its answer. Never rejects. */
export async function handle(parts: ProxyParts, request: Request, peer: Peer): Promise<Response> {
  const config = parts.config();
  const id = parts.newId();
  let call: Call;
  try {
    call = readCall(request, {
      peer,
      id,
      config,
      clock: parts.clock,
      providers: parts.providers(),
      credentials: parts.credentials,
      loopId: parts.loopId,
    });
  } catch (error) {
    return refuseUnread(
      parts,
      { request, peer, id, allowedOrigins: config.allowedOrigins },
      asProxyError(parts, error),
    );
  }
  try {
    return await journey(parts, call, config);
  } catch (error) {
    if (error instanceof ClientGone || request.signal.aborted) return gone(parts, call);
    return refuse(parts, call, { error: asProxyError(parts, error), allowedOrigins: config.allowedOrigins });
  }
}

async function journey(parts: ProxyParts, call: Call, config: Config): Promise<Response> {
  const plan = planFor(call, config);
  const { maxBody, allowedOrigins } = config;
  const pass = (detail: string, body: Uint8Array | ReadableStream<Uint8Array> | null) =>
    bypass(parts, call, { plan, detail, body, maxBody, allowedOrigins });

  if (plan.bypass !== undefined) return pass(plan.bypass, call.request.body);
  const body = await readBody(call.request, { maxRequest: plan.maxRequest, maxBody, budget: parts.budget });
  if (body.kind === "stream") return pass(body.why, body.stream);
  let flying = false;
  try {
    const question = await readQuestion(call, body.bytes, { host: parts.host, maxRequest: plan.maxRequest });
    if (typeof question === "string") return await pass(question, body.bytes);
    let job = jobOf(parts, call, { plan, question, body: body.bytes, reserved: body.reserved });
    const found = job.plan.read ? lookUp(parts, job) : undefined;
    if (found !== undefined && isGoodEnough(call, plan, found))
      return hit(parts, call, { job, found, allowedOrigins });
    const stale = found !== undefined;
    if (question.asked.endpoint.kind === "embeddings") {
      const answered = await fromInputs(parts, call, { job, question, stale, allowedOrigins });
      if (answered instanceof Response) return answered;
      job = answered;
      // Others may have been answered while this one looked.
      const since = job.plan.read ? lookUp(parts, job) : undefined;
      if (since !== undefined && isGoodEnough(call, plan, since))
        return hit(parts, call, { job, found: since, allowedOrigins });
    }
    if (plan.offline === "replay") throw proxyErrors.replayMiss(`key ${job.key}`);
    if (plan.offline === "only-if-cached") throw proxyErrors.onlyIfCachedMiss();
    flying = true;
    return await share(parts, call, { job, stale, allowedOrigins });
  } finally {
    // A flight gives back what it took with the job that began it.
    if (!flying) parts.budget.give(body.reserved);
  }
}

/** An answer from the inputs that are known, or the job to go on with, which keeps each input's answer. */
async function fromInputs(
  parts: ProxyParts,
  call: Call,
  options: { job: Job; question: Question; stale: boolean; allowedOrigins: readonly string[] },
): Promise<Response | Job> {
  const { job, allowedOrigins } = options;
  const batch = await readBatch(options.question, pacer(parts.clock));
  if (batch === undefined) return job;
  const now = parts.clock.now();
  const answer = await answerBatch(parts, call, {
    ...options,
    batch,
    usable: (entry) => {
      const found = { entry, fresh: freshness(entry, job.plan, now) };
      return isGoodEnough(call, job.plan, found) ? found.fresh : undefined;
    },
    join: (part) => join(parts, call, part),
    pass: (joined) => deliver(parts, call, { job, stale: false, allowedOrigins, ...joined }),
    replay: (entry, fresh) => hit(parts, call, { job, found: { entry, fresh }, allowedOrigins }),
  });
  return answer ?? withParts(parts, job, { form: batch.form, placed: placedUnits(batch) });
}

function jobOf(
  parts: ProxyParts,
  call: Call,
  options: { plan: Plan; question: Question; body: Uint8Array; reserved: number },
): Job {
  const { question, body } = options;
  const { provider, upstreamPath, query, url } = call.route;
  const claim = options.plan.proves
    ? { provider: provider.name, model: question.model ?? "", tag: options.plan.ownPool }
    : undefined;
  const plan = claim === undefined || parts.verified.has(claim) ? options.plan : unproven(options.plan);
  const keyParts = {
    namespace: call.controls.namespace,
    sample: call.controls.sample,
    provider: provider.name,
    path: upstreamPath,
    query,
    headers: answerHeaders(call.request.headers, provider.family.answerHeaders),
  };
  const keyIn = (partition: string) => keyOf({ ...keyParts, partition, body: question.digest });
  const ownKey = keyIn(plan.ownPool);
  return {
    plan,
    family: provider.family,
    asked: question.asked,
    facts: {
      provider: provider.name,
      endpoint: question.asked.endpoint.kind,
      model: question.model,
      namespace: call.controls.namespace,
    },
    key: question.accountBound ? ownKey : keyIn(plan.pool),
    ownKey,
    credential: plan.ownPool,
    claim,
    wantsStream: question.wantsStream,
    request: {
      url,
      method: call.method,
      headers: upstreamHeaders(call.request.headers, {
        decodes: parts.host.decodes,
        dropCacheControl: true,
        loop: parts.loopFor(url),
      }),
      body,
    },
    provider: provider.name,
    reserved: options.reserved,
    keyParts,
  };
}

interface Found {
  readonly entry: Entry;
  readonly fresh: Freshness;
}

function lookUp(parts: ProxyParts, job: Job): Found | undefined {
  const entry =
    parts.store.get(job.key) ?? (job.ownKey === job.key ? undefined : parts.store.get(job.ownKey));
  return entry && { entry, fresh: freshness(entry, job.plan, parts.clock.now()) };
}

function isGoodEnough(call: Call, plan: Plan, found: Found): boolean {
  if (plan.offline === "replay") return true;
  const { maxAgeMs } = call.controls;
  return found.fresh.leftMs > 0 && (maxAgeMs === undefined || found.fresh.ageMs <= maxAgeMs);
}

function hit(
  parts: ProxyParts,
  call: Call,
  options: { job: Job; found: Found; allowedOrigins: readonly string[] },
): Response {
  const { entry, fresh } = options.found;
  const ttl = Number.isFinite(fresh.leftMs) ? `; ttl=${Math.floor(fresh.leftMs / 1000)}` : "";
  parts.store.touch(entry.key);
  return replyEntry(call, entry, {
    status: { word: "HIT", cacheStatus: `; hit${ttl}`, key: entry.key, ageMs: fresh.ageMs },
    allowedOrigins: options.allowedOrigins,
    now: () => parts.clock.monotonic(),
    ended: (delivery) =>
      tell(parts, call, {
        status: entry.status,
        word: "HIT",
        detail: undefined,
        delivery,
        key: entry.key,
        model: entry.facts.model,
      }),
  });
}

async function share(
  parts: ProxyParts,
  call: Call,
  options: { job: Job; stale: boolean; allowedOrigins: readonly string[] },
): Promise<Response> {
  return deliver(parts, call, { ...options, ...(await join(parts, call, options.job)) });
}

async function deliver(
  parts: ProxyParts,
  call: Call,
  options: Joined & { job: Job; stale: boolean; allowedOrigins: readonly string[] },
): Promise<Response> {
  const { job, flight, head, leads } = options;
  const whole = head.stream ? options.reader : await gather(options.reader, PIECE);
  const outcome = whole instanceof Uint8Array ? await outcomeSoon(flight.done) : undefined;
  const word: CacheWord = options.stale ? "EXPIRED" : "MISS";
  const replyOptions: ReplyOptions = {
    status: {
      word,
      cacheStatus: `; fwd=${forwardReason(job.plan, options.stale)}${forwardDetail(outcome, leads)}`,
      key: outcome?.key ?? job.key,
    },
    allowedOrigins: options.allowedOrigins,
    now: () => parts.clock.monotonic(),
    ended: (delivery) => {
      const add = (ended: Outcome | undefined) =>
        tell(parts, call, {
          status: head.status,
          word,
          detail: ended?.refusal ?? (leads ? undefined : "collapsed"),
          delivery,
          key: ended?.key ?? job.key,
          model: ended?.model ?? job.facts.model,
          usage: leads ? ended?.usage : undefined,
        });
      // Who pays tells how the call ended, be it after the client left; the others tell what they saw.
      if (leads && outcome === undefined) void flight.done.then(add);
      else add(outcome);
    },
  };
  if (whole instanceof Uint8Array) return replyWhole(call, head, { ...replyOptions, bytes: whole });
  return replyLive(call, head, { ...replyOptions, reader: whole });
}

/** The outcome, which is there a moment after the last byte unless the commit takes longer than a client waits. */
function outcomeSoon(done: Promise<Outcome>): Promise<Outcome | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, 20, undefined);
  });
  return Promise.race([done, late]).finally(() => clearTimeout(timer));
}

function forwardReason(plan: Plan, stale: boolean): string {
  if (!plan.read && !plan.unproven) return "request";
  return stale ? "stale" : "uri-miss";
}

function forwardDetail(outcome: Outcome | undefined, leads: boolean): string {
  if (!leads) return "; collapsed";
  if (outcome === undefined) return "";
  return outcome.kept ? "; stored" : `; detail=${outcome.refusal}`;
}

function asProxyError(parts: ProxyParts, error: unknown): ProxyError {
  if (error instanceof ProxyError) return error;
  parts.report(
    `a request failed inside askonce: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
  );
  return proxyErrors.internal();
}

/** nginx's 499: nobody is there to read it, but the log says what happened. */
function gone(parts: ProxyParts, call: Call): Response {
  tell(parts, call, {
    status: 499,
    word: "-",
    detail: "client-gone",
    delivery: { bytes: 0, firstAt: undefined, end: "left" },
  });
  return new Response(null, { status: 499 });
}

import type { Config } from "../config.ts";
import { ProxyError, proxyErrors } from "../errors.ts";
import type { Peer } from "../host.ts";
import type { Near } from "../requests/kept.ts";
import { upOf } from "./asked.ts";
import { answerInputs } from "./batch.ts";
import { readBody } from "./body.ts";
import { bypass } from "./bypass.ts";
import { type Call, lookUpCall, readCall } from "./call.ts";
import { ClientGone } from "./connected.ts";
import type { Delivery } from "./counted.ts";
import { answerElsewhere, numberedElsewhere } from "./elsewhere.ts";
import type { Job, Outcome } from "./flight.ts";
import { type Found, jobOf, type Keys, keysOf, lookUp } from "./job.ts";
import { firstDifference, nearestStored } from "./nearest.ts";
import type { ProxyParts } from "./parts.ts";
import { type Plan, planFor } from "./policy.ts";
import { readQuestion } from "./question.ts";
import { Reason } from "./reason.ts";
import { refuse, refuseUnread } from "./refuse.ts";
import type { KnownHead } from "./repeats.ts";
import { tell } from "./report.ts";
import { share } from "./share.ts";
import { refreshBehind, type Serving, serve } from "./stored.ts";

/** THE ORDER: one request from its head to its answer. Never rejects. */
export async function handle(parts: ProxyParts, request: Request, peer: Peer): Promise<Response> {
  const config = parts.config();
  const id = parts.newId();
  const seen = parts.memory.seen(peer.head);
  let call: Call;
  try {
    call = seen
      ? again(parts, seen, { request, peer, id })
      : readCall(request, {
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
  const reason = call.controls.explain ? new Reason() : undefined;
  let response: Response;
  try {
    response = await journey(parts, call, { config, reason, seen });
  } catch (error) {
    if (error instanceof ClientGone || request.signal.aborted) return gone(parts, call, error);
    response = refuse(parts, call, {
      error: asProxyError(parts, error),
      allowedOrigins: config.allowedOrigins,
    });
  }
  if (reason !== undefined) await reason.write(response.headers);
  return response;
}

async function journey(
  parts: ProxyParts,
  asked: Call,
  { config, reason, seen }: { config: Config; reason: Reason | undefined; seen: KnownHead | undefined },
): Promise<Response> {
  const plan = seen?.plan ?? planFor(asked, config, { recording: parts.recording() });
  const call = plan.lookUp ? lookUpCall(asked) : asked;
  const { maxBody, allowedOrigins } = config;
  const { maxRequest } = plan;
  const { budget, host } = parts;
  const pass = (detail: string, body: Uint8Array | ReadableStream<Uint8Array> | null) =>
    bypass(parts, call, { plan, detail, body, maxBody, allowedOrigins });

  if (plan.bypass !== undefined) return pass(plan.bypass, call.request.body);
  const body = await readBody(call, { maxRequest, maxBody, budget });
  if (body.kind === "stream") return pass(body.why, body.stream);
  let flying = false;
  try {
    const head = seen ?? parts.memory.head(call, plan, config);
    const { keyParts } = head;
    const known = recognised(parts, call, { head, body: body.bytes, reason });
    if (known?.found?.standing === "fresh")
      return serve(parts, call, { plan, found: known.found, word: "HIT", allowedOrigins });
    const question = await readQuestion(call, body.bytes, { budget, host, maxRequest, settings: config });
    if (typeof question === "string") return await pass(question, body.bytes);
    const keys = known?.keys ?? keysOf(parts, call, { plan, keyParts, gist: question });
    let job = jobOf(call, { keys, question, body: body.bytes, reserved: body.reserved, ...upOf(head, keys) });
    parts.watch?.asked(call, job);
    let found = lookUp(parts, call.controls, job);
    parts.memory.noted(found?.standing === "fresh");
    const asking = answerElsewhere(parts, call, { job, found, body: body.bytes, reason });
    const elsewhere = asking && (await asking);
    if (elsewhere !== undefined) return elsewhere;
    // It may have been stored before its owner went away.
    if (asking !== undefined) found = lookUp(parts, call.controls, job);
    if (question.asked.endpoint.kind === "embeddings" && found?.standing !== "fresh") {
      const answered = await answerInputs(parts, call, { job, question, found, allowedOrigins });
      if (answered instanceof Response) return answered;
      job = answered;
      // Others may have been answered while this one looked for its inputs.
      found = lookUp(parts, call.controls, job);
    }
    const wanted = found === undefined && (reason !== undefined || plan.offline === "replay");
    const near = wanted ? nearestStored(parts, job, question.plain) : undefined;
    reason?.looked(found, near);
    if (found?.standing === "fresh") parts.memory.learn(head, body.bytes, question);
    const { response, led } = fromStore(parts, call, { plan, job, found, allowedOrigins });
    flying = led;
    if (response !== undefined) return response;
    if (plan.offline !== undefined) throw keyed(await notStored(job, { plan, near }), job);
    flying = true;
    return await share(parts, call, { job, found, allowedOrigins }).catch((error: unknown) => {
      throw keyed(error, job);
    });
  } finally {
    // A flight gives back what it took with the job that began it.
    if (!flying) budget.give(body.reserved);
  }
}

/**
 * The keys of a body that was read before, and what is stored under them; undefined for one that has to be read, be it
 * because more is asked about it than its answer.
 */
function recognised(
  parts: ProxyParts,
  call: Call,
  { head, body, reason }: { head: KnownHead; body: Uint8Array; reason: Reason | undefined },
): { keys: Keys; found: Found | undefined } | undefined {
  if (reason !== undefined || parts.watch !== undefined || numberedElsewhere(parts, call)) return undefined;
  const gist = parts.memory.gistOf(head, body);
  if (gist === undefined) return undefined;
  const keys = keysOf(parts, call, { plan: head.plan, keyParts: head.keyParts, gist });
  return { keys, found: lookUp(parts, call.controls, keys) };
}

/**
 * Answers with what is stored, where that will do: it is fresh, or it is refreshed behind it, or its provider is not to
 * be called just now. `led` says that a refresh took over the request's body.
 */
function fromStore(
  parts: ProxyParts,
  call: Call,
  options: Pick<Serving, "plan" | "allowedOrigins"> & { job: Job; found: Found | undefined },
): { response: Response | undefined; led: boolean } {
  const { plan, job, found, allowedOrigins } = options;
  if (found === undefined) return { response: undefined, led: false };
  if (found.standing === "fresh")
    return { response: serve(parts, call, { plan, found, word: "HIT", allowedOrigins }), led: false };
  if (found.standing === "stale") {
    const { word, begun } = refreshBehind(parts, job);
    return { response: serve(parts, call, { plan, found, word, allowedOrigins }), led: begun };
  }
  const paused = call.controls.maxAgeMs === undefined && parts.refreshes.isPaused(job.key);
  if (plan.offline !== undefined || !paused) return { response: undefined, led: false };
  return { response: serve(parts, call, { plan, found, word: "STALE", allowedOrigins }), led: false };
}

/** Why there is no answer, where no provider may be called for one. */
async function notStored(
  job: Job,
  { plan, near }: { plan: Plan; near: Promise<Near | null | undefined> | undefined },
): Promise<ProxyError> {
  if (plan.offline !== "replay") return proxyErrors.onlyIfCachedMiss();
  return proxyErrors.replayMiss(described(job) + differenceTo(await near));
}

/** A request with a head that was read before. */
function again(
  parts: ProxyParts,
  { call }: KnownHead,
  own: { request: Request; peer: Peer; id: string },
): Call {
  return { ...call, ...own, at: parts.clock.now(), began: parts.clock.monotonic() };
}

/** Which request it was. Without its key, whose digits some clients take for a status (litellm looks for "403"). */
function described({ facts }: Job): string {
  const namespace = facts.namespace === "" ? "" : ` in namespace ${facts.namespace}`;
  return `${facts.endpoint} of ${facts.provider}, model ${facts.model ?? "-"}${namespace}; X-Cache-Key names it`;
}

function differenceTo(near: Near | null | undefined): string {
  const difference = near && firstDifference(near);
  return difference ? `; the nearest stored one differs at ${difference}` : "";
}

/** The same error, with the key that its answer names. */
function keyed(error: unknown, { key, facts }: Job): unknown {
  if (error instanceof ProxyError) {
    error.key = key;
    error.model = facts.model;
  }
  return error;
}

function asProxyError(parts: ProxyParts, error: unknown): ProxyError {
  if (error instanceof ProxyError) return error;
  parts.report(
    `a request failed inside askonce: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
  );
  return proxyErrors.internal();
}

/** nginx's 499: nobody is there to read it, but the log says what happened, and what the call took that goes on. */
function gone(parts: ProxyParts, call: Call, error: unknown): Response {
  const delivery: Delivery = { bytes: 0, firstAt: undefined, endedAt: parts.clock.monotonic(), end: "left" };
  const told = { status: 499, detail: "client-gone", delivery };
  const led = error instanceof ClientGone ? error.led : undefined;
  if (led === undefined) tell(parts, call, { ...told, word: "-", outcome: "refused" });
  else {
    void led.flight.done.then((outcome: Outcome) => {
      const { key = led.job.key, model = led.job.facts.model } = outcome;
      const counts = outcome.kept || outcome.paid;
      tell(parts, call, {
        ...told,
        word: counts ? "MISS" : "-",
        outcome: counts ? "miss" : "refused",
        key,
        model,
        led: outcome,
      });
    });
  }
  return new Response(null, { status: 499 });
}

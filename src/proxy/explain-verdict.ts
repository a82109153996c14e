import { knownPart } from "./batch-parts.ts";
import { readBatch } from "./batch-request.ts";
import type { Call } from "./call.ts";
import type { Job } from "./flight.ts";
import type { Found } from "./job.ts";
import type { ProxyParts } from "./parts.ts";
import type { Question } from "./question.ts";
import { turnsOf } from "./turns.ts";
import { isPast, pastTtl, spoken } from "./words.ts";

/** What would come now, in the words of `Explained`. */
export interface Verdict {
  readonly would: string;
  readonly why: string;
  readonly detail: string | undefined;
}

interface Asking {
  readonly job: Job;
  readonly question: Question;
  readonly found: Found | undefined;
}

/** What `handle.ts` would do with a request now, in the same order. */
export async function verdictOf(parts: ProxyParts, call: Call, asking: Asking): Promise<Verdict> {
  const { job, question, found } = asking;
  if (question.asked.endpoint.kind === "embeddings" && found?.standing !== "fresh") {
    const assembled = await fromInputs(parts, call, asking);
    if (assembled !== undefined) return assembled;
  }
  if (found !== undefined) return withEntry(parts, call, { job, found });
  if (job.plan.offline === "replay")
    return said("replay_miss", `${NONE}, and mode replay calls no provider.`);
  if (job.plan.offline === "only-if-cached") {
    return said("only_if_cached_miss", `${NONE}, and the request says only-if-cached.`);
  }
  return missing(parts, call, asking);
}

const NONE = "There is no entry under this key";

function said(would: string, why: string, detail?: string): Verdict {
  return { would, why, detail };
}

/** Of embeddings, what the answers to single inputs give; undefined where they give nothing. */
async function fromInputs(parts: ProxyParts, call: Call, asking: Asking): Promise<Verdict | undefined> {
  const { job, question, found } = asking;
  if (!job.plan.read || isFlying(parts, job)) return undefined;
  const batch = await readBatch(question, turnsOf(parts.clock));
  if (batch === undefined) return undefined;
  const known = batch.units.filter((unit) => knownPart(parts, call, { job, unit }) !== undefined).length;
  const all = batch.units.length;
  if (known === all) return said("HIT", `Each of its ${all} different inputs is stored.`);
  if (known === 0 || found !== undefined || job.plan.offline !== undefined) return undefined;
  return said(
    "PARTIAL",
    `Of its ${all} different inputs ${known} are stored: the others would be asked for.`,
  );
}

function withEntry(parts: ProxyParts, call: Call, { job, found }: { job: Job; found: Found }): Verdict {
  const { fresh, standing } = found;
  const { offline } = job.plan;
  if (standing === "fresh") {
    const age = `An entry of ${spoken(fresh.ageMs)} ago is stored under this key`;
    if (isPast(fresh)) return said("HIT", `${age}, and mode replay answers with it whatever its age.`);
    return said("HIT", `${age}, good for ${left(fresh.leftMs)}.`);
  }
  const past = isPast(fresh)
    ? pastTtl(fresh)
    : `${spoken(fresh.ageMs)} old, which is more than max-age allows`;
  if (standing === "stale") {
    const running = parts.refreshes.isRunning(job.key) || isFlying(parts, job);
    if (running) return said("UPDATING", `The entry is ${past}: it is served, and a refresh is running.`);
    const may = offline === undefined && parts.refreshes.mayBegin(job.key, job.provider);
    return said(
      "STALE",
      `The entry is ${past}: it is served${may ? " while one refresh runs behind it" : ", and no refresh may begin now"}.`,
    );
  }
  if (offline !== undefined) {
    return said("only_if_cached_miss", `The entry is ${past}, and the request says only-if-cached.`);
  }
  if (call.controls.maxAgeMs === undefined && parts.refreshes.isPaused(job.key)) {
    return said("STALE", `The entry is ${past}: it is served, since its provider failed a moment ago.`);
  }
  return said("EXPIRED", `The entry is ${past}, too long to serve it: the provider is asked.`);
}

function left(leftMs: number): string {
  return leftMs === Number.POSITIVE_INFINITY ? "ever" : `${spoken(leftMs)} more`;
}

function missing(parts: ProxyParts, call: Call, { job, question }: Asking): Verdict {
  const { plan } = job;
  if (plan.unproven) {
    return said(
      "MISS",
      "Its credential has yet to be accepted by the provider here (scope verified): its requests go to the provider.",
    );
  }
  if (!plan.read) return said("MISS", "A fresh answer is asked for (no-cache, or mode refresh).");
  if (isFlying(parts, job)) return said("MISS", "The same request is under way: this one would join it.");
  if (question.accountBound && !call.credential.present) {
    return said(
      "MISS",
      `${NONE}. Its answers stay in the pool of the credential that asked, and this description carries none.`,
    );
  }
  return said("MISS", `${NONE}.`);
}

function isFlying(parts: ProxyParts, { key, plan }: Job): boolean {
  const now = parts.clock.monotonic();
  return plan.join && parts.flights.find(key, { now, patienceMs: plan.joinPatienceMs }) !== undefined;
}

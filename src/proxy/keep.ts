import type { CacheKey, ChunkMark, Entry } from "../cache/entry.ts";
import type { Recording } from "../cache/recording.ts";
import { StoreFault } from "../errors.ts";
import type { Fetched } from "../host.ts";
import type { Finding } from "../providers/provider.ts";
import { askedOf } from "./asked.ts";
import type { Job, Outcome } from "./flight.ts";
import { storedHeaders } from "./headers.ts";
import type { ProxyParts } from "./parts.ts";
import { freshness, storedTtl } from "./policy.ts";
import { remember } from "./remember.ts";
import { spentOn } from "./spent.ts";

/** How a call ended, but for who read it. */
export type End = Omit<Outcome, "unread">;

/** An answer that has come to its clean end, and what was found of it. */
export interface Answered {
  readonly finding: Finding;
  readonly response: Fetched;
  readonly recording: Recording;
  /** Whether it is a stream of events. */
  readonly stream: boolean;
  /** Epoch ms at which the call began; ms to its head and to its last byte. */
  readonly startedAt: number;
  readonly firstByteMs: number;
  readonly durationMs: number;
  /** Whether a purge named it meanwhile. */
  readonly dismissed: () => boolean;
}

/** Works out what an answer took, and commits its entry where it is to be kept. Never rejects. */
export async function keepAnswer(parts: ProxyParts, job: Job, answered: Answered): Promise<End> {
  const { finding, response, dismissed } = answered;
  const { usage, model } = finding;
  const refusal = finding.refusal ?? finding.cutShort;
  const models = [model, job.facts.model];
  // An error costs nothing, by the call neither.
  const paid = response.ok || usage !== undefined;
  const spent = paid ? await spentOn(parts, { provider: job.provider, models, usage }) : undefined;
  const took = { usage, spent, paid, model };
  if (refusal !== undefined && !job.plan.keep.includes(refusal))
    return { kept: false, refusal, ...took, key: undefined };
  const purged: End = { kept: false, refusal: "purged", ...took, key: undefined };
  if (dismissed()) return purged;
  const key = finding.accountBound ? job.ownKey : job.key;
  if (job.claim && response.status === 200) parts.verified.accept(job.claim);
  const kept: End = { kept: true, refusal: undefined, ...took, key };
  // A request that had to prove itself first replaces nothing that is still good for all.
  if (job.plan.unproven && isFresh(parts, job, key)) return kept;
  const entry = entryOf(parts, job, { answered, key, spent });
  try {
    await parts.store.put(entry, { unless: dismissed });
    if (dismissed()) return purged;
    remember(parts, job, { key });
    await job.kept?.(entry, { unless: dismissed });
    return kept;
  } catch (error) {
    if (!(error instanceof StoreFault)) parts.report(`keeping an answer failed: ${String(error)}`);
    return { kept: false, refusal: "store-fault", ...took, key: undefined };
  }
}

function entryOf(
  parts: ProxyParts,
  job: Job,
  { key, spent, answered }: { answered: Answered; key: CacheKey; spent: Entry["spent"] },
): Entry {
  const { response, recording, stream, finding, startedAt, firstByteMs, durationMs } = answered;
  const chunks: readonly ChunkMark[] | undefined = stream ? recording.marks : undefined;
  return {
    key,
    status: response.status,
    headers: storedHeaders(response.headers),
    body: recording.body(),
    facts: { ...job.facts, pool: finding.accountBound ? job.plan.ownPool : job.facts.pool, stream },
    startedAt,
    storedAt: parts.clock.now(),
    ttlMs: storedTtl(job.plan, response.status),
    firstByteMs,
    durationMs,
    chunks,
    spent,
    asked: key === job.key ? nameOf(job) : undefined,
  };
}

function nameOf({ askedIn, request: { body } }: Job): string | undefined {
  return askedIn && body && askedOf(askedIn, body);
}

/** Whether what stands under a key is still good for all. */
export function isFresh(parts: ProxyParts, job: Job, key: CacheKey): boolean {
  const entry = parts.store.get(key);
  return entry !== undefined && freshness(entry, job.plan, parts.clock.now()).leftMs > 0;
}

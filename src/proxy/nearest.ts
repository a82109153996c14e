import { asCacheKey } from "../cache/entry.ts";
import { StoreFault } from "../errors.ts";
import type { Difference, Near, NewRequest } from "../requests/kept.ts";
import type { Job } from "./flight.ts";
import type { ProxyParts } from "./parts.ts";
import { newRequest } from "./remember.ts";

/** An answer waits for the archive at most this long, beside its provider's call; an error that stands in its place longer. */
const PATIENCE_MS = 250;
const OFFLINE_PATIENCE_MS = 2_000;
/** How many are looked at for one that the client may hear of. */
const LOOKED_AT = 5;
const VALUE_LENGTH = 80;

/**
 * The stored request nearest to this one, of those whose answers its client may get; null where there is none,
 * undefined where the archive did not say so in time. Never rejects.
 */
export async function nearestStored(
  parts: Pick<ProxyParts, "archive" | "store" | "report">,
  job: Job,
  plain: Uint8Array,
): Promise<Near | null | undefined> {
  const found = await nearTo(parts, newRequest(job, { body: plain }), {
    limit: LOOKED_AT,
    except: job.key,
    patienceMs: job.plan.offline === "replay" ? OFFLINE_PATIENCE_MS : PATIENCE_MS,
  });
  return found && (found.find((near) => isOpenTo(parts, job, near)) ?? null);
}

/** Undefined where the archive does not answer in time, or cannot. */
export async function nearTo(
  parts: Pick<ProxyParts, "archive" | "report">,
  request: NewRequest,
  { patienceMs, ...options }: { limit: number; except: Job["key"]; patienceMs: number },
): Promise<readonly Near[] | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, patienceMs, undefined);
  });
  try {
    return await Promise.race([parts.archive.nearest(request, options), late]);
  } catch (error) {
    if (!(error instanceof StoreFault)) parts.report(`looking for what is near failed: ${String(error)}`);
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}

/** What others asked is theirs: a client hears of a request only where its answer would be served to it. */
function isOpenTo(parts: Pick<ProxyParts, "store">, { plan }: Job, near: Near): boolean {
  const key = asCacheKey(near.key);
  const pool = key && parts.store.get(key)?.facts.pool;
  return pool !== undefined && (pool === plan.ownPool || (pool === plan.pool && !plan.unproven));
}

/** `messages[1].content: "Hello" here, "Hallo" there`; undefined where nothing differs. */
export function firstDifference(near: Near): string | undefined {
  const [first, ...others] = near.differences;
  if (first === undefined) return undefined;
  const more = others.length + near.more;
  return `${first.path}: ${values(first)}${more > 0 ? ` (and ${more} more)` : ""}`;
}

function values({ asked, stored }: Difference): string {
  if (asked === undefined) return `absent here, ${shortened(stored)} there`;
  return `${shortened(asked)} here, ${stored === undefined ? "absent" : shortened(stored)} there`;
}

function shortened(text = ""): string {
  return text.length <= VALUE_LENGTH ? text : `${text.slice(0, VALUE_LENGTH)}…`;
}

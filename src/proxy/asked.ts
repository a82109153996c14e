import type { Config } from "../config.ts";
import { keyQuery } from "./credential.ts";
import { sha256, sha256Short } from "./digest.ts";
import type { Keys } from "./job.ts";
import { KEY_VERSION } from "./key.ts";
import type { KnownHead } from "./repeats.ts";

/** A longer body's digest costs a miss more than it is worth to a hit, where it spares reading the body. */
const MOST_BYTES = 8 * 1024;
/** A digest in hex. */
const PREFIX_BYTES = 64;

/**
 * What a request's name begins with (`Entry.asked`): a digest of all that decides its key beside its body. Undefined
 * where the key depends on more than that: on what the provider said of the credential, on numbers given out, on other
 * requests' inputs.
 */
export function askedIn(head: KnownHead): Uint8Array | undefined {
  const { plan, call, coded, repeats } = head;
  if (!repeats || coded || plan.proves || call.route.endpoint?.kind === "embeddings") return undefined;
  let prefix = PREFIXES.get(head);
  if (prefix === undefined) {
    prefix = prefixOf(head);
    PREFIXES.set(head, prefix);
  }
  return prefix;
}

/** What a job takes from its request's head. Where the body decided on the pool, the request has no name. */
export function upOf(
  head: KnownHead,
  keys: Pick<Keys, "pool" | "claim">,
): Pick<KnownHead, "upstream"> & { askedIn: Uint8Array | undefined } {
  const named = keys.claim === undefined && keys.pool === head.plan.pool;
  return { upstream: head.upstream, askedIn: named ? askedIn(head) : undefined };
}

/** The name of a request with that body: SHA-256 in hex. Undefined for a long one. */
export function askedOf(prefix: Uint8Array, body: Uint8Array): string | undefined {
  if (body.byteLength > MOST_BYTES) return undefined;
  SCRATCH.set(prefix);
  SCRATCH.set(body, PREFIX_BYTES);
  return sha256Short(SCRATCH.subarray(0, PREFIX_BYTES + body.byteLength));
}

const ENCODER = new TextEncoder();
const PREFIXES = new WeakMap<KnownHead, Uint8Array>();
const SCRATCH = new Uint8Array(PREFIX_BYTES + MOST_BYTES);

/** Another program may read a body in another way, so names are each version's own. Credentials don't count. */
function prefixOf({
  call: { route, method },
  plan,
  keyParts,
  contentType,
  config,
  program,
}: KnownHead): Uint8Array {
  const { provider, endpoint, upstreamPath } = route;
  const { query, ...parts } = keyParts;
  const { family } = provider;
  const api = [family.name, family.protocol(upstreamPath) ?? "", endpoint?.kind ?? ""];
  const means = [...api, method, upstreamPath, contentType];
  const name = [
    "askonce asked",
    program,
    `${KEY_VERSION}`,
    plan.pool,
    keyQuery(query),
    JSON.stringify(parts),
  ];
  return ENCODER.encode(sha256([...name, ...means, settingsText(config)]));
}

function settingsText({ cacheAnyway, keyIgnore, keyKeep, keyMask }: Config): string {
  return JSON.stringify([cacheAnyway, keyIgnore, keyKeep, keyMask]);
}

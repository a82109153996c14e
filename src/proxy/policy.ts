import type { Entry } from "../cache/entry.ts";
import type { Config } from "../config.ts";
import type { Pace } from "../config-pace.ts";
import { isLookUp } from "../providers/look-ups.ts";
import type { RefusalReason } from "../providers/provider.ts";
import type { Call } from "./call.ts";
import type { Controls } from "./controls.ts";

/**
 * What may be done with one request: decided before its body is read and frozen from then on, so that a setting
 * changed meanwhile counts for later requests only.
 */
export interface Plan {
  /** Why it is forwarded and never stored: a word for `detail=`; undefined where it may be cached. */
  readonly bypass: string | undefined;
  /** Whether it asks for what a provider has: kept and answered again under `replay` and while a cassette records. */
  readonly lookUp: boolean;
  /** Whether a stored answer will do. */
  readonly read: boolean;
  /** Whether the answer may be kept. */
  readonly write: boolean;
  /** Whether it may share a call with others. */
  readonly join: boolean;
  /** Why no provider may be called, if so. */
  readonly offline: "replay" | "only-if-cached" | undefined;
  /** Whether its credential must have been accepted by the provider before it may read what others left. */
  readonly proves: boolean;
  /** Whether it has yet to be. */
  readonly unproven: boolean;
  /** The pool that this request shares with others, as part of the key. */
  readonly pool: string;
  /** The pool of its credential alone. */
  readonly ownPool: string;
  readonly ttlMs: number;
  /** How long past its TTL an answer may be served while it is refreshed; undefined: as long again. */
  readonly maxStaleMs: number | undefined;
  /** Undefined: a 404 is not kept. */
  readonly ttl404Ms: number | undefined;
  /** Asked for by the request, stored with the entry. */
  readonly ownTtlMs: number | undefined;
  /** Reasons for not keeping an answer that don't count. */
  readonly keep: readonly RefusalReason[];
  readonly pace: Pace;
  readonly freshIds: boolean;
  readonly maxEntry: number;
  readonly maxRequest: number;
  readonly joinPatienceMs: number;
  readonly onDisconnectMs: number;
  readonly upstreamTimeoutMs: number;
  /** Whether its request is remembered beside an answer that is kept. */
  readonly remembers: boolean;
}

/** The pool of everybody who can reach this askonce. */
export const EVERYBODY = "all";

/** The pool of whoever records, where there is nobody else: of a cassette's own store. */
export const RECORDERS = "own";

/** A cassette keeps everything complete. */
const ALL_KEPT: Config["keep"] = ["length", "filter", "refusal", "empty", "bad-tool-arguments"];

/** `recording`: the store is one cassette's, and one user's. Its scope is then `shared`. */
export function planFor(call: Call, config: Config, { recording }: { recording: boolean }): Plan {
  const { controls, route } = call;
  // A request can't loosen a global replay: that mode promises that no provider is called.
  const mode = config.mode === "replay" ? "replay" : (controls.mode ?? config.mode);
  const keyless = route.provider.auth === "none";
  const perCredential = config.scope === "credential";
  const open = config.scope === "shared" || keyless;
  const lookUp = (mode === "replay" || recording) && isLookUp(call.method, route.upstreamPath);
  const fetchAnew = mode !== "replay" && (mode === "refresh" || controls.noCache);
  return {
    bypass: bypassReason(call, { mode, lookUp, needsCredential: !open }),
    lookUp,
    read: !fetchAnew,
    write: mode !== "replay" && !controls.readOnly,
    join: !fetchAnew && !controls.readOnly,
    offline: mode === "replay" ? "replay" : controls.onlyIfCached ? "only-if-cached" : undefined,
    unproven: false,
    proves: config.scope === "verified" && !keyless,
    pool: perCredential ? call.credential.tag : EVERYBODY,
    ownPool: recording ? RECORDERS : call.credential.tag,
    ttlMs: route.endpoint?.pure ? config.ttlPureMs : config.ttlMs,
    maxStaleMs: config.maxStaleMs,
    ttl404Ms: route.provider.local || lookUp ? undefined : config.ttl404Ms,
    ownTtlMs: controls.ttlMs,
    keep: recording ? ALL_KEPT : config.keep,
    pace: controls.replay ?? config.replay,
    freshIds: config.freshIds,
    maxEntry: config.maxEntry,
    maxRequest: config.maxRequest,
    joinPatienceMs: config.joinPatienceMs,
    onDisconnectMs: config.onDisconnectMs,
    upstreamTimeoutMs: config.upstreamTimeoutMs,
    remembers: config.requests !== "off",
  };
}

function bypassReason(
  call: Call,
  options: { mode: string; lookUp: boolean; needsCredential: boolean },
): string | undefined {
  if (!options.lookUp && call.method !== "POST") return "method";
  if (!options.lookUp && call.route.endpoint === undefined) return "endpoint";
  if (call.foreignOrigin) return "origin";
  if (call.controls.noStore) return "no-store";
  if (options.mode === "bypass") return "mode";
  if (options.needsCredential && !call.credential.present) return "no-credential";
  return undefined;
}

/** The same for a credential that has yet to prove itself: its request goes to the provider, alone. */
export function unproven(plan: Plan): Plan {
  return { ...plan, read: false, join: false, unproven: true };
}

/**
 * The TTL that is stored with an answer, if any. A 404 may be gone the next minute, so a request's own TTL can make it
 * shorter than the setting, never longer; undefined leaves it to the setting of the day on which it is read.
 */
export function storedTtl(plan: Plan, status: number): number | undefined {
  const { ownTtlMs, ttl404Ms = 0 } = plan;
  return status === 404 && ownTtlMs !== undefined && ownTtlMs >= ttl404Ms ? undefined : ownTtlMs;
}

export interface Freshness {
  readonly ageMs: number;
  /** What is left of its time to live; negative once it is past. Infinity: never expires. */
  readonly leftMs: number;
  /** How long past its TTL it may be served while it is refreshed. */
  readonly maxStaleMs: number;
}

/** Judged when read, against today's settings; a clock that stepped back makes nothing younger than new. */
export function freshness(entry: Entry, plan: Plan, now: number): Freshness {
  const ageMs = Math.max(0, now - entry.storedAt);
  const ttlMs = entry.ttlMs ?? (entry.status === 404 ? (plan.ttl404Ms ?? 0) : plan.ttlMs);
  // A 404 past its time says nothing about today.
  const maxStaleMs = entry.status === 404 ? 0 : (plan.maxStaleMs ?? ttlMs);
  return { ageMs, leftMs: ttlMs - ageMs, maxStaleMs };
}

/** `fresh`: as good as new. `stale`: served, and refreshed behind it. `expired`: only if the provider fails. */
export type Standing = "fresh" | "stale" | "expired";

/** RFC 9111 §5.2.1 for the request's side: `max-age` bounds the age, `max-stale` widens what is served stale. */
export function standing(fresh: Freshness, plan: Plan, controls: Controls): Standing {
  if (plan.offline === "replay") return "fresh";
  const { maxAgeMs, maxStaleMs } = controls;
  const { ageMs, leftMs } = fresh;
  if (maxAgeMs !== undefined && ageMs > maxAgeMs + (maxStaleMs ?? 0)) return "expired";
  if (leftMs > 0) return "fresh";
  return -leftMs <= Math.max(fresh.maxStaleMs, maxStaleMs ?? 0) ? "stale" : "expired";
}

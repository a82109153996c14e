import * as v from "valibot";
import type { EntryRow } from "../cache/archive.ts";
import type { Config } from "../config.ts";
import { PURE_KINDS } from "../providers/provider.ts";
import { secondsOf, timeOf } from "./moments.ts";
import {
  amountOrNull,
  count,
  countOrNull,
  keyText,
  milliseconds,
  textOrNull,
  time,
  timeOrNull,
} from "./schemas.ts";

export const entryJson = v.object({
  key: keyText,
  provider: v.string(),
  endpoint: v.string(),
  model: textOrNull,
  namespace: v.pipe(v.string(), v.description("Empty for none.")),
  credential: v.pipe(
    textOrNull,
    v.description("Label of the credential in whose own pool it lies; null: in everybody's."),
  ),
  status: count,
  stream: v.boolean(),
  size_bytes: count,
  stored_at: time,
  last_used_at: time,
  hits: count,
  age_s: count,
  ttl_s: v.pipe(countOrNull, v.description("By today's settings, where it has no own; null: forever.")),
  expires_at: timeOrNull,
  stale: v.pipe(v.boolean(), v.description("Whether it is past its TTL.")),
  pinned: v.boolean(),
  imported: v.boolean(),
  input_tokens: countOrNull,
  output_tokens: countOrNull,
  cost_usd: amountOrNull,
  duration_ms: v.number(),
  first_byte_ms: v.number(),
  prompt: v.pipe(textOrNull, v.description("The beginning of the last thing asked.")),
});

/** The pool that is no credential's own. */
export const EVERYBODY = "all";
const LABEL_DIGITS = 12;

export function entryOf(
  row: EntryRow,
  judge: { now: number; config: Config },
): v.InferOutput<typeof entryJson> {
  const ttlMs = row.ttlMs ?? settingsTtl(row, judge.config);
  const ageMs = Math.max(0, judge.now - row.storedAt);
  return {
    key: row.key,
    provider: row.provider,
    endpoint: row.endpoint,
    model: row.model ?? null,
    namespace: row.namespace,
    credential: row.pool === EVERYBODY ? null : row.pool.slice(0, LABEL_DIGITS),
    status: row.status,
    stream: row.stream,
    size_bytes: row.size,
    stored_at: timeOf(row.storedAt),
    last_used_at: timeOf(row.lastUsed),
    hits: row.hits,
    age_s: Math.floor(ageMs / 1000),
    ttl_s: secondsOf(ttlMs),
    expires_at: timeOf(row.storedAt + ttlMs),
    stale: ageMs >= ttlMs,
    pinned: row.pinned,
    imported: row.imported,
    input_tokens: whole(row.inputTokens),
    output_tokens: whole(row.outputTokens),
    cost_usd: row.costUsd ?? null,
    duration_ms: milliseconds(row.durationMs),
    first_byte_ms: milliseconds(row.firstByteMs),
    prompt: row.prompt ?? null,
  };
}

function settingsTtl(row: EntryRow, config: Config): number {
  if (row.status === 404) return config.ttl404Ms;
  return PURE_KINDS.has(row.endpoint) ? config.ttlPureMs : config.ttlMs;
}

function whole(tokens: number | undefined): number | null {
  return tokens === undefined ? null : Math.round(tokens);
}

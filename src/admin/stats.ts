import * as v from "valibot";
import { LATENCY_BINS, type StatsFigures, type StatsGroup } from "../cache/figures.ts";
import type { AdminParts } from "./admin.ts";
import { momentOf, timeOf } from "./moments.ts";
import { type Route, route } from "./route.ts";
import { amount, amountOrNull, count, dollars, milliseconds, moment, textOrNull, time } from "./schemas.ts";

export const figures = v.object({
  requests: v.pipe(count, v.description("Proxied requests; all that follows is of these.")),
  hits: v.pipe(count, v.description("Answered from the store.")),
  misses: v.pipe(count, v.description("Led a provider call.")),
  partial: v.pipe(count, v.description("Embeddings of which some were known.")),
  joined: v.pipe(count, v.description("Took part in another request's call.")),
  bypassed: v.pipe(count, v.description("Passed on uncached.")),
  refused: v.pipe(count, v.description("Answered with an error of askonce's own, or never.")),
  errors: v.pipe(count, v.description("Status 400 and above, whoever said it.")),
  aborted: v.pipe(count, v.description("The client left before the end.")),
  bytes: v.pipe(count, v.description("Body bytes to clients.")),
  calls: v.pipe(count, v.description("Provider calls, refreshes included.")),
  not_kept: v.pipe(v.record(v.string(), count), v.description("Answers that were not kept, by reason.")),
  saved_tokens: v.pipe(count, v.description("Input and output tokens that hits made needless.")),
  saved_usd: amount,
  saved_ms: v.pipe(amount, v.description("The provider's time that hits did not take.")),
  spent_tokens: v.pipe(count, v.description("Of all calls, refreshes and unread answers included.")),
  spent_usd: amount,
  refreshes: v.pipe(count, v.description("Calls behind stale answers; part of the sums above.")),
  refresh_tokens: count,
  refresh_usd: amount,
  unread: v.pipe(count, v.description("Calls that went on after every reader left; part of the sums above.")),
  unread_tokens: count,
  unread_usd: amount,
  joined_tokens: v.pipe(count, v.description("What those who joined a call would have paid for.")),
  joined_usd: amount,
  unpriced: v.pipe(count, v.description("Answered calls and hits whose price is not known.")),
  hit_p50_ms: v.pipe(amountOrNull, v.description("To the last byte; null where there was none.")),
  hit_p99_ms: amountOrNull,
  miss_p50_ms: amountOrNull,
  miss_p99_ms: amountOrNull,
});

export const statsJson = v.object({
  since: time,
  by: textOrNull,
  step_ms: v.pipe(count, v.description("How long a step of `series` is.")),
  total: figures,
  groups: v.pipe(
    v.array(
      v.intersect([
        v.object({
          name: v.pipe(
            v.string(),
            v.description("Of a credential the operator's name for it, else its label."),
          ),
          label: v.exactOptional(v.pipe(v.string(), v.description("Of a credential; empty for none."))),
        }),
        figures,
      ]),
    ),
    v.description("By requests, the largest first; empty without `by`."),
  ),
  series: v.pipe(
    v.array(v.intersect([v.object({ at: time }), figures])),
    v.description("Steps in which nothing happened are left out."),
  ),
  store: v.object({
    entries: count,
    bytes: v.pipe(count, v.description("Taken on disk.")),
    evictions: v.pipe(count, v.description("Since the start.")),
    archive_bytes: v.pipe(count, v.description("What is kept beside the answers: requests and statistics.")),
  }),
});

const statsQuery = v.strictObject({
  since: v.optional(moment, "24h"),
  by: v.exactOptional(
    v.picklist(["provider", "model", "namespace", "endpoint", "credential"] satisfies StatsGroup[]),
  ),
});

export function statsRoutes(parts: AdminParts): readonly Route[] {
  return [
    route({
      method: "GET",
      path: "/stats",
      id: "getStats",
      group: "Statistics",
      summary: "What was asked, saved and spent",
      description:
        "Exact to the minute within the last 25 hours, to the hour within 62 days, else to the day. Money is in US dollars; a model without a known price counts as `unpriced`, never as free.",
      query: statsQuery,
      answer: { json: statsJson, description: "The figures." },
      errors: [400, 503],
      async handle({ query: { since: asked, by } }) {
        const since = momentOf(asked, parts.clock.now());
        await parts.journal.flush();
        const [{ total, groups, series, stepMs }, names] = await Promise.all([
          parts.archive.stats({ since, by }),
          by === "credential" ? namesOf(parts) : undefined,
        ]);
        const { entries, bytes, evictions } = parts.store.stats();
        return {
          since: timeOf(since),
          by: by ?? null,
          step_ms: stepMs,
          total: figuresOf(total),
          groups: groups.map(({ name, ...group }) => ({
            name: names?.get(name) || name,
            ...(names && { label: name }),
            ...figuresOf(group),
          })),
          series: series.map(({ at, ...step }) => ({ at: timeOf(at), ...figuresOf(step) })),
          store: { entries, bytes, evictions, archive_bytes: parts.archive.state().bytes },
        };
      },
    }),
  ];
}

async function namesOf({ archive }: AdminParts): Promise<ReadonlyMap<string, string>> {
  return new Map((await archive.credentials()).map(({ label, name }) => [label, name]));
}

function figuresOf(sums: StatsFigures) {
  return {
    requests: sums.requests,
    hits: sums.hits,
    misses: sums.misses,
    partial: sums.partial,
    joined: sums.joined,
    bypassed: sums.bypassed,
    refused: sums.refused,
    errors: sums.errors,
    aborted: sums.aborted,
    bytes: sums.bytes,
    calls: sums.calls,
    not_kept: { ...sums.notKept },
    saved_tokens: Math.round(sums.savedTokens),
    saved_usd: dollars(sums.savedUsd),
    saved_ms: Math.round(sums.savedMs),
    spent_tokens: Math.round(sums.spentTokens),
    spent_usd: dollars(sums.spentUsd),
    refreshes: sums.refreshes,
    refresh_tokens: Math.round(sums.refreshTokens),
    refresh_usd: dollars(sums.refreshUsd),
    unread: sums.unread,
    unread_tokens: Math.round(sums.unreadTokens),
    unread_usd: dollars(sums.unreadUsd),
    joined_tokens: Math.round(sums.joinedTokens),
    joined_usd: dollars(sums.joinedUsd),
    unpriced: sums.unpriced,
    hit_p50_ms: quantile(sums.hitLatency, 0.5),
    hit_p99_ms: quantile(sums.hitLatency, 0.99),
    miss_p50_ms: quantile(sums.missLatency, 0.5),
    miss_p99_ms: quantile(sums.missLatency, 0.99),
  };
}

/** The time that a share `q` of the requests stayed under, straight through its bin; null where there was none. */
export function quantile(bins: readonly number[], q: number): number | null {
  const wanted = bins.reduce((sum, times) => sum + times, 0) * q;
  if (wanted === 0) return null;
  let before = 0;
  for (const [bin, times] of bins.entries()) {
    if (times > 0 && before + times >= wanted) {
      const from = LATENCY_BINS[bin - 1] ?? 0;
      const to = LATENCY_BINS[bin] ?? from * 2;
      return milliseconds(from + ((to - from) * (wanted - before)) / times);
    }
    before += times;
  }
  return null;
}

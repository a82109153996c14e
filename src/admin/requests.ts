import * as v from "valibot";
import type { JournalRow } from "../cache/figures.ts";
import type { RequestEvent } from "../journal/event.ts";
import type { AdminParts } from "./admin.ts";
import { timeOf } from "./moments.ts";
import { type Route, route } from "./route.ts";
import {
  amount,
  amountOrNull,
  count,
  countOrNull,
  dollars,
  milliseconds,
  name,
  orNull,
  pageLimit,
  text,
  textOrNull,
  time,
} from "./schemas.ts";

/** One request, in the journal and as it ends. */
export const rowJson = v.object({
  at: v.pipe(time, v.description("When it came.")),
  request_id: text,
  method: text,
  path: v.pipe(text, v.description("With its query, credentials masked.")),
  status: count,
  cache: v.pipe(text, v.description("The word of `X-Cache-Status`.")),
  outcome: v.pipe(text, v.description("`hit`, `miss`, `partial`, `joined`, `bypassed` or `refused`.")),
  detail: v.pipe(textOrNull, v.description("Why, or why its answer was not kept.")),
  provider: textOrNull,
  endpoint: textOrNull,
  model: textOrNull,
  namespace: text,
  credential: v.pipe(text, v.description("Label of its credential, empty for none.")),
  key: textOrNull,
  bytes: count,
  first_byte_ms: amountOrNull,
  total_ms: amount,
  input_tokens: countOrNull,
  output_tokens: countOrNull,
  cost_usd: v.pipe(
    amountOrNull,
    v.description("What its call cost; null where it led none or no price is known."),
  ),
  saved_usd: v.pipe(amountOrNull, v.description("What a stored answer saved.")),
});

const requestsQuery = v.strictObject({
  limit: pageLimit,
  cursor: v.exactOptional(
    v.pipe(
      text,
      v.regex(/^[0-9]{1,15}$/, "take it from next_cursor"),
      v.description("`next_cursor` of the page before."),
    ),
  ),
  cache: v.exactOptional(
    v.picklist(["HIT", "MISS", "EXPIRED", "STALE", "UPDATING", "PARTIAL", "BYPASS", "-"]),
  ),
  provider: v.exactOptional(name),
});

export function requestRoutes(parts: AdminParts): readonly Route[] {
  return [
    route({
      method: "GET",
      path: "/requests",
      id: "listRequests",
      group: "Statistics",
      summary: "Single requests, the last ones first",
      query: requestsQuery,
      answer: {
        json: v.object({ requests: v.array(rowJson), next_cursor: textOrNull }),
        description: "A page of requests.",
      },
      errors: [400, 503],
      async handle({ query: { limit, cursor, cache, provider } }) {
        await parts.journal.flush();
        const before = cursor === undefined ? undefined : Number(cursor);
        const page = await parts.archive.rows({ limit, before, cache, provider: provider || undefined });
        return { requests: page.rows.map(rowOf), next_cursor: orNull(page.nextBefore, String) };
      },
    }),
  ];
}

export function rowOf(row: JournalRow): v.InferOutput<typeof rowJson> {
  return {
    at: timeOf(row.at),
    request_id: row.requestId,
    method: row.method,
    path: row.target,
    status: row.status,
    cache: row.cache,
    outcome: row.outcome,
    detail: row.detail ?? null,
    provider: row.provider ?? null,
    endpoint: row.endpoint ?? null,
    model: row.model ?? null,
    namespace: row.namespace,
    credential: row.credential,
    key: row.key ?? null,
    bytes: row.bytes,
    first_byte_ms: orNull(row.firstByteMs, milliseconds),
    total_ms: milliseconds(row.totalMs),
    input_tokens: orNull(row.inputTokens, Math.round),
    output_tokens: orNull(row.outputTokens, Math.round),
    cost_usd: orNull(row.costUsd, dollars),
    saved_usd: orNull(row.savedUsd, dollars),
  };
}

/** An event as its row in the journal would be; the tokens are those of its call, else those it made needless. */
export function eventRow(event: RequestEvent): JournalRow {
  const { usage, saved, shared } = event;
  return {
    ...event,
    detail: event.detail ?? event.notKept,
    inputTokens: usage?.inputTokens ?? saved?.inputTokens ?? shared?.inputTokens,
    outputTokens: usage?.outputTokens ?? saved?.outputTokens ?? shared?.outputTokens,
    savedUsd: saved?.costUsd,
  };
}

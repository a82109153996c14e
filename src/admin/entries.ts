import * as v from "valibot";
import type { EntryRow, EntrySort } from "../cache/archive.ts";
import { asCacheKey, type CacheKey, type HeaderList } from "../cache/entry.ts";
import type { Config } from "../config.ts";
import { adminErrors } from "../errors.ts";
import type { KeptRequest } from "../requests/kept.ts";
import type { AdminParts } from "./admin.ts";
import { bodyResponse } from "./entry-body.ts";
import { entryJson, entryOf } from "./entry-json.ts";
import { entryResponse, requestJson, requestOf } from "./entry-request.ts";
import { durationOf } from "./moments.ts";
import { type Route, route } from "./route.ts";
import { cursor, durationText, keyText, name, pageLimit, text, textOrNull } from "./schemas.ts";

export const entryPage = v.object({ entries: v.array(entryJson), next_cursor: textOrNull });

export const storedEntry = v.intersect([
  entryJson,
  v.object({
    response: v.object({
      status: v.number(),
      headers: v.pipe(v.array(v.pipe(v.array(text), v.length(2))), v.description("Pairs of name and value.")),
    }),
    request: v.pipe(
      v.nullable(requestJson),
      v.description("Null where nothing was remembered (setting `requests`)."),
    ),
  }),
]);

const listQuery = v.strictObject({
  provider: v.exactOptional(name),
  endpoint: v.exactOptional(name),
  model: v.exactOptional(name),
  namespace: v.exactOptional(v.pipe(name, v.description("Empty: entries of no namespace."))),
  key: v.exactOptional(
    v.pipe(
      text,
      v.regex(/^[0-9a-f]{4,64}$/, "use 4 to 64 lower-case hex digits"),
      v.description("The beginning of the key."),
    ),
  ),
  q: v.exactOptional(
    v.pipe(text, v.maxLength(200), v.description("Plain words that must all stand in the prompt.")),
  ),
  sort: v.optional(
    v.pipe(
      v.picklist(["newest", "oldest", "used", "hits", "size"] satisfies EntrySort[]),
      v.description("`used`: used last, first."),
    ),
    "newest",
  ),
  limit: pageLimit,
  cursor: v.exactOptional(cursor),
});

const byKey = v.strictObject({ key: keyText });
const entryChange = v.pipe(
  v.strictObject({
    pinned: v.exactOptional(v.pipe(v.boolean(), v.description("A pinned entry never goes for room or age."))),
    ttl: v.exactOptional(
      v.pipe(v.nullable(durationText), v.description("Its own TTL; null: that of the settings again.")),
    ),
  }),
  v.minEntries(1, "give pinned or ttl"),
);

export function entryRoutes(parts: AdminParts): readonly Route[] {
  const desk: Desk = {
    parts,
    judge: () => ({ now: parts.clock.now(), config: parts.config() }),
    async find(key) {
      const [row] = await parts.archive.find([key]);
      if (row === undefined) throw adminErrors.noEntry();
      return row;
    },
  };
  return [...readingRoutes(desk), ...changingRoutes(desk)];
}

interface Desk {
  readonly parts: AdminParts;
  /** By what an entry is judged now. */
  judge(): { now: number; config: Config };
  /** Throws `AdminError` where there is none. */
  find(key: CacheKey): Promise<EntryRow>;
}

function readingRoutes({ parts, judge, find }: Desk): readonly Route[] {
  return [
    route({
      method: "GET",
      path: "/entries",
      id: "listEntries",
      group: "Entries",
      summary: "Lists stored answers",
      description:
        "Pages neither repeat nor miss entries that are there throughout. A prompt is found within a second of its answer being stored.",
      query: listQuery,
      answer: { json: entryPage, description: "A page of entries." },
      errors: [400, 503],
      async handle({ query: { q, sort, limit, cursor, ...names } }) {
        const { entries, nextCursor } = await parts.archive
          .list({ filter: namesOf(names), q: q?.trim() || undefined, sort, limit, cursor })
          .catch((error) => {
            throw error instanceof RangeError ? adminErrors.invalidCursor() : error;
          });
        return { entries: entries.map((row) => entryOf(row, judge())), next_cursor: nextCursor ?? null };
      },
    }),
    route({
      method: "GET",
      path: "/entries/{key}",
      id: "getEntry",
      group: "Entries",
      summary: "Shows one entry, with its request",
      params: byKey,
      answer: { json: storedEntry, description: "The entry." },
      errors: [400, 404, 503],
      async handle({ params }) {
        const key = keyOf(params.key);
        const [row, [request]] = await Promise.all([find(key), parts.archive.requests([key])]);
        const headers = parts.store.get(key)?.headers ?? [];
        return shown(entryOf(row, judge()), { headers, request });
      },
    }),
    route({
      method: "GET",
      path: "/entries/{key}/body",
      id: "getEntryBody",
      group: "Entries",
      summary: "The stored answer's bytes, as the client got them",
      params: byKey,
      answer: {
        type: "*/*",
        description: "The bytes, under the content type that was stored.",
        headers: { "X-Askonce-Status": "The status that was stored." },
      },
      errors: [400, 404],
      async handle({ params, request }) {
        const entry = parts.store.get(keyOf(params.key));
        if (entry === undefined) throw adminErrors.noEntry();
        return bodyResponse(entry, { head: request.method === "HEAD" });
      },
    }),
  ];
}

function changingRoutes({ parts, judge, find }: Desk): readonly Route[] {
  return [
    route({
      method: "PATCH",
      path: "/entries/{key}",
      id: "changeEntry",
      group: "Entries",
      summary: "Pins an entry or sets its TTL",
      params: byKey,
      body: { json: entryChange, example: { pinned: true, ttl: "30d" } },
      answer: { json: entryJson, description: "The entry as it is now." },
      errors: [400, 404, 413, 415, 503],
      async handle({ params, body: { pinned, ttl } }) {
        const key = keyOf(params.key);
        const ttlMs = typeof ttl === "string" ? durationOf(ttl) : ttl;
        if (!(await parts.store.change(key, { pinned, ttlMs }))) throw adminErrors.noEntry();
        return entryOf(await find(key), judge());
      },
    }),
    route({
      method: "DELETE",
      path: "/entries/{key}",
      id: "deleteEntry",
      group: "Entries",
      summary: "Deletes one entry",
      description: "What is in flight under this key is not kept either.",
      params: byKey,
      answer: { json: v.object({ deleted: v.literal(true) }), description: "It is gone." },
      errors: [400, 404, 503],
      async handle({ params }) {
        if ((await parts.purge({ keys: [keyOf(params.key)] })) === 0) throw adminErrors.noEntry();
        return { deleted: true as const };
      },
    }),
  ];
}

/** What a query's names filter by; an empty one stands for any, but for a namespace. */
export function namesOf(names: {
  provider?: string;
  endpoint?: string;
  model?: string;
  namespace?: string;
  key?: string;
}) {
  return {
    provider: names.provider || undefined,
    endpoint: names.endpoint || undefined,
    model: names.model || undefined,
    namespace: names.namespace,
    keyPrefix: names.key,
  };
}

/** A key that its schema has checked. */
export function keyOf(given: string): CacheKey {
  const key = asCacheKey(given);
  if (key === undefined) throw adminErrors.noEntry();
  return key;
}

/** A request's JSON goes out as it was remembered, without being parsed: no digit of it changes. */
function shown(
  entry: v.InferOutput<typeof entryJson>,
  { headers, request }: { headers: HeaderList; request: KeptRequest | undefined },
): Response {
  const response = {
    status: entry.status,
    headers: headers.map(([name, value]): [string, string] => [name, value]),
  };
  return entryResponse({ ...entry, response }, request && requestOf(request));
}

import * as v from "valibot";
import type { EntryFilter } from "../cache/store.ts";
import type { AdminParts } from "./admin.ts";
import { keyOf, namesOf } from "./entries.ts";
import { momentOf } from "./moments.ts";
import { type Route, route } from "./route.ts";
import { count, keyText, moment, name } from "./schemas.ts";

const MAX_KEYS = 10_000;
const EMPTY =
  'say which entries: provider, endpoint, model, namespace, older_than, newer_than or keys, or "all": true for everything';

const dry_run = v.exactOptional(v.pipe(v.boolean(), v.description("Only counts.")));

const purgeBody = v.union([
  v.pipe(
    v.strictObject({
      provider: v.exactOptional(v.pipe(name, v.minLength(1))),
      endpoint: v.exactOptional(v.pipe(name, v.minLength(1))),
      model: v.exactOptional(v.pipe(name, v.minLength(1))),
      namespace: v.exactOptional(v.pipe(name, v.description("Empty: entries of no namespace."))),
      older_than: v.exactOptional(moment),
      newer_than: v.exactOptional(moment),
      keys: v.exactOptional(v.pipe(v.array(keyText), v.minLength(1), v.maxLength(MAX_KEYS))),
      dry_run,
    }),
    v.check((body) => Object.keys(body).some((member) => member !== "dry_run"), EMPTY),
    v.description("Entries that match all that is given, of which there must be something."),
  ),
  v.strictObject({ all: v.pipe(v.literal(true), v.description("Everything.")), dry_run }),
]);

const forgetBody = v.strictObject({
  last: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1000)), 1),
});

export function purgeRoutes(parts: AdminParts): readonly Route[] {
  return [
    route({
      method: "POST",
      path: "/purge",
      id: "purge",
      group: "Entries",
      summary: "Deletes all entries that match",
      description: "Pinned ones too. What is in flight and matches is not kept either.",
      body: {
        json: purgeBody,
        maxBytes: 2 * 1024 * 1024,
        example: { provider: "openai", older_than: "7d", dry_run: true },
      },
      answer: {
        json: v.object({ purged: count, dry_run: v.exactOptional(v.literal(true)) }),
        description: "How many went, or with `dry_run` would go.",
      },
      errors: [400, 413, 415, 503],
      async handle({ body }) {
        const filter = filterOf(body, parts.clock.now());
        if (body.dry_run) return { purged: await parts.archive.count(filter), dry_run: true as const };
        const purged = await parts.purge(filter);
        parts.report(`${purged} entries were purged through the admin API`);
        return { purged };
      },
    }),
    route({
      method: "POST",
      path: "/forget",
      id: "forget",
      group: "Entries",
      summary: "Deletes the entries used or stored last",
      body: { json: forgetBody, optional: true, example: { last: 1 } },
      answer: {
        json: v.object({ forgotten: v.array(keyText) }),
        description: "Their keys, the last one first.",
      },
      errors: [400, 413, 415, 503],
      async handle({ body }) {
        const { entries } = await parts.archive.list({ filter: {}, sort: "used", limit: body.last });
        const keys = entries.map(({ key }) => key);
        if (keys.length > 0) await parts.purge({ keys });
        return { forgotten: keys };
      },
    }),
  ];
}

function filterOf({ dry_run: _, ...which }: v.InferOutput<typeof purgeBody>, now: number): EntryFilter {
  if ("all" in which) return {};
  const { older_than, newer_than, keys, ...names } = which;
  return {
    ...namesOf(names),
    storedBefore: older_than === undefined ? undefined : momentOf(older_than, now),
    storedSince: newer_than === undefined ? undefined : momentOf(newer_than, now),
    keys: keys?.map(keyOf),
  };
}

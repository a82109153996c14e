import * as v from "valibot";
import { StoreFault } from "../errors.ts";
import type { AdminParts } from "./admin.ts";
import { type Route, route } from "./route.ts";
import { count, text, textOrNull } from "./schemas.ts";

const statusJson = v.object({
  version: text,
  runtime: text,
  pid: count,
  uptime_s: count,
  draining: v.pipe(v.boolean(), v.description("Whether it is shutting down.")),
  store: v.object({
    ok: v.boolean(),
    reasons: v.array(text),
    entries: count,
    bytes: count,
    evictions: count,
    faults: count,
  }),
  archive: v.object({
    ok: v.boolean(),
    fault: textOrNull,
    bytes: count,
    queued: count,
    dropped: count,
    faults: count,
  }),
});

export function operationRoutes(parts: AdminParts): readonly Route[] {
  const startedAt = parts.clock.monotonic();
  return [
    route({
      method: "GET",
      path: "/status",
      id: "getStatus",
      group: "Operation",
      summary: "This process, its store and its archive",
      answer: { json: statusJson, description: "How they are." },
      errors: [],
      async handle() {
        const { entries, bytes, evictions, faults } = parts.store.stats();
        const { fault, ...archive } = parts.archive.state();
        const { ok, reasons } = parts.store.health();
        return {
          version: parts.version,
          runtime: parts.runtime,
          pid: parts.pid,
          uptime_s: Math.floor((parts.clock.monotonic() - startedAt) / 1000),
          draining: parts.ending.aborted,
          store: { ok, reasons: [...reasons], entries, bytes, evictions, faults },
          archive: { ok: fault === undefined, fault: fault ?? null, ...archive },
        };
      },
    }),
    route({
      method: "POST",
      path: "/token",
      id: "rotateToken",
      group: "Operation",
      summary: "Makes a new admin token",
      description: "The old one no longer counts, for every process of this data folder.",
      body: { json: v.strictObject({}), optional: true, example: {} },
      answer: { json: v.object({ token: text }), description: "The new token." },
      errors: [400, 413, 415, 503],
      async handle() {
        const token = await parts.token.rotate().catch((error) => {
          throw new StoreFault(`the token cannot be written (${(error as { code?: string }).code ?? "?"})`);
        });
        parts.report("the admin token was changed through the admin API");
        return { token };
      },
    }),
  ];
}

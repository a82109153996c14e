import * as v from "valibot";
import { redacted } from "../config.ts";
import type { AdminParts } from "./admin.ts";
import { durationOf } from "./moments.ts";
import { type Route, route } from "./route.ts";
import { durationText } from "./schemas.ts";

const CHANGEABLE = ["mode", "ttl"] as const;

const configJson = v.object({
  settings: v.pipe(
    v.record(v.string(), v.string()),
    v.description("Every setting under its name in the file, secrets masked."),
  ),
  changeable: v.pipe(v.array(v.picklist(CHANGEABLE)), v.description("Those that PATCH changes.")),
});

const configChange = v.pipe(
  v.strictObject({
    mode: v.exactOptional(v.picklist(["cache", "replay", "refresh", "bypass"])),
    ttl: v.exactOptional(durationText),
  }),
  v.minEntries(1, "give mode or ttl"),
);

export function configRoutes(parts: AdminParts): readonly Route[] {
  const now = () => ({ settings: { ...redacted(parts.config()) }, changeable: [...CHANGEABLE] });
  return [
    route({
      method: "GET",
      path: "/config",
      id: "getConfig",
      group: "Operation",
      summary: "The settings in force",
      answer: { json: configJson, description: "The settings." },
      errors: [],
      handle: async () => now(),
    }),
    route({
      method: "PATCH",
      path: "/config",
      id: "changeConfig",
      group: "Operation",
      summary: "Changes mode or ttl until the restart",
      description:
        "Counts for requests that come from now on and is not undone when the settings are read again. Other settings are in askonce.toml; SIGHUP reads it again.",
      body: { json: configChange, example: { mode: "replay" } },
      answer: { json: configJson, description: "The settings as they are now." },
      errors: [400, 413, 415],
      async handle({ body: { mode, ttl } }) {
        await parts.change({ mode, ttlMs: ttl === undefined ? undefined : durationOf(ttl) });
        const said = Object.entries({ mode, ttl }).flatMap(([name, value]) =>
          value ? [`${name} = ${value}`] : [],
        );
        parts.report(`changed through the admin API until the restart: ${said.join(", ")}`);
        return now();
      },
    }),
  ];
}

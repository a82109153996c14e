import * as v from "valibot";
import { adminErrors } from "../errors.ts";
import type { AdminParts } from "./admin.ts";
import { timeOf } from "./moments.ts";
import { type Route, route } from "./route.ts";
import { text, time } from "./schemas.ts";

const label = v.pipe(
  text,
  v.regex(/^[0-9a-f]{12}$/, "a label is 12 hex digits"),
  v.description("12 digits that say nothing of the key itself."),
);

/** One line for tables and logs. */
const givenName = v.pipe(
  text,
  v.maxLength(100),
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  v.regex(/^[^\u0000-\u001f\u007f-\u009f]*$/, "use one line of at most 100 characters"),
  v.description("Empty takes the name away."),
);

export function credentialRoutes(parts: AdminParts): readonly Route[] {
  return [
    route({
      method: "GET",
      path: "/credentials",
      id: "listCredentials",
      group: "Statistics",
      summary: "The credentials that were seen",
      description: "By label: the key itself is known to nobody here.",
      answer: {
        json: v.object({
          credentials: v.array(v.object({ label, name: text, first_seen_at: time, last_seen_at: time })),
        }),
        description: "The credentials.",
      },
      errors: [503],
      async handle() {
        await parts.journal.flush();
        const rows = await parts.archive.credentials();
        return {
          credentials: rows.map(({ label, name, firstSeen, lastSeen }) => ({
            label,
            name,
            first_seen_at: timeOf(firstSeen),
            last_seen_at: timeOf(lastSeen),
          })),
        };
      },
    }),
    route({
      method: "PATCH",
      path: "/credentials/{label}",
      id: "nameCredential",
      group: "Statistics",
      summary: "Gives a credential a name",
      params: v.strictObject({ label }),
      body: { json: v.strictObject({ name: givenName }), example: { name: "evaluation team" } },
      answer: { json: v.object({ label, name: text }), description: "Its name from now on." },
      errors: [400, 404, 413, 415, 503],
      async handle({ params, body }) {
        if (!(await parts.archive.nameCredential(params.label, body.name))) throw adminErrors.noCredential();
        return { label: params.label, name: body.name };
      },
    }),
  ];
}

import * as v from "valibot";
import type { CacheKey } from "../cache/entry.ts";
import { adminErrors } from "../errors.ts";
import { describedOf } from "../requests/described.ts";
import { afterSpace, Members, valueEnd } from "../requests/json-spans.ts";
import type { Explained, Near } from "../requests/kept.ts";
import type { AdminParts } from "./admin.ts";
import { keyOf } from "./entries.ts";
import { EVERYBODY } from "./entry-json.ts";
import { secondsOf, timeOf } from "./moments.ts";
import { type Route, route } from "./route.ts";
import { amount, count, keyText, text, textOrNull, time } from "./schemas.ts";

const MAX_BODY = 64 * 1024 * 1024;
const MAX_NEAR = 5;

const explainBody = v.union([
  v.strictObject({
    method: v.optional(v.pipe(text, v.regex(/^[A-Za-z]{1,20}$/, "use a method such as POST")), "POST"),
    path: v.pipe(
      text,
      v.maxLength(8000),
      v.regex(
        /^(?:https?:\/\/[^\s/]+)?\/[^\s#]*$/,
        "use a path as a client sends it, such as /openai/v1/responses",
      ),
      v.description("As a client would send it, with query and controls; an address before it is left out."),
    ),
    headers: v.optional(
      v.record(
        v.pipe(text, v.regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,200}$/, "this is no name of a header")),
        v.pipe(text, v.regex(/^[\x20-\x7e\t]{0,8000}$/, "use printable ASCII")),
      ),
      {},
    ),
    body: v.exactOptional(
      v.pipe(v.unknown(), v.description("Any JSON; a string is taken as the body's text.")),
    ),
  }),
  v.strictObject({ key: v.pipe(keyText, v.description("A stored entry's, instead of all that.")) }),
]);

const nearJson = v.object({
  key: text,
  stored_at: time,
  namespace: text,
  model: textOrNull,
  same: v.pipe(amount, v.description("How much of the request is the same, 0 to 1.")),
  differences: v.array(
    v.object({
      path: v.pipe(text, v.description("Where they differ: `messages[3].content`.")),
      asked: v.pipe(textOrNull, v.description("Null where it is absent.")),
      stored: textOrNull,
    }),
  ),
  more: v.pipe(count, v.description("Differences beyond those.")),
});

const explainedJson = v.object({
  would: v.pipe(text, v.description("What `X-Cache-Status` would say now, or the code of an error.")),
  why: text,
  detail: textOrNull,
  provider: textOrNull,
  endpoint: textOrNull,
  model: textOrNull,
  namespace: text,
  key: v.pipe(textOrNull, v.description("Null where the request is not cacheable.")),
  key_parts: v.array(v.object({ name: text, value: text })),
  left_out: v.array(v.object({ where: text, name: text, reason: text })),
  canonical: textOrNull,
  stored: v.nullable(v.object({ stored_at: time, age_s: count, ttl_left_s: v.nullable(v.number()) })),
  nearest: v.array(nearJson),
});

export function explainRoutes(parts: AdminParts): readonly Route[] {
  return [
    route({
      method: "POST",
      path: "/explain",
      id: "explain",
      group: "Entries",
      summary: "What askonce makes of a request, and why",
      description:
        "Its canonical form, the parts of its key, what was left out and why, what would happen now; on a miss the nearest stored entries with what differs. Calls no provider and keeps nothing.",
      body: {
        json: explainBody,
        maxBytes: MAX_BODY,
        example: {
          method: "POST",
          path: "/openai/v1/chat/completions",
          headers: { authorization: "Bearer sk-…" },
          body: { model: "gpt-5-mini", messages: [{ role: "user", content: "Say hello" }] },
        },
      },
      answer: { json: explainedJson, description: "The explanation." },
      errors: [400, 404, 409, 413, 415, 503],
      async handle({ body, bytes }) {
        if ("key" in body) return await explainKey(parts, keyOf(body.key));
        return explained(
          await parts.explainer.explain({
            method: body.method.toUpperCase(),
            path: body.path.replace(/^https?:\/\/[^/]+/, ""),
            headers: withType(body.headers),
            body: bodyOf(body.body, bytes),
          }),
        );
      },
    }),
  ];
}

async function explainKey(parts: AdminParts, key: CacheKey) {
  const [[row], [kept]] = await Promise.all([parts.archive.find([key]), parts.archive.requests([key])]);
  if (row === undefined) throw adminErrors.noEntry();
  if (kept === undefined) throw adminErrors.notRemembered();
  const [answer, nearest] = await Promise.all([
    parts.explainer.explain({ ...describedOf(kept), ...(row.pool !== EVERYBODY && { pool: row.pool }) }),
    parts.archive.nearestTo(key, { limit: MAX_NEAR }),
  ]);
  return explained({ ...answer, nearest });
}

function explained(of: Explained): v.InferOutput<typeof explainedJson> {
  return {
    would: of.would,
    why: of.why,
    detail: of.detail ?? null,
    provider: of.provider ?? null,
    endpoint: of.endpoint ?? null,
    model: of.model ?? null,
    namespace: of.namespace,
    key: of.key ?? null,
    key_parts: of.keyParts.map(({ name, value }) => ({ name, value })),
    left_out: of.leftOut.map(({ where, name, reason }) => ({ where, name, reason })),
    canonical: of.canonical ?? null,
    stored: of.stored
      ? {
          stored_at: timeOf(of.stored.storedAt),
          age_s: Math.floor(Math.max(0, of.stored.ageMs) / 1000),
          ttl_left_s: secondsOf(of.stored.leftMs),
        }
      : null,
    nearest: of.nearest.map(nearOf),
  };
}

function nearOf(near: Near): v.InferOutput<typeof nearJson> {
  return {
    key: near.key,
    stored_at: timeOf(near.storedAt),
    namespace: near.namespace,
    model: near.model ?? null,
    same: near.same,
    differences: near.differences.map(({ path, asked, stored }) => ({
      path,
      asked: asked ?? null,
      stored: stored ?? null,
    })),
    more: near.more,
  };
}

function withType(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const named = Object.keys(headers).some((name) => name.toLowerCase() === "content-type");
  return named ? headers : { ...headers, "content-type": "application/json" };
}

/** The bytes that stand for `body` in what was sent, since parsing would change numbers; a string's own text. */
function bodyOf(value: unknown, sent: Uint8Array): Uint8Array {
  if (value === undefined) return new Uint8Array();
  if (typeof value === "string") return new TextEncoder().encode(value);
  const members = new Members(sent, afterSpace(sent, 0));
  let found = new Uint8Array();
  // Of a member given twice the last counts, as for JSON.parse.
  for (let member = members.next(); member !== undefined; member = members.next()) {
    if (member.name === "body") found = sent.slice(member.value, valueEnd(sent, member.value));
  }
  return found;
}

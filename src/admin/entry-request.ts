import * as v from "valibot";
import type { KeptRequest } from "../requests/kept.ts";
import { count, text } from "./schemas.ts";

export const requestJson = v.object({
  method: text,
  path: v.pipe(text, v.description("Upstream path.")),
  query: text,
  headers: v.pipe(v.array(text), v.description("Those that change the answer, as `name: value`.")),
  content_type: text,
  body: v.exactOptional(v.pipe(v.unknown(), v.description("A JSON body, as it was sent."))),
  text: v.exactOptional(v.pipe(text, v.description("Another body that is text."))),
  fields: v.exactOptional(
    v.array(
      v.object({
        name: text,
        headers: v.array(text),
        size_bytes: count,
        sha256: text,
        text: v.exactOptional(v.pipe(text, v.description("Absent for a file."))),
      }),
    ),
  ),
  bytes: v.exactOptional(v.object({ size_bytes: count, sha256: text })),
  masked: v.pipe(v.array(text), v.description("Paths whose value was a credential.")),
});

type RequestJson = v.InferOutput<typeof requestJson>;

/** Up to here a kept text is parsed to see that it is JSON; longer ones were when they were kept. */
const PARSE_UP_TO = 256 * 1024;
/** Stands in the JSON for a text that is put in as it is. */
const PLACE = `place of the body ${crypto.randomUUID()}`;

interface Shown {
  readonly request: RequestJson;
  /** JSON text of the member `body`. */
  readonly body: string | undefined;
}

/** What is shown of a remembered request. */
export function requestOf({ head, body, masked }: KeptRequest): Shown {
  const request: RequestJson = {
    method: head.method,
    path: head.path,
    query: head.query,
    headers: [...head.headers],
    content_type: head.contentType,
    masked: [...masked],
  };
  if (body?.form === "json" && isJson(body.text))
    return { request: { ...request, body: PLACE }, body: body.text };
  if (body?.form === "json" || body?.form === "text") request.text = body.text;
  if (body?.form === "bytes") request.bytes = { size_bytes: body.size, sha256: body.sha256 };
  if (body?.form === "fields") {
    request.fields = body.fields.map(({ name, headers, size, sha256, text }) => ({
      name,
      headers: [...headers],
      size_bytes: size,
      sha256,
      ...(text !== undefined && { text }),
    }));
  }
  return { request, body: undefined };
}

/** `entry` with its request as JSON, whose body goes out as it was remembered: no digit of it changes. */
export function entryResponse(entry: object, shown: Shown | undefined): Response {
  const json = JSON.stringify({ ...entry, request: shown?.request ?? null });
  const headers = { "content-type": "application/json" };
  if (shown?.body === undefined) return new Response(json, { headers });
  const [before, after] = json.split(JSON.stringify(PLACE)) as [string, string];
  return new Response(new Blob([before, shown.body, after]), { headers });
}

function isJson(text: string): boolean {
  if (text.length > PARSE_UP_TO) return true;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

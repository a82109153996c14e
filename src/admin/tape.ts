import * as v from "valibot";
import { adminErrors } from "../errors.ts";
import type { AdminParts } from "./admin.ts";
import { exportLines, importLines } from "./cassette.ts";
import { namesOf } from "./entries.ts";
import { type Route, route } from "./route.ts";
import { count, name, text } from "./schemas.ts";

/** A line holds one whole entry, with its body as text or base64. */
const MAX_LINE = 256 * 1024 * 1024;
/** Small lines are sent together. */
const PIECE_CHARS = 64 * 1024;
const TYPES = ["application/x-ndjson", "application/jsonl"] as const;

const flag = v.picklist(["true", "false"]);

const exportQuery = v.strictObject({
  provider: v.exactOptional(name),
  endpoint: v.exactOptional(name),
  model: v.exactOptional(name),
  namespace: v.exactOptional(name),
  times: v.optional(
    v.pipe(flag, v.description("Whether the chunk times of streams are on the tape.")),
    "false",
  ),
  redact: v.exactOptional(
    v.pipe(
      text,
      v.maxLength(2000),
      v.description("Paths of members to mask, with commas between them: `messages[0].content`."),
    ),
  ),
});

const importQuery = v.strictObject({
  credential: v.exactOptional(
    v.pipe(
      text,
      v.regex(/^[0-9a-f]{12}$/, "use the label of a credential: 12 hex digits"),
      v.description("Label of the credential in whose pool the entries go, under scope `credential`."),
    ),
  ),
});

export function tapeRoutes(parts: AdminParts): readonly Route[] {
  return [
    route({
      method: "GET",
      path: "/export",
      id: "exportEntries",
      group: "Cassettes",
      summary: "Stored answers as a cassette",
      description: "One entry a line, sorted, free of credentials.",
      query: exportQuery,
      answer: { type: TYPES[0], description: "The cassette." },
      errors: [400, 503],
      async handle({ query: { times, redact, ...names } }) {
        const lines = exportLines(parts, {
          filter: namesOf(names),
          redact:
            redact
              ?.split(",")
              .map((path) => path.trim())
              .filter(Boolean) ?? [],
          times: times === "true",
        });
        return new Response(await textStream(lines), { headers: { "content-type": TYPES[0] } });
      },
    }),
    route({
      method: "POST",
      path: "/import",
      id: "importEntries",
      group: "Cassettes",
      summary: "Takes the entries of a cassette in",
      description:
        "All or none of them: a line that is wrong is named in the message as `line N`. They never expire and replace what stands under their keys.",
      query: importQuery,
      body: {
        lines: TYPES,
        description: "A cassette, one entry a line.",
        example: '{"provider":"openai", …}\n',
      },
      answer: {
        json: v.object({ imported: count, replaced: count }),
        description: "How many were taken in, and how many of them replaced an entry.",
      },
      errors: [400, 413, 415, 503],
      async handle({ query, request }) {
        const done = await importLines(parts, linesOf(request.body), { credential: query.credential });
        parts.report(`${done.imported} entries were imported through the admin API`);
        return done;
      },
    }),
  ];
}

/** Waits for the first line, so that what goes wrong before it is still an error and no broken answer. */
async function textStream(lines: AsyncIterable<string>): Promise<ReadableStream<Uint8Array>> {
  const source = lines[Symbol.asyncIterator]();
  const encoder = new TextEncoder();
  let next = await source.next();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        let piece = "";
        while (!next.done && piece.length < PIECE_CHARS) {
          piece += next.value.endsWith("\n") ? next.value : `${next.value}\n`;
          next = await source.next();
        }
        if (piece !== "") controller.enqueue(encoder.encode(piece));
        if (next.done) controller.close();
      },
      async cancel() {
        await source.return?.();
      },
    },
    { highWaterMark: 0 },
  );
}

/** The lines of a body without their ends, as they come. */
export async function* linesOf(
  body: ReadableStream<Uint8Array> | null,
  maxBytes = MAX_LINE,
): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const decode = (bytes?: Uint8Array) => {
    try {
      return bytes === undefined ? decoder.decode() : decoder.decode(bytes, { stream: true });
    } catch {
      throw adminErrors.invalid("body: this is not UTF-8");
    }
  };
  let begun: string[] = [];
  let length = 0;
  for await (const bytes of body ?? []) {
    const [first = "", ...others] = decode(bytes).split("\n");
    begun.push(first);
    length += first.length;
    for (const text of others) {
      yield withoutReturn(begun.join(""));
      begun = [text];
      length = text.length;
    }
    if (length > maxBytes) throw adminErrors.tooLarge(maxBytes);
  }
  begun.push(decode());
  const last = begun.join("");
  if (last !== "") yield withoutReturn(last);
}

function withoutReturn(line: string): string {
  return line.endsWith("\r") ? line.slice(0, -1) : line;
}

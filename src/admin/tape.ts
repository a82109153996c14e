import * as v from "valibot";
import type { AdminParts } from "./admin.ts";
import { exportPieces, importLines } from "./cassette.ts";
import { namesOf } from "./entries.ts";
import { type Route, route } from "./route.ts";
import { count, name, text } from "./schemas.ts";

/** Small pieces are sent together. */
const PIECE_CHARS = 64 * 1024;
const TYPES = ["application/x-ndjson", "application/jsonl"] as const;

const NOTHING: AsyncIterable<string> = {
  async *[Symbol.asyncIterator]() {},
};

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
      v.description("Paths of members to mask, with commas between them: `request.messages[*].content`."),
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
        const pieces = exportPieces(parts, {
          filter: namesOf(names),
          redact:
            redact
              ?.split(",")
              .map((path) => path.trim())
              .filter(Boolean) ?? [],
          times: times === "true",
        });
        return new Response(await textStream(pieces), { headers: { "content-type": TYPES[0] } });
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
        const done = await importLines(parts, request.body ?? NOTHING, { credential: query.credential });
        parts.report(`${done.imported} entries were imported through the admin API`);
        return done;
      },
    }),
  ];
}

/** Waits for the first piece, so that what goes wrong before it is still an error and no broken answer. */
async function textStream(pieces: AsyncIterable<string>): Promise<ReadableStream<Uint8Array>> {
  const source = pieces[Symbol.asyncIterator]();
  const encoder = new TextEncoder();
  let next = await source.next();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        let text = "";
        while (!next.done && text.length < PIECE_CHARS) {
          text += next.value;
          next = await source.next();
        }
        if (text !== "") controller.enqueue(encoder.encode(text));
        if (next.done) controller.close();
      },
      async cancel() {
        await source.return?.();
      },
    },
    { highWaterMark: 0 },
  );
}

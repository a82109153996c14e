/** The shape of one line of a cassette. */
import * as v from "valibot";

/** Names of an answer's headers that are written: those by which a client reads it, and none that tell of a delivery. */
export const ANSWER_HEADERS: readonly string[] = [
  "content-disposition",
  "content-language",
  "content-type",
  "link",
  "x-amzn-bedrock-content-type",
  "x-amzn-bedrock-input-token-count",
  "x-amzn-bedrock-output-token-count",
  "x-amzn-errortype",
  "x-error-code",
  "x-error-message",
];

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const sha256 = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, "must be 64 lower-case hex digits"));
const whole = v.pipe(
  v.string(),
  v.check((text) => text.isWellFormed(), "holds half of a surrogate pair, which no text can"),
);
const white = v.pipe(v.string(), v.regex(/^[ \t\r\n]*$/, "must be white space"));
const headerValue = v.pipe(
  v.string(),
  v.regex(/^[\x20-\x7e\x80-\xff\t]*$/, "must be a header's value: Latin letters on one line"),
);
const headerName = v.pipe(v.string(), v.regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, "must be a header's name"));

const field = v.pipe(
  v.strictObject({
    name: v.string(),
    headers: v.optional(v.array(v.string())),
    text: v.optional(whole),
    size: v.optional(count),
    sha256: v.optional(sha256),
  }),
  v.check(
    ({ text, sha256: digest }) => (text === undefined) !== (digest === undefined),
    "needs either text or sha256",
  ),
);

const one = (members: Readonly<Record<string, unknown>>, names: readonly string[]) =>
  names.filter((name) => Object.hasOwn(members, name)).length;

const requestLine = v.pipe(
  v.strictObject({
    method: v.optional(v.picklist(["POST", "GET"]), "POST"),
    provider: v.pipe(v.string(), v.minLength(1, "must not be empty")),
    path: v.pipe(v.string(), v.startsWith("/", "must begin with /")),
    query: v.optional(v.pipe(v.string(), v.regex(/^(?:\?|$)/, "must begin with ?")), ""),
    namespace: v.optional(
      v.pipe(v.string(), v.regex(/^[A-Za-z0-9._-]{0,64}$/, "must be up to 64 letters, digits, dots, - or _")),
      "",
    ),
    sample: v.optional(count, 0),
    credential: v.optional(v.pipe(v.string(), v.regex(/^[0-9a-f]{12}$/, "must be a label of 12 hex digits"))),
    headers: v.optional(v.record(headerName, headerValue), {}),
    content_type: v.optional(headerValue),
    json: v.optional(v.unknown()),
    text: v.optional(whole),
    fields: v.optional(v.array(field)),
    size: v.optional(count),
    sha256: v.optional(sha256),
  }),
  v.check(
    (request) => one(request, ["json", "text", "fields", "sha256"]) === (request.method === "GET" ? 0 : 1),
    "needs one of json, text, fields and sha256 (a GET has none)",
  ),
);

const answerHeader = v.pipe(
  v.string(),
  v.check(
    (name) => ANSWER_HEADERS.includes(name),
    `is none of the headers that a cassette holds: ${ANSWER_HEADERS.join(", ")}`,
  ),
);

const responseLine = v.pipe(
  v.strictObject({
    status: v.pipe(v.number(), v.integer(), v.minValue(200), v.maxValue(599)),
    headers: v.optional(v.record(answerHeader, headerValue), {}),
    stream: v.optional(v.boolean()),
    chunks: v.optional(v.array(v.tuple([count, v.pipe(v.number(), v.minValue(0))]))),
    first_byte_ms: v.optional(v.pipe(v.number(), v.minValue(0))),
    duration_ms: v.optional(v.pipe(v.number(), v.minValue(0))),
    indent: v.optional(v.union([v.pipe(count, v.minValue(1), v.maxValue(8)), v.literal("\t")])),
    spaced: v.optional(v.boolean()),
    before: v.optional(white),
    after: v.optional(white),
    json: v.optional(v.unknown()),
    text: v.optional(whole),
    base64: v.optional(v.string()),
  }),
  v.check(
    (response) => one(response, ["json", "text", "base64"]) === 1,
    "needs one of json, text and base64",
  ),
);

const usageLine = v.strictObject({
  input_tokens: v.optional(count),
  output_tokens: v.optional(count),
  cache_read_tokens: v.optional(count),
  reasoning_tokens: v.optional(count),
  cost_usd: v.optional(v.pipe(v.number(), v.minValue(0))),
});

export const entryLine = v.strictObject({
  askonce: v.literal(1),
  request: requestLine,
  response: responseLine,
  endpoint: v.optional(v.string(), ""),
  model: v.optional(v.string()),
  bound: v.optional(v.boolean()),
  usage: v.optional(usageLine),
  redacted: v.optional(v.array(v.string())),
});

/** The last line, where something could not be written. */
export const noteLine = v.strictObject({
  askonce: v.literal(1),
  skipped: v.record(v.string(), count),
});

export type EntryLine = v.InferOutput<typeof entryLine>;
export type RequestLine = EntryLine["request"];
export type UsageLine = v.InferOutput<typeof usageLine>;

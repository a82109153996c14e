/** Good answers of each family as the providers send them, and the ways in which each can be not whole. */
import type { Family } from "./family.ts";
import { completions, event, openaiChat, responses, without } from "./openai-answers.ts";
import type { Call, Handler } from "./provider.ts";

function messageEvents(marker: string): string[] {
  const message = {
    id: "msg_1",
    type: "message",
    role: "assistant",
    model: "m-1",
    content: [],
    stop_reason: null,
  };
  return [
    event("message_start", {
      message: { ...message, stop_sequence: null, usage: { input_tokens: 9, output_tokens: 1 } },
    }),
    event("content_block_start", { index: 0, content_block: { type: "text", text: "" } }),
    event("ping", {}),
    event("content_block_delta", { index: 0, delta: { type: "text_delta", text: `Answer ${marker}` } }),
    event("content_block_stop", { index: 0 }),
    event("message_delta", {
      delta: { stop_reason: "end_turn", stop_sequence: null },
      usage: { output_tokens: 3 },
    }),
    event("message_stop", {}),
  ];
}

const anthropic: Family = {
  name: "anthropic messages",
  provider: "anthropic",
  path: "/anthropic/v1/messages",
  streamPath: "/anthropic/v1/messages",
  headers: { "x-api-key": "sk-ant-test", "anthropic-version": "2023-06-01" },
  streamType: "text/event-stream; charset=utf-8",
  request: (marker, stream) => ({
    model: "m-1",
    max_tokens: 64,
    messages: [{ role: "user", content: `Question ${marker}` }],
    ...(stream ? { stream } : {}),
  }),
  document: (marker) => ({
    id: "msg_1",
    type: "message",
    role: "assistant",
    model: "m-1",
    content: [{ type: "text", text: `Answer ${marker}` }],
    stop_reason: "end_turn",
    stop_sequence: null,
    usage: { input_tokens: 9, output_tokens: 3 },
  }),
  events: messageEvents,
  broken: (marker) => ({
    "without its end marker": messageEvents(marker).slice(0, -1),
    "without a finish reason": without(messageEvents(marker), 5),
    "with an error event": [
      ...messageEvents(marker).slice(0, 4),
      event("error", { error: { type: "overloaded_error", message: "Overloaded" } }),
    ],
  }),
};

const GEMINI = "/google/v1beta/models/m-1:";
const candidate = (text: string, finishReason?: string) => ({
  candidates: [
    { content: { parts: [{ text }], role: "model" }, index: 0, ...(finishReason ? { finishReason } : {}) },
  ],
  usageMetadata: { promptTokenCount: 9, candidatesTokenCount: 3, totalTokenCount: 12 },
  modelVersion: "m-1",
});
/** Google ends its lines with CR LF. */
const crlf = (value: unknown) => `data: ${JSON.stringify(value)}\r\n\r\n`;

const google: Family = {
  name: "google",
  provider: "google",
  path: `${GEMINI}generateContent`,
  streamPath: `${GEMINI}streamGenerateContent?alt=sse`,
  headers: { "x-goog-api-key": "AIza-test" },
  streamType: "text/event-stream",
  request: (marker) => ({ contents: [{ role: "user", parts: [{ text: `Question ${marker}` }] }] }),
  document: (marker) => candidate(`Answer ${marker}`, "STOP"),
  events: (marker) => [crlf(candidate("Answer ")), crlf(candidate(marker)), crlf(candidate(" end", "STOP"))],
  broken: (marker) => ({
    "without a finish reason": [crlf(candidate("Answer ")), crlf(candidate(marker))],
    "with an error that is no event": [
      crlf(candidate("Answer ")),
      crlf(candidate(marker, "STOP")),
      `${JSON.stringify({ error: { code: 503, message: "overloaded", status: "UNAVAILABLE" } })}\r\n\r\n`,
    ],
    "with an error event": [
      crlf(candidate(`Answer ${marker}`)),
      crlf({ error: { code: 503, message: "overloaded", status: "UNAVAILABLE" } }),
    ],
  }),
};

const cohereEnd = (finish_reason: string, more: object = {}) =>
  event("message-end", {
    delta: { finish_reason, usage: { tokens: { input_tokens: 9, output_tokens: 3 } }, ...more },
  });
function cohereEvents(marker: string): string[] {
  return [
    event("message-start", { id: "c-1", delta: { message: { role: "assistant", content: [] } } }),
    event("content-start", { index: 0, delta: { message: { content: { type: "text", text: "" } } } }),
    event("content-delta", { index: 0, delta: { message: { content: { text: `Answer ${marker}` } } } }),
    event("content-end", { index: 0 }),
    cohereEnd("COMPLETE"),
  ];
}

const cohere: Family = {
  ...openaiChat("cohere v2", "cohere", "/cohere/v2/chat"),
  streamType: "text/event-stream",
  document: (marker) => ({
    id: "c-1",
    message: { role: "assistant", content: [{ type: "text", text: `Answer ${marker}` }] },
    finish_reason: "COMPLETE",
    usage: {
      billed_units: { input_tokens: 9, output_tokens: 3 },
      tokens: { input_tokens: 9, output_tokens: 3 },
    },
  }),
  events: cohereEvents,
  broken: (marker) => ({
    "without its end marker": cohereEvents(marker).slice(0, -1),
    "that ended with an error": [
      ...cohereEvents(marker).slice(0, -1),
      cohereEnd("ERROR", { error: "failed" }),
    ],
  }),
};

const line = (value: unknown) => `${JSON.stringify(value)}\n`;
const said = (content: string) => ({
  model: "m-1",
  created_at: "2023-11-14T22:13:20Z",
  message: { role: "assistant", content },
});
const ollamaDone = {
  done: true,
  done_reason: "stop",
  prompt_eval_count: 9,
  eval_count: 3,
  total_duration: 5,
};

const ollama: Family = {
  name: "ollama",
  provider: "ollama",
  path: "/ollama/api/chat",
  streamPath: "/ollama/api/chat",
  headers: {},
  streamType: "application/x-ndjson",
  request: (marker, stream) => ({
    model: "m-1",
    messages: [{ role: "user", content: `Question ${marker}` }],
    ...(stream ? {} : { stream }),
  }),
  document: (marker) => ({ ...said(`Answer ${marker}`), ...ollamaDone }),
  events: (marker) => [
    line({ ...said("Answer "), done: false }),
    line({ ...said(marker), done: false }),
    line({ ...said(""), ...ollamaDone }),
  ],
  broken: (marker) => ({
    "without its end marker": [
      line({ ...said("Answer "), done: false }),
      line({ ...said(marker), done: false }),
    ],
    "with an error line": [line({ ...said(marker), done: false }), line({ error: "out of memory" })],
  }),
};

export const openai = openaiChat("openai chat", "openai", "/openai/v1/chat/completions");

export const families: readonly Family[] = [
  openai,
  completions,
  responses,
  anthropic,
  google,
  cohere,
  openaiChat("mistral", "mistral", "/mistral/v1/chat/completions"),
  openaiChat("groq", "groq", "/groq/openai/v1/chat/completions"),
  openaiChat("openrouter", "openrouter", "/openrouter/api/v1/chat/completions"),
  ollama,
];

export const embedding = {
  path: "/openai/v1/embeddings",
  request: (input: string) => ({ model: "e-1", input, encoding_format: "float" }),
  document: {
    object: "list",
    data: [{ object: "embedding", index: 0, embedding: [0.1, -0.25, 1e-7] }],
    model: "e-1",
    usage: { prompt_tokens: 2, total_tokens: 2 },
  },
};

/** A good answer to whatever is asked: the family is told by the path, the marker is the number of the call. */
export const answerWell: Handler = async (call: Call) => {
  const body = await call.body;
  const text = body.byteLength < 1 << 20 ? new TextDecoder().decode(body) : "";
  const family = familyOf(call.path);
  const marker = String(Math.floor(performance.now() * 1000));
  if (/\/embeddings$/.test(call.path)) {
    return call.reply({
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(embedding.document),
    });
  }
  const streams =
    /"stream":\s*true/.test(text) ||
    /streamGenerate/.test(call.path) ||
    (family === ollama && !/"stream":\s*false/.test(text));
  if (!streams) {
    const document = JSON.stringify(family.document(marker));
    return call.reply({ headers: { "Content-Type": "application/json" }, body: document });
  }
  await call.head({ headers: { "Content-Type": family.streamType } });
  for (const piece of family.events(marker)) await call.chunk(piece);
  await call.end();
};

/** The family whose shape an upstream path asks for; OpenAI's chat for what it does not know. */
export function familyOf(path: string): Family {
  if (/\/messages$/.test(path)) return anthropic;
  if (/:(stream)?[gG]enerateContent$/.test(path)) return google;
  if (/\/api\/(chat|generate)$/.test(path)) return ollama;
  if (/\/v2\/chat$/.test(path)) return cohere;
  if (/\/responses$/.test(path)) return responses;
  if (/[^t]\/completions$/.test(path)) return completions;
  return openai;
}

/** Documents of `size` bytes of text that does not compress, another one each time. */
export function answerBulky(size: number): Handler {
  return async (call) => {
    await call.body;
    const bytes = new Uint8Array(Math.ceil(size / 2));
    for (let at = 0; at < bytes.byteLength; at += 65_536)
      crypto.getRandomValues(bytes.subarray(at, at + 65_536));
    const text = Buffer.from(bytes).toString("hex").slice(0, size);
    await call.reply({
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(openai.document(text)),
    });
  };
}

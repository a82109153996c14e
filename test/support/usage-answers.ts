/** A provider whose answers tell their usage, by what the request's text says: `kind:NAME NUMBER`. */
import { DONE, data, event } from "./openai-answers.ts";
import type { Call, Handler } from "./provider.ts";

/** Handlers wait here until the test lets them go on. */
export class Gates {
  readonly #gates = new Map<string, PromiseWithResolvers<void>>();

  #at(name: string): PromiseWithResolvers<void> {
    const gate = this.#gates.get(name) ?? Promise.withResolvers<void>();
    this.#gates.set(name, gate);
    return gate;
  }

  passed(name: string): Promise<void> {
    return this.#at(name).promise;
  }

  open(name: string): void {
    this.#at(name).resolve();
  }
}

const DOCUMENT_USAGE = {
  ...{ prompt_tokens: 1000, completion_tokens: 50, total_tokens: 1050 },
  prompt_tokens_details: { cached_tokens: 200 },
};
const STREAM_USAGE = { prompt_tokens: 500, completion_tokens: 20, total_tokens: 520 };

function chatDocument(model: string, content: string) {
  const message = { role: "assistant", content };
  const choices = [{ index: 0, message, finish_reason: "stop" }];
  return { id: "c-1", object: "chat.completion", created: 1, model, choices, usage: DOCUMENT_USAGE };
}

/** The events of a stream; without a finish reason, usage or end marker where asked so. */
function chatEvents(
  model: string,
  marker: string,
  left: { finish?: false; usage?: false; done?: false } = {},
) {
  const chunk = (delta: object, finish_reason: string | null) =>
    data({
      id: "c-1",
      object: "chat.completion.chunk",
      model,
      choices: [{ index: 0, delta, finish_reason }],
    });
  return [
    chunk({ role: "assistant", content: `first of ${marker}` }, null),
    chunk({ content: " and the rest" }, left.finish === false ? null : "stop"),
    ...(left.usage === false
      ? []
      : [data({ id: "c-1", object: "chat.completion.chunk", model, choices: [], usage: STREAM_USAGE })]),
    ...(left.done === false ? [] : [DONE]),
  ];
}

function anthropicMessage(model: string, marker: string) {
  return {
    ...{ id: "msg_1", type: "message", role: "assistant", model, stop_sequence: null },
    ...{ content: [{ type: "text", text: `Answer ${marker}` }], stop_reason: "end_turn" },
    usage: { input_tokens: 100, cache_read_input_tokens: 40, output_tokens: 30 },
  };
}

function anthropicEvents(model: string, marker: string): string[] {
  const message = { ...anthropicMessage(model, marker), content: [], stop_reason: null };
  return [
    event("message_start", { message: { ...message, usage: { input_tokens: 100, output_tokens: 1 } } }),
    event("content_block_start", { index: 0, content_block: { type: "text", text: "" } }),
    event("content_block_delta", { index: 0, delta: { type: "text_delta", text: `Answer ${marker}` } }),
    event("content_block_stop", { index: 0 }),
    event("message_delta", {
      delta: { stop_reason: "end_turn", stop_sequence: null },
      usage: { output_tokens: 30 },
    }),
    event("message_stop", {}),
  ];
}

function candidates(text: string, finishReason?: string) {
  const content = { parts: [{ text }], role: "model" };
  return {
    candidates: [{ content, index: 0, ...(finishReason ? { finishReason } : {}) }],
    usageMetadata: { promptTokenCount: 70, candidatesTokenCount: 20, thoughtsTokenCount: 10 },
  };
}

const JSON_TYPE = { "Content-Type": "application/json" };
const json = (call: Call, value: unknown, status = 200) =>
  call.reply({ status, headers: JSON_TYPE, body: JSON.stringify(value) });

async function events(call: Call, pieces: readonly string[], between: Promise<void> = Promise.resolve()) {
  await call.head({ headers: { "Content-Type": "text/event-stream" } });
  const [first = "", ...rest] = pieces;
  await call.chunk(first);
  await between;
  for (const piece of rest) await call.chunk(piece);
  await call.end();
}

interface Answering {
  readonly call: Call;
  readonly model: string;
  readonly marker: string;
  readonly gates: Gates;
}

/** By kind; all others are a chat completion with its usage. */
const KINDS: Record<string, (to: Answering) => Promise<unknown>> = {
  stream: ({ call, model, marker }) => events(call, chatEvents(model, marker)),
  mute: ({ call, model, marker }) => events(call, chatEvents(model, marker, { usage: false })),
  unended: ({ call, model, marker }) =>
    events(call, chatEvents(model, marker, { usage: false, done: false })),
  unfinished: ({ call, model, marker }) =>
    events(call, chatEvents(model, marker, { usage: false, finish: false })),
  errorEvent: ({ call, model, marker }) =>
    events(call, [chatEvents(model, marker)[0] ?? "", data({ error: { message: "overloaded" } }), DONE]),
  gated: ({ call, model, marker, gates }) => events(call, chatEvents(model, marker), gates.passed(marker)),
  errorBody: ({ call }) => json(call, { error: { message: "overloaded", type: "server_error", code: null } }),
  notJson: ({ call }) => call.reply({ headers: JSON_TYPE, body: "the gateway is busy" }),
  empty: ({ call, model }) => json(call, chatDocument(model, "")),
  message: ({ call, model, marker }) => json(call, anthropicMessage(model, marker)),
  messageStream: ({ call, model, marker }) => events(call, anthropicEvents(model, marker)),
  async gemini({ call, marker }) {
    // What a hit of this one saves in time is known.
    if (/ 0$/.test(marker)) await new Promise((resolve) => setTimeout(resolve, 50));
    await json(call, candidates(`Answer ${marker}`, "STOP"));
  },
  geminiStream: ({ call, marker }) =>
    events(call, [
      `data: ${JSON.stringify(candidates(`Answer ${marker}`))}\r\n\r\n`,
      `data: ${JSON.stringify(candidates(" end", "STOP"))}\r\n\r\n`,
    ]),
};

/** Embeddings of ten tokens an input. */
function embeddings(call: Call, asked: { model: string; input: string | string[] }) {
  const inputs = [asked.input].flat();
  const tokens = 10 * inputs.length;
  return json(call, {
    object: "list",
    data: inputs.map((input, index) => ({ object: "embedding", index, embedding: [input.length, 0.5] })),
    model: asked.model,
    usage: { prompt_tokens: tokens, total_tokens: tokens },
  });
}

export function answerWithUsage(gates: Gates): Handler {
  return async (call) => {
    const text = await call.text();
    if (/\/embeddings$/.test(call.path)) return void (await embeddings(call, JSON.parse(text)));
    const [marker = "", kind = ""] = /kind:(\w+) \d+/.exec(text) ?? [];
    if (marker === "") return void (await json(call, { object: "list", data: [] }));
    const status = Number(/^status(\d+)$/.exec(kind)?.[1] ?? 200);
    if (status !== 200) return void (await json(call, { error: { message: kind, code: null } }, status));
    const model = /"model":"([^"]*)"/.exec(text)?.[1] ?? "";
    const answer = KINDS[kind] ?? (({ call, model, marker }) => json(call, chatDocument(model, marker)));
    await answer({ call, model, marker, gates });
  };
}

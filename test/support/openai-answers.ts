/** Answers in the shapes of the OpenAI API: chat completions, completions and responses. */
import type { Family } from "./family.ts";

export const data = (value: unknown) => `data: ${JSON.stringify(value)}\n\n`;
export const event = (type: string, value: object) =>
  `event: ${type}\ndata: ${JSON.stringify({ type, ...value })}\n\n`;
export const DONE = "data: [DONE]\n\n";
export const without = (events: string[], ...gone: number[]) => events.filter((_, i) => !gone.includes(i));
const USAGE = { prompt_tokens: 9, completion_tokens: 3, total_tokens: 12 };
const bearer = { authorization: "Bearer sk-test" };

function chatChunk(delta: object, finish: string | null, object = "chat.completion.chunk") {
  return data({
    id: "chatcmpl-1",
    object,
    created: 1_700_000_000,
    model: "m-1",
    choices: [{ index: 0, delta, finish_reason: finish, logprobs: null }],
  });
}

export function openaiChat(name: string, provider: string, path: string): Family {
  const events = (marker: string) => [
    chatChunk({ role: "assistant", content: "" }, null),
    chatChunk({ content: `Answer ${marker}` }, null),
    chatChunk({ content: " é漢🙂 end" }, null),
    chatChunk({}, "stop"),
    DONE,
  ];
  return {
    name,
    provider,
    path,
    streamPath: path,
    headers: bearer,
    streamType: "text/event-stream; charset=utf-8",
    request: (marker, stream) => ({
      model: "m-1",
      messages: [{ role: "user", content: `Question ${marker}` }],
      ...(stream ? { stream } : {}),
    }),
    document: (marker) => ({
      id: "chatcmpl-1",
      object: "chat.completion",
      created: 1_700_000_000,
      model: "m-1",
      choices: [
        {
          index: 0,
          message: { role: "assistant", content: `Answer ${marker}`, refusal: null },
          finish_reason: "stop",
        },
      ],
      usage: USAGE,
    }),
    events,
    broken: (marker) => ({
      "without its end marker": without(events(marker), 4),
      "without a finish reason": without(events(marker), 3),
      "with a finish reason that is an empty string": events(marker).map((text) =>
        text.replace('"stop"', '""'),
      ),
      "with an error event": [
        ...events(marker).slice(0, 2),
        data({ error: { message: "overloaded", type: "server_error", code: null } }),
        DONE,
      ],
    }),
  };
}

export const completions: Family = {
  ...openaiChat("openai completions", "openai", "/openai/v1/completions"),
  request: (marker, stream) => ({
    model: "m-1",
    prompt: `Question ${marker}`,
    ...(stream ? { stream } : {}),
  }),
  document: (marker) => ({
    id: "cmpl-1",
    object: "text_completion",
    created: 1_700_000_000,
    model: "m-1",
    choices: [{ index: 0, text: `Answer ${marker}`, finish_reason: "stop", logprobs: null }],
    usage: USAGE,
  }),
  events: (marker) => completionEvents(marker),
  broken: (marker) => ({
    "without its end marker": without(completionEvents(marker), 2),
    "without a finish reason": without(completionEvents(marker), 1),
    "with an error event": [
      ...completionEvents(marker).slice(0, 1),
      data({ error: { message: "no" } }),
      DONE,
    ],
  }),
};

function completionEvents(marker: string): string[] {
  const chunk = (text: string, finish: string | null) =>
    data({
      id: "cmpl-1",
      object: "text_completion",
      model: "m-1",
      choices: [{ index: 0, text, finish_reason: finish }],
    });
  return [chunk(`Answer ${marker}`, null), chunk("", "stop"), DONE];
}

function response(marker: string, status: string) {
  const part = { type: "output_text", text: `Answer ${marker}`, annotations: [] };
  const message = { type: "message", id: "msg_1", status, role: "assistant", content: [part] };
  const usage = {
    input_tokens: 9,
    input_tokens_details: { cached_tokens: 0 },
    output_tokens: 3,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: 12,
  };
  const tools = {
    parallel_tool_calls: true,
    tool_choice: "auto",
    tools: [],
    temperature: 1,
    top_p: 1,
    metadata: {},
  };
  const base = {
    id: "resp_1",
    object: "response",
    created_at: 1_700_000_000,
    model: "m-1",
    error: null,
    ...tools,
  };
  return status === "completed"
    ? { ...base, status, incomplete_details: null, instructions: null, output: [message], usage }
    : { ...base, status, incomplete_details: null, instructions: null, output: [], usage: null };
}

function responseEvents(marker: string): string[] {
  const at = { item_id: "msg_1", output_index: 0, content_index: 0 };
  const item = { type: "message", id: "msg_1", status: "in_progress", role: "assistant", content: [] };
  const part = { type: "output_text", text: "", annotations: [] };
  const done = response(marker, "completed").output[0];
  const all: [string, object][] = [
    ["response.created", { response: response(marker, "in_progress") }],
    ["response.output_item.added", { output_index: 0, item }],
    ["response.content_part.added", { ...at, part }],
    ["response.output_text.delta", { ...at, delta: `Answer ${marker}`, logprobs: [] }],
    ["response.output_text.done", { ...at, text: `Answer ${marker}`, logprobs: [] }],
    ["response.content_part.done", { ...at, part: { ...part, text: `Answer ${marker}` } }],
    ["response.output_item.done", { output_index: 0, item: done }],
    ["response.completed", { response: response(marker, "completed") }],
  ];
  return all.map(([type, value], i) => event(type, { ...value, sequence_number: i }));
}

export const responses: Family = {
  ...openaiChat("openai responses", "openai", "/openai/v1/responses"),
  request: (marker, stream) => ({
    model: "m-1",
    input: `Question ${marker}`,
    store: false,
    ...(stream ? { stream } : {}),
  }),
  document: (marker) => response(marker, "completed"),
  events: responseEvents,
  broken: (marker) => ({
    "without its end marker": responseEvents(marker).slice(0, -1),
    "that ended as failed": [
      ...responseEvents(marker).slice(0, -1),
      event("response.failed", {
        response: { ...response(marker, "failed"), error: { code: "server_error", message: "no" } },
        sequence_number: 7,
      }),
    ],
    "with an error event": [
      ...responseEvents(marker).slice(0, 3),
      event("error", { code: "server_error", message: "no", param: null, sequence_number: 3 }),
    ],
  }),
};

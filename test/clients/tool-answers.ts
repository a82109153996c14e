/** Answers that call a tool, in each family's shape, as documents and as streams. */
import { DONE, data, event } from "../support/openai-answers.ts";

export interface ToolAnswer {
  readonly document: Readonly<Record<string, unknown>>;
  readonly events: readonly string[];
}

const NAME = "get_weather";
const ARGS = { city: "Zürich", days: 2 };
/** As models stream them: in pieces that are no JSON each. */
const ARG_PIECES = ['{"city":', '"Zürich",', '"days":2}'] as const;
const ARG_TEXT = ARG_PIECES.join("");

function chat(marker: string): ToolAnswer {
  const base = { id: `chatcmpl-${marker}`, created: 1_700_000_000, model: "m-1", system_fingerprint: "fp_1" };
  const chunk = (delta: object, finish_reason: string | null) =>
    data({
      ...base,
      object: "chat.completion.chunk",
      choices: [{ index: 0, delta, finish_reason, logprobs: null }],
    });
  const call = (piece: string) => ({ tool_calls: [{ index: 0, function: { arguments: piece } }] });
  const first = { index: 0, id: "call_1", type: "function", function: { name: NAME, arguments: "" } };
  const whole = { id: "call_1", type: "function", index: 0, function: { name: NAME, arguments: ARG_TEXT } };
  const message = { role: "assistant", content: null, refusal: null, tool_calls: [whole] };
  return {
    document: {
      ...base,
      object: "chat.completion",
      choices: [{ index: 0, message, finish_reason: "tool_calls", logprobs: null }],
      usage: { prompt_tokens: 9, completion_tokens: 3, total_tokens: 12 },
    },
    events: [
      chunk({ role: "assistant", content: null, tool_calls: [first] }, null),
      ...ARG_PIECES.map((piece) => chunk(call(piece), null)),
      chunk({}, "tool_calls"),
      DONE,
    ],
  };
}

/** Mistral's API repeats id and name, and wants no null where a list stands. */
function mistral(marker: string): ToolAnswer {
  const base = { id: `cmpl-${marker}`, created: 1_700_000_000, model: "m-1" };
  const tool_calls = [{ id: "call_1", index: 0, function: { name: NAME, arguments: ARG_TEXT } }];
  const usage = { prompt_tokens: 9, completion_tokens: 3, total_tokens: 12 };
  const message = { role: "assistant", content: "", tool_calls };
  const choice = { index: 0, finish_reason: "tool_calls" };
  const chunk = (more: object) => data({ ...base, object: "chat.completion.chunk", ...more });
  return {
    document: { ...base, object: "chat.completion", choices: [{ ...choice, message }], usage },
    events: [
      chunk({ choices: [{ index: 0, delta: { role: "assistant", content: "" }, finish_reason: null }] }),
      chunk({ choices: [{ ...choice, delta: { content: "", tool_calls } }], usage }),
      DONE,
    ],
  };
}

function responses(marker: string): ToolAnswer {
  const item = { type: "function_call", id: "fc_1", call_id: "call_1", name: NAME };
  const done = { ...item, arguments: ARG_TEXT, status: "completed" };
  const at = { item_id: "fc_1", output_index: 0 };
  const usage = {
    input_tokens: 9,
    input_tokens_details: { cached_tokens: 0 },
    output_tokens: 3,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: 12,
  };
  const response = (status: string) => ({
    id: `resp_${marker}`,
    object: "response",
    created_at: 1_700_000_000,
    model: "m-1",
    status,
    error: null,
    incomplete_details: null,
    instructions: null,
    metadata: {},
    parallel_tool_calls: true,
    temperature: 1,
    tool_choice: "auto",
    tools: [],
    top_p: 1,
    output: status === "completed" ? [done] : [],
    usage: status === "completed" ? usage : null,
  });
  const events: [string, object][] = [
    ["response.created", { response: response("in_progress") }],
    [
      "response.output_item.added",
      { output_index: 0, item: { ...item, arguments: "", status: "in_progress" } },
    ],
    ...ARG_PIECES.map((delta): [string, object] => [
      "response.function_call_arguments.delta",
      { ...at, delta },
    ]),
    ["response.function_call_arguments.done", { ...at, name: NAME, arguments: ARG_TEXT }],
    ["response.output_item.done", { output_index: 0, item: done }],
    ["response.completed", { response: response("completed") }],
  ];
  return {
    document: response("completed"),
    events: events.map(([type, value], i) => event(type, { ...value, sequence_number: i })),
  };
}

function anthropic(marker: string): ToolAnswer {
  const message = { id: `msg_${marker}`, type: "message", role: "assistant", model: "m-1" };
  const use = { type: "tool_use", id: "toolu_1", name: NAME };
  const delta = (partial_json: string) =>
    event("content_block_delta", { index: 0, delta: { type: "input_json_delta", partial_json } });
  const begun = { content: [], stop_reason: null, stop_sequence: null };
  return {
    document: {
      ...message,
      content: [{ ...use, input: ARGS }],
      stop_reason: "tool_use",
      stop_sequence: null,
      usage: { input_tokens: 9, output_tokens: 3 },
    },
    events: [
      event("message_start", {
        message: { ...message, ...begun, usage: { input_tokens: 9, output_tokens: 1 } },
      }),
      event("content_block_start", { index: 0, content_block: { ...use, input: {} } }),
      event("ping", {}),
      ...ARG_PIECES.map(delta),
      event("content_block_stop", { index: 0 }),
      event("message_delta", {
        delta: { stop_reason: "tool_use", stop_sequence: null },
        usage: { output_tokens: 3 },
      }),
      event("message_stop", {}),
    ],
  };
}

function google(marker: string): ToolAnswer {
  const document = {
    candidates: [
      {
        content: { role: "model", parts: [{ functionCall: { name: NAME, args: ARGS } }] },
        finishReason: "STOP",
        index: 0,
      },
    ],
    usageMetadata: { promptTokenCount: 9, candidatesTokenCount: 3, totalTokenCount: 12 },
    modelVersion: "m-1",
    responseId: marker,
  };
  return { document, events: [`data: ${JSON.stringify(document)}\r\n\r\n`] };
}

function cohere(marker: string): ToolAnswer {
  const whole = { id: "call_1", type: "function", function: { name: NAME, arguments: ARG_TEXT } };
  const usage = {
    billed_units: { input_tokens: 9, output_tokens: 3 },
    tokens: { input_tokens: 9, output_tokens: 3 },
  };
  const delta = (message: object) => ({ delta: { message } });
  const begun = { ...whole, function: { name: NAME, arguments: "" } };
  return {
    document: {
      id: `c-${marker}`,
      finish_reason: "TOOL_CALL",
      message: { role: "assistant", tool_plan: "I will look it up.", tool_calls: [whole] },
      usage,
    },
    events: [
      event("message-start", {
        id: `c-${marker}`,
        ...delta({ role: "assistant", content: [], tool_plan: "", tool_calls: [], citations: [] }),
      }),
      event("tool-plan-delta", delta({ tool_plan: "I will look it up." })),
      event("tool-call-start", { index: 0, ...delta({ tool_calls: begun }) }),
      ...ARG_PIECES.map((piece) =>
        event("tool-call-delta", { index: 0, ...delta({ tool_calls: { function: { arguments: piece } } }) }),
      ),
      event("tool-call-end", { index: 0 }),
      event("message-end", { delta: { finish_reason: "TOOL_CALL", usage } }),
    ],
  };
}

function ollama(): ToolAnswer {
  const calls = [{ function: { name: NAME, arguments: ARGS } }];
  const said = (message: object) => ({
    model: "m-1",
    created_at: "2023-11-14T22:13:20Z",
    message: { role: "assistant", content: "", ...message },
  });
  const done = { done: true, done_reason: "stop", prompt_eval_count: 9, eval_count: 3, total_duration: 5 };
  const line = (value: unknown) => `${JSON.stringify(value)}\n`;
  return {
    document: { ...said({ tool_calls: calls }), ...done },
    events: [line({ ...said({ tool_calls: calls }), done: false }), line({ ...said({}), ...done })],
  };
}

/** What the provider `name` answers when asked with tools at `path`. */
export function toolAnswer(name: string, path: string, marker: string): ToolAnswer {
  if (/\/messages$/.test(path)) return anthropic(marker);
  if (/enerateContent$/.test(path)) return google(marker);
  if (/\/api\/chat$/.test(path)) return ollama();
  if (/\/v2\/chat$/.test(path)) return cohere(marker);
  if (/\/responses$/.test(path)) return responses(marker);
  return name === "mistral" ? mistral(marker) : chat(marker);
}

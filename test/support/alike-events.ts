import { MessageFold } from "../../src/providers/anthropic.ts";
import { ChatFold } from "../../src/providers/chat.ts";
import { CohereFold } from "../../src/providers/cohere.ts";
import { SniffFold } from "../../src/providers/generic.ts";
import { GeminiFold } from "../../src/providers/google.ts";
import { OllamaFold } from "../../src/providers/ollama.ts";
import { ResponsesFold } from "../../src/providers/responses.ts";
import type { Fold } from "../../src/providers/sse.ts";
import { asked } from "./families.ts";
import { choice, DONE, data } from "./streams.ts";

/** A kind of stream. */
export interface Kind {
  readonly name: string;
  readonly fold: () => Fold;
  readonly lines?: boolean;
  /** An event with those words in it, and some that must be told apart from it. */
  readonly words: (text: string, n: number) => string;
  readonly others: readonly string[];
}

const chatAsked = asked("openai", "/v1/chat/completions", { stream: true });
const event = (name: string, value: object) => `event: ${name}\ndata: ${JSON.stringify(value)}\n\n`;
const call = (piece: string) => choice({ tool_calls: [{ index: 0, function: { arguments: piece } }] }, null);
const chatOthers = [
  data(choice({ role: "assistant", content: "" }, null)),
  data({ id: "c", ...choice({ content: "" }, null) }),
  data({ id: "c", model: "other", ...choice({ content: "x" }, null) }),
  data({ id: "c", ...choice({ content: "x" }, null), usage: { prompt_tokens: 1, completion_tokens: 2 } }),
  data({ id: "c", ...choice({ content: null }, null) }),
  data({ id: "c", ...choice({ content: "x" }, "stop") }),
  data({ id: "c", ...choice({ content: "x" }, null, 1) }),
  data({ id: "c", ...choice({ content: ["x"] }, null) }),
  data({ id: "c", ...choice({ content: "x" }, null), document_ids: ["d"] }),
  data({ id: "c", ...choice({ content: "file_id", file_id: "file-1" }, null) }),
  data({ id: "c", ...choice({ refusal: "no" }, null) }),
  data(call('{"a"')),
  data(call('{"a"')),
  data(call(":1}")),
  data({ id: "c", error: { message: "x" } }),
  data({ error: "x" }),
  data(choice({}, "stop")),
  data(choice({}, "content_filter")),
  DONE,
  "data: [1,2\n\n",
  "data: \n\n",
  ": comment\n\n",
  "\n\n",
  "id: 4\ndata: {}\n\n",
  "data: {\ndata: }\n\n",
  "data:{}\r\n\r\n",
  "data: {}\r\r",
  "event: error\ndata: {}\n\n",
  'error: {"message":"x"}\n\n',
  "retry: x\n\n",
];
const chatWords = (text: string, n: number) =>
  data({ id: "c", created: n, ...choice({ content: text }, null), obfuscation: "x".repeat(1 + (n % 9)) });
const delta = (text: string) =>
  event("content_block_delta", {
    type: "content_block_delta",
    index: 0,
    delta: { type: "text_delta", text },
  });
const piece = (partial_json: string) =>
  event("content_block_delta", {
    type: "content_block_delta",
    index: 1,
    delta: { type: "input_json_delta", partial_json },
  });

export const kinds: readonly Kind[] = [
  { name: "chat", fold: () => new ChatFold(chatAsked), words: chatWords, others: chatOthers },
  { name: "sniffed", fold: () => new SniffFold(chatAsked), words: chatWords, others: chatOthers },
  {
    name: "messages",
    fold: () => new MessageFold(),
    words: delta,
    others: [
      event("message_start", { type: "message_start", message: { model: "m", usage: { input_tokens: 3 } } }),
      event("ping", { type: "ping" }),
      event("error", { type: "error", error: { type: "overloaded_error" } }),
      event("other", JSON.parse(delta("x").slice(delta("x").indexOf("{")))),
      delta(""),
      piece('{"a":1'),
      piece('{"a":1'),
      piece("}"),
      event("message_delta", { type: "message_delta", delta: { stop_reason: "end_turn" } }),
      event("message_delta", { type: "message_delta", delta: {}, usage: { output_tokens: 7 } }),
      event("message_stop", { type: "message_stop" }),
    ],
  },
  {
    name: "responses",
    fold: () => new ResponsesFold({}),
    words: (text, n) =>
      event("response.output_text.delta", {
        type: "response.output_text.delta",
        sequence_number: n,
        delta: text,
      }),
    others: [
      data({ type: "response.created", sequence_number: 0 }),
      data({ type: "response.output_text.delta", sequence_number: 1.5, delta: "x" }),
      data({ type: "response.output_text.delta", sequence_number: -1, delta: "x" }),
      data({ type: "response.failed", sequence_number: 4 }),
      event("response.failed", { sequence_number: 4 }),
      data({ type: "response.completed", response: { status: "completed", output: [{ type: "x" }] } }),
      data({ type: "response.completed", sequence_number: 9, response: { output: [] } }),
      data({
        type: "response.incomplete",
        response: { incomplete_details: { reason: "max_output_tokens" } },
      }),
      data({ type: "x", item: { type: "reasoning", encrypted_content: "gAAA" } }),
    ],
  },
  {
    name: "google",
    fold: () => new GeminiFold("events", chatAsked),
    words: (text) => data({ candidates: [{ content: { parts: [{ text }] }, index: 0 }] }),
    others: [
      data({ candidates: [{ finishReason: "STOP", index: 0 }], usageMetadata: { promptTokenCount: 4 } }),
      data({ promptFeedback: { blockReason: "SAFETY" } }),
      '{"error":\n{"code":4}}\n\n',
    ],
  },
  {
    name: "cohere",
    fold: () => new CohereFold(),
    words: (text) => data({ type: "content-delta", index: 0, delta: { message: { content: { text } } } }),
    others: [
      data({ type: "content-delta", index: 0, delta: { message: { content: { text: "" } } } }),
      data({ type: "tool-call-delta", delta: { message: { tool_calls: { function: { arguments: "{" } } } } }),
      data({ type: "tool-call-delta", delta: { message: { tool_calls: { function: { arguments: "{" } } } } }),
      data({ type: "message-end", delta: { finish_reason: "COMPLETE" } }),
      data({ type: "message-end", delta: { finish_reason: "ERROR" } }),
    ],
  },
  {
    name: "ollama",
    fold: () => new OllamaFold(),
    lines: true,
    words: (text, n) =>
      `${JSON.stringify({ model: "m", created_at: `at ${n}`, message: { role: "assistant", content: text }, done: false })}\n`,
    others: [
      `${JSON.stringify({ model: "n", created_at: "x", message: { content: "" }, done: false })}\n`,
      `${JSON.stringify({ model: "m", created_at: "x", message: {}, done: true, eval_count: 3 })}\r\n`,
      `${JSON.stringify({ error: "x" })}\n`,
      "\n",
      "  \n",
      "{\n",
    ],
  },
];

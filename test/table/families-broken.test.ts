import assert from "node:assert/strict";
import { test } from "node:test";
import { type RecordedStream, watched } from "../support/families.ts";
import { bytes, chat, choice, DONE, data, responses, stream, terminal } from "../support/streams.ts";

const perplexity = stream("perplexity", "/chat/completions");
const anthropic = stream("anthropic", "/v1/messages");
const gemini = stream("google", "/v1beta/models/m:streamGenerateContent");
const cohere = stream("cohere", "/v2/chat");
const ollama = { ...stream("ollama", "/api/chat", {}), type: "application/x-ndjson" };
const array = { ...gemini, type: "application/json" };

const call = (args: string, more: object = {}) => ({
  tool_calls: [{ index: 0, function: { arguments: args }, ...more }],
});
const content = (text: string, finishReason?: string) => ({
  candidates: [{ content: { parts: [{ text }] }, ...(finishReason && { finishReason }) }],
});
const two = { ...gemini, json: { generationConfig: { candidateCount: 2 } } };
const candidate = (index: number, finishReason?: string) => ({
  candidates: [{ index, content: { parts: [{ text: "x" }] }, ...(finishReason && { finishReason }) }],
});
const images = stream("openai", "/v1/images/generations", { stream: true, n: 2 });
const image = { type: "image_generation.completed", b64_json: "AAAA" };
const message = (...events: object[]) => data({ type: "message_start", message: {} }, ...events);
const stop = (stop_reason: unknown) => ({ type: "message_delta", delta: { stop_reason } });
const said = { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "x" } };
const STOP = { type: "message_stop" };

/** Streams that end cleanly, and the reason for which each is not kept (undefined: it is). */
const cases: readonly (readonly [title: string, RecordedStream, string, string | undefined])[] = [
  ["no bytes at all", chat, "", "no-end-marker"],
  ["[DONE] alone, as gateways append it after a break", chat, DONE, "no-finish-reason"],
  [
    "[DONE] after a generation that broke off",
    chat,
    data(choice({ content: "x" }, null)) + DONE,
    "no-finish-reason",
  ],
  [
    "a finish reason that is an empty string",
    chat,
    data(choice({ content: "x" }, "")) + DONE,
    "no-finish-reason",
  ],
  ["a finish reason without [DONE]", chat, data(choice({ content: "x" }, "stop")), "no-end-marker"],
  [
    "one of two choices seen left open",
    chat,
    data(choice({ content: "x" }, "stop"), choice({ content: "y" }, null, 1)) + DONE,
    "no-finish-reason",
  ],
  [
    "one choice where two were asked for",
    { ...chat, json: { stream: true, n: 2 } },
    data(choice({ content: "x" }, "stop")) + DONE,
    "no-finish-reason",
  ],
  [
    "one choice where two prompts were sent",
    { ...chat, path: "/v1/completions", json: { prompt: ["a", "b"] } },
    data({ choices: [{ index: 0, text: "x", finish_reason: "stop" }] }) + DONE,
    "no-finish-reason",
  ],
  [
    "one choice for one prompt in tokens",
    { ...chat, path: "/v1/completions", json: { prompt: [1, 2, 3] } },
    data({ choices: [{ index: 0, text: "x", finish_reason: "stop" }] }) + DONE,
    undefined,
  ],
  ["the finish reason error", chat, data(choice({ content: "x" }, "error")) + DONE, "unfinished"],
  [
    "the finish reason insufficient_system_resource",
    chat,
    data(choice({ content: "x" }, "insufficient_system_resource")) + DONE,
    "unfinished",
  ],
  ["the finish reason length", chat, data(choice({ content: "x" }, "length")) + DONE, undefined],
  ["a content filter that left nothing", chat, data(choice({}, "content_filter")) + DONE, undefined],
  ["a refusal", chat, data(choice({ refusal: "No." }, "stop")) + DONE, undefined],
  ["nothing said", chat, data(choice({ role: "assistant", content: "" }, "stop")) + DONE, "empty"],
  ["reasoning alone", chat, data(choice({ reasoning_content: "hm" }, "stop")) + DONE, undefined],
  [
    "error: null on each chunk",
    chat,
    data({ ...choice({ content: "x" }, "stop"), error: null }) + DONE,
    undefined,
  ],
  [
    "usage: null on each chunk",
    chat,
    data({ ...choice({ content: "x" }, "stop"), usage: null }) + DONE,
    undefined,
  ],
  [
    "an error inside a choice",
    chat,
    data({ choices: [{ index: 0, delta: {}, error: { code: 502 }, finish_reason: "stop" }] }) + DONE,
    "error-event",
  ],
  [
    "Groq's error",
    chat,
    data({ ...choice({ content: "x" }, "stop"), x_groq: { error: "over capacity" } }) + DONE,
    "error-event",
  ],
  ["FastAPI's detail", chat, data({ detail: "Internal Server Error" }) + DONE, "error-event"],
  [
    "an event named error, its data empty",
    chat,
    `event: error\ndata: \n\n${data(choice({ content: "x" }, "stop"))}${DONE}`,
    "error-event",
  ],
  [
    "an event named error without data",
    chat,
    `${data(choice({ content: "x" }, "stop"))}event:error\r\n\r\n${DONE}`,
    "error-event",
  ],
  [
    "an event named error at the end of all",
    chat,
    `${data(choice({ content: "x" }, "stop"))}${DONE}event: error`,
    "error-event",
  ],
  [
    "an answer that says event: error",
    chat,
    data(choice({ content: "x\nevent: error\n" }, "stop")) + DONE,
    undefined,
  ],
  [
    "an event named errors",
    chat,
    `event: errors\n${data(choice({ content: "x" }, "stop"))}${DONE}`,
    undefined,
  ],
  [
    "Google's error in a list",
    chat,
    data(choice({ content: "x" }, "stop"), [{ error: { code: 503, message: "no" } }]) + DONE,
    "error-event",
  ],
  [
    "Cerebras's flat error",
    stream("cerebras", "/v1/chat/completions"),
    data(choice({ content: "x" }, "stop"), { status_code: 503, message: "no", type: "server_error" }) + DONE,
    "error-event",
  ],
  [
    "Mistral's error object",
    chat,
    data({ object: "error", message: "no", type: "x", code: 1 }) + DONE,
    "error-event",
  ],
  [
    "an error after [DONE]",
    chat,
    data(choice({ content: "x" }, "stop")) + DONE + data({ error: { message: "no" } }),
    "error-event",
  ],
  [
    "an event that is no JSON",
    chat,
    `${data(choice({ content: "x" }, "stop"))}data: {"choices":[{"ind\n\n${DONE}`,
    "not-json",
  ],
  ["an HTML page", chat, "<html><body>Bad gateway</body></html>", "no-end-marker"],
  [
    "tool arguments cut short",
    chat,
    data(choice(call('{"a":'), null), choice({}, "tool_calls")) + DONE,
    "bad-tool-arguments",
  ],
  [
    "tool arguments in pieces",
    chat,
    data(choice(call('{"a":'), null), choice(call('"b"}'), "tool_calls")) + DONE,
    undefined,
  ],
  ["no tool arguments", chat, data(choice(call("", { id: "1" }), "tool_calls")) + DONE, undefined],
  [
    "two calls of one number and different ids",
    chat,
    data(choice(call("{}", { id: "1" }), null), choice(call("{}", { id: "2" }), "tool_calls")) + DONE,
    undefined,
  ],
  [
    "two choices that both call a tool",
    chat,
    data(
      choice(call('{"a"', { id: "1" }), null),
      choice(call("{}", { id: "2" }), "tool_calls", 1),
      choice(call(":1}"), "tool_calls"),
    ) + DONE,
    undefined,
  ],
  ["Perplexity's end without [DONE]", perplexity, data(choice({ content: "x" }, "stop")), undefined],
  ["Perplexity without a finish reason", perplexity, data(choice({ content: "x" }, null)), "no-end-marker"],
  [
    "Perplexity's last event without its blank line",
    perplexity,
    data(choice({ content: "x" }, "stop")).trimEnd(),
    "no-end-marker",
  ],
  ["message_stop without a stop reason", anthropic, message(said, STOP), "no-finish-reason"],
  ["a stop reason without message_stop", anthropic, message(said, stop("end_turn")), "no-end-marker"],
  ["pause_turn", anthropic, message(said, stop("pause_turn"), STOP), "unfinished"],
  ["max_tokens", anthropic, message(said, stop("max_tokens"), STOP), undefined],
  ["a refusal without a word", anthropic, message(stop("refusal"), STOP), undefined],
  ["no content", anthropic, message(stop("end_turn"), STOP), "empty"],
  ["[DONE] in place of message_stop", anthropic, message(said, stop("end_turn")) + DONE, "no-end-marker"],
  [
    "broken tool input",
    anthropic,
    message(
      { type: "content_block_start", index: 0, content_block: { type: "tool_use", name: "f" } },
      { type: "content_block_delta", index: 0, delta: { type: "input_json_delta", partial_json: '{"a' } },
      stop("tool_use"),
      STOP,
    ),
    "bad-tool-arguments",
  ],
  ["a candidate that goes on", gemini, data(content("x")), "no-finish-reason"],
  ["CONTINUATION", gemini, data(content("x", "CONTINUATION")), "unfinished"],
  ["MALFORMED_FUNCTION_CALL", gemini, data(content("", "MALFORMED_FUNCTION_CALL")), "unfinished"],
  ["SAFETY without a word", gemini, data(content("", "SAFETY")), undefined],
  ["MAX_TOKENS", gemini, data(content("x", "MAX_TOKENS")), undefined],
  [
    "a thought's signature alone",
    gemini,
    data({
      candidates: [{ content: { parts: [{ text: "", thoughtSignature: "c2ln" }] }, finishReason: "STOP" }],
    }),
    "empty",
  ],
  ["a blocked prompt", gemini, data({ promptFeedback: { blockReason: "SAFETY" } }), undefined],
  ["no event at all", gemini, "", "no-finish-reason"],
  [
    "one of two candidates left open",
    gemini,
    data({
      candidates: [
        { index: 0, content: { parts: [{ text: "x" }] }, finishReason: "STOP" },
        { index: 1, content: { parts: [{ text: "y" }] } },
      ],
    }),
    "no-finish-reason",
  ],
  ["one candidate where two were asked for", two, data(candidate(0, "STOP")), "no-finish-reason"],
  [
    "one of two candidates without an end",
    two,
    data(candidate(0), candidate(1), candidate(0, "STOP")),
    "no-finish-reason",
  ],
  ["two candidates", two, data(candidate(0), candidate(1, "STOP"), candidate(0, "STOP")), undefined],
  [
    "one candidate in an array where two were asked for",
    { ...two, type: "application/json" },
    JSON.stringify([candidate(0, "STOP")]),
    "no-finish-reason",
  ],
  [
    "a blocked prompt where two were asked for",
    two,
    data({ promptFeedback: { blockReason: "SAFETY" } }),
    undefined,
  ],
  ["one image where two were asked for", images, data(image), "no-end-marker"],
  ["two images", images, data(image, image), undefined],
  ["an array that goes on behind its end", array, `[${JSON.stringify(content("x", "STOP"))}]]`, "not-json"],
  ["an array with a comma too many", array, `[${JSON.stringify(content("x", "STOP"))},,{}]`, "not-json"],
  [
    "an array without commas",
    array,
    `[${JSON.stringify(content("x"))} ${JSON.stringify(content("x", "STOP"))}]`,
    "not-json",
  ],
  ["an array with a comma at its end", array, `[${JSON.stringify(content("x", "STOP"))},]`, "not-json"],
  [
    "an array with a comma and blanks at its end",
    array,
    `[${JSON.stringify(content("x", "STOP"))}\r\n,\r\n]\n`,
    "not-json",
  ],
  ["an array closed by a brace", array, `[${JSON.stringify(content("x", "STOP"))}}`, "not-json"],
  [
    "an array as Google writes it",
    array,
    `[${JSON.stringify(content("x"))}\r\n,\r\n${JSON.stringify(content("y", "STOP"))}\r\n]\r\n`,
    undefined,
  ],
  ["an object alone", array, JSON.stringify(content("x", "STOP")), undefined],
  ["an empty array", array, "[]", "no-finish-reason"],
  [
    "an array whose last element is an error",
    array,
    `[${JSON.stringify(content("x"))},{"error":{"code":503}}]`,
    "error-event",
  ],
  ["response.completed", responses, terminal("response.completed", { status: "completed" }), undefined],
  [
    "response.incomplete",
    responses,
    terminal("response.incomplete", {
      status: "incomplete",
      incomplete_details: { reason: "max_output_tokens" },
    }),
    undefined,
  ],
  [
    "response.failed",
    responses,
    terminal("response.failed", { status: "failed", error: { code: "server_error" } }),
    "error-event",
  ],
  [
    "response.completed that says in_progress",
    responses,
    terminal("response.completed", { status: "in_progress" }),
    "unfinished",
  ],
  [
    "[DONE] without response.completed",
    responses,
    data({ type: "response.created", response: {} }) + DONE,
    "no-end-marker",
  ],
  [
    "[DONE] after response.completed, as copies send it",
    responses,
    terminal("response.completed", { status: "completed" }) + DONE,
    undefined,
  ],
  [
    "message-end with ERROR",
    cohere,
    data({ type: "message-end", delta: { finish_reason: "ERROR", error: "no" } }),
    "error-event",
  ],
  [
    "message-end with TIMEOUT",
    cohere,
    data({ type: "message-end", delta: { finish_reason: "TIMEOUT" } }),
    "error-event",
  ],
  ["message-end without a reason", cohere, data({ type: "message-end", delta: {} }), "no-finish-reason"],
  ["[DONE] alone", cohere, DONE, "no-end-marker"],
  [
    "v1's error behind the end",
    { ...stream("cohere", "/v1/chat"), type: "application/stream+json" },
    `${[
      { event_type: "text-generation", text: "x" },
      { event_type: "stream-end", is_finished: true, finish_reason: "COMPLETE", response: { text: "x" } },
      { message: "internal server error" },
    ]
      .map((line) => JSON.stringify(line))
      .join("\n")}\n`,
    "error-event",
  ],
  [
    "a model that was only loaded",
    ollama,
    '{"model":"m","message":{"role":"assistant","content":""},"done":true,"done_reason":"load"}\n',
    "empty",
  ],
  ["a line that is no JSON", ollama, '{"message":{"content":"x"},"done":fal\n{"done":true}\n', "not-json"],
  [
    "done without a reason, as older versions",
    ollama,
    '{"message":{"content":"x"},"done":false}\n{"done":true}\n',
    undefined,
  ],
];

for (const [title, asked, text, refusal] of cases) {
  test(`${asked.provider} ${asked.path}: ${title} is ${refusal ? `refused as ${refusal}` : "kept"}`, () => {
    assert.equal(watched(asked, [bytes(text)]).refusal, refusal);
    assert.equal(
      watched(
        asked,
        [...bytes(text)].map((byte) => Uint8Array.of(byte)),
      ).refusal,
      refusal,
    );
  });
}

import assert from "node:assert/strict";
import { test } from "node:test";
import { asked, familyOf, judged } from "../support/families.ts";

const choices = (...list: object[]) => ({ id: "c", model: "m", choices: list });
const choice = (message: object, finish_reason: unknown = "stop") => ({ index: 0, message, finish_reason });
const call = (args: unknown) => ({
  content: null,
  tool_calls: [{ id: "1", function: { name: "f", arguments: args } }],
});
const message = (stop_reason: unknown, ...content: object[]) => ({
  type: "message",
  model: "m",
  content,
  stop_reason,
});
const text = (words: string) => ({ type: "text", text: words });
const response = (status: unknown, ...output: object[]) => ({
  object: "response",
  status,
  error: null,
  output,
});
const says = (words: string) => ({ type: "message", content: [{ type: "output_text", text: words }] });
const gemini = (finishReason: string | undefined, ...parts: object[]) => ({
  candidates: [{ content: { parts }, finishReason }],
});

const CHAT = ["openai", "/v1/chat/completions"] as const;
const MESSAGES = ["anthropic", "/v1/messages"] as const;
const RESPONSES = ["openai", "/v1/responses"] as const;
const GEMINI = ["google", "/v1beta/models/m:generateContent"] as const;
const COHERE = ["cohere", "/v2/chat"] as const;
const OLLAMA = ["ollama", "/api/chat"] as const;
const EMBED = ["openai", "/v1/embeddings"] as const;

/** Whole documents under status 200, and the reason for which each is not kept (undefined: it is). */
const cases: readonly (readonly [title: string, readonly [string, string], unknown, string | undefined])[] = [
  ["an answer", CHAT, choices(choice({ content: "x" })), undefined],
  ["error: null beside an answer", CHAT, { error: null, ...choices(choice({ content: "x" })) }, undefined],
  ["an error object", CHAT, { error: { message: "no" } }, "error-body"],
  ["an error in words", CHAT, { error: "overloaded" }, "error-body"],
  [
    "Mistral's error",
    ["mistral", "/v1/chat/completions"],
    { object: "error", message: "no", code: 3051 },
    "error-body",
  ],
  ["FastAPI's detail", CHAT, { detail: "Not Found" }, "error-body"],
  ["a detail beside choices", CHAT, { detail: "x", ...choices(choice({ content: "x" })) }, undefined],
  ["a message with a code", CHAT, { message: "no", code: "x" }, "error-body"],
  ["a bare message", ["together", "/v1/chat/completions"], { message: "Rate limit exceeded" }, "error-body"],
  [
    "Google's error in a list",
    ["google", "/v1beta/openai/chat/completions"],
    [{ error: { code: 503, message: "no", status: "UNAVAILABLE" } }],
    "error-body",
  ],
  ["a bare message with a type", CHAT, { message: "no", type: "server_error" }, "error-body"],
  ["a message beside choices", CHAT, { message: "ok", ...choices(choice({ content: "x" })) }, undefined],
  ["a bare message", MESSAGES, { message: "no" }, "error-body"],
  ["a bare message", RESPONSES, { message: "no", type: "server_error" }, "error-body"],
  ["a bare message", GEMINI, { message: "no" }, "error-body"],
  [
    "an error inside a choice",
    CHAT,
    choices({ ...choice({ content: "" }), error: { code: 502 } }),
    "error-body",
  ],
  ["no choice", CHAT, choices(), "empty"],
  ["an empty message", CHAT, choices(choice({ role: "assistant", content: "" })), "empty"],
  [
    "a null message with empty lists",
    CHAT,
    choices(choice({ content: null, tool_calls: [], refusal: null })),
    "empty",
  ],
  ["content parts without a word", CHAT, choices(choice({ content: [{ type: "text", text: "" }] })), "empty"],
  ["a refusal", CHAT, choices(choice({ content: null, refusal: "No." })), undefined],
  ["reasoning without an answer", CHAT, choices(choice({ content: "", reasoning: "hm" })), undefined],
  ["an empty answer cut by length", CHAT, choices(choice({ content: "" }, "length")), undefined],
  ["a filter that left nothing", CHAT, choices(choice({ content: "" }, "content_filter")), undefined],
  ["an empty finish reason", CHAT, choices(choice({ content: "x" }, "")), "no-finish-reason"],
  ["no finish reason", CHAT, choices(choice({ content: "x" }, null)), "no-finish-reason"],
  ["the finish reason error", CHAT, choices(choice({ content: "x" }, "error")), "unfinished"],
  ["a tool call", CHAT, choices(choice(call('{"a":1}'), "tool_calls")), undefined],
  ["a tool call without arguments", CHAT, choices(choice(call(""), "tool_calls")), undefined],
  [
    "tool arguments that are no JSON",
    CHAT,
    choices(choice(call("{'a':1}"), "tool_calls")),
    "bad-tool-arguments",
  ],
  [
    "a custom tool's free text",
    CHAT,
    choices(choice({ tool_calls: [{ type: "custom", custom: { input: "ls -l" } }] }, "tool_calls")),
    undefined,
  ],
  ["an unknown object", CHAT, { result: "fine" }, undefined],
  ["an empty object", CHAT, {}, undefined],
  ["a bare string", CHAT, "fine", "error-body"],
  ["a number", EMBED, 503, "error-body"],
  ["a list", CHAT, [choices(choice({ content: "x" }))], "error-body"],
  ["a list", MESSAGES, [], "error-body"],
  ["null", CHAT, null, "empty"],
  ["null", RESPONSES, null, "empty"],
  ["null", GEMINI, null, "empty"],
  ["null", EMBED, null, "empty"],
  ["null", COHERE, null, "empty"],
  ["null", OLLAMA, null, "empty"],
  ["null", ["openai", "/v1/images/generations"], null, "empty"],
  ["null", ["huggingface", "/hf-inference/models/o/m"], null, "empty"],
  ["null", ["huggingface", "/hf-inference/models/o/m/pipeline/feature-extraction"], null, "empty"],
  ["Cloudflare's failure", CHAT, { success: false, errors: [{ code: 7009 }], result: null }, "error-body"],
  ["success: false alone", EMBED, { success: false, result: null }, "error-body"],
  ["errors", CHAT, { errors: [{ message: "overloaded" }] }, "error-body"],
  ["errors in words", MESSAGES, { errors: ["overloaded"] }, "error-body"],
  ["errors beside some vectors", EMBED, { data: [{ embedding: [0] }], errors: ["input 2"] }, "error-body"],
  ["errors", RESPONSES, { errors: [{ message: "no" }] }, "error-body"],
  ["errors", GEMINI, { errors: [{ message: "no" }] }, "error-body"],
  [
    "errors",
    COHERE,
    { message: { content: [text("x")] }, finish_reason: "COMPLETE", errors: [{}] },
    "error-body",
  ],
  ["errors", OLLAMA, { errors: ["no"] }, "error-body"],
  ["errors: []", CHAT, { errors: [], ...choices(choice({ content: "x" })) }, undefined],
  ["errors: null", EMBED, { errors: null, data: [{ embedding: [0] }] }, undefined],
  [
    "Cloudflare's success",
    CHAT,
    { success: true, errors: [], messages: [], result: { response: "x" } },
    undefined,
  ],
  ["a bare transcript", ["openai", "/v1/audio/transcriptions"], "so it was said", undefined],
  ["a bare list of vectors", ["llamacpp", "/embeddings"], [{ index: 0, embedding: [[0]] }], undefined],
  ["a bare list of scores", ["llamacpp", "/rerank"], [{ index: 0, score: 0.5 }], undefined],
  [
    "a list of completions, one a prompt",
    ["llamacpp", "/completion"],
    [{ index: 0, content: "x", stop: true }],
    undefined,
  ],
  [
    "nested lists of numbers",
    ["huggingface", "/hf-inference/models/o/m/pipeline/feature-extraction"],
    [[[0, 0.5]]],
    undefined,
  ],
  ["a list", GEMINI, [gemini(undefined, { text: "x" }), gemini("STOP", { text: "y" })], undefined],
  ["a list that is an error", EMBED, [{ error: { code: 400, message: "no" } }], "error-body"],
  [
    "members named like JavaScript's own",
    CHAT,
    JSON.parse('{"__proto__":{"error":1},"constructor":{"choices":[]}}'),
    undefined,
  ],
  ["an answer", MESSAGES, message("end_turn", text("x")), undefined],
  ["an error", MESSAGES, { type: "error", error: { type: "overloaded_error" } }, "error-body"],
  ["no content", MESSAGES, message("end_turn"), "empty"],
  ["an empty text", MESSAGES, message("end_turn", text("")), "empty"],
  ["a refusal without content", MESSAGES, message("refusal"), undefined],
  ["no stop reason", MESSAGES, message(null, text("x")), "no-finish-reason"],
  ["pause_turn", MESSAGES, message("pause_turn", text("x")), "unfinished"],
  ["a tool call", MESSAGES, message("tool_use", { type: "tool_use", input: { a: 1 } }), undefined],
  ["a token count", ["anthropic", "/v1/messages/count_tokens"], { input_tokens: 0 }, undefined],
  ["an answer", RESPONSES, response("completed", says("x")), undefined],
  ["an incomplete answer", RESPONSES, response("incomplete", says("x")), undefined],
  ["a queued answer", RESPONSES, response("queued"), "unfinished"],
  ["a failed answer", RESPONSES, { ...response("failed"), error: { code: "server_error" } }, "error-body"],
  ["a cancelled answer", RESPONSES, response("cancelled", says("x")), "unfinished"],
  ["no output", RESPONSES, response("completed"), "empty"],
  ["a message without a word", RESPONSES, response("completed", says("")), "empty"],
  [
    "a call with broken arguments",
    RESPONSES,
    response("completed", { type: "function_call", arguments: '{"a' }),
    "bad-tool-arguments",
  ],
  ["no status", RESPONSES, response(undefined, says("x")), "no-finish-reason"],
  ["an answer", GEMINI, gemini("STOP", { text: "x" }), undefined],
  ["a function call", GEMINI, gemini("STOP", { functionCall: { name: "f", args: {} } }), undefined],
  ["no part", GEMINI, gemini("STOP"), "empty"],
  ["no candidate", GEMINI, { usageMetadata: { promptTokenCount: 4 } }, "empty"],
  ["a blocked prompt", GEMINI, { promptFeedback: { blockReason: "OTHER" } }, undefined],
  ["OTHER", GEMINI, gemini("OTHER", { text: "x" }), "unfinished"],
  ["UNEXPECTED_TOOL_CALL", GEMINI, gemini("UNEXPECTED_TOOL_CALL", { text: "x" }), "unfinished"],
  ["no finish reason", GEMINI, gemini(undefined, { text: "x" }), "no-finish-reason"],
  ["an error", GEMINI, { error: { code: 503, status: "UNAVAILABLE" } }, "error-body"],
  [
    "an array with an error",
    GEMINI,
    [gemini(undefined, { text: "x" }), { error: { code: 503 } }],
    "error-body",
  ],
  ["an unknown object", GEMINI, { predictions: 1 }, undefined],
  ["no vector", ["google", "/v1beta/models/m:embedContent"], { embedding: { values: [] } }, "empty"],
  ["an answer", COHERE, { message: { content: [text("x")] }, finish_reason: "COMPLETE" }, undefined],
  ["an error in words", COHERE, { message: "invalid request" }, "error-body"],
  [
    "an empty message",
    COHERE,
    { message: { role: "assistant", content: [] }, finish_reason: "COMPLETE" },
    "empty",
  ],
  ["ERROR", COHERE, { message: { content: [text("x")] }, finish_reason: "ERROR" }, "unfinished"],
  ["v1's answer", ["cohere", "/v1/chat"], { text: "x", finish_reason: "COMPLETE" }, undefined],
  ["v1's toxic error", ["cohere", "/v1/chat"], { text: "x", finish_reason: "ERROR_TOXIC" }, "unfinished"],
  ["an answer", OLLAMA, { message: { content: "x" }, done: true, done_reason: "stop" }, undefined],
  ["an error", OLLAMA, { error: "model not found" }, "error-body"],
  ["an empty answer", OLLAMA, { message: { role: "assistant", content: "" }, done: true }, "empty"],
  ["an answer that goes on", OLLAMA, { message: { content: "x" }, done: false }, "unfinished"],
  [
    "a model that was unloaded",
    ["ollama", "/api/generate"],
    { response: "", done: true, done_reason: "unload" },
    "empty",
  ],
  ["vectors", EMBED, { data: [{ embedding: [0, 0] }] }, undefined],
  ["no vector", EMBED, { object: "list", data: [] }, "empty"],
  ["an error", EMBED, { error: { message: "no" } }, "error-body"],
  ["Cohere's vectors by type", ["cohere", "/v2/embed"], { embeddings: { float: [[0]] }, id: "x" }, undefined],
  ["Cohere's vectors, none", ["cohere", "/v2/embed"], { embeddings: { float: [] }, id: "x" }, "empty"],
  ["no result", ["cohere", "/v2/rerank"], { results: [], id: "x" }, "empty"],
  ["a moderation", ["openai", "/v1/moderations"], { results: [{ flagged: false }] }, undefined],
  ["no image", ["openai", "/v1/images/generations"], { created: 1, data: [] }, "empty"],
  ["silence", ["openai", "/v1/audio/transcriptions"], { text: "" }, "empty"],
  ["a bare list of labels, none", ["huggingface", "/hf-inference/models/o/m"], [], undefined],
  [
    "a model that is loading",
    ["huggingface", "/hf-inference/models/o/m"],
    { error: "loading", estimated_time: 20 },
    "error-body",
  ],
  ["llama.cpp's own completion", ["llamacpp", "/completion"], { content: "x", stop: true }, undefined],
  [
    "llama.cpp's own completion, broken off",
    ["llamacpp", "/completion"],
    { content: "x", stop: false },
    "no-finish-reason",
  ],
];

for (const [title, [provider, path], value, refusal] of cases) {
  test(`${provider} ${path}: ${title} is ${refusal ? `refused as ${refusal}` : "kept"}`, () => {
    assert.equal(judged(provider, path, value).refusal, refusal);
  });
}

test("a document of Gemini has as many candidates as were asked for", () => {
  const candidate = (finishReason?: string) => ({ content: { parts: [{ text: "x" }] }, finishReason });
  const judge = (json: Record<string, unknown>, ...candidates: object[]) =>
    familyOf("google").judge(asked(...GEMINI, json), { candidates }).refusal;
  for (const json of [
    { generationConfig: { candidateCount: 2 } },
    { generation_config: { candidate_count: 2 } },
  ]) {
    assert.equal(judge(json, candidate("STOP")), "no-finish-reason");
    assert.equal(judge(json, candidate("STOP"), candidate()), "no-finish-reason");
    assert.equal(judge(json, candidate("STOP"), candidate("SAFETY")), undefined);
  }
  assert.equal(judge({ generationConfig: {} }, candidate("STOP")), undefined);
});

test("tool arguments in a shortened document prove nothing", () => {
  const value = choices(choice(call("{"), "tool_calls"));
  assert.equal(judged(...CHAT, value).refusal, "bad-tool-arguments");
  assert.equal(judged(...CHAT, value, true).refusal, undefined);
});

for (const bound of [
  { ...message("end_turn", text("x")), container: { id: "container_1", expires_at: "x" } },
  message("end_turn", {
    type: "bash_code_execution_tool_result",
    content: { content: [{ file_id: "file_1" }] },
  }),
]) {
  test(`an answer that names what its account holds is bound to it: ${JSON.stringify(bound)}`, () => {
    assert.equal(judged(...MESSAGES, bound).accountBound, true);
  });
}

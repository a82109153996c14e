import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type RecordedStream, recorded, streams, watched } from "../support/families.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const SSE = "text/event-stream";

function stream(
  provider: string,
  path: string,
  json: Record<string, unknown> = { stream: true },
): RecordedStream {
  return { file: "", provider, path, json, type: SSE, model: undefined, usage: undefined };
}
const chat = stream("openai", "/v1/chat/completions");
const perplexity = stream("perplexity", "/chat/completions");
const anthropic = stream("anthropic", "/v1/messages");
const gemini = stream("google", "/v1beta/models/m:streamGenerateContent");
const responses = stream("openai", "/v1/responses");
const cohere = stream("cohere", "/v2/chat");
const ollama = { ...stream("ollama", "/api/chat", {}), type: "application/x-ndjson" };
const array = { ...gemini, type: "application/json" };

const data = (...values: unknown[]) => values.map((value) => `data: ${JSON.stringify(value)}\n\n`).join("");
const choice = (delta: object, finish_reason: unknown, index = 0) => ({
  choices: [{ index, delta, finish_reason }],
});
const call = (args: string, more: object = {}) => ({
  tool_calls: [{ index: 0, function: { arguments: args }, ...more }],
});
const DONE = "data: [DONE]\n\n";
const content = (text: string, finishReason?: string) => ({
  candidates: [{ content: { parts: [{ text }] }, ...(finishReason && { finishReason }) }],
});
const message = (...events: object[]) => data({ type: "message_start", message: {} }, ...events);
const stop = (stop_reason: unknown) => ({ type: "message_delta", delta: { stop_reason } });
const said = { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "x" } };
const STOP = { type: "message_stop" };
const terminal = (type: string, response: object) =>
  data({ type, response: { output: [{ type: "mcp_call" }], ...response } });

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
  ["an array that goes on behind its end", array, `[${JSON.stringify(content("x", "STOP"))}]]`, "not-json"],
  ["an array with a comma too many", array, `[${JSON.stringify(content("x", "STOP"))},,{}]`, "not-json"],
  [
    "an array without commas",
    array,
    `[${JSON.stringify(content("x"))} ${JSON.stringify(content("x", "STOP"))}]`,
    "not-json",
  ],
  ["an empty array", array, "[]", undefined],
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
  });
}

test("a stream that was asked for and claims to be plain text is held to the same proof", () => {
  const plain = { ...chat, type: "text/plain" };
  assert.equal(watched(plain, [bytes(data(choice({ content: "x" }, null)))]).refusal, "no-end-marker");
  assert.equal(watched(plain, [bytes(data(choice({ content: "x" }, "stop")) + DONE)]).refusal, undefined);
});

test("an answer with encrypted reasoning is its account's own, text that speaks of it is not", () => {
  const item = { type: "reasoning", summary: [], encrypted_content: "gAAA" };
  assert.equal(
    watched(responses, [bytes(terminal("response.completed", { output: [item] }))]).accountBound,
    true,
  );
  const talk = choice({ content: '{"encrypted_content":"gAAA","file_id":"f"}' }, "stop");
  assert.equal(watched(chat, [bytes(data(talk) + DONE)]).accountBound, false);
});

test("an event of 24 MiB of base64 passes without being held, whatever the chunks", () => {
  const image = "iVBORw0KGgo".repeat(2_300_000).slice(0, 24 * 1024 * 1024);
  const image64k = bytes(image.slice(0, 64 * 1024));
  const wants = stream("openai", "/v1/images/generations");
  const pieces = [
    bytes('data: {"type":"image_generation.completed","b64_json":"AAAAAAAA'),
    ...Array.from({ length: 384 }, () => image64k),
    bytes('","usage":{"input_tokens":5}}\n\n'),
  ];
  const found = watched(wants, pieces);
  assert.equal(found.refusal, undefined);
  assert.deepEqual(found.usage, { inputTokens: 5 });
});

test("an event of 20 MiB of words is passed on and not kept", () => {
  const words = bytes("some words, ".repeat(80_000));
  const pieces = [
    bytes('data: {"choices":[{"delta":{"content":"'),
    ...Array.from({ length: 22 }, () => words),
    bytes('"}}]}\n\n'),
  ];
  assert.equal(watched(chat, pieces).refusal, "too-large");
});

test("long texts full of escapes survive any chunking", () => {
  const run = fc.constantFrom(
    "A".repeat(1500),
    "\\n",
    "\\u00e9",
    "é",
    "/+=",
    '\\"',
    "B".repeat(3000),
    "\\\\",
  );
  fc.assert(
    fc.property(
      fc.array(run, { maxLength: 8 }),
      fc.array(fc.nat(12_000), { maxLength: 12 }),
      (runs, cuts) => {
        const event = `data: {"choices":[{"index":0,"delta":{"content":"x${runs.join("")}"},"finish_reason":"stop"}]}\n\n${DONE}`;
        const whole = bytes(event);
        const at = [
          0,
          ...cuts.filter((cut) => cut < whole.byteLength).sort((a, b) => a - b),
          whole.byteLength,
        ];
        const pieces = at.slice(1).map((end, i) => whole.subarray(at[i], end));
        assert.equal(watched(chat, pieces).refusal, undefined);
      },
    ),
    { seed: 7, numRuns: 300 },
  );
});

test("no bytes make a watcher throw, and no random bytes are kept", () => {
  const kept: string[] = [];
  fc.assert(
    fc.property(
      fc.constantFrom(...streams),
      fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 5 }),
      (one, pieces) => {
        if (watched(one, pieces).refusal === undefined) kept.push(one.file);
      },
    ),
    { seed: 11, numRuns: 2000 },
  );
  // An array needs no more than its brackets; everything else needs a proof that chance does not find.
  assert.deepEqual(
    kept.filter((file) => file !== "gemini-array.json"),
    [],
  );
});

test("a recorded stream with any one byte changed never throws", () => {
  for (const one of streams.filter(({ file }) => file !== "openai-image.sse")) {
    const whole = recorded(one.file);
    for (let at = 0; at < whole.byteLength; at += 3) {
      const damaged = whole.slice();
      damaged[at] = 0x22;
      watched(one, [damaged]);
    }
  }
});

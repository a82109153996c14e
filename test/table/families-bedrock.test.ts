import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32 } from "../../src/providers/eventstream.ts";
import type { Finding } from "../../src/providers/provider.ts";
import { fromSetting } from "../../src/providers/table.ts";

const url = "https://bedrock-runtime.us-east-1.amazonaws.com";
const { family } = fromSetting({ name: "bedrock", url, family: undefined, auth: undefined });

/** One frame as Amazon sends it: sizes, headers of type text, payload, a checksum over each part. */
function frame(headers: Record<string, string>, value: unknown): Uint8Array {
  const encoder = new TextEncoder();
  const payload = encoder.encode(JSON.stringify(value));
  const parts = Object.entries(headers).flatMap(([name, text]) => {
    const [key, said] = [encoder.encode(name), encoder.encode(text)];
    return [key.length, ...key, 7, said.length >> 8, said.length & 0xff, ...said];
  });
  const bytes = new Uint8Array(16 + parts.length + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length);
  view.setUint32(4, parts.length);
  view.setUint32(8, crc32(bytes.subarray(0, 8)));
  bytes.set(parts, 12);
  bytes.set(payload, 12 + parts.length);
  view.setUint32(bytes.length - 4, crc32(bytes.subarray(0, -4)));
  return bytes;
}

const event = (type: string, value: unknown) =>
  frame({ ":event-type": type, ":content-type": "application/json", ":message-type": "event" }, value);
const exception = frame(
  { ":exception-type": "throttlingException", ":message-type": "exception" },
  { message: "slow" },
);

const join = (...frames: readonly Uint8Array[]) => Uint8Array.from(frames.flatMap((bytes) => [...bytes]));

function watched(path: string, ...pieces: readonly Uint8Array[]): Finding & { ended: boolean } {
  const endpoint = family.endpoint(path);
  assert.ok(endpoint);
  const watcher = family.watch({ endpoint, path, query: "", json: {} }, "application/vnd.amazon.eventstream");
  assert.ok(watcher);
  for (const piece of pieces) watcher.chunk(piece);
  const { ended } = watcher;
  return { ...watcher.finish(), ended };
}

const CONVERSE = "/model/m/converse-stream";
const INVOKE = "/model/m/invoke-with-response-stream";
const inner = (value: unknown) => event("chunk", { bytes: btoa(JSON.stringify(value)) });

const converse = [
  event("messageStart", { role: "assistant" }),
  event("contentBlockDelta", { contentBlockIndex: 0, delta: { text: "Hello" } }),
  event("contentBlockStop", { contentBlockIndex: 0 }),
  event("messageStop", { stopReason: "end_turn" }),
  event("metadata", { usage: { inputTokens: 3, cacheReadInputTokens: 4, outputTokens: 5 } }),
];
const invoke = [
  inner({ type: "message_start", message: { model: "claude", usage: { input_tokens: 3 } } }),
  inner({ type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "Hello" } }),
  inner({ type: "message_delta", delta: { stop_reason: "end_turn" }, usage: { output_tokens: 5 } }),
  inner({
    type: "message_stop",
    "amazon-bedrock-invocationMetrics": { inputTokenCount: 3, outputTokenCount: 5 },
  }),
];

test("the checksum is zlib's", () => {
  assert.equal(crc32(new TextEncoder().encode("123456789")), 0xcbf43926);
});

for (const [path, frames, usage] of [
  [CONVERSE, converse, { inputTokens: 7, outputTokens: 5, cacheReadTokens: 4 }],
  [INVOKE, invoke, { inputTokens: 3, outputTokens: 5 }],
] as const) {
  test(`${path}: a whole stream is kept, wherever it is split, and one cut anywhere is not`, () => {
    const whole = join(...frames);
    const expected = watched(path, whole);
    assert.equal(expected.refusal, undefined);
    assert.equal(expected.ended, true);
    assert.deepEqual(expected.usage, usage);
    for (let cut = 0; cut < whole.length; cut++) {
      const { refusal, ended } = watched(path, whole.subarray(0, cut));
      assert.notEqual(refusal, undefined, `kept after ${cut} of ${whole.length} bytes`);
      assert.equal(ended, false);
      assert.deepEqual(watched(path, whole.subarray(0, cut), whole.subarray(cut)), expected);
    }
  });

  test(`${path}: an exception anywhere is refused`, () => {
    for (let at = 0; at <= frames.length; at++) {
      const { refusal } = watched(path, join(...frames.slice(0, at), exception, ...frames.slice(at)));
      assert.equal(refusal, "error-event");
    }
  });

  test(`${path}: a flipped bit anywhere is refused`, () => {
    const whole = join(...frames);
    for (let at = 0; at < whole.length; at++) {
      const damaged = whole.slice();
      damaged[at] = (damaged[at] as number) ^ 0x10;
      assert.notEqual(watched(path, damaged).refusal, undefined, `byte ${at}`);
    }
  });
}

test("a stream without its stop or its metadata is refused, and so is a malformed tool use", () => {
  const without = (at: number) => watched(CONVERSE, join(...converse.filter((_, i) => i !== at))).refusal;
  assert.equal(without(3), "no-finish-reason");
  assert.equal(without(4), "no-end-marker");
  const malformed = [
    ...converse.slice(0, 3),
    event("messageStop", { stopReason: "malformed_tool_use" }),
    converse[4],
  ];
  assert.equal(watched(CONVERSE, join(...(malformed as Uint8Array[]))).refusal, "unfinished");
});

test("Converse documents are judged by their stop reason and content", () => {
  const endpoint = family.endpoint("/model/m/converse");
  assert.ok(endpoint);
  const judge = (value: unknown) =>
    family.judge({ endpoint, path: "/model/m/converse", query: "", json: {} }, value).refusal;
  const output = (text: string) => ({ message: { role: "assistant", content: [{ text }] } });
  assert.equal(judge({ output: output("x"), stopReason: "end_turn" }), undefined);
  assert.equal(judge({ output: output(""), stopReason: "end_turn" }), "empty");
  assert.equal(judge({ output: output(""), stopReason: "guardrail_intervened" }), undefined);
  assert.equal(judge({ output: output("x") }), "no-finish-reason");
  assert.equal(judge({ message: "Too many requests" }), "error-body");
});

const metrics = { "amazon-bedrock-invocationMetrics": { inputTokenCount: 1, outputTokenCount: 1 } };

for (const [title, refusal, ...events] of [
  [
    "Cohere's ERROR",
    "error-event",
    { event_type: "text-generation", text: "x" },
    { event_type: "stream-end", is_finished: true, finish_reason: "ERROR" },
  ],
  [
    "Cohere's COMPLETE",
    undefined,
    { event_type: "text-generation", text: "x" },
    { event_type: "stream-end", is_finished: true, finish_reason: "COMPLETE" },
  ],
  [
    "an error in a choice",
    "error-event",
    { choices: [{ index: 0, delta: { content: "x" } }] },
    { choices: [{ index: 0, delta: {}, error: { message: "no" }, finish_reason: "stop" }] },
  ],
  ["Titan's FINISH", undefined, { outputText: "x", completionReason: null }, { completionReason: "FINISH" }],
  [
    "Titan's ERROR",
    "error-event",
    { outputText: "x", completionReason: null },
    { completionReason: "ERROR" },
  ],
  [
    "Mistral's stop",
    undefined,
    { outputs: [{ text: "x", stop_reason: null }] },
    { outputs: [{ text: "", stop_reason: "stop" }] },
  ],
] as const) {
  test(`a model's own stream that ends with ${title} is ${refusal ? `refused as ${refusal}` : "kept"}`, () => {
    const frames = events.map((one, at) => inner(at === events.length - 1 ? { ...one, ...metrics } : one));
    assert.equal(watched(INVOKE, join(...frames)).refusal, refusal);
  });
}

for (const [title, value, refusal] of [
  ["Cohere's text", { generations: [{ finish_reason: "COMPLETE", text: "x" }] }, undefined],
  ["Cohere's ERROR", { generations: [{ finish_reason: "ERROR", text: "" }] }, "unfinished"],
  ["Cohere's ERROR at the top", { text: "x", finish_reason: "ERROR" }, "unfinished"],
  ["Nova's text", { output: { message: { content: [{ text: "x" }] } }, stopReason: "end_turn" }, undefined],
  [
    "Nova's malformed output",
    { output: { message: { content: [{ text: "x" }] } }, stopReason: "malformed_model_output" },
    "unfinished",
  ],
  ["Mistral's text", { outputs: [{ text: "x", stop_reason: "stop" }] }, undefined],
  ["Mistral's text that goes on", { outputs: [{ text: "x", stop_reason: null }] }, "no-finish-reason"],
  ["Titan's text", { results: [{ outputText: "x", completionReason: "FINISH" }] }, undefined],
  [
    "Titan's text cut by its length",
    { results: [{ outputText: "x", completionReason: "LENGTH" }] },
    undefined,
  ],
  [
    "Titan's text that goes on",
    { results: [{ outputText: "x", completionReason: null }] },
    "no-finish-reason",
  ],
  ["Llama's text", { generation: "x", stop_reason: "length" }, undefined],
  [
    "AI21's text",
    { completions: [{ data: { text: "x" }, finishReason: { reason: "endoftext" } }] },
    undefined,
  ],
  ["Titan's vector", { embedding: [0.5], inputTextTokenCount: 1 }, undefined],
  ["Cohere's vectors", { embeddings: [[0.5]], id: "x", response_type: "embeddings_floats" }, undefined],
  ["Stability's picture", { images: ["AAAA"], seeds: [1], finish_reasons: [null] }, undefined],
] as const) {
  test(`${title}, a model's own document, is ${refusal ? `refused as ${refusal}` : "kept"}`, () => {
    const path = "/model/m/invoke";
    const endpoint = family.endpoint(path);
    assert.ok(endpoint);
    assert.equal(family.judge({ endpoint, path, query: "", json: {} }, value).refusal, refusal);
  });
}

test("what names a tool that Amazon runs itself is not cached, what names the client's is", () => {
  const word = (action: string, tools: unknown) => {
    const path = `/model/us.amazon.nova-premier-v1%3A0/${action}`;
    const endpoint = family.endpoint(path) ?? assert.fail(path);
    return family.stateful({ endpoint, path, query: "", json: { toolConfig: { tools } } });
  };
  const own = (name?: string) => ({ systemTool: { name } });
  for (const action of ["converse", "converse-stream", "invoke", "invoke-with-response-stream"]) {
    assert.equal(word(action, [{ toolSpec: { name: "f" } }, own("nova_grounding")]), "web-search");
    assert.equal(word(action, [own("nova_code_interpreter")]), "hosted-tools");
    assert.equal(word(action, [own()]), "hosted-tools");
    assert.equal(word(action, [{ toolSpec: { name: "nova_grounding" } }, { systemTool: null }]), undefined);
  }
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { builtinNames, providerFacts } from "../../src/providers/table.ts";
import { CHAT, routed } from "../support/routed.ts";

test("the provider table, as it is", () => {
  const lines = providerFacts().map(({ name, baseUrl, family, sdkPath, shortPath, upstream, credential }) =>
    [name.padEnd(12), baseUrl.padEnd(44), family.padEnd(10), sdkPath, shortPath, upstream, credential].join(
      "  ",
    ),
  );
  console.log(lines.join("\n"));
  assert.equal(lines.length, 22);
  assert.deepEqual(
    [...builtinNames].sort(),
    (
      "ai21 anthropic cerebras cohere deepseek fireworks google groq huggingface jina llamacpp lmstudio mistral nvidia " +
      "ollama openai openrouter perplexity together vllm voyage xai"
    ).split(" "),
  );
});

for (const { name, sdkPath, shortPath, upstream, clientHints } of providerFacts()) {
  test(`both path forms of ${name} reach ${upstream}, a cacheable endpoint`, () => {
    for (const path of [sdkPath, shortPath]) {
      assert.equal(routed(path).url, upstream, path);
      assert.notEqual(routed(path).endpoint, undefined, path);
      assert.equal(routed(path, { method: "GET" }).endpoint, undefined, path);
      assert.equal(routed(`/@exp-7${path}`).url, upstream, path);
    }
    assert.equal(routed(sdkPath).upstreamPath, routed(shortPath).upstreamPath);
    assert.ok(clientHints.some((hint) => hint.includes("{base}")));
  });
}

/** What follows `/<provider>`, and the upstream path that it becomes. */
const forms: readonly (readonly [provider: string, upstream: string, ...rests: string[]])[] = [
  ["openai", "/v1/models", "/v1/models", "/models"],
  ["openai", "/v1/files/f/content", "/v1/files/f/content", "/files/f/content"],
  ["groq", "/openai/v1/audio/speech", "/openai/v1/audio/speech", "/v1/audio/speech", "/audio/speech"],
  ["groq", `/openai/v1/${CHAT}`, `/openai/v1/${CHAT}`, `/v1/${CHAT}`, `/${CHAT}`],
  ["openrouter", "/api/v1/messages", "/api/v1/messages", "/v1/messages", "/messages"],
  ["openrouter", "/api/v1/keys", "/api/v1/keys", "/v1/keys"],
  ["ai21", `/studio/v1/${CHAT}`, `/studio/v1/${CHAT}`, `/v1/${CHAT}`, `/${CHAT}`],
  ["fireworks", `/inference/v1/${CHAT}`, `/inference/v1/${CHAT}`, `/v1/${CHAT}`, `/${CHAT}`],
  ["fireworks", "/v1/accounts/a/models", "/v1/accounts/a/models"],
  ["anthropic", "/v1/messages/count_tokens", "/v1/messages/count_tokens", "/messages/count_tokens"],
  ["mistral", "/v1/fim/completions", "/v1/fim/completions", "/fim/completions"],
  ["cohere", "/v2/rerank", "/v2/rerank", "/rerank"],
  ["cohere", "/v1/classify", "/v1/classify", "/classify"],
  ["cohere", "/v1/chat", "/v1/chat"],
  ["cohere", `/compatibility/v1/${CHAT}`, `/compatibility/v1/${CHAT}`, `/${CHAT}`],
  ["google", "/v1beta/models", "/v1beta/models", "/models"],
  ["google", "/v1/models/m:generateContent", "/v1/models/m:generateContent"],
  ["google", "/v1alpha/models/m:generateContent", "/v1alpha/models/m:generateContent"],
  ["google", "/upload/v1beta/files", "/upload/v1beta/files"],
  ["google", `/v1beta/openai/${CHAT}`, `/v1beta/openai/${CHAT}`, `/openai/${CHAT}`],
  ["huggingface", `/v1/${CHAT}`, `/v1/${CHAT}`, `/${CHAT}`],
  ["huggingface", "/hf-inference/models/o/m", "/hf-inference/models/o/m", "/models/o/m", "/o/m"],
  ["huggingface", "/hf-inference/models/openai/gpt-oss-20b", "/openai/gpt-oss-20b"],
  ["huggingface", `/together/v1/${CHAT}`, `/together/v1/${CHAT}`],
  ["huggingface", "/fal-ai/fast-sdxl", "/fal-ai/fast-sdxl"],
  ["huggingface", "/v1/models", "/v1/models", "/models"],
  ["deepseek", `/${CHAT}`, `/${CHAT}`, `/v1/${CHAT}`],
  [
    "deepseek",
    "/anthropic/v1/messages",
    "/anthropic/v1/messages",
    "/anthropic/messages",
    "/v1/messages",
    "/messages",
  ],
  ["deepseek", "/beta/completions", "/beta/completions", "/beta/v1/completions"],
  ["perplexity", `/${CHAT}`, `/${CHAT}`, `/v1/${CHAT}`],
  ["perplexity", `/async/${CHAT}`, `/async/${CHAT}`, `/v1/async/${CHAT}`],
  ["perplexity", "/search", "/search"],
  ["ollama", "/api/chat", "/api/chat", "/chat"],
  ["ollama", `/v1/${CHAT}`, `/v1/${CHAT}`, `/${CHAT}`],
  ["ollama", "/v1/messages", "/v1/messages", "/messages"],
  ["lmstudio", "/api/v0/models", "/api/v0/models"],
  ["vllm", "/rerank", "/rerank"],
  ["vllm", "/v2/embed", "/v2/embed"],
  ["vllm", "/tokenize", "/tokenize"],
  ["llamacpp", "/completion", "/completion"],
  ["llamacpp", "/completions", "/completions"],
  ["cerebras", "/v1/tcp_warming", "/v1/tcp_warming"],
  ["openai", "/v9/new/thing", "/v9/new/thing"],
  ["openai", "/", "", "/"],
];

for (const [provider, upstream, ...rests] of forms) {
  for (const rest of rests) {
    test(`/${provider}${rest} reaches ${upstream}`, () => {
      assert.equal(routed(`/${provider}${rest}`).upstreamPath, upstream);
    });
  }
}

test("query, escapes, double slashes and odd characters pass as they were sent", () => {
  for (const rest of [
    "/v1//x",
    "/v1/a%2Fb",
    "/v1/a%20b",
    "/odd;x=1/%7Etilde/",
    "//evil.example/x",
    "/v1/a:b@c",
    "/%5C%5Cx",
    "/v1/%F0%9F%98%80",
  ]) {
    assert.equal(routed(`/openai${rest}?b=2&a=%2F&a=1`).url, `https://api.openai.com${rest}?b=2&a=%2F&a=1`);
  }
});

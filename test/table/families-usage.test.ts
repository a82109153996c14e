import assert from "node:assert/strict";
import { test } from "node:test";
import { errorByPath } from "../../src/providers/error-shape.ts";
import { asked, familyOf, judged } from "../support/families.ts";

const CHAT = "/v1/chat/completions";
const answer = { choices: [{ index: 0, message: { content: "x" }, finish_reason: "stop" }] };

const usages: readonly (readonly [provider: string, path: string, usage: object, read: object])[] = [
  [
    "anthropic",
    "/v1/messages",
    {
      usage: {
        input_tokens: 1,
        cache_read_input_tokens: 10,
        cache_creation_input_tokens: 100,
        output_tokens: 5,
      },
    },
    { inputTokens: 111, outputTokens: 5, cacheReadTokens: 10, cacheWriteTokens: 100 },
  ],
  [
    "xai",
    "/v1/chat/completions",
    {
      usage: {
        prompt_tokens: 119,
        completion_tokens: 9,
        total_tokens: 226,
        completion_tokens_details: { reasoning_tokens: 98 },
      },
    },
    { inputTokens: 119, outputTokens: 107, reasoningTokens: 98 },
  ],
  [
    "xai",
    "/v1/chat/completions",
    {
      usage: {
        prompt_tokens: 10,
        completion_tokens: 50,
        total_tokens: 60,
        completion_tokens_details: { reasoning_tokens: 40 },
      },
    },
    { inputTokens: 10, outputTokens: 50, reasoningTokens: 40 },
  ],
  [
    "openai",
    "/v1/chat/completions",
    {
      usage: {
        prompt_tokens: 10,
        completion_tokens: 50,
        total_tokens: 60,
        completion_tokens_details: { reasoning_tokens: 40 },
      },
    },
    { inputTokens: 10, outputTokens: 50, reasoningTokens: 40 },
  ],
  [
    "deepseek",
    "/chat/completions",
    { usage: { prompt_tokens: 10, completion_tokens: 5, prompt_cache_hit_tokens: 8 } },
    { inputTokens: 10, outputTokens: 5, cacheReadTokens: 8 },
  ],
  [
    "openrouter",
    "/api/v1/chat/completions",
    { usage: { prompt_tokens: 1, completion_tokens: 2, cost: 0.5 } },
    { inputTokens: 1, outputTokens: 2, costUsd: 0.5 },
  ],
  ["voyage", "/v1/embeddings", { data: [{}], usage: { total_tokens: 7 } }, { inputTokens: 7 }],
  [
    "google",
    "/v1beta/models/m:generateContent",
    {
      usageMetadata: {
        promptTokenCount: 3,
        toolUsePromptTokenCount: 2,
        candidatesTokenCount: 4,
        thoughtsTokenCount: 6,
      },
    },
    { inputTokens: 5, outputTokens: 10, reasoningTokens: 6 },
  ],
  [
    "cohere",
    "/v2/chat",
    { usage: { billed_units: { input_tokens: 3, output_tokens: 8 } } },
    { inputTokens: 3, outputTokens: 8 },
  ],
  [
    "openai",
    "/v1/responses",
    { usage: { input_tokens: 3, output_tokens: 8, output_tokens_details: { reasoning_tokens: 1 } } },
    { inputTokens: 3, outputTokens: 8, reasoningTokens: 1 },
  ],
];

for (const [provider, path, value, read] of usages) {
  test(`the usage of ${provider}'s ${JSON.stringify(value)} is read`, () => {
    assert.deepEqual(judged(provider, path, value).usage, read);
  });
}

test("a usage that was not reported is absent, and one of nonsense is not read", () => {
  assert.equal(judged("openai", CHAT, answer).usage, undefined);
  const usage = { prompt_tokens: "many", completion_tokens: -1, total_tokens: null };
  assert.equal(judged("openai", CHAT, { ...answer, usage }).usage, undefined);
});

interface AskonceBody {
  readonly type?: string;
  readonly askonce_code?: string;
  readonly error?: { readonly code?: string | number };
}

const answers: readonly (readonly [
  provider: string,
  path: string | undefined,
  code: (body: AskonceBody) => unknown,
])[] = [
  ["openai", "/v1/chat/completions", (body) => body.error?.code],
  ["groq", undefined, (body) => body.error?.code],
  ["mistral", "/v1/chat/completions", (body) => body.error?.code],
  ["anthropic", "/v1/messages", (body) => body.error?.code],
  ["openrouter", "/api/v1/chat/completions", (body) => body.error?.code === 504 && body.askonce_code],
  ["openrouter", "/api/v1/messages", (body) => body.type === "error" && body.error?.code],
  ["google", "/v1beta/models/m:generateContent", (body) => body.askonce_code],
  ["google", "/v1beta/openai/chat/completions", (body) => body.error?.code],
  ["cohere", "/v2/chat", (body) => body.askonce_code],
  ["ollama", "/api/chat", (body) => typeof body.error === "string" && body.askonce_code],
  ["ollama", "/v1/messages", (body) => body.type === "error" && body.error?.code],
  ["vllm", "/v1/chat/completions", (body) => body.error?.code],
];

for (const [provider, path, code] of answers) {
  test(`an error of askonce's own towards a client of ${provider} ${path ?? ""} has its shape and its code`, () => {
    const error = { status: 504, code: "upstream_timeout", message: 'The "provider" said nothing.' };
    const { contentType, text: body } = familyOf(provider).error(error, path);
    assert.equal(contentType, "application/json");
    assert.equal(code(JSON.parse(body)), "upstream_timeout");
    assert.ok(body.includes("said nothing"));
  });
}

const unknown: typeof answers = [
  ["an OpenAI SDK", "/nowhere/v1/chat/completions", (body) => body.error?.code],
  ["Anthropic's SDK", "/nowhere/v1/messages", (body) => body.type === "error" && body.error?.code],
  ["Google's SDK", "/nowhere/v1/models/m:generateContent", (body) => body.askonce_code],
  ["Cohere's SDK", "/nowhere/v2/chat", (body) => body.askonce_code],
  ["Ollama's SDK", "/nowhere/api/chat", (body) => typeof body.error === "string" && body.askonce_code],
  [
    "OpenRouter's SDK",
    "/nowhere/api/v1/chat/completions",
    (body) => body.error?.code === 404 && body.askonce_code,
  ],
  ["a client of nothing known", "/nowhere", (body) => body.error?.code],
];

for (const [client, path, code] of unknown) {
  test(`an unknown provider is an error in the shape that ${client} reads`, () => {
    const { text: body } = errorByPath({ status: 404, code: "unknown_provider", message: "none" }, path!);
    assert.equal(code(JSON.parse(body)), "unknown_provider");
  });
}

test("asked() refuses a path that is no endpoint, so that no test here passes on nothing", () => {
  assert.throws(() => asked("openai", "/v1/files"));
});

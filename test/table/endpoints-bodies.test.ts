import assert from "node:assert/strict";
import { test } from "node:test";
import { statefulRules } from "../../src/providers/stateful-rules.ts";
import { asked, familyOf } from "../support/families.ts";

type Case = readonly [
  provider: string,
  path: string,
  json: Record<string, unknown>,
  word: string | undefined,
];
const CHAT = "/v1/chat/completions";
const RESPONSES = "/v1/responses";
const MESSAGES = "/v1/messages";
const GEMINI = "/v1beta/models/m:generateContent";

const ROUTER = "/api/v1/chat/completions";

const bodies: readonly Case[] = [
  ["openai", RESPONSES, { background: true }, "background"],
  ["openai", RESPONSES, { background: false, conversation: null, previous_response_id: null }, undefined],
  ["openai", RESPONSES, { conversation: "conv_1" }, "conversation"],
  ["openai", RESPONSES, { conversation: { id: "conv_1" } }, "conversation"],
  ["openai", RESPONSES, { previous_response_id: "resp_1" }, "previous-response"],
  ["openai", RESPONSES, { prompt: { id: "p" } }, "prompt-template"],
  ["openai", RESPONSES, { prompt: { id: "p", version: "2" } }, undefined],
  ["openai", RESPONSES, { store: true }, undefined],
  ["openai", RESPONSES, { tools: [{ type: "web_search_preview_2025_03_11" }] }, "web-search"],
  [
    "openai",
    RESPONSES,
    { tools: [{ type: "function", name: "web_search" }, { type: "local_shell" }] },
    undefined,
  ],
  [
    "openai",
    RESPONSES,
    {
      tools: [
        { type: "function", name: "f" },
        { type: "mcp", server_url: "https://x" },
      ],
    },
    "hosted-tools",
  ],
  [
    "openai",
    RESPONSES,
    { tools: [{ type: "code_interpreter", container: { type: "auto" } }] },
    "hosted-tools",
  ],
  ["openai", CHAT, { web_search_options: {} }, "web-search"],
  ["openai", CHAT, { model: "gpt-4o-search-preview" }, "searching-model"],
  ["openai", CHAT, { model: "research-model", background: true, conversation: "x" }, undefined],
  ["xai", CHAT, { search_parameters: { mode: "auto" } }, "web-search"],
  ["xai", CHAT, { deferred: true }, "deferred"],
  ["groq", "/openai/v1/chat/completions", { model: "groq/compound-mini" }, "searching-model"],
  ["openrouter", "/api/v1/chat/completions", { model: "openai/gpt-4o:online" }, "searching-model"],
  ["openrouter", ROUTER, { model: "openai/gpt-4o:online:nitro" }, "searching-model"],
  ["openrouter", ROUTER, { model: "openai/gpt-4o", models: ["x/y", "a/b:online"] }, "searching-model"],
  ["openrouter", ROUTER, { models: ["perplexity/sonar"] }, "searching-model"],
  ["openrouter", ROUTER, { models: "perplexity/sonar" }, "searching-model"],
  ["openrouter", ROUTER, { model: "openai/gpt-4o", models: ["x/y", "onlines/b", null, 1] }, undefined],
  ["openrouter", ROUTER, { model: "@preset/support" }, "preset"],
  ["openrouter", ROUTER, { model: "openai/gpt-4o@preset/support" }, "preset"],
  ["openrouter", ROUTER, { model: "x/y", models: ["x/y", "x/y@preset/support"] }, "preset"],
  ["openrouter", ROUTER, { model: "x/y", preset: "support" }, "preset"],
  ["openrouter", ROUTER, { model: "x/preset", preset: null }, undefined],
  ["openrouter", "/api/v1/messages", { model: "x/y", preset: "support" }, "preset"],
  ["openrouter", "/api/v1/responses", { models: ["x/y@preset/support"] }, "preset"],
  ["openrouter", "/api/v1/chat/completions", { plugins: [{ id: "web" }] }, "web-search"],
  ["openrouter", "/api/v1/chat/completions", { plugins: [{ id: "file-parser" }] }, undefined],
  ["perplexity", "/chat/completions", { model: "sonar-pro" }, "searching-model"],
  ["anthropic", MESSAGES, { tools: [{ type: "web_search_20250305", name: "web_search" }] }, "web-search"],
  [
    "anthropic",
    MESSAGES,
    { tools: [{ type: "bash_20250124" }, { type: "memory_20250818" }, { name: "web_search" }] },
    undefined,
  ],
  ["anthropic", MESSAGES, { mcp_servers: [{ url: "https://x" }] }, "mcp-servers"],
  ["anthropic", MESSAGES, { mcp_servers: [], container: null }, undefined],
  ["anthropic", MESSAGES, { container: "container_1" }, "container"],
  ["deepseek", "/anthropic/v1/messages", { mcp_servers: [{ url: "https://x" }] }, "mcp-servers"],
  ["google", GEMINI, { tools: [{ googleSearch: {} }] }, "web-search"],
  ["google", GEMINI, { tools: [{ google_search: {} }] }, "web-search"],
  ["google", GEMINI, { tools: [{ codeExecution: {} }] }, "hosted-tools"],
  ["google", GEMINI, { tools: [{ functionDeclarations: [{ name: "googleSearch" }] }] }, undefined],
  ["google", GEMINI, { cachedContent: "cachedContents/1" }, undefined],
  ["cohere", "/v1/chat", { connectors: [{ id: "web-search" }] }, "connectors"],
  ["cohere", "/v1/chat", { conversation_id: "c" }, "conversation"],
  ["ollama", "/api/generate", { model: "m" }, "load-model"],
  ["ollama", "/api/generate", { model: "m", prompt: "x", keep_alive: 0 }, undefined],
  ["ollama", "/api/chat", { model: "m", messages: [] }, "load-model"],
  ["jina", "/v1/classify", { classifier_id: "c" }, "classifier"],
];

for (const [provider, path, json, word] of bodies) {
  test(`${JSON.stringify(json)} to ${path} of ${provider} is ${word ? `not cached (${word})` : "cached"}`, () => {
    assert.equal(familyOf(provider).stateful(asked(provider, path, json)), word);
  });
}

test("each rule about stateful bodies gives its reason, and a body that is no object meets none", () => {
  for (const rule of statefulRules) assert.match(rule.reason, /^[A-Zx].*\.$/, rule.word);
  assert.equal(familyOf("openai").stateful(asked("openai", RESPONSES)), undefined);
});

const bound: readonly (readonly [
  provider: string,
  path: string,
  json: Record<string, unknown>,
  bound: boolean,
])[] = [
  ["openai", RESPONSES, {}, true],
  ["openai", RESPONSES, { store: true }, true],
  ["openai", RESPONSES, { store: false }, false],
  ["openai", RESPONSES, { store: false, include: ["reasoning.encrypted_content"] }, true],
  ["openai", RESPONSES, { store: false, input: [{ type: "reasoning", encrypted_content: "gAAA" }] }, true],
  ["openai", RESPONSES, { store: false, input: [{ type: "item_reference", id: "rs_1" }] }, true],
  [
    "openai",
    RESPONSES,
    { store: false, input: [{ content: [{ type: "input_file", file_id: "file_1" }] }] },
    true,
  ],
  [
    "openai",
    RESPONSES,
    { store: false, input: [{ content: [{ type: "input_file", file_data: "x" }] }] },
    false,
  ],
  ["openai", CHAT, { messages: [{ role: "user", content: "file_id" }] }, false],
  ["openai", CHAT, { store: true }, true],
  ["openai", CHAT, { messages: [{ content: [{ type: "file", file: { file_id: "file_1" } }] }] }, true],
  [
    "openai",
    CHAT,
    { tools: [{ function: { parameters: { properties: { file_id: { type: "string" } } } } }] },
    false,
  ],
  [
    "anthropic",
    MESSAGES,
    { messages: [{ content: [{ source: { type: "file", file_id: "file_1" } }] }] },
    true,
  ],
  ["anthropic", MESSAGES, { messages: [{ content: [{ source: { type: "base64", data: "x" } }] }] }, false],
  ["google", GEMINI, { cachedContent: "cachedContents/1" }, true],
  [
    "google",
    GEMINI,
    {
      contents: [
        { parts: [{ fileData: { fileUri: "https://generativelanguage.googleapis.com/v1beta/files/abc" } }] },
      ],
    },
    true,
  ],
  ["google", GEMINI, { contents: [{ parts: [{ fileData: { fileUri: "gs://bucket/x.png" } }] }] }, false],
];

for (const [provider, path, json, expected] of bound) {
  test(`${JSON.stringify(json)} to ${provider} is ${expected ? "its account's own" : "anybody's"}`, () => {
    assert.equal(familyOf(provider).accountBound(asked(provider, path, json)), expected);
  });
}

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ProxyError } from "../../src/errors.ts";
import { CHAT, refused, routed, setting } from "../support/routed.ts";

const KEY = { "x-api-key": "k" };
const GOOGLE = { "x-goog-api-key": "k" };
const BEARER = { authorization: "Bearer sk-1" };
const GEMINI = "models/m:generateContent";

/** Paths at the root: what they go to, and with which headers. */
const roots: readonly (readonly [expected: string, path: string, headers: Record<string, string>])[] = [
  ["anthropic", "/v1/messages", BEARER],
  ["anthropic", "/v1/messages/batches", {}],
  ["anthropic", "/v1/models", KEY],
  ["anthropic", "/v1/files", { ...BEARER, "anthropic-version": "2023-06-01" }],
  ["anthropic", "/v1/files", { ...BEARER, "anthropic-beta": "oauth-2025-04-20" }],
  ["anthropic", "/v1/models", { authorization: "Bearer sk-ant-oat01-x" }],
  ["anthropic", "/api/event_logging/batch", KEY],
  ["anthropic", "/api/chat", KEY],
  ["anthropic", "/v2/chat", KEY],
  ["anthropic", `/v1beta/${GEMINI}`, KEY],
  ["google", `/v1beta/${GEMINI}`, {}],
  ["google", `/v1beta/openai/${CHAT}`, BEARER],
  ["google", `/v1alpha/${GEMINI}`, {}],
  ["google", `/v1/${GEMINI}`, {}],
  ["google", `/${GEMINI}`, {}],
  ["google", "/v1/models", GOOGLE],
  ["google", "/v1/files?key=k", {}],
  ["google", "/api/chat", GOOGLE],
  ["google", "/upload/v1beta/files", {}],
  ["ollama", "/api/chat", {}],
  ["ollama", "/api/tags", BEARER],
  ["ollama", "/api/blobs/sha256:x", {}],
  ["ollama", "/api/version", {}],
  ["cohere", "/v2/chat", BEARER],
  ["cohere", "/v2/rerank", BEARER],
  ["openai", `/v1/${CHAT}`, BEARER],
  ["openai", "/v1/models/gpt-4o", BEARER],
  ["openai", "/v1/models/ft:gpt-4o:org::id1", BEARER],
  ["openai", "/v1/unheard/of", {}],
  ["openai", `/v1/${CHAT}`, { ...BEARER, ...KEY }],
];

for (const [expected, path, headers] of roots) {
  test(`${path} at the root with ${Object.keys(headers).join(", ") || "no key"} goes to ${expected}`, () => {
    assert.equal(routed(path, { headers }).provider.name, expected);
    assert.equal(routed(`/@n;sample=2${path}`, { headers }).provider.name, expected);
  });
}

test("a vendor's key never goes to another vendor, whatever path its client calls at the root", () => {
  const owners: readonly (readonly [string, Record<string, string>])[] = [
    ["anthropic", KEY],
    ["anthropic", { ...BEARER, "anthropic-version": "1" }],
    ["google", GOOGLE],
  ];
  const segment = fc.constantFrom(
    "v1",
    "v2",
    "api",
    "chat",
    "messages",
    "models",
    "m:countTokens",
    "files",
    "x",
    "",
    "deployments",
  );
  fc.assert(
    fc.property(
      fc.array(segment, { maxLength: 5 }),
      fc.constantFrom(...owners),
      (segments, [owner, headers]) => {
        try {
          assert.equal(routed(`/${segments.join("/")}`, { headers }).provider.name, owner);
        } catch (error) {
          assert.ok(error instanceof ProxyError, String(error));
        }
      },
    ),
    { seed: 3, numRuns: 2000 },
  );
});

test("what no shape gives away is refused with the known providers", () => {
  for (const path of [
    "/",
    "/nobody/v1/x",
    "/constructor/v1/x",
    "/__proto__/x",
    "/v1",
    "/chat/completions",
    "/api/v1/x",
    "/%6Fpenai/v1/x",
    "//v1/x",
    "/OpenAI/v1/x",
  ]) {
    const error = refused(path, { headers: BEARER });
    assert.equal(error.code, "unknown_provider", path);
    assert.equal(error.status, 404);
    assert.match(error.message, /openai.*llamacpp/);
  }
});

test("a misspelt provider is refused, whosever key the request carries", () => {
  for (const [path, headers] of [
    ["/antropic/v1/messages", KEY],
    ["/antropic/messages", { ...KEY, "anthropic-version": "2023-06-01" }],
    ["/antropic/v1/messages/count_tokens", { authorization: "Bearer sk-ant-x" }],
    [`/gogle/v1beta/${GEMINI}`, GOOGLE],
    [`/gogle/${GEMINI}`, GOOGLE],
    ["/gogle/v1beta/models?key=k", {}],
  ] as const) {
    assert.equal(refused(path, { headers }).code, "unknown_provider", path);
  }
});

const DEPLOYMENT = `/openai/deployments/d/${CHAT}?api-version=2024-10-21`;

test("Azure's key goes to a provider named azure or to nobody", () => {
  const headers = { "api-key": "k" };
  // A path that names its provider goes there, whatever header carries the key.
  assert.equal(routed("/openai/v1/responses", { headers }).provider.name, "openai");
  for (const path of [DEPLOYMENT, "/v1/models"]) {
    const error = refused(path, { headers, settings: [setting("openai", "http://127.0.0.1:1")] });
    assert.equal(error.code, "unknown_provider");
    assert.match(error.message, /--provider azure=/);
    const found = routed(path, { headers, settings: [setting("azure", "https://r.openai.azure.com")] });
    assert.equal(found.provider.name, "azure");
  }
  assert.equal(refused(DEPLOYMENT, { headers: BEARER }).code, "unknown_provider");
  const own = routed(DEPLOYMENT, { headers, settings: [setting("openai", "https://r.openai.azure.com")] });
  assert.equal(own.provider.name, "openai");
});

test("Azure's forms reach its paths, under whatever part of them its URL names", () => {
  for (const base of ["https://r.openai.azure.com", "https://r.openai.azure.com/openai"]) {
    const settings = [setting("azure", base)];
    const classic = `https://r.openai.azure.com${DEPLOYMENT}`;
    assert.equal(routed(DEPLOYMENT, { settings }).url, classic);
    assert.equal(routed(`/azure${DEPLOYMENT}`, { settings }).url, classic);
    assert.equal(routed(`/azure${DEPLOYMENT.slice("/openai".length)}`, { settings }).url, classic);
    assert.equal(
      routed(`/azure/v1/${CHAT}`, { settings }).url,
      `https://r.openai.azure.com/openai/v1/${CHAT}`,
    );
    assert.equal(routed(`/azure${DEPLOYMENT}`, { settings }).endpoint?.kind, "chat");
  }
});

test("Bedrock's paths go to a configured provider and stay as they are", () => {
  const path = "/model/anthropic.claude-3%3A0/converse";
  assert.equal(refused(path).code, "unknown_provider");
  const settings = [setting("bedrock", "https://bedrock-runtime.us-east-1.amazonaws.com")];
  for (const form of [path, `/bedrock${path}`]) {
    assert.equal(routed(form, { settings }).url, `https://bedrock-runtime.us-east-1.amazonaws.com${path}`);
    assert.equal(routed(form, { settings }).endpoint?.kind, "chat");
  }
});

test("the default provider is a setting, and its root is its own", () => {
  const found = routed(`/v1/${CHAT}`, { defaultProvider: "groq" });
  assert.equal(found.url, `https://api.groq.com/openai/v1/${CHAT}`);
  assert.equal(refused(`/v1/${CHAT}`, { defaultProvider: "nobody" }).code, "unknown_provider");
});

test("Google's requests at the root are told by their tokens and by Vertex's paths", () => {
  const vertex = "/v1/projects/p/locations/us/publishers/google/models/g:generateContent";
  for (const path of [vertex, "/v1/publishers/google/models/g:generateContent", "/v1/models/g:countTokens"]) {
    assert.equal(routed(path, { headers: { authorization: "Bearer t" } }).provider.name, "google", path);
  }
  for (const path of ["/v1/models", "/v1/files", "/v1/cachedContents"]) {
    for (const authorization of ["Bearer ya29.x", "Bearer AIzaSyX"]) {
      assert.equal(routed(path, { headers: { authorization } }).provider.name, "google", path);
    }
    assert.equal(routed(`${path}?access_token=t`, {}).provider.name, "google", path);
    assert.equal(routed(path, { headers: { authorization: "Bearer sk-x" } }).provider.name, "openai", path);
  }
});

import assert from "node:assert/strict";
import { test } from "node:test";
import type { EndpointKind } from "../../src/providers/provider.ts";
import { fromSetting } from "../../src/providers/table.ts";
import { familyOf } from "../support/families.ts";

/** Upstream paths that compute an answer from their input alone. A "+" marks those whose answers keep for good. */
const computes: Readonly<Record<string, Readonly<Record<string, EndpointKind | `${EndpointKind}+`>>>> = {
  openai: {
    "/v1/chat/completions": "chat",
    "/v1/completions": "completions",
    "/v1/responses": "responses",
    "/v1/responses/input_tokens": "count_tokens+",
    "/v1/embeddings": "embeddings+",
    "/v1/moderations": "moderations",
    "/v1/images/generations": "images",
    "/v1/images/edits": "images",
    "/v1/audio/speech": "speech",
    "/v1/audio/transcriptions": "transcription",
    "/v1/audio/translations": "transcription",
  },
  openrouter: {
    "/api/v1/chat/completions": "chat",
    "/api/v1/messages": "messages",
    "/api/v1/responses": "responses",
    "/api/v1/images": "images",
    "/api/v1/rerank": "rerank+",
  },
  anthropic: {
    "/v1/messages": "messages",
    "/v1/messages/count_tokens": "count_tokens+",
    "/v1/complete": "completions",
  },
  groq: { "/openai/v1/chat/completions": "chat", "/openai/v1/audio/speech": "speech" },
  mistral: {
    "/v1/fim/completions": "completions",
    "/v1/ocr": "other",
    "/v1/chat/moderations": "moderations",
    "/v1/classifications": "classify",
  },
  cohere: {
    "/v2/chat": "chat",
    "/v2/embed": "embeddings+",
    "/v2/rerank": "rerank+",
    "/v1/chat": "chat",
    "/v1/classify": "classify",
    "/compatibility/v1/chat/completions": "chat",
  },
  ai21: { "/studio/v1/chat/completions": "chat" },
  google: {
    "/v1beta/models/m:generateContent": "generate",
    "/v1/models/m:streamGenerateContent": "generate",
    "/v1alpha/models/m%3AgenerateContent": "generate",
    "/v1beta/tunedModels/t:generateContent": "generate",
    "/v1beta/models/m:embedContent": "embeddings+",
    "/v1beta/models/m:batchEmbedContents": "embeddings+",
    "/v1beta/models/m:countTokens": "count_tokens+",
    "/v1beta/openai/chat/completions": "chat",
    "/v1beta1/projects/p/locations/l/publishers/google/models/m:generateContent": "generate",
  },
  huggingface: {
    "/v1/chat/completions": "chat",
    "/together/v1/chat/completions": "chat",
    "/fireworks-ai/inference/v1/chat/completions": "chat",
    "/hf-inference/models/o/m": "other",
    "/hf-inference/models/o/m/pipeline/feature-extraction": "embeddings+",
    "/hf-inference/models/o/m/v1/chat/completions": "chat",
  },
  deepseek: {
    "/chat/completions": "chat",
    "/beta/completions": "completions",
    "/anthropic/v1/messages": "messages",
  },
  perplexity: { "/chat/completions": "chat", "/v1/embeddings": "embeddings+" },
  fireworks: { "/inference/v1/chat/completions": "chat" },
  voyage: { "/v1/multimodalembeddings": "embeddings+", "/v1/rerank": "rerank+" },
  jina: { "/v1/classify": "classify" },
  nvidia: { "/v1/ranking": "rerank+" },
  ollama: {
    "/api/chat": "chat",
    "/api/generate": "generate",
    "/api/embed": "embeddings+",
    "/v1/chat/completions": "chat",
    "/v1/messages": "messages",
  },
  lmstudio: { "/api/v0/chat/completions": "chat" },
  vllm: {
    "/v1/messages": "messages",
    "/v2/embed": "embeddings+",
    "/pooling": "embeddings+",
    "/score": "rerank+",
    "/v1/audio/transcriptions": "transcription",
  },
  llamacpp: { "/completion": "completions", "/v1/completions": "completions", "/reranking": "rerank+" },
};

for (const [provider, paths] of Object.entries(computes)) {
  for (const [path, expected] of Object.entries(paths)) {
    test(`${path} of ${provider} computes ${expected}`, () => {
      const endpoint = familyOf(provider).endpoint(path);
      assert.equal(`${endpoint?.kind}${endpoint?.pure ? "+" : ""}`, expected);
    });
  }
}

test("only Ollama's own chat and generate stream unless told otherwise", () => {
  assert.equal(familyOf("ollama").endpoint("/api/chat")?.streamsByDefault, true);
  assert.equal(familyOf("ollama").endpoint("/v1/chat/completions")?.streamsByDefault, undefined);
  assert.equal(familyOf("openai").endpoint("/v1/chat/completions")?.streamsByDefault, undefined);
});

/** Upstream paths that create or change something, or that nobody knows. */
const changes: Readonly<Record<string, string>> = {
  openai:
    "/v1/files /v1/uploads /v1/batches /v1/fine_tuning/jobs /v1/assistants /v1/threads /v1/threads/t/messages /v1/threads/t/runs " +
    "/v1/vector_stores /v1/containers /v1/conversations /v1/evals /v1/videos /v1/realtime/sessions /v1/responses/r " +
    "/v1/responses/r/cancel /v1/responses/compact /v1/chat/completions/c /v1/images /v1/new /v1/chat/completions/ " +
    "/v1//chat/completions /v1/chat%2Fcompletions /V1/chat/completions / /v1 /v1/constructor /v1/__proto__ /v1/toString",
  anthropic:
    "/v1/messages/batches /v1/files /v1/skills /v1/models /v1/organizations/x /messages /v1/sessions",
  google:
    "/v1beta/models/m:predictLongRunning /v1beta/models/m:batchGenerateContent /v1beta/cachedContents /upload/v1beta/files " +
    "/v1beta/models/m:constructor /v1beta/interactions /v1beta/models/a/b:generateContent /v1beta/models/:generateContent",
  cohere: "/v1/datasets /v1/embed-jobs /v1/connectors /v2/batches /v1/finetuning/x /v1/check-api-key",
  mistral: "/v1/agents/completions /v1/conversations /v1/files /v1/batch/jobs /v1/libraries",
  ollama: "/api/pull /api/push /api/create /api/copy /api/delete /api/blobs/x /api/show /api/tags",
  openrouter: "/api/v1/files /api/v1/presets/p/chat/completions /api/v1/keys /api/v1/videos",
  jina: "/v1/train",
  vllm: "/v1/load_lora_adapter /sleep /reset_prefix_cache",
  llamacpp: "/slots/0 /lora-adapters /props /models/load",
  huggingface: "/fal-ai/fast-sdxl /replicate/v1/predictions /hf-inference/models/o/m/delete",
  together: "/v1/fine-tunes /v1/endpoints /tci/execute",
};

for (const [provider, paths] of Object.entries(changes)) {
  for (const path of paths.split(" ")) {
    test(`${path} of ${provider} is forwarded and never stored`, () => {
      assert.equal(familyOf(provider).endpoint(path), undefined);
    });
  }
}

test("a gateway of unknown make is understood by its paths, Azure and Bedrock by their addresses", () => {
  const gateway = fromSetting({
    name: "mine",
    url: "http://localhost:4000",
    family: undefined,
    auth: undefined,
  });
  assert.equal(gateway.family.endpoint("/v1/chat/completions")?.kind, "chat");
  assert.equal(gateway.family.endpoint("/v1/messages")?.kind, "messages");
  const azure = fromSetting({
    name: "a",
    url: "https://r.openai.azure.com",
    family: undefined,
    auth: undefined,
  });
  assert.equal(azure.family.endpoint("/openai/deployments/d/chat/completions")?.kind, "chat");
  const url = "https://bedrock-runtime.eu-west-1.amazonaws.com";
  const bedrock = fromSetting({ name: "b", url, family: undefined, auth: undefined });
  assert.equal(bedrock.family.endpoint("/model/anthropic.claude-v2%3A1/converse")?.kind, "chat");
  assert.equal(bedrock.family.endpoint("/model/m/async-invoke"), undefined);
  const generic = fromSetting({
    name: "g",
    url: "http://localhost:4000",
    family: "generic",
    auth: undefined,
  });
  assert.equal(generic.family.endpoint("/v1beta/models/m:generateContent")?.kind, "generate");
  assert.equal(generic.family.endpoint("/anything"), undefined);
});

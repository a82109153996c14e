import { readFileSync } from "node:fs";
import type { Asked, Family, Finding } from "../../src/providers/provider.ts";
import { providersFor } from "../../src/providers/table.ts";

const providers = providersFor();

/** A recorded stream, what was asked for, and what it amounts to. */
export interface RecordedStream {
  readonly file: string;
  readonly provider: string;
  readonly path: string;
  readonly type: string;
  readonly json?: Record<string, unknown>;
  /**
   * The text with which the proof of completeness ends, at its last place in the file: what follows is line breaks or
   * comes after the marker. Undefined: only the file's last byte proves it.
   */
  readonly proof?: string;
  /** Whether the family has an end marker, which `ended` reports. */
  readonly marked?: boolean;
  readonly model: string | undefined;
  readonly usage: object | undefined;
}

const SSE = "text/event-stream";
const chat = { path: "/v1/chat/completions", type: SSE, json: { stream: true }, proof: "[DONE]" };

export const streams: readonly RecordedStream[] = [
  {
    ...chat,
    file: "openai-chat.sse",
    provider: "openai",
    json: { stream: true, n: 2 },
    model: "gpt-4o-2024-08-06",
    usage: { inputTokens: 19, outputTokens: 11, cacheReadTokens: 8, reasoningTokens: 4 },
  },
  {
    ...chat,
    file: "openai-chat-tools.sse",
    provider: "openai",
    model: "gpt-4o-2024-08-06",
    usage: undefined,
  },
  {
    ...chat,
    file: "azure-chat.sse",
    provider: "openai",
    path: "/openai/deployments/d/chat/completions",
    model: "gpt-4o-2024-08-06",
    usage: undefined,
  },
  {
    ...chat,
    file: "openai-completions.sse",
    provider: "openai",
    path: "/v1/completions",
    model: "gpt-3.5-turbo-instruct",
    usage: undefined,
  },
  {
    ...chat,
    file: "deepseek-chat.sse",
    provider: "deepseek",
    path: "/chat/completions",
    model: "deepseek-reasoner",
    usage: { inputTokens: 10, outputTokens: 7, cacheReadTokens: 6, reasoningTokens: 5 },
  },
  {
    ...chat,
    file: "openrouter-chat.sse",
    provider: "openrouter",
    path: "/api/v1/chat/completions",
    model: "openai/gpt-4o",
    usage: { inputTokens: 5, outputTokens: 2, costUsd: 0.000123 },
  },
  {
    ...chat,
    file: "mistral-chat.sse",
    provider: "mistral",
    model: "mistral-large-latest",
    usage: { inputTokens: 9, outputTokens: 3 },
  },
  {
    file: "perplexity-chat.sse",
    provider: "perplexity",
    path: "/chat/completions",
    type: SSE,
    json: { stream: true },
    marked: false,
    model: "sonar-pro",
    usage: { inputTokens: 4, outputTokens: 8, costUsd: 0.006 },
  },
  {
    file: "openai-responses.sse",
    provider: "openai",
    path: "/v1/responses",
    type: SSE,
    json: { stream: true, store: false },
    proof: "}",
    model: "gpt-4.1-2025-04-14",
    usage: { inputTokens: 37, outputTokens: 11, cacheReadTokens: 16, reasoningTokens: 2 },
  },
  ...(["anthropic-messages.sse", "openrouter-messages.sse"] as const).map((file) => ({
    file,
    provider: file.startsWith("anthropic") ? "anthropic" : "openrouter",
    path: file.startsWith("anthropic") ? "/v1/messages" : "/api/v1/messages",
    type: SSE,
    json: { stream: true },
    proof: '{"type":"message_stop"}',
    model: "claude-sonnet-4-5",
    usage: { inputTokens: 2125, outputTokens: 89, cacheReadTokens: 2000, cacheWriteTokens: 100 },
  })),
  {
    file: "gemini.sse",
    provider: "google",
    path: "/v1beta/models/gemini-2.5-flash:streamGenerateContent",
    type: SSE,
    marked: false,
    model: "gemini-2.5-flash",
    usage: { inputTokens: 8, outputTokens: 23, cacheReadTokens: 4, reasoningTokens: 20 },
  },
  {
    file: "gemini-array.json",
    provider: "google",
    path: "/v1beta/models/gemini-2.5-flash:streamGenerateContent",
    type: "application/json",
    proof: "]",
    model: "gemini-2.5-flash",
    usage: { inputTokens: 8, outputTokens: 23, cacheReadTokens: 4, reasoningTokens: 20 },
  },
  {
    file: "cohere-v2-chat.sse",
    provider: "cohere",
    path: "/v2/chat",
    type: SSE,
    json: { stream: true },
    proof: "}",
    model: undefined,
    usage: { inputTokens: 69, outputTokens: 9, cacheReadTokens: 2 },
  },
  {
    file: "cohere-v1-chat.ndjson",
    provider: "cohere",
    path: "/v1/chat",
    type: "application/stream+json",
    json: { stream: true },
    proof: "}",
    model: undefined,
    usage: { inputTokens: 68, outputTokens: 2 },
  },
  {
    file: "ollama-chat.ndjson",
    provider: "ollama",
    path: "/api/chat",
    type: "application/x-ndjson",
    json: { messages: [{}] },
    proof: "}",
    model: "llama3.2",
    usage: { inputTokens: 26, outputTokens: 282 },
  },
  {
    file: "ollama-generate.ndjson",
    provider: "ollama",
    path: "/api/generate",
    type: "application/x-ndjson",
    json: { prompt: "x" },
    proof: "}",
    model: "llama3.2",
    usage: { inputTokens: 5, outputTokens: 2 },
  },
  {
    file: "tgi-generate.sse",
    provider: "huggingface",
    path: "/hf-inference/models/org/model",
    type: SSE,
    json: { inputs: "x", stream: true },
    proof: "}",
    model: undefined,
    usage: { outputTokens: 3 },
  },
  {
    file: "llamacpp-completion.sse",
    provider: "llamacpp",
    path: "/completion",
    type: SSE,
    json: { stream: true },
    proof: "}",
    model: "qwen",
    usage: { inputTokens: 7, outputTokens: 2 },
  },
  {
    file: "openai-speech.sse",
    provider: "openai",
    path: "/v1/audio/speech",
    type: SSE,
    json: { stream_format: "sse" },
    proof: "}",
    model: undefined,
    usage: { inputTokens: 14, outputTokens: 101 },
  },
  {
    file: "openai-transcription.sse",
    provider: "openai",
    path: "/v1/audio/transcriptions",
    type: SSE,
    proof: "}",
    model: undefined,
    usage: { inputTokens: 14, outputTokens: 45 },
  },
  {
    file: "openai-image.sse",
    provider: "openai",
    path: "/v1/images/generations",
    type: SSE,
    json: { stream: true },
    proof: "}",
    model: undefined,
    usage: { inputTokens: 50, outputTokens: 50 },
  },
];

export function recorded(file: string): Uint8Array {
  return new Uint8Array(readFileSync(new URL(`../fixtures/families/${file}`, import.meta.url)));
}

export function familyOf(provider: string): Family {
  const family = providers.get(provider)?.family;
  if (family === undefined) throw new Error(`no provider ${provider}`);
  return family;
}

export function asked(provider: string, path: string, json?: Record<string, unknown>): Asked {
  const endpoint = familyOf(provider).endpoint(path);
  if (endpoint === undefined) throw new Error(`${provider} has no endpoint ${path}`);
  return { endpoint, path, query: "", json };
}

/** What a stream amounts to when it comes in these pieces and ends cleanly. */
export function watched(stream: RecordedStream, pieces: Iterable<Uint8Array>): Finding & { ended: boolean } {
  const { provider, path, type, json } = stream;
  const watcher = familyOf(provider).watch(asked(provider, path, json), type);
  if (watcher === undefined) throw new Error(`${provider} does not watch ${type} of ${path}`);
  for (const piece of pieces) watcher.chunk(piece);
  const { ended } = watcher;
  return { ...watcher.finish(), ended };
}

/** What a whole document amounts to. */
export function judged(provider: string, path: string, value: unknown, shortened?: boolean): Finding {
  return familyOf(provider).judge(asked(provider, path, {}), value, shortened);
}

import { anthropicHeaders, anthropicSurface } from "./anthropic.ts";
import { type ChatQuirks, chatProtocol } from "./chat.ts";
import { mistralError, openaiError } from "./error-shape.ts";
import { composeFamily, type EndpointFacts, type Surface } from "./family.ts";
import { at } from "./json.ts";
import { listProtocol } from "./list.ts";
import type { EndpointKind, Family } from "./provider.ts";
import { responsesProtocol } from "./responses.ts";
import { openaiUsage } from "./usage.ts";

/**
 * What may stand before an endpoint's name: versions, the folders in which vendors keep their OpenAI-like API
 * (`/openai/v1` Groq, `/inference/v1` Fireworks, `/api/v1` OpenRouter, `/studio/v1` AI21, `/v1beta/openai` Google,
 * `/compatibility/v1` Cohere, `/beta` DeepSeek), and Azure's deployments.
 */
const ROOT =
  /^(?:\/(?:api|openai|inference|studio|compatibility|beta|paas|v\d+[a-z0-9]*|deployments\/[^/]+))*\/(.+)$/;

const usage = (value: unknown) => openaiUsage(at(value, "usage"));
const list = (
  kind: EndpointKind,
  members: readonly string[],
  more: { pure?: true; done?: string[] } = {},
) => {
  const { pure, done } = more;
  const protocol = listProtocol({ members, usage, ...(done && { done }) });
  return pure ? { kind, pure, protocol } : { kind, protocol };
};

const IMAGES_DONE = ["image_generation.completed", "image_edit.completed"];
const images = list("images", ["data"], { done: IMAGES_DONE });
const speech = list("speech", ["audio", "data"], { done: ["speech.audio.done"] });
const transcription = list("transcription", ["text", "segments", "words"], {
  done: ["transcript.text.done", "transcription.done"],
});
const rerank = list("rerank", ["results", "data", "rankings"], { pure: true });
const embeddings = list("embeddings", ["data", "embeddings"], { pure: true });
const classify = list("classify", ["results", "data"]);
const moderations = list("moderations", ["results"]);

/** Endpoints of OpenAI and of all who copied it, with what the copies added. Nobody gives one name two meanings. */
export function openaiSurface(quirks: ChatQuirks = {}): Surface {
  const chat = chatProtocol(quirks);
  const endpoints: Record<string, EndpointFacts> = {
    "chat/completions": { kind: "chat", protocol: chat },
    completions: { kind: "completions", protocol: chat },
    "fim/completions": { kind: "completions", protocol: chat },
    responses: { kind: "responses", protocol: responsesProtocol(quirks) },
    "responses/input_tokens": list("count_tokens", [], { pure: true }),
    embeddings,
    multimodalembeddings: embeddings,
    contextualizedembeddings: embeddings,
    rerank,
    ranking: rerank,
    moderations,
    "chat/moderations": moderations,
    classify,
    classifications: classify,
    "chat/classifications": classify,
    "images/generations": images,
    "images/edits": images,
    "images/variations": images,
    "audio/speech": speech,
    "audio/transcriptions": transcription,
    "audio/translations": transcription,
    ocr: list("other", ["pages"]),
    segment: list("other", ["chunks", "num_chunks"]),
  };
  return { path: ROOT, endpoints, error: openaiError };
}

const HEADERS = ["openai-*"];

/**
 * OpenAI and its clones. `first`: surfaces of the provider's own. Anthropic's Messages are always understood, since
 * many copies serve them, and a path says by itself which shape it speaks.
 */
export function openaiFamily(
  quirks: ChatQuirks = {},
  options: { first?: readonly Surface[]; headers?: readonly string[] } = {},
): Family {
  const surfaces = [...(options.first ?? []), openaiSurface(quirks), anthropicSurface];
  const family = composeFamily("openai", surfaces, [
    ...HEADERS,
    ...anthropicHeaders,
    ...(options.headers ?? []),
  ]);
  // Where a path is not known the answer is OpenAI's, whatever surfaces stand first.
  return {
    ...family,
    error: (error, path) => (path && family.endpoint(path) ? family : plain).error(error, path),
  };
}

const plain = composeFamily("openai", [openaiSurface()], HEADERS);

/** Mistral differs in the shape of its errors. */
export const mistralFamily = composeFamily(
  "openai",
  [{ ...openaiSurface(), error: mistralError }],
  [...HEADERS, "x-mistral-*"],
);

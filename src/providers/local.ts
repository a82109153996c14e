import { namesAccountState } from "./bound.ts";
import { cohereV2 } from "./cohere.ts";
import { openaiError } from "./error-shape.ts";
import { isEventStream, type Protocol, type Surface } from "./family.ts";
import { carriesError, finding } from "./finding.ts";
import { at, countAt, holds, textAt } from "./json.ts";
import { listProtocol } from "./list.ts";
import { openaiFamily } from "./openai.ts";
import type { Finding, Usage } from "./provider.ts";
import { type Fold, SseWatcher } from "./sse.ts";
import { openaiUsage } from "./usage.ts";

/** Servers that people run themselves: OpenAI's shapes, and endpoints of their own beside them. */

const usage = (value: unknown) => openaiUsage(at(value, "usage"));
const scores = listProtocol({ members: ["data", "results"], usage });
const tokens = listProtocol({ members: ["tokens", "content", "prompt"], usage });

/** https://docs.vllm.ai: pooling models at the root, and Cohere's v2 beside OpenAI's and Anthropic's API. */
const vllmSurface: Surface = {
  path: /^(?:\/v1)?\/(.+)$/,
  endpoints: {
    pooling: { kind: "embeddings", pure: true, protocol: scores },
    score: { kind: "rerank", pure: true, protocol: scores },
    classify: { kind: "classify", protocol: scores },
    rerank: { kind: "rerank", pure: true, protocol: scores },
    tokenize: { kind: "other", protocol: tokens },
    detokenize: { kind: "other", protocol: tokens },
  },
  error: openaiError,
};

export const vllmFamily = openaiFamily({}, { first: [vllmSurface, cohereV2] });

/** llama.cpp's own completion: `stop: true` ends it, in a document and in the stream's last event. */
const completionProtocol: Protocol = {
  name: "llamacpp",
  watch: (asked, contentType) =>
    isEventStream(asked, contentType) ? new SseWatcher(new LlamaFold()) : undefined,
  judge: (_asked, value) => {
    if (carriesError(value, ["content", "stop"])) return finding({ refusal: "error-body" });
    if (at(value, "content") === undefined) return finding({});
    const fold = new LlamaFold();
    fold.event("", value);
    const found = fold.finish();
    const refusal = found.refusal === "no-end-marker" ? "no-finish-reason" : found.refusal;
    return { ...found, refusal, accountBound: namesAccountState(value) };
  },
};

export class LlamaFold implements Fold {
  #last: unknown;
  #holds = false;
  #model: string | undefined;

  get ended(): boolean {
    return this.#last !== undefined;
  }

  event(_name: string, value: unknown): boolean {
    if (holds(at(value, "content"))) this.#holds = true;
    this.#model = textAt(value, "model") ?? this.#model;
    if (at(value, "stop") === true) this.#last = value;
    return false;
  }

  finish(): Finding {
    if (this.#last === undefined) return finding({ refusal: "no-end-marker", model: this.#model });
    const limited = at(this.#last, "stop_type") === "limit" || at(this.#last, "stopped_limit") === true;
    const refusal = this.#holds || limited ? undefined : "empty";
    return finding({ refusal, usage: llamaUsage(this.#last), model: this.#model });
  }
}

function llamaUsage(last: unknown): Usage | undefined {
  const input = countAt(last, "tokens_evaluated");
  const output = countAt(last, "tokens_predicted");
  return openaiUsage({ prompt_tokens: input, completion_tokens: output });
}

const vectors = listProtocol({ members: ["embedding", "data"], usage });

/** At the root these have llama.cpp's own shapes; below `/v1` OpenAI's. */
const llamaSurface: Surface = {
  path: /^\/(.+)$/,
  endpoints: {
    completion: { kind: "completions", protocol: completionProtocol },
    completions: { kind: "completions", protocol: completionProtocol },
    infill: { kind: "completions", protocol: completionProtocol },
    embedding: { kind: "embeddings", pure: true, protocol: vectors },
    // A bare list of vectors.
    embeddings: { kind: "embeddings", pure: true, protocol: vectors },
    rerank: { kind: "rerank", pure: true, protocol: scores },
    reranking: { kind: "rerank", pure: true, protocol: scores },
    "v1/rerank": { kind: "rerank", pure: true, protocol: scores },
    "v1/reranking": { kind: "rerank", pure: true, protocol: scores },
    tokenize: { kind: "other", protocol: tokens },
    detokenize: { kind: "other", protocol: tokens },
    "apply-template": { kind: "other", protocol: tokens },
  },
  error: openaiError,
};

export const llamacppFamily = openaiFamily({}, { first: [llamaSurface] });

import { anthropicProtocol } from "./anthropic.ts";
import { namesAccountState } from "./bound.ts";
import { googleError } from "./error-shape.ts";
import { composeFamily, isEventStream, type Protocol, type Surface } from "./family.ts";
import { carriesError, finding, finishReason, isMessageAlone, isOrdinary, isUnfinished } from "./finding.ts";
import { at, countAt, holds, isObject, listAt, textAt } from "./json.ts";
import { ArrayWatcher } from "./lines.ts";
import { listProtocol } from "./list.ts";
import { openaiSurface } from "./openai.ts";
import type { Asked, Finding, RefusalReason, Usage } from "./provider.ts";
import { type Fold, SseWatcher } from "./sse.ts";
import { googleUsage, lastUsage } from "./usage.ts";

const OWN = ["candidates", "promptFeedback", "usageMetadata", "modelVersion", "responseId"];

/** Gemini's generateContent; without `alt=sse` its stream is one JSON array that arrives piece by piece. */
const geminiProtocol: Protocol = {
  name: "google",
  watch: (asked, contentType) => {
    const streams = /:streamGenerateContent$/i.test(asked.path.replace(/%3A/i, ":"));
    if (streams && contentType === "application/json")
      return new ArrayWatcher(new GeminiFold("array", asked));
    return isEventStream(asked, contentType) ? new SseWatcher(new GeminiFold("events", asked)) : undefined;
  },
  judge: (asked, value) => {
    const fold = new GeminiFold("document", asked);
    const parts = Array.isArray(value) ? value : [value];
    const accountBound = namesAccountState(value);
    if (parts.some((part) => carriesError(part, OWN) || isMessageAlone(part, OWN)))
      return finding({ refusal: "error-body", accountBound });
    for (const part of parts) fold.event("", part);
    return { ...fold.finish(false), accountBound };
  },
};

const values = listProtocol({
  members: ["embedding.values", "embeddings"],
  usage: (value) => googleUsage(at(value, "usageMetadata")),
});
const counts = listProtocol({ members: [], usage: () => undefined });

export const googleSurface: Surface = {
  path: /^\/v\d+[a-z0-9]*\/(?:projects\/[^/]+\/locations\/[^/]+\/(?:publishers\/[^/]+\/)?)?(?:models|tunedModels|endpoints)\/[^/:]+(?::|%3[Aa])([A-Za-z]+)$/,
  endpoints: {
    generateContent: { kind: "generate", protocol: geminiProtocol },
    streamGenerateContent: { kind: "generate", protocol: geminiProtocol },
    embedContent: { kind: "embeddings", pure: true, protocol: values },
    batchEmbedContents: { kind: "embeddings", pure: true, protocol: values },
    countTokens: { kind: "count_tokens", pure: true, protocol: counts },
    computeTokens: { kind: "count_tokens", pure: true, protocol: counts },
    predict: { kind: "other", protocol: listProtocol({ members: ["predictions"], usage: () => undefined }) },
    // Anthropic's models on Vertex.
    rawPredict: { kind: "messages", protocol: anthropicProtocol },
    streamRawPredict: { kind: "messages", protocol: anthropicProtocol },
  },
  error: googleError,
};

export const googleFamily = composeFamily("google", [googleSurface, openaiSurface()], ["x-goog-*"]);

/** How many candidates the request asks for; Google takes both spellings. */
function candidateCount({ json }: Asked): number {
  const config = json?.generationConfig ?? json?.generation_config;
  return countAt(config, "candidateCount") ?? countAt(config, "candidate_count") ?? 1;
}

/** `OTHER` is the model's own word for having failed. */
function failed(finish: string): boolean {
  return isUnfinished(finish) || finish === "other";
}

/** A stream has no end marker: each candidate's finish reason (or a block of the prompt) and a whole last event do. */
export class GeminiFold implements Fold {
  readonly #form: "events" | "array" | "document";
  readonly #expected: number;
  readonly #finishes = new Map<number, string | undefined>();
  #blocked = false;
  #known = false;
  #holds = false;
  #usage: Usage | undefined;
  #model: string | undefined;

  constructor(form: "events" | "array" | "document", asked: Asked) {
    this.#form = form;
    this.#expected = candidateCount(asked);
  }

  get ended(): boolean {
    return false;
  }

  event(_name: string, value: unknown): boolean {
    if (OWN.some((name) => at(value, name) !== undefined)) this.#known = true;
    this.#usage = lastUsage(this.#usage, googleUsage(at(value, "usageMetadata")));
    this.#model = textAt(value, "modelVersion") ?? this.#model;
    const blockReason = textAt(value, "promptFeedback", "blockReason");
    if (blockReason !== undefined && blockReason !== "BLOCK_REASON_UNSPECIFIED") this.#blocked = true;
    listAt(value, "candidates").forEach((candidate, i) => {
      const index = countAt(candidate, "index") ?? i;
      const finish = finishReason(at(candidate, "finishReason"));
      const told = finish === "finish_reason_unspecified" ? undefined : finish;
      this.#finishes.set(index, told ?? this.#finishes.get(index));
      if (listAt(candidate, "content", "parts").some(saysSomething)) this.#holds = true;
    });
    return false;
  }

  finish(cut: boolean): Finding {
    return finding({
      refusal: this.#refusal(cut),
      finishes: this.#blocked ? ["safety"] : this.#finishes.values(),
      usage: this.#usage,
      model: this.#model,
    });
  }

  #refusal(cut: boolean): RefusalReason | undefined {
    // Google's SDK throws on a last event without its blank line.
    if (cut && this.#form === "events") return "no-end-marker";
    const finishes = [...this.#finishes.values()];
    if (finishes.length === 0) {
      if (this.#blocked) return undefined;
      // A document of unknown shape is kept; a stream must show that it is whole.
      if (this.#form !== "document") return "no-finish-reason";
      return this.#known ? "empty" : undefined;
    }
    if (finishes.length < this.#expected || finishes.includes(undefined)) return "no-finish-reason";
    if (finishes.some((finish) => finish !== undefined && failed(finish))) return "unfinished";
    return !this.#holds && finishes.every((finish) => finish !== undefined && isOrdinary(finish))
      ? "empty"
      : undefined;
  }
}

/** A part with an empty text, or with nothing but a thought's signature, is nothing. */
function saysSomething(part: unknown): boolean {
  if (!isObject(part)) return false;
  return Object.entries(part).some(([name, value]) => {
    if (name === "text") return holds(value);
    return name !== "thought" && name !== "thoughtSignature" && value !== null;
  });
}

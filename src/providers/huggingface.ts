import { namesAccountState } from "./bound.ts";
import { openaiError } from "./error-shape.ts";
import { isEventStream, type Protocol, type Surface } from "./family.ts";
import { carriesError, finding, finishReason, formRefusal, isUnfinished } from "./finding.ts";
import { at, countAt, holds, textAt } from "./json.ts";
import { openaiFamily } from "./openai.ts";
import type { Family, Finding } from "./provider.ts";
import { type Fold, SseWatcher } from "./sse.ts";
import { openaiUsage } from "./usage.ts";

/** A model's task at `hf-inference`: labels, vectors, text, images; text generation streams as TGI does. */
const taskProtocol: Protocol = {
  name: "huggingface",
  watch: (asked, contentType) =>
    isEventStream(asked, contentType) ? new SseWatcher(new TgiFold()) : undefined,
  judge: (_asked, value) => {
    // An empty list can be an answer: no entities in this text.
    const failed = carriesError(Array.isArray(value) ? value[0] : value);
    const refusal = failed ? "error-body" : formRefusal("other", value);
    return finding({ refusal, accountBound: namesAccountState(value) });
  },
};

/** Text Generation Inference: one event a token, the last one with the whole `generated_text`. No `[DONE]`. */
export class TgiFold implements Fold {
  #last: unknown;
  #holds = false;

  get ended(): boolean {
    return this.#last !== undefined;
  }

  event(_name: string, value: unknown): boolean {
    const text = at(value, "generated_text");
    if (holds(at(value, "token", "text")) || holds(text)) this.#holds = true;
    if (typeof text === "string") this.#last = value;
    return false;
  }

  finish(): Finding {
    if (this.#last === undefined) return finding({ refusal: "no-end-marker" });
    const finish = finishReason(at(this.#last, "details", "finish_reason"));
    const output = countAt(this.#last, "details", "generated_tokens");
    const usage = output === undefined ? undefined : openaiUsage({ completion_tokens: output });
    const unfinished = finish !== undefined && isUnfinished(finish);
    const refusal = unfinished ? "unfinished" : this.#holds ? undefined : "empty";
    return finding({ refusal, usage, model: textAt(this.#last, "model") });
  }
}

const TASKS = { kind: "other", protocol: taskProtocol } as const;
const VECTORS = { kind: "embeddings", pure: true, protocol: taskProtocol } as const;

/** `/hf-inference/models/ORG/MODEL` and, for models with several tasks, `…/pipeline/TASK`. */
const MODEL = /^\/hf-inference\/models\/(?:[^/]+\/)?[^/]+$/;
const TASK = /^\/hf-inference\/models\/(?:[^/]+\/)?[^/]+\/pipeline\/([a-z0-9-]+)$/;

const OTHER_TASKS = [
  "audio-classification",
  "automatic-speech-recognition",
  "fill-mask",
  "image-classification",
  "image-segmentation",
  "image-to-text",
  "object-detection",
  "question-answering",
  "summarization",
  "table-question-answering",
  "text-classification",
  "text-generation",
  "text-ranking",
  "text-to-image",
  "text-to-speech",
  "token-classification",
  "translation",
  "zero-shot-classification",
  "zero-shot-image-classification",
];

const tasks: Surface = {
  path: TASK,
  endpoints: {
    "feature-extraction": VECTORS,
    "sentence-similarity": VECTORS,
    ...Object.fromEntries(OTHER_TASKS.map((task) => [task, TASKS])),
  },
  error: openaiError,
};

/** Other inference providers behind the router: their own paths, in OpenAI's shapes. */
const ROUTED = /^\/(?:hf-inference\/models\/(?:[^/]+\/)?[^/]+|[a-z0-9-]+)(\/.+)$/;

const base = openaiFamily({}, { first: [tasks] });

function inner(path: string): string {
  return base.endpoint(path) ? path : (ROUTED.exec(path)?.[1] ?? path);
}

/** A model without a task in its path; the whole name is the endpoint. */
const model = (path: string) => MODEL.test(path);

export const huggingfaceFamily: Family = {
  ...base,
  endpointNames: [...base.endpointNames, "models/{org}/{model}"],
  protocol: (path) => (model(path) ? taskProtocol.name : base.protocol(inner(path))),
  endpoint: (path) => (model(path) ? { kind: "other", pure: false } : base.endpoint(inner(path))),
  negotiates: (path) => path.startsWith("/hf-inference/"),
  stateful: (asked) => base.stateful({ ...asked, path: inner(asked.path) }),
  watch: (asked, contentType) =>
    model(asked.path)
      ? taskProtocol.watch(asked, contentType)
      : base.watch({ ...asked, path: inner(asked.path) }, contentType),
  judge: (asked, value, shortened) =>
    model(asked.path)
      ? taskProtocol.judge(asked, value, shortened ?? false)
      : base.judge({ ...asked, path: inner(asked.path) }, value, shortened),
};

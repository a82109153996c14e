import { cohereError } from "./error-shape.ts";
import { composeFamily, isEventStream, type Protocol, type Surface } from "./family.ts";
import {
  carriesError,
  finding,
  finishReason,
  isOrdinary,
  isUnfinished,
  namesError,
  ToolArguments,
} from "./finding.ts";
import { at, countAt, holds, isObject, listAt, textAt } from "./json.ts";
import { LineWatcher } from "./lines.ts";
import { listProtocol } from "./list.ts";
import { openaiSurface } from "./openai.ts";
import type { Finding, RefusalReason, Usage } from "./provider.ts";
import { type Fold, SseWatcher } from "./sse.ts";
import { cohereUsage } from "./usage.ts";

/** Cohere's chat of both versions and v1's generate: v2 streams events, v1 one JSON a line (or events, if asked). */
const cohereProtocol: Protocol = {
  name: "cohere",
  watch: (asked, contentType) => {
    if (/stream\+json|ndjson|jsonl/.test(contentType)) return new LineWatcher(new CohereFold());
    if (!isEventStream(asked, contentType) && asked.json?.stream !== true) return undefined;
    // v1 has been served under several types, plain JSON among them.
    const lines = asked.path.startsWith("/v1/") && contentType !== "text/event-stream";
    if (lines) return new LineWatcher(new CohereFold());
    return isEventStream(asked, contentType) ? new SseWatcher(new CohereFold()) : undefined;
  },
  judge: (_asked, value, shortened) => judgeCohere(value, shortened),
};

const meta = (value: unknown) => cohereUsage(at(value, "meta"));
const list = (...members: string[]) => listProtocol({ members, usage: meta });

export const cohereV2: Surface = {
  path: /^\/(v2\/.+)$/,
  endpoints: {
    "v2/chat": { kind: "chat", protocol: cohereProtocol },
    "v2/embed": { kind: "embeddings", pure: true, protocol: list("embeddings") },
    "v2/rerank": { kind: "rerank", pure: true, protocol: list("results") },
    "v2/audio/transcriptions": { kind: "transcription", protocol: list("text") },
  },
  error: cohereError,
};

const cohereV1: Surface = {
  path: /^\/(v1\/.+)$/,
  endpoints: {
    "v1/chat": { kind: "chat", protocol: cohereProtocol },
    "v1/generate": { kind: "generate", protocol: cohereProtocol },
    "v1/embed": { kind: "embeddings", pure: true, protocol: list("embeddings") },
    "v1/rerank": { kind: "rerank", pure: true, protocol: list("results") },
    "v1/classify": { kind: "classify", protocol: list("classifications") },
    "v1/summarize": { kind: "generate", protocol: list("summary") },
    "v1/tokenize": { kind: "other", protocol: list("tokens") },
    "v1/detokenize": { kind: "other", protocol: list("text") },
  },
  error: cohereError,
};

/** Below `/compatibility/v1` Cohere speaks OpenAI's shapes. */
export const cohereFamily = composeFamily("cohere", [cohereV2, cohereV1, openaiSurface()], []);

function judgeCohere(value: unknown, shortened: boolean): Finding {
  const usage = cohereUsage(at(value, "usage")) ?? meta(value);
  const found = (refusal: RefusalReason | undefined) =>
    finding({
      refusal,
      finishes: [finishReason(at(value, "finish_reason"))],
      usage,
      model: textAt(value, "model"),
    });
  const message = at(value, "message");
  const generations = at(value, "generations");
  const own = isObject(message) || typeof at(value, "text") === "string" || Array.isArray(generations);
  // A message in words is Cohere's error; the answer's message is an object.
  if (namesError(value) || (!own && (typeof message === "string" || carriesError(value))))
    return found("error-body");
  if (!own) return found(undefined);
  if (Array.isArray(generations)) return found(generationsRefusal(generations));
  const finish = finishReason(at(value, "finish_reason"));
  if (finish === undefined) return found("no-finish-reason");
  if (isUnfinished(finish)) return found("unfinished");
  const calls = new ToolArguments();
  if (!shortened)
    for (const call of listAt(message, "tool_calls")) calls.whole(at(call, "function", "arguments"));
  if (calls.broken) return found("bad-tool-arguments");
  const something =
    holds(at(value, "text")) || holds(at(value, "tool_calls")) || (isObject(message) && messageSays(message));
  return found(!something && isOrdinary(finish) ? "empty" : undefined);
}

function generationsRefusal(generations: readonly unknown[]): RefusalReason | undefined {
  const finishes = generations.map((generation) => finishReason(at(generation, "finish_reason")));
  if (finishes.some((finish) => finish !== undefined && isUnfinished(finish))) return "unfinished";
  return generations.some((generation) => holds(at(generation, "text"))) ? undefined : "empty";
}

function messageSays(message: object): boolean {
  return Object.entries(message).some(([name, value]) => {
    if (name === "role") return false;
    if (name !== "content" || !Array.isArray(value)) return holds(value);
    return value.some((part) => holds(at(part, "text")) || holds(at(part, "thinking")));
  });
}

const WORDY = new Set(["content-delta", "text-generation"]);
const WORDS = new Set(["delta.message.content.text", "delta.message.content.thinking", "text"]);

export class CohereFold implements Fold {
  readonly #arguments = new ToolArguments();
  #usage: Usage | undefined;
  #finish: string | undefined;
  #ended = false;
  #holds = false;

  get ended(): boolean {
    return this.#ended;
  }

  event(name: string, value: unknown): boolean {
    const type = textAt(value, "type") ?? textAt(value, "event_type") ?? name;
    if (type === "message-end") return this.#end(at(value, "delta"), at(value, "delta", "usage"));
    if (type === "stream-end" || at(value, "is_finished") === true) {
      if (holds(at(value, "response", "text")) || holds(at(value, "response", "tool_calls")))
        this.#holds = true;
      return this.#end(value, at(value, "response", "meta"));
    }
    this.#take(type, value);
    // A line that is none of its events, as Cohere words its errors.
    return type === "" && textAt(value, "message") !== undefined;
  }

  indifferent(value: unknown): ReadonlySet<string> | undefined {
    const type = textAt(value, "type") ?? textAt(value, "event_type");
    return type !== undefined && WORDY.has(type) ? WORDS : undefined;
  }

  #take(type: string, value: unknown): void {
    const message = at(value, "delta", "message");
    if (/^tool-call-(start|delta)$/.test(type)) {
      const pieces = at(message, "tool_calls", "function", "arguments");
      this.#arguments.piece(countAt(value, "index") ?? 0, pieces, textAt(message, "tool_calls", "id"));
    }
    // v2 says it in `delta.message`, v1 at the top.
    const said = [
      at(message, "content", "text"),
      at(message, "content", "thinking"),
      at(message, "tool_plan"),
    ];
    said.push(
      at(message, "tool_calls"),
      at(value, "text"),
      at(value, "tool_calls"),
      at(value, "tool_call_delta"),
    );
    if (said.some(holds)) this.#holds = true;
  }

  #end(end: unknown, usage: unknown): boolean {
    this.#ended = true;
    this.#finish = finishReason(at(end, "finish_reason"));
    this.#usage = cohereUsage(usage);
    return Boolean(at(end, "error")) || (this.#finish !== undefined && isUnfinished(this.#finish));
  }

  finish(): Finding {
    return finding({ refusal: this.#refusal(), finishes: [this.#finish], usage: this.#usage });
  }

  #refusal(): RefusalReason | undefined {
    if (!this.#ended) return "no-end-marker";
    if (this.#finish === undefined) return "no-finish-reason";
    if (this.#arguments.broken) return "bad-tool-arguments";
    return !this.#holds && isOrdinary(this.#finish) ? "empty" : undefined;
  }
}

import { namesAccountState } from "./bound.ts";
import { anthropicError } from "./error-shape.ts";
import { composeFamily, isEventStream, type Protocol, type Surface } from "./family.ts";
import {
  carriesError,
  finding,
  finishReason,
  isMessageAlone,
  isOrdinary,
  isUnfinished,
  ToolArguments,
} from "./finding.ts";
import { at, countAt, holds, isObject, type JsonObject, listAt, textAt } from "./json.ts";
import type { Finding, RefusalReason } from "./provider.ts";
import { type Fold, SseWatcher } from "./sse.ts";
import { anthropicUsage } from "./usage.ts";

/** Anthropic's Messages (and the older `/v1/complete`), wherever they are spoken. */
export const anthropicProtocol: Protocol = {
  name: "anthropic",
  watch: (asked, contentType) =>
    isEventStream(asked, contentType) ? new SseWatcher(new MessageFold()) : undefined,
  judge: (_asked, value, shortened) => judgeMessage(value, shortened),
};

const countProtocol: Protocol = { ...anthropicProtocol, watch: () => undefined };

/** `/anthropic/v1/messages` is DeepSeek's and Azure's, `/api/v1/messages` OpenRouter's. */
export const anthropicSurface: Surface = {
  path: /^(?:\/anthropic)?(?:\/api)?\/v1\/(.+)$/,
  endpoints: {
    messages: { kind: "messages", protocol: anthropicProtocol },
    "messages/count_tokens": { kind: "count_tokens", pure: true, protocol: countProtocol },
    complete: { kind: "completions", protocol: anthropicProtocol },
  },
  error: anthropicError,
};

export const anthropicHeaders = ["anthropic-*"];

export const anthropicFamily = composeFamily("anthropic", [anthropicSurface], anthropicHeaders);

const OWN = ["content", "completion", "input_tokens", "id"];

export function judgeMessage(value: unknown, shortened: boolean): Finding {
  return finding({
    refusal: messageRefusal(value, shortened),
    finishes: [finishReason(at(value, "stop_reason"))],
    usage: anthropicUsage(at(value, "usage")),
    model: textAt(value, "model"),
    accountBound: namesAccountState(value),
  });
}

function messageRefusal(value: unknown, shortened: boolean): RefusalReason | undefined {
  if (carriesError(value, OWN) || isMessageAlone(value, OWN)) return "error-body";
  const content = at(value, "content");
  const completion = at(value, "completion");
  if (!Array.isArray(content) && typeof completion !== "string") return undefined;
  const finish = finishReason(at(value, "stop_reason"));
  if (finish === undefined) return "no-finish-reason";
  if (isUnfinished(finish)) return "unfinished";
  const blocks = listAt(value, "content");
  const calls = new ToolArguments();
  // The input is an object; copies of the API have been seen to send it as text.
  if (!shortened) for (const block of blocks) if (isToolUse(block)) calls.whole(at(block, "input"));
  if (calls.broken) return "bad-tool-arguments";
  const something = holds(completion) || blocks.some(saysSomething);
  return !something && isOrdinary(finish) ? "empty" : undefined;
}

function isToolUse(block: unknown): boolean {
  return /tool_use$/.test(textAt(block, "type") ?? "");
}

/** Text and thinking without a word are nothing; a block of any other type is something. */
function saysSomething(block: unknown): boolean {
  const type = at(block, "type");
  if (type === "text") return holds(at(block, "text"));
  if (type === "thinking") return holds(at(block, "thinking")) || holds(at(block, "signature"));
  return isObject(block);
}

const WORDS = new Set(["delta.text", "delta.thinking"]);

export class MessageFold implements Fold {
  readonly #arguments = new ToolArguments();
  /** Usage members as they came, later ones over earlier: newer models repeat the input's in `message_delta`. */
  #usage: JsonObject = {};
  #model: string | undefined;
  #finish: string | undefined;
  #stopped = false;
  #holds = false;

  get ended(): boolean {
    return this.#stopped;
  }

  event(name: string, value: unknown): boolean {
    switch (textAt(value, "type") ?? name) {
      case "message_start":
        this.#model = textAt(value, "message", "model") ?? this.#model;
        this.#addUsage(at(value, "message", "usage"));
        if (listAt(value, "message", "content").some(saysSomething)) this.#holds = true;
        break;
      case "content_block_start":
        if (saysSomething(at(value, "content_block"))) this.#holds = true;
        break;
      case "content_block_delta":
        this.#delta(at(value, "delta"), countAt(value, "index") ?? 0);
        break;
      case "message_delta":
        this.#finish = finishReason(at(value, "delta", "stop_reason")) ?? this.#finish;
        this.#addUsage(at(value, "usage"));
        break;
      case "message_stop":
        this.#stopped = true;
        break;
      case "completion":
        this.#model = textAt(value, "model") ?? this.#model;
        if (holds(at(value, "completion"))) this.#holds = true;
        this.#finish = finishReason(at(value, "stop_reason")) ?? this.#finish;
        if (this.#finish !== undefined) this.#stopped = true;
        break;
    }
    return false;
  }

  indifferent(value: unknown): ReadonlySet<string> | undefined {
    // Pieces of an input are gathered, be they the same.
    const words =
      at(value, "type") === "content_block_delta" && at(value, "delta", "type") !== "input_json_delta";
    return words ? WORDS : undefined;
  }

  #delta(delta: unknown, index: number): void {
    if (at(delta, "type") === "input_json_delta") this.#arguments.piece(index, at(delta, "partial_json"));
    if (isObject(delta) && Object.entries(delta).some(([name, value]) => name !== "type" && holds(value))) {
      this.#holds = true;
    }
  }

  #addUsage(usage: unknown): void {
    if (!isObject(usage)) return;
    const told = Object.entries(usage).filter(([, value]) => value !== null);
    this.#usage = { ...this.#usage, ...Object.fromEntries(told) };
  }

  finish(): Finding {
    return finding({
      refusal: this.#refusal(),
      finishes: [this.#finish],
      usage: anthropicUsage(this.#usage),
      model: this.#model,
    });
  }

  #refusal(): RefusalReason | undefined {
    if (!this.#stopped) return "no-end-marker";
    if (this.#finish === undefined) return "no-finish-reason";
    if (isUnfinished(this.#finish)) return "unfinished";
    if (this.#arguments.broken) return "bad-tool-arguments";
    return !this.#holds && isOrdinary(this.#finish) ? "empty" : undefined;
  }
}

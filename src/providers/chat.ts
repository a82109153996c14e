import { namesAccountState } from "./bound.ts";
import { isEventStream, type Protocol } from "./family.ts";
import {
  carriesError,
  finding,
  finishReason,
  isMessageAlone,
  isOrdinary,
  isUnfinished,
  ToolArguments,
} from "./finding.ts";
import { at, countAt, holds, isObject, listAt, textAt } from "./json.ts";
import type { Asked, Finding, RefusalReason, Usage } from "./provider.ts";
import { type Fold, SseWatcher } from "./sse.ts";
import { lastUsage, openaiUsage } from "./usage.ts";

/** In what OpenAI's clones differ. */
export interface ChatQuirks {
  /** Reasoning tokens are counted beside the completion's (xAI). */
  readonly reasoningApart?: boolean;
  /** A stream may end without `[DONE]` (Perplexity): its finish reasons and a whole last event must do. */
  readonly doneOptional?: boolean;
}

/** Chat completions and completions, of OpenAI and all who copied it. */
export function chatProtocol(quirks: ChatQuirks = {}): Protocol {
  return {
    name: "chat",
    watch: (asked, contentType) =>
      isEventStream(asked, contentType) ? new SseWatcher(new ChatFold(asked, quirks)) : undefined,
    judge: (_asked, value, shortened) => judgeChat(value, { quirks, shortened }),
  };
}

/** What one or more choices amount to. */
class Choices {
  readonly #finishes = new Map<number, string | undefined>();
  readonly #arguments = new ToolArguments();
  #holds = false;
  #refused = false;

  get finishes(): Iterable<string | undefined> {
    return this.#refused ? ["refusal"] : this.#finishes.values();
  }

  get seen(): number {
    return this.#finishes.size;
  }

  get ended(): boolean {
    for (const finish of this.#finishes.values()) if (finish === undefined) return false;
    return this.seen > 0;
  }

  /** One choice of a document or of a chunk. A finish reason stays though later chunks bring none (Azure's filters). */
  add(choice: unknown, position: number): void {
    const index = countAt(choice, "index") ?? position;
    const finish = finishReason(at(choice, "finish_reason"));
    this.#finishes.set(index, finish ?? this.#finishes.get(index));
    if (holds(at(choice, "text"))) this.#holds = true;
    for (const part of ["message", "delta"]) {
      const said = at(choice, part);
      if (!isObject(said)) continue;
      if (holds(said.refusal)) this.#refused = true;
      if (Object.keys(said).some((name) => name !== "role" && saysSomething(said[name]))) this.#holds = true;
    }
  }

  addCalls(choice: unknown, options: { shortened: boolean }): void {
    if (options.shortened) return;
    for (const call of listAt(choice, "message", "tool_calls")) {
      this.#arguments.whole(at(call, "function", "arguments"));
    }
    this.#arguments.whole(at(choice, "message", "function_call", "arguments"));
  }

  addCallPieces(choice: unknown, position: number): void {
    // Calls of different choices must not run together: no choice has a thousand calls.
    const base = (countAt(choice, "index") ?? position) * 1000;
    listAt(choice, "delta", "tool_calls").forEach((call, i) => {
      const index = base + (countAt(call, "index") ?? i);
      this.#arguments.piece(index, at(call, "function", "arguments"), textAt(call, "id"));
    });
    const legacy = at(choice, "delta", "function_call");
    if (legacy !== undefined) this.#arguments.piece(base + 999, at(legacy, "arguments"));
  }

  refusal(expected: number): RefusalReason | undefined {
    if (this.seen < expected || !this.ended) return "no-finish-reason";
    const finishes = [...this.#finishes.values()].filter((finish) => finish !== undefined);
    if (finishes.some(isUnfinished)) return "unfinished";
    if (this.#arguments.broken) return "bad-tool-arguments";
    return !this.#holds && finishes.every(isOrdinary) ? "empty" : undefined;
  }
}

/** Ids and types of a part say nothing of it; an empty text part is nothing. */
function saysSomething(value: unknown): boolean {
  if (!Array.isArray(value)) return holds(value);
  return value.some((part) => {
    if (!isObject(part)) return holds(part);
    return Object.entries(part).some(([name, inner]) => name !== "type" && name !== "index" && holds(inner));
  });
}

const OWN = ["choices", "id", "object", "created"];

export function judgeChat(value: unknown, options: { quirks: ChatQuirks; shortened: boolean }): Finding {
  const model = textAt(value, "model");
  const usage = openaiUsage(at(value, "usage"), options.quirks) ?? openaiUsage(at(value, "x_groq", "usage"));
  const accountBound = namesAccountState(value);
  const judged = (refusal: RefusalReason | undefined) => finding({ refusal, usage, model, accountBound });
  if (carriesError(value, OWN) || at(value, "x_groq", "error")) return judged("error-body");
  if (isMessageAlone(value, OWN)) return judged("error-body");
  const list = at(value, "choices");
  if (!Array.isArray(list)) return judged(undefined);
  if (list.length === 0) return judged("empty");
  if (list.some((choice) => at(choice, "error"))) return judged("error-body");
  const choices = new Choices();
  list.forEach((choice, i) => {
    choices.add(choice, i);
    choices.addCalls(choice, options);
  });
  return { ...judged(choices.refusal(1)), cutShort: finding({ finishes: choices.finishes }).cutShort };
}

/** How many choices the request asks for. */
function expectedChoices(asked: Asked): number {
  const n = countAt(asked.json, "n") ?? 1;
  const prompts = listAt(asked.json, "prompt");
  // A list of numbers is one prompt in tokens.
  return Math.max(1, n) * (prompts.length > 0 && typeof prompts[0] !== "number" ? prompts.length : 1);
}

/** What choices say counts by being there; ids, times and padding don't. */
const WORDS = new Set([
  "id",
  "created",
  "obfuscation",
  "p",
  "choices.*.text",
  "choices.*.delta.content",
  "choices.*.delta.reasoning",
  "choices.*.delta.reasoning_content",
  "choices.*.delta.reasoning_details.*.text",
]);

export class ChatFold implements Fold {
  readonly #expected: number;
  readonly #quirks: ChatQuirks;
  readonly #choices = new Choices();
  #usage: Usage | undefined;
  #model: string | undefined;
  #done = false;

  constructor(asked: Asked, quirks: ChatQuirks = {}) {
    this.#expected = expectedChoices(asked);
    this.#quirks = quirks;
  }

  get ended(): boolean {
    return this.#done;
  }

  done(): void {
    this.#done = true;
  }

  event(_name: string, value: unknown): boolean {
    this.#model = textAt(value, "model") ?? this.#model;
    const usage = openaiUsage(at(value, "usage"), this.#quirks) ?? openaiUsage(at(value, "x_groq", "usage"));
    this.#usage = lastUsage(this.#usage, usage);
    const choices = listAt(value, "choices");
    choices.forEach((choice, i) => {
      this.#choices.add(choice, i);
      this.#choices.addCallPieces(choice, i);
    });
    return Boolean(at(value, "x_groq", "error")) || choices.some((choice) => at(choice, "error"));
  }

  indifferent(value: unknown): ReadonlySet<string> | undefined {
    // Pieces of a call are gathered, be they the same.
    const calls = listAt(value, "choices").some((choice) => {
      const delta = at(choice, "delta");
      return listAt(delta, "tool_calls").length > 0 || at(delta, "function_call") !== undefined;
    });
    return calls ? undefined : WORDS;
  }

  finish(cut: boolean): Finding {
    const marked = this.#done || (this.#quirks.doneOptional === true && !cut && this.#choices.ended);
    const refusal = marked ? this.#choices.refusal(this.#expected) : "no-end-marker";
    return finding({
      refusal,
      finishes: this.#choices.finishes,
      usage: this.#usage,
      model: this.#model,
    });
  }
}

import { namesAccountState } from "./bound.ts";
import { isEventStream, type Protocol } from "./family.ts";
import {
  carriesError,
  finding,
  finishReason,
  isMessageAlone,
  isUnfinished,
  ToolArguments,
} from "./finding.ts";
import { at, holds, isObject, listAt, textAt } from "./json.ts";
import type { Finding, RefusalReason } from "./provider.ts";
import { type Fold, SseWatcher } from "./sse.ts";
import { openaiUsage } from "./usage.ts";

/** OpenAI's Responses, and its copies at Azure, OpenRouter, Groq, xAI and local servers. */
export function responsesProtocol(quirks: { reasoningApart?: boolean } = {}): Protocol {
  return {
    name: "responses",
    watch: (asked, contentType) =>
      isEventStream(asked, contentType) ? new SseWatcher(new ResponsesFold(quirks)) : undefined,
    judge: (_asked, value, shortened) => judgeResponse(value, { ...quirks, shortened }),
  };
}

const OWN = ["output", "id", "object", "status"];

interface JudgeOptions {
  readonly reasoningApart?: boolean;
  readonly shortened: boolean;
  /** The status that the event's name stands for, where the response in it names none. */
  readonly status?: string;
}

function judgeResponse(value: unknown, options: JudgeOptions): Finding {
  const refusal = responseRefusal(value, options);
  const parts = listAt(value, "output").flatMap((item) => listAt(item, "content"));
  return finding({
    refusal,
    finishes: [
      finishReason(at(value, "incomplete_details", "reason")),
      parts.some((part) => holds(at(part, "refusal"))) ? "refusal" : undefined,
    ],
    usage: openaiUsage(at(value, "usage"), options),
    model: textAt(value, "model"),
    accountBound: at(value, "store") === true || namesAccountState(value),
  });
}

function responseRefusal(value: unknown, options: JudgeOptions): RefusalReason | undefined {
  if (carriesError(value, OWN) || isMessageAlone(value, OWN)) return "error-body";
  const output = at(value, "output");
  const status = finishReason(at(value, "status")) ?? options.status;
  if (status === "failed") return "error-body";
  if (status !== undefined && isUnfinished(status)) return "unfinished";
  if (!Array.isArray(output)) return undefined;
  if (status === undefined) return "no-finish-reason";
  const calls = new ToolArguments();
  if (!options.shortened) {
    for (const item of output) if (at(item, "type") === "function_call") calls.whole(at(item, "arguments"));
  }
  if (calls.broken) return "bad-tool-arguments";
  return status === "completed" && !output.some(saysSomething) ? "empty" : undefined;
}

/** Messages and reasoning without a word are nothing; any other item (a tool call, an image …) is something. */
function saysSomething(item: unknown): boolean {
  if (!isObject(item)) return holds(item);
  if (item.type !== "message" && item.type !== "reasoning") return true;
  const parts = [...listAt(item, "content"), ...listAt(item, "summary")];
  return (
    holds(item.encrypted_content) ||
    parts.some((part) => holds(at(part, "text")) || holds(at(part, "refusal")) || holds(at(part, "audio")))
  );
}

const TERMINAL: Readonly<Record<string, string>> = {
  "response.completed": "completed",
  "response.incomplete": "incomplete",
};
const FAILED = new Set(["response.failed", "response.cancelled", "response.error"]);

const WORDS = new Set(["delta", "sequence_number", "obfuscation"]);

/** The last event carries the whole response, so it alone is judged. OpenAI sends no `[DONE]`; some copies do. */
export class ResponsesFold implements Fold {
  readonly #quirks: { reasoningApart?: boolean };
  #last: Finding | undefined;
  #stored = false;

  constructor(quirks: { reasoningApart?: boolean }) {
    this.#quirks = quirks;
  }

  get ended(): boolean {
    return this.#last !== undefined;
  }

  /** A response that is kept at the provider says so from its first event on. */
  get accountBound(): boolean {
    return this.#stored || this.#last?.accountBound === true;
  }

  event(name: string, value: unknown): boolean {
    const type = textAt(value, "type") ?? name;
    if (FAILED.has(type)) return true;
    const response = at(value, "response");
    if (at(response, "store") === true) this.#stored = true;
    const status = TERMINAL[type];
    if (status !== undefined) {
      this.#last = isObject(response)
        ? judgeResponse(response, { ...this.#quirks, status, shortened: false })
        : finding({ refusal: "no-finish-reason" });
    }
    return false;
  }

  indifferent(value: unknown): ReadonlySet<string> | undefined {
    const type = textAt(value, "type");
    return type !== undefined && TERMINAL[type] === undefined ? WORDS : undefined;
  }

  finish(): Finding {
    return this.#last ?? finding({ refusal: "no-end-marker" });
  }
}

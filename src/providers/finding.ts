import { at, isObject, listAt, textAt } from "./json.ts";
import type { CutShort, EndpointKind, Finding, RefusalReason, Usage } from "./provider.ts";

interface Found {
  readonly refusal?: RefusalReason | undefined;
  /** The finish reasons seen, from which `cutShort` follows. */
  readonly finishes?: Iterable<string | undefined>;
  readonly cutShort?: CutShort | undefined;
  readonly usage?: Usage | undefined;
  readonly model?: string | undefined;
  readonly accountBound?: boolean;
}

export function finding(found: Found): Finding {
  return {
    refusal: found.refusal,
    cutShort: found.cutShort ?? cutShort(found.finishes ?? []),
    usage: found.usage,
    model: found.model,
    accountBound: found.accountBound ?? false,
  };
}

/** Finish reasons, in lower case, that tell of a failure or of an answer that is still going on. */
const UNFINISHED = new Set([
  "error",
  "failed",
  "abort",
  "aborted",
  "cancelled",
  "canceled",
  "user_cancel",
  "timeout",
  "queued",
  "in_progress",
  "pause_turn",
  "continuation",
  "insufficient_system_resource",
  "unexpected_tool_call",
  "too_many_tool_calls",
]);

/** Finish reasons, in lower case, after which there must be an answer. Filters, refusals and limits may leave none. */
const ORDINARY = new Set([
  "stop",
  "eos",
  "eos_token",
  "end_turn",
  "stop_sequence",
  "complete",
  "completed",
  "finish",
  "tool_call",
  "tool_calls",
  "tool_use",
  "function_call",
  "unload",
  "load",
]);

const CUT_SHORT: readonly [RegExp, CutShort][] = [
  [/^(length|max_tokens|max_output_tokens|model_length|model_context_window_exceeded)$/, "length"],
  [/^refusal$/, "refusal"],
  [
    /^(content_filter|content_filtered|error_toxic|safety|recitation|blocklist|prohibited_content|spii|language|image_\w+|guardrail_intervened)$/,
    "filter",
  ],
];

/** What cut an answer short, by its finish reasons in lower case; the first that did. */
function cutShort(finishes: Iterable<string | undefined>): CutShort | undefined {
  for (const finish of finishes) {
    const known =
      finish === undefined || isOrdinary(finish)
        ? undefined
        : CUT_SHORT.find(([words]) => words.test(finish));
    if (known !== undefined) return known[1];
  }
  return undefined;
}

/** A finish reason, or undefined: some gateways send "" on every chunk, which is none. */
export function finishReason(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value.toLowerCase() : undefined;
}

export function isUnfinished(finish: string): boolean {
  return UNFINISHED.has(finish) || /^(error_|malformed_)/.test(finish);
}

export function isOrdinary(finish: string): boolean {
  return ORDINARY.has(finish);
}

/** Whether an object names an error, whatever else it holds. `error: null` and `errors: []` are none. */
export function namesError(value: unknown): boolean {
  if (!isObject(value)) return false;
  if (at(value, "error") || listAt(value, "errors").length > 0) return true;
  return value.object === "error" || value.type === "error";
}

/**
 * Whether a document (or an event) is an error under status 200. Cloudflare's `success`, FastAPI's `detail` and a
 * bare `message` count only where the family's own members are absent: elsewhere they may be part of an answer.
 */
export function carriesError(value: unknown, own: readonly string[] = []): boolean {
  if (namesError(value)) return true;
  if (!isObject(value) || own.some((name) => at(value, name) !== undefined)) return false;
  if (at(value, "success") === false || at(value, "detail")) return true;
  const labelled = ["code", "status", "statusCode", "status_code", "error_type"].some((name) =>
    at(value, name),
  );
  return textAt(value, "message") !== undefined && labelled;
}

/** Whether a document is a bare message (with a type, perhaps) where the endpoint answers with `own`. */
export function isMessageAlone(value: unknown, own: readonly string[]): boolean {
  return textAt(value, "message") !== undefined && own.every((name) => at(value, name) === undefined);
}

/** Endpoints whose documents are objects, whoever serves them. Others have lists, too: of vectors, of llama.cpp's answers. */
const OBJECTS: ReadonlySet<EndpointKind> = new Set(["chat", "responses", "messages"]);
/** Endpoints where a text by itself may be the answer. */
const TEXTS: ReadonlySet<EndpointKind> = new Set(["transcription", "speech", "images", "other"]);

/** Why a document that is no object is no answer of an endpoint, if so. */
export function formRefusal(kind: EndpointKind, value: unknown): RefusalReason | undefined {
  if (isObject(value)) return undefined;
  if (value === null) return "empty";
  if (Array.isArray(value)) return OBJECTS.has(kind) || namesError(value[0]) ? "error-body" : undefined;
  return TEXTS.has(kind) ? undefined : "error-body";
}

/** Collects the arguments of tool calls, which models break, and says whether any are no JSON. */
export class ToolArguments {
  #broken = false;
  #size = 0;
  readonly #open = new Map<number, { id: string | undefined; text: string }>();

  get broken(): boolean {
    if (this.#open.size > 0) for (const index of [...this.#open.keys()]) this.#close(index);
    return this.#broken;
  }

  /** Arguments in one piece. */
  whole(text: unknown): void {
    if (typeof text === "string" && text.trim() !== "" && !isJsonText(text)) this.#broken = true;
  }

  /** A piece of call `index`; a new `id` begins another one, since some servers number all calls 0. */
  piece(index: number, text: unknown, id?: string): void {
    const open = this.#open.get(index);
    if (open && id !== undefined && open.id !== undefined && open.id !== id) this.#close(index);
    const call = this.#open.get(index) ?? { id, text: "" };
    call.id ??= id;
    if (typeof text === "string" && this.#size <= GATHERED) {
      call.text += text;
      this.#size += text.length;
    }
    this.#open.set(index, call);
  }

  #close(index: number): void {
    const text = this.#open.get(index)?.text;
    this.#open.delete(index);
    // Past the bound not all of it was gathered, and a part proves nothing.
    if (this.#size <= GATHERED) this.whole(text);
  }
}

/** Characters of tool arguments gathered of one stream. */
const GATHERED = 4 * 1024 * 1024;

function isJsonText(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

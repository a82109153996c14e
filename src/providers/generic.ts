import { anthropicSurface, judgeMessage, MessageFold } from "./anthropic.ts";
import { namesAccountState } from "./bound.ts";
import { ChatFold, judgeChat } from "./chat.ts";
import { CohereFold, cohereV2 } from "./cohere.ts";
import { openaiError } from "./error-shape.ts";
import { composeFamily } from "./family.ts";
import { carriesError, finding, finishReason, isUnfinished } from "./finding.ts";
import { GeminiFold, googleSurface } from "./google.ts";
import { TgiFold } from "./huggingface.ts";
import { at, holds, isObject, type JsonObject, listAt, textAt } from "./json.ts";
import { LlamaFold } from "./local.ts";
import { openaiSurface } from "./openai.ts";
import type { Asked, Finding, RefusalReason } from "./provider.ts";
import { ResponsesFold } from "./responses.ts";
import type { Fold } from "./sse.ts";

/** For servers of unknown make: every shape that a path gives away, and nothing else. */
export const genericFamily = composeFamily(
  "generic",
  [{ ...openaiSurface(), error: openaiError }, anthropicSurface, googleSurface, cohereV2],
  ["openai-*", "anthropic-*"],
);

/** Members that all finish reasons of unknown models' documents go by. */
const REASONS = ["stop_reason", "stopReason", "finish_reason", "completionReason"];
const FINISHES = [...REASONS, "generated_text", "stop"];

/** Judges a document whose family only its members tell. */
export function judgeUnknown(value: unknown, shortened: boolean): Finding {
  if (Array.isArray(at(value, "choices"))) return judgeChat(value, { quirks: {}, shortened });
  if (Array.isArray(at(value, "content")) && at(value, "type") === "message")
    return judgeMessage(value, shortened);
  const refusal = carriesError(value) ? "error-body" : unknownRefusal(value);
  return finding({ refusal, model: textAt(value, "model"), accountBound: namesAccountState(value) });
}

/** By the finish reasons that are there, of any maker's; a document without any is kept. */
function unknownRefusal(value: unknown): RefusalReason | undefined {
  const told = finishPlaces(value).flatMap((place) =>
    REASONS.filter((member) => Object.hasOwn(place, member)).map((member) => place[member]),
  );
  if (told.some(isUnfinishedReason)) return "unfinished";
  return told.includes(null) ? "no-finish-reason" : undefined;
}

/** Where an unknown model's document or event may say how it finished: at the top, or in each of its texts. */
function finishPlaces(value: unknown): readonly JsonObject[] {
  return [value, ...["outputs", "results", "generations"].flatMap((name) => listAt(value, name))].filter(
    isObject,
  );
}

function isUnfinishedReason(reason: unknown): boolean {
  const finish = finishReason(reason);
  return finish !== undefined && isUnfinished(finish);
}

/** Follows a stream whose family its first event tells. */
export class SniffFold implements Fold {
  readonly #asked: Asked;
  #fold: Fold | undefined;

  constructor(asked: Asked) {
    this.#asked = asked;
  }

  get ended(): boolean {
    return this.#fold?.ended ?? false;
  }

  get accountBound(): boolean {
    return this.#fold?.accountBound ?? false;
  }

  done(): void {
    this.#fold?.done?.();
  }

  event(name: string, value: unknown): boolean | undefined {
    this.#fold ??= this.#sniff(name, value);
    return this.#fold.event(name, value);
  }

  indifferent(value: unknown): ReadonlySet<string> | undefined {
    return this.#fold?.indifferent?.(value);
  }

  finish(cut: boolean): Finding {
    return this.#fold?.finish(cut) ?? finding({ refusal: "no-end-marker" });
  }

  #sniff(name: string, value: unknown): Fold {
    const type = textAt(value, "type") ?? name;
    if (Array.isArray(at(value, "choices"))) return new ChatFold(this.#asked, { doneOptional: true });
    if (type === "message_start" || type === "completion") return new MessageFold();
    if (type.startsWith("response.")) return new ResponsesFold({});
    if (at(value, "candidates") !== undefined) return new GeminiFold("events", this.#asked);
    if (type === "message-start" || at(value, "event_type") !== undefined) return new CohereFold();
    if (at(value, "token") !== undefined) return new TgiFold();
    if (typeof at(value, "stop") === "boolean") return new LlamaFold();
    return new AnyFinishFold();
  }
}

/** What is left (Titan, Llama, Mistral on Bedrock): some finish reason must be seen somewhere near the top. */
class AnyFinishFold implements Fold {
  #finished = false;

  get ended(): boolean {
    return false;
  }

  event(_name: string, value: unknown): boolean {
    const places = finishPlaces(value);
    if (places.some((place) => FINISHES.some((member) => holds(at(place, member))))) this.#finished = true;
    return places.some((place) => REASONS.some((member) => isUnfinishedReason(at(place, member))));
  }

  finish(cut: boolean): Finding {
    return finding({ refusal: this.#finished && !cut ? undefined : "no-finish-reason" });
  }
}

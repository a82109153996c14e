import { namesAccountState } from "./bound.ts";
import { isEventStream, type Protocol } from "./family.ts";
import { carriesError, finding } from "./finding.ts";
import { at, countAt, holds, textAt } from "./json.ts";
import type { Finding, Usage } from "./provider.ts";
import { type Fold, SseWatcher } from "./sse.ts";
import { lastUsage } from "./usage.ts";

export interface ListFacts {
  /** The members that hold the answer, as dotted paths; one with anything in it is enough. */
  readonly members: readonly string[];
  usage(value: unknown): Usage | undefined;
  /** Events that end a stream of this endpoint; absent: it has no streams. */
  readonly done?: readonly string[];
}

/** Answers without a finish reason: vectors, scores, labels, images, sound, texts. */
export function listProtocol(facts: ListFacts): Protocol {
  const paths = facts.members.map((member) => member.split("."));
  const own = paths.map(([first]) => first as string);
  return {
    name: "list",
    watch: (asked, contentType) => {
      if (facts.done === undefined || !isEventStream(asked, contentType)) return undefined;
      // Sound and pictures come as they are, whatever was asked for.
      if (/^(?:audio|image|application\/octet-stream)/.test(contentType)) return undefined;
      return new SseWatcher(new DoneFold(facts, countAt(asked.json, "n") ?? asked.formCount ?? 1));
    },
    judge: (_asked, value) => {
      const found = {
        usage: facts.usage(value),
        model: textAt(value, "model"),
        accountBound: namesAccountState(value),
      };
      if (carriesError(value, [...own, "id", "meta"])) return finding({ ...found, refusal: "error-body" });
      const present = paths.map((path) => at(value, ...path)).filter((member) => member !== undefined);
      const empty = present.length > 0 && !present.some(hasAnything);
      return finding({ ...found, refusal: empty ? "empty" : undefined });
    },
  };
}

/** A vector of zeros is an answer, a list without elements is none. */
function hasAnything(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  if (typeof value === "object" && value !== null) return Object.values(value).some(hasAnything);
  return typeof value === "number" || holds(value);
}

/** A stream whose end is an event of its own, once for each thing asked for. */
class DoneFold implements Fold {
  readonly #facts: ListFacts;
  #left: number;
  #usage: Usage | undefined;

  constructor(facts: ListFacts, expected: number) {
    this.#facts = facts;
    this.#left = Math.max(1, expected);
  }

  get ended(): boolean {
    return this.#left <= 0;
  }

  event(name: string, value: unknown): boolean {
    const type = textAt(value, "type") ?? name;
    if (this.#facts.done?.includes(type)) {
      this.#left--;
      this.#usage = lastUsage(this.#usage, this.#facts.usage(value));
    }
    return false;
  }

  finish(): Finding {
    return finding({ refusal: this.ended ? undefined : "no-end-marker", usage: this.#usage });
  }
}

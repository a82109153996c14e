import { createParser } from "eventsource-parser";
import { eventNamesAccountState } from "./bound.ts";
import { carriesError, finding } from "./finding.ts";
import { parseJson } from "./json.ts";
import type { Finding, RefusalReason, Watcher } from "./provider.ts";

/** Characters of one event held at most; past it the answer is passed on and not kept. */
const EVENT_LIMIT = 16 * 1024 * 1024;
/** Characters of lines without a field name held at most. */
const BARE_LIMIT = 64 * 1024;

/** Members of ordinary events: with one of these, a `detail` or `message` beside it is no error. */
const OWN = ["choices", "candidates", "type", "event_type", "object", "model", "id", "token", "content"];

/** What a family makes of the parsed events of one stream. */
export interface Fold {
  /**
   * Takes one event: its name ("" for none) and its parsed data. Answers true where it tells of a failure; events
   * named `error` and those with an `error` object never come here.
   */
  event(name: string, value: unknown): boolean | undefined;
  /** Takes `data: [DONE]`. */
  done?(): void;
  /** Whether the family's end marker has been seen. */
  readonly ended: boolean;
  /** Judges the whole. `cut`: the last event lacked its blank line (or the last line its line feed). */
  finish(cut: boolean): Finding;
}

/** What all framings share: which failures outrank what the fold finds. */
export class FoldWatcher {
  readonly fold: Fold;
  #refusal: RefusalReason | undefined;
  #accountBound = false;

  constructor(fold: Fold) {
    this.fold = fold;
  }

  get ended(): boolean {
    return this.fold.ended;
  }

  /** One event's text. */
  take(name: string, text: string): void {
    if (text.trim() === "") return;
    if (text === "[DONE]") {
      this.fold.done?.();
      return;
    }
    const value = parseJson(text);
    if (value === undefined) this.refuse("not-json");
    else if (name === "error" || carriesError(value, OWN) || this.fold.event(name, value))
      this.refuse("error-event");
    else if (!this.#accountBound && eventNamesAccountState(text, value)) this.#accountBound = true;
  }

  get accountBound(): boolean {
    return this.#accountBound;
  }

  /** The first reason counts, but an error outranks all: it is what happened. */
  refuse(reason: RefusalReason): void {
    if (this.#refusal === undefined || reason === "error-event") this.#refusal = reason;
  }

  conclude(cut: boolean): Finding {
    const found = this.fold.finish(cut);
    return finding({
      ...found,
      refusal: this.#refusal ?? found.refusal,
      accountBound: found.accountBound || this.#accountBound,
    });
  }
}

/** Watches `text/event-stream`: any line ends, comments, data over several lines, errors that are no events. */
export class SseWatcher implements Watcher {
  readonly #watcher: FoldWatcher;
  readonly #decoder = new TextDecoder();
  readonly #skipper = new Base64Skipper();
  readonly #parser;
  #bare = "";
  #overflown = false;
  #flushing = false;
  #cut = false;

  constructor(fold: Fold) {
    this.#watcher = new FoldWatcher(fold);
    this.#parser = createParser({
      maxBufferSize: EVENT_LIMIT,
      onEvent: (event) => {
        if (this.#flushing) this.#cut = true;
        this.#watcher.take(event.event ?? "", event.data);
      },
      onError: (error) => {
        if (error.type === "max-buffer-size-exceeded") {
          this.#overflown = true;
          this.#watcher.refuse("too-large");
        } else if (error.type === "unknown-field" && this.#bare.length < BARE_LIMIT) {
          this.#bare += `${error.line ?? ""}\n`;
        }
      },
    });
  }

  get ended(): boolean {
    return this.#watcher.ended;
  }

  chunk(bytes: Uint8Array): void {
    this.#feed(this.#decoder.decode(bytes, { stream: true }));
  }

  finish(): Finding {
    // A marker without its blank line is still a marker, after a clean end. Families without one look at `cut`.
    this.#flushing = true;
    this.#feed(`${this.#decoder.decode()}\n\n`);
    if (isBareError(this.#bare)) this.#watcher.refuse("error-event");
    return this.#watcher.conclude(this.#cut);
  }

  #feed(text: string): void {
    if (!this.#overflown && text !== "" && !this.#skipper.skips(text)) this.#parser.feed(text);
  }
}

/**
 * Leaves out chunks that lie within a long base64 text (a generated image, audio), so that an event of many MiB
 * is never held or parsed whole. Only a JSON string can be 1,024 such characters long, and it stays a string.
 */
class Base64Skipper {
  #tail = "\n";

  skips(text: string): boolean {
    const inside = /^[A-Za-z0-9+/=]{8}$/.test(this.#tail);
    if (inside && text.length >= 1024 && /^[A-Za-z0-9+/=]+$/.test(text)) return true;
    this.#tail = `${this.#tail}${text.slice(-8)}`.slice(-8);
    return false;
  }
}

/** Google sends `{"error": …}` (over several lines, too) without `data:`; old llama.cpp a line `error: {…}`. */
function isBareError(text: string): boolean {
  if (text === "") return false;
  const whole = parseJson(text);
  if (whole !== undefined) return carriesError(Array.isArray(whole) ? whole[0] : whole);
  return /^\s*error\s*:/m.test(text) || /"error"\s*:\s*[{"[]/.test(text);
}

import { createParser } from "eventsource-parser";
import { Alike } from "./alike.ts";
import { eventNamesAccountState } from "./bound.ts";
import { behindBlank, behindLastBlank, CR, joined, lastEvent } from "./event-bytes.ts";
import { carriesError, finding } from "./finding.ts";
import { countAt, parseJson, textAt } from "./json.ts";
import type { Finding, RefusalReason, Watcher } from "./provider.ts";

/** Characters of one event held at most; past it the answer is passed on and not kept. */
const EVENT_LIMIT = 16 * 1024 * 1024;
/** Characters of lines without a field name held at most. */
const BARE_LIMIT = 64 * 1024;
/** Bytes of an event's beginning that wait for the rest. */
const HELD_LIMIT = 4 * 1024;

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
  /** Whether an event bound the answer to the account, by what only its family knows. */
  readonly accountBound?: boolean;
  /**
   * Where the texts and counts stand (`choices.*.delta.content`) that make no difference in events like this one, which
   * was just taken: one with others there (none of them empty) and all else the same would change nothing. Undefined
   * where taking the very same event again would.
   */
  indifferent?(value: unknown): ReadonlySet<string> | undefined;
  /** Judges the whole. `cut`: the last event lacked its blank line (or the last line its line feed). */
  finish(cut: boolean): Finding;
}

/** Google's error in a list, which it is where a list was due; and Cerebras's, flat and with a type as an event has. */
function isErrorAlone(value: unknown): boolean {
  if (Array.isArray(value)) return carriesError(value[0]);
  return (countAt(value, "status_code") ?? 0) >= 400 && textAt(value, "message") !== undefined;
}

/** What all framings share: which failures outrank what the fold finds. */
export class FoldWatcher {
  readonly fold: Fold;
  readonly #alike = new Alike();
  #refusal: RefusalReason | undefined;
  #accountBound = false;
  /** Whether anything was taken since it was last learnt from, and what of it was without a fault. */
  #taken = false;
  #sound: unknown;

  constructor(fold: Fold) {
    this.fold = fold;
  }

  get ended(): boolean {
    return this.fold.ended;
  }

  /** One event's text. */
  take(name: string, text: string): void {
    this.#sound = undefined;
    if (text.trim() === "") return;
    this.#taken = true;
    if (text.trimEnd() === "[DONE]") {
      this.fold.done?.();
      return;
    }
    const value = parseJson(text);
    if (value === undefined) this.refuse("not-json");
    else if (
      name === "error" ||
      carriesError(value, OWN) ||
      isErrorAlone(value) ||
      this.fold.event(name, value)
    )
      this.refuse("error-event");
    else if (!this.#accountBound && eventNamesAccountState(text, value)) this.#accountBound = true;
    else this.#sound = value;
  }

  /** The offset behind whole events from `at` on that say nothing new. */
  pass(bytes: Uint8Array, at: number): number {
    return this.#alike.pass(bytes, at);
  }

  /** Whether there are events to pass over, as far as it is known. */
  get learns(): boolean {
    return this.fold.indifferent !== undefined;
  }

  /** To be called before `pass`, once events were taken: `last` is the last one's bytes, where it is to be learnt from. */
  learn(last?: { readonly event: Uint8Array; readonly json: number }): void {
    if (!this.#taken) return;
    this.#alike.forget();
    if (last !== undefined && this.#sound !== undefined && this.#alike.eager)
      this.#alike.learn(this.fold, this.#sound, last);
    this.#taken = false;
    this.#sound = undefined;
  }

  get accountBound(): boolean {
    return this.#accountBound || this.fold.accountBound === true;
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
      accountBound: found.accountBound || this.accountBound,
    });
  }
}

const STREAM = { stream: true };

const NAMED_ERROR = /(?:^|[\r\n])event: ?error[\r\n]/;
/** Characters of a line by which it shows whether it is one. */
const NAME_LENGTH = 16;

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
  /** Whether the parser holds nothing of an event. */
  #between = true;
  /** The beginning of an event that the parser has not seen; only while `#between`. */
  #held: Uint8Array | undefined;
  #endsAt = 0;
  /** The beginning of a line that goes on in the next text. */
  #line = "";

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

  get endsAt(): number {
    return this.#endsAt;
  }

  get accountBound(): boolean {
    return this.#watcher.accountBound;
  }

  /** One event after the other, so that of many in one chunk the first few are parsed and the rest passed over. */
  chunk(bytes: Uint8Array): void {
    let all = bytes;
    let at = 0;
    this.#endsAt = 0;
    const held = this.#held;
    if (held !== undefined) {
      all = joined(held, bytes);
      this.#held = undefined;
    }
    const before = held?.byteLength ?? 0;
    while (at < all.byteLength) {
      if (this.#between) at = this.#watcher.pass(all, at);
      const end = behindBlank(all, at);
      if (end === 0) break;
      const { ended } = this;
      this.#read(part(all, at, end));
      if (!ended && this.ended) this.#endsAt = Math.max(0, at - before);
      at = end;
    }
    if (at < all.byteLength) this.#begin(part(all, at, all.byteLength));
  }

  finish(): Finding {
    this.#feed(this.#held);
    // A marker without its blank line is still a marker, after a clean end. Families without one look at `cut`.
    this.#flushing = true;
    this.#parse(`${this.#decoder.decode()}\n\n`);
    if (isBareError(this.#bare)) this.#watcher.refuse("error-event");
    return this.#watcher.conclude(this.#cut);
  }

  /** Bytes that may end with an event. */
  #read(bytes: Uint8Array): void {
    this.#feed(bytes);
    this.#between = behindLastBlank(bytes) === bytes.byteLength && !this.#overflown;
    this.#watcher.learn(this.#between ? lastEvent(bytes) : undefined);
  }

  /** The beginning or more of an event: held where it may be one to pass over, for which it must be seen whole. */
  #begin(bytes: Uint8Array): void {
    const waits =
      this.#between && this.#watcher.learns && bytes.byteLength <= HELD_LIMIT && !bytes.includes(CR);
    if (waits) this.#held = bytes.slice();
    else this.#read(bytes);
  }

  #feed(bytes: Uint8Array | undefined): void {
    if (bytes !== undefined) this.#parse(this.#decoder.decode(bytes, STREAM));
  }

  #parse(text: string): void {
    if (this.#overflown || text === "" || this.#skipper.skips(text)) return;
    this.#parser.feed(text);
    this.#look(text);
  }

  /** An error may be an event's name alone: what has no data the parser does not tell of. */
  #look(text: string): void {
    const lines = this.#line + text;
    if (lines.includes("error") && NAMED_ERROR.test(lines)) this.#watcher.refuse("error-event");
    const last = Math.max(text.lastIndexOf("\n"), text.endsWith("\n") ? -1 : text.lastIndexOf("\r"));
    this.#line = last < 0 ? lines.slice(0, NAME_LENGTH) : text.slice(last + 1, last + 1 + NAME_LENGTH);
  }
}

/** The bytes themselves where all are meant: a view costs more than its look. */
function part(bytes: Uint8Array, from: number, to: number): Uint8Array {
  return from === 0 && to === bytes.byteLength ? bytes : bytes.subarray(from, to);
}

/**
 * Leaves out chunks that lie within a long base64 text (a generated image, audio), so that an event of many MiB
 * is never held or parsed whole. Only a JSON string can be 1,024 such characters long, and it stays a string.
 */
class Base64Skipper {
  #tail = "\n";

  skips(text: string): boolean {
    if (text.length >= 1024 && /^[A-Za-z0-9+/=]{8}$/.test(this.#tail) && /^[A-Za-z0-9+/=]+$/.test(text))
      return true;
    this.#tail = text.length >= 8 ? text.slice(-8) : `${this.#tail}${text}`.slice(-8);
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

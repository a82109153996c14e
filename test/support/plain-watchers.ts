/** Streams watched the long way: every event is parsed and taken, whatever came before it. */
import { createParser } from "eventsource-parser";
import type { Finding, Watcher } from "../../src/providers/provider.ts";
import { type Fold, FoldWatcher } from "../../src/providers/sse.ts";

/** Every event of `text/event-stream`. It knows no bounds, and leaves errors that are no events to others. */
export class PlainEvents implements Watcher {
  readonly #watcher: FoldWatcher;
  readonly #decoder = new TextDecoder();
  readonly #parser;
  #flushing = false;
  #cut = false;

  constructor(fold: Fold) {
    this.#watcher = new FoldWatcher(fold);
    this.#parser = createParser({
      onEvent: (event) => {
        if (this.#flushing) this.#cut = true;
        this.#watcher.take(event.event ?? "", event.data);
      },
    });
  }

  get ended(): boolean {
    return this.#watcher.ended;
  }

  get accountBound(): boolean {
    return this.#watcher.accountBound;
  }

  chunk(bytes: Uint8Array): void {
    const text = this.#decoder.decode(bytes, { stream: true });
    if (text !== "") this.#parser.feed(text);
  }

  finish(): Finding {
    this.#flushing = true;
    this.#parser.feed(`${this.#decoder.decode()}\n\n`);
    return this.#watcher.conclude(this.#cut);
  }
}

/** Every line of newline-delimited JSON. */
export class PlainLines implements Watcher {
  readonly #watcher: FoldWatcher;
  readonly #bytes: number[] = [];

  constructor(fold: Fold) {
    this.#watcher = new FoldWatcher(fold);
  }

  get ended(): boolean {
    return this.#watcher.ended;
  }

  get accountBound(): boolean {
    return this.#watcher.accountBound;
  }

  chunk(bytes: Uint8Array): void {
    for (const byte of bytes) {
      if (byte === 0x0a) this.#take();
      else this.#bytes.push(byte);
    }
  }

  finish(): Finding {
    const cut = this.#bytes.length > 0;
    this.#take();
    return this.#watcher.conclude(cut);
  }

  #take(): void {
    this.#watcher.take("", new TextDecoder().decode(new Uint8Array(this.#bytes.splice(0))));
  }
}

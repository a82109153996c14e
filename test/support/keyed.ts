/** The key that a request gets on its way through the proxy, and whether the answer of another one is given to it. */
import { type CacheKey, type Entry, memoryBody } from "../../src/cache/entry.ts";
import { memoryStore } from "../../src/cache/memory.ts";
import type { Store } from "../../src/cache/store.ts";
import { journey } from "./journey.ts";

export interface Posted {
  readonly path: string;
  readonly body: string | Uint8Array;
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Answered {
  /** Undefined: it was never looked for. */
  readonly key: CacheKey | undefined;
  readonly word: string;
  /** What `Cache-Status` says it was not cached for. */
  readonly detail: string | undefined;
}

export class Keyed {
  readonly #asked: CacheKey[] = [];
  readonly #run;
  #kept: CacheKey | undefined;

  constructor(flags: [string, string][] = []) {
    const store: Store = {
      ...memoryStore({ maxBytes: 1 }),
      get: (key) => {
        this.#asked.push(key);
        return key === this.#kept ? entry(key) : undefined;
      },
      touch: () => {},
    };
    const provider = () => new Response("{}", { status: 500 });
    this.#run = journey({ store, provider, flags: [["--log", "off"], ...flags] });
  }

  /** From now on this is the only key with an answer. */
  keep(key: CacheKey | undefined): void {
    this.#kept = key;
  }

  /** Asks without a call to a provider, unless it is passed by. */
  async ask({ path, body, contentType = "application/json", headers = {} }: Posted): Promise<Answered> {
    this.#asked.length = 0;
    const all = { "content-type": contentType, "cache-control": "only-if-cached", ...headers };
    const response = await this.#run.post(path, { body, headers: all });
    await response.arrayBuffer();
    const detail = /detail="?([a-z-]+)/.exec(response.headers.get("cache-status") ?? "")?.[1];
    this.#run.events.length = 0;
    const word = response.headers.get("x-cache-status") ?? "none";
    return { key: this.#asked[0], word, detail: word === "BYPASS" ? detail : undefined };
  }
}

function entry(key: CacheKey): Entry {
  return {
    key,
    status: 200,
    headers: [["content-type", "application/json"]],
    body: memoryBody(new TextEncoder().encode("{}")),
    facts: { provider: "p", endpoint: "chat", model: "m", namespace: "", pool: "all", stream: false },
    startedAt: Date.UTC(2026, 0, 1),
    storedAt: Date.UTC(2026, 0, 1),
    ttlMs: undefined,
    firstByteMs: 0,
    durationMs: 0,
    chunks: undefined,
  };
}

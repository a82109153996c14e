/** Parts of a mix of requests, each of which says what it must count as. */
import assert from "node:assert/strict";
import type { Askonce } from "./askonce.ts";
import type { Figures } from "./figures.ts";
import { ask, post, type RawAnswer, type RawRequest, send } from "./raw.ts";
import { inParallel } from "./session.ts";
import type { Gates } from "./usage-answers.ts";

/** US dollars a million tokens, so that a call's price can be worked out in the head. */
export const PRICES = `
["openai/m-1"]
input_usd_per_million = 2
cached_input_usd_per_million = 1
output_usd_per_million = 10

["openai/e-1"]
input_usd_per_million = 1
output_usd_per_million = 0

["anthropic/claude-x"]
input_usd_per_million = 3
cached_input_usd_per_million = 0.3
output_usd_per_million = 15

["google/gem-x"]
input_usd_per_million = 1
output_usd_per_million = 4
`;

export interface Part {
  readonly about: string;
  readonly provider: "openai" | "anthropic" | "google";
  /** Of the group that it must count in; "" where askonce need not have read it. */
  readonly model: string;
  readonly namespace: string;
  readonly credential: string;
  readonly expect: Figures;
  /** What fetches, one part after another. */
  readonly misses?: (run: Run) => Promise<unknown>;
  /** What is asked once all has been fetched, beside each other. */
  readonly hits?: (run: Run) => Promise<unknown>;
}

interface One {
  readonly kind: string;
  readonly i: number;
  readonly headers?: Record<string, string>;
  /** What `X-Cache-Status` must say; by default MISS. */
  readonly word?: string;
  /** By default what the kind says: `status404`, else 200. */
  readonly status?: number;
  /** Google's key as `?key=`. */
  readonly keyInQuery?: boolean;
}

/** Asks one part's requests, and checks that each was answered as the part takes for granted. */
export class Run {
  constructor(
    readonly server: Askonce,
    readonly part: Part,
    readonly gates: Gates,
  ) {}

  /** `count` different requests of a kind, none of which is known. */
  chats(kind: string, count: number): Promise<unknown> {
    return inParallel(count, 8, (i) => this.one({ kind, i }));
  }

  /** `count` hits, spread over what `fetched` different requests of that kind brought. */
  again(kind: string, options: { count: number; fetched: number; keyInQuery?: boolean }): Promise<unknown> {
    const { count, fetched, keyInQuery = false } = options;
    return inParallel(count, 2, (n) => this.one({ kind, i: n % fetched, word: "HIT", keyInQuery }));
  }

  async one(one: One): Promise<void> {
    const answer = await ask(this.server.port, this.#request(one));
    const status = one.status ?? Number(/^status(\d+)$/.exec(one.kind)?.[1] ?? 200);
    this.#check(answer, { status, word: status === one.status ? undefined : (one.word ?? "MISS") });
  }

  async send(request: RawRequest, word: string): Promise<void> {
    const headers = { ...this.#credential(), ...request.headers };
    this.#check(await ask(this.server.port, { ...request, headers }), { status: 200, word });
  }

  async embed(input: string | string[], word: string): Promise<void> {
    const answer = await post(this.server.port, "/openai/v1/embeddings", {
      body: { model: this.part.model, input, encoding_format: "float" },
      headers: this.#credential(),
    });
    this.#check(answer, { status: 200, word });
  }

  /** A stream that others join while it runs: all have read its beginning before its rest comes. */
  async joined(i: number, others: number): Promise<void> {
    const request = this.#request({ kind: "gated", i });
    const all = [];
    for (let n = 0; n <= others; n++) {
      const connection = await send(this.server.port, request);
      const begun = await connection.until((answer) => answer.text.includes("first of"));
      assert.equal(/collapsed/.test(begun.header("cache-status") ?? ""), n > 0, begun.rawHead);
      all.push(connection);
    }
    this.gates.open(`kind:gated ${i}`);
    for (const connection of all) {
      this.#check(await connection.answer(), { status: 200, word: "MISS" });
      connection.destroy();
    }
  }

  /** A client that leaves a stream which then goes on to its end. */
  async left(i: number): Promise<void> {
    const connection = await send(this.server.port, this.#request({ kind: "gated", i: 100 + i }));
    await connection.until((answer) => answer.text.includes("first of"));
    connection.destroy();
    // Whatever is asked after it is answered after the server heard that this client is gone.
    for (let n = 0; n < 3; n++) await ask(this.server.port, { method: "GET", path: "/healthz" });
    this.gates.open(`kind:gated ${100 + i}`);
  }

  #check(answer: RawAnswer, want: { status: number; word: string | undefined }): void {
    const got = [answer.status, answer.ending, want.word === undefined ? undefined : answer.cache];
    const about = `${this.part.about}: ${answer.rawHead}${answer.text.slice(0, 300)}`;
    assert.deepEqual(got, [want.status, "complete", want.word], about);
  }

  #credential(): Record<string, string> {
    const { provider, credential } = this.part;
    if (credential === "") return {};
    if (provider === "anthropic") return { "x-api-key": credential };
    if (provider === "google") return { "x-goog-api-key": credential };
    return { authorization: `Bearer ${credential}` };
  }

  #request({ kind, i, headers = {}, keyInQuery = false }: One): RawRequest {
    const { provider, model, namespace, credential } = this.part;
    const text = `kind:${kind} ${i}`;
    const base = namespace === "" ? "" : `/@${namespace}`;
    const said = { ...(keyInQuery ? {} : this.#credential()), ...headers };
    if (provider === "google") {
      const stream = kind === "geminiStream";
      const query = [...(stream ? ["alt=sse"] : []), ...(keyInQuery ? [`key=${credential}`] : [])].join("&");
      const verb = stream ? "streamGenerateContent" : "generateContent";
      const path = `${base}/google/v1beta/models/${model}:${verb}${query && `?${query}`}`;
      const body = JSON.stringify({ contents: [{ role: "user", parts: [{ text }] }] });
      return { path, headers: said, body };
    }
    const stream = STREAMS.has(kind) ? { stream: true } : {};
    const messages = [{ role: "user", content: text }];
    // What is refused or passed by has a model too, whether it is read or not.
    const body = { model: model === "" ? "m-1" : model, messages, ...stream };
    if (provider === "anthropic") {
      const path = `${base}/anthropic/v1/messages`;
      const version = { "anthropic-version": "2023-06-01" };
      return { path, headers: { ...version, ...said }, body: JSON.stringify({ ...body, max_tokens: 64 }) };
    }
    return { path: `${base}/openai/v1/chat/completions`, headers: said, body: JSON.stringify(body) };
  }
}

const STREAMS = new Set(["stream", "mute", "unended", "unfinished", "errorEvent", "gated", "messageStream"]);

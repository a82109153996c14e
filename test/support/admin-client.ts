/** Asks a running askonce's admin API as its command line does: with the token that lies in the data folder. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Askonce } from "./askonce.ts";
import { ask, type RawAnswer, type RawRequest, send } from "./raw.ts";

export const ADMIN = "/admin/api";

/** What `GET …/entries` says of one. */
export interface ListedEntry {
  readonly key: string;
  readonly provider: string;
  readonly model: string | null;
  readonly namespace: string;
  readonly hits: number;
  readonly [more: string]: unknown;
}

export interface ListedPage {
  readonly entries: readonly ListedEntry[];
  readonly next_cursor: string | null;
}

export type Query = Readonly<Record<string, string | number | undefined>>;

/** The token: one line and nothing else. */
export function adminToken(server: Askonce): string {
  return readFileSync(join(server.data, "admin-token"), "utf8").trim();
}

export class Admin {
  readonly #server: () => Askonce;

  /** The server is asked for at each call: a session's has yet to start. */
  constructor(server: () => Askonce) {
    this.#server = server;
  }

  get bearer(): Record<string, string> {
    return { Authorization: `Bearer ${adminToken(this.#server())}` };
  }

  /** Any request under /admin/api; a body that is no text goes up as JSON. */
  call(
    method: string,
    path: string,
    options: { body?: unknown; query?: Query; headers?: Record<string, string> } = {},
  ) {
    const { body, headers } = options;
    const text = body === undefined || typeof body === "string" ? body : JSON.stringify(body);
    const request: RawRequest = {
      method,
      path: `${ADMIN}${path}${queryOf(options.query)}`,
      headers: { ...this.bearer, ...headers },
      ...(text === undefined ? {} : { body: text }),
    };
    return ask(this.#server().port, request);
  }

  /** The JSON of a GET that must be a 200. */
  // biome-ignore lint/suspicious/noExplicitAny: a test reads what it expects and fails where it is not there
  async json(path: string, query?: Query): Promise<any> {
    return okJson(await this.call("GET", path, query === undefined ? {} : { query }), path);
  }

  /** The JSON of a POST that must be a 200. */
  // biome-ignore lint/suspicious/noExplicitAny: as above
  async post(path: string, body: unknown): Promise<any> {
    return okJson(await this.call("POST", path, { body }), path);
  }

  page(query: Query = {}): Promise<ListedPage> {
    return this.json("/entries", query);
  }

  /** Keys of all entries that match, in the order of the list. */
  async keys(query: Query = {}): Promise<string[]> {
    const keys: string[] = [];
    for await (const page of this.pages({ limit: 1000, ...query }))
      keys.push(...page.entries.map(({ key }) => key));
    return keys;
  }

  /** Page after page, until one says that it is the last. */
  async *pages(query: Query): AsyncGenerator<ListedPage> {
    let cursor: string | undefined;
    for (let count = 0; count < 1000; count++) {
      const page = await this.page({ ...query, cursor });
      yield page;
      if (page.next_cursor === null) return;
      cursor = page.next_cursor;
    }
    assert.fail("1,000 pages and no end");
  }

  /** A cassette of all entries that match. */
  async export(query: Query = {}): Promise<RawAnswer> {
    const answer = await this.call("GET", "/export", { query });
    assert.deepEqual([answer.status, answer.ending], [200, "complete"], answer.text.slice(0, 500));
    return answer;
  }

  import(cassette: string, query: Query = {}): Promise<RawAnswer> {
    return this.call("POST", "/import", {
      body: cassette,
      query,
      headers: { "Content-Type": "application/x-ndjson" },
    });
  }

  /** The stream of events, opened. */
  events() {
    return send(this.#server().port, { method: "GET", path: `${ADMIN}/events`, headers: this.bearer });
  }
}

export function queryOf(query: Query = {}): string {
  const pairs = Object.entries(query).filter(([, value]) => value !== undefined);
  if (pairs.length === 0) return "";
  return `?${pairs.map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`).join("&")}`;
}

// biome-ignore lint/suspicious/noExplicitAny: as above
function okJson(answer: RawAnswer, path: string): any {
  assert.deepEqual(
    [answer.status, answer.ending],
    [200, "complete"],
    `${path}: ${answer.text.slice(0, 500)}`,
  );
  assert.match(answer.header("content-type") ?? "none", /^application\/json\b/, path);
  return answer.json;
}

/** Checks that an answer is an error as the API words all of them, and answers with its message. */
export function refusal(answer: RawAnswer, status: number, about = ""): string {
  assert.equal(answer.status, status, `${about} ${answer.text.slice(0, 500)}`);
  const { code, message } = answer.json.error;
  assert.ok(typeof code === "string" && code !== "", `${about}: code`);
  assert.ok(typeof message === "string" && message !== "", `${about}: message`);
  return message;
}

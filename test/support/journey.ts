/** One request's journey in this process: a provider that is a function, a store in memory, a clock that is set. */

import type { CacheKey } from "../../src/cache/entry.ts";
import { Flights } from "../../src/cache/flights.ts";
import { memoryStore } from "../../src/cache/memory.ts";
import type { Store } from "../../src/cache/store.ts";
import { type Config, parseConfig } from "../../src/config.ts";
import type { UpstreamInit } from "../../src/host.ts";
import type { RefreshEvent, RequestEvent } from "../../src/journal/event.ts";
import type { Pricing } from "../../src/journal/pricing.ts";
import { providersFor } from "../../src/providers/table.ts";
import { Budget } from "../../src/proxy/budget.ts";
import { CredentialReader } from "../../src/proxy/credential.ts";
import type { FlightHead } from "../../src/proxy/flight.ts";
import { handle } from "../../src/proxy/handle.ts";
import type { ProxyParts } from "../../src/proxy/parts.ts";
import { Refreshes } from "../../src/proxy/refresh.ts";
import { RequestMemory } from "../../src/proxy/repeats.ts";
import { Samples } from "../../src/proxy/samples.ts";
import { Verified } from "../../src/proxy/verified.ts";
import type { Near, NewRequest } from "../../src/requests/kept.ts";

export type ScriptedProvider = (url: string, init: UpstreamInit) => Response | Promise<Response>;

export interface Journey {
  /** Moves both clocks. */
  advance(ms: number): void;
  /** Steps the wall clock alone. */
  step(ms: number): void;
  /** Provider calls so far. */
  calls: number;
  provider: ScriptedProvider;
  /** Whether a cassette records. */
  recording: boolean;
  config: Config;
  readonly parts: ProxyParts;
  readonly events: RequestEvent[];
  readonly refreshes: RefreshEvent[];
  /** Requests that the archive was handed. */
  readonly kept: { readonly key: CacheKey; readonly request: NewRequest }[];
  /** What the archive says is near a request. */
  nearest: (request: NewRequest) => Promise<readonly Near[]>;
  price: Pricing["price"];
  readonly reports: string[];
  ask(options?: Ask): Promise<Response>;
  get(path: string, headers?: Readonly<Record<string, string>>): Promise<Response>;
  /** The same with exactly these headers and bytes. */
  post(path: string, options: Posted): Promise<Response>;
}

export interface Posted {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
  readonly signal?: AbortSignal;
}

export interface Ask {
  readonly path?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

export const CHAT = "/openai/v1/chat/completions";

export function chatAnswer(text: string): string {
  const choices = [{ index: 0, message: { role: "assistant", content: text }, finish_reason: "stop" }];
  return JSON.stringify({ id: "chatcmpl-1", object: "chat.completion", model: "m", choices });
}

/** `flags` are settings by flag, for example `[["--ttl", "1h"]]`. */
export function journey(
  options: { flags?: [string, string][]; store?: Store; provider?: ScriptedProvider; program?: string } = {},
): Journey {
  let wall = Date.UTC(2026, 0, 1);
  let monotonic = 1000;
  const clock = { now: () => wall, monotonic: () => monotonic };
  const { config } = parseConfig(
    { file: undefined, env: {}, flags: options.flags ?? [] },
    { dataFolder: "/nowhere", absolute: (path) => path },
  );
  const providers = providersFor(config.providers);
  const events: RequestEvent[] = [];
  const reports: string[] = [];
  const hits = {
    host: {
      http2: false,
      decodes: [],
      decode: () => Promise.reject(new Error("no coding here")),
      fetch: async (url: string, init: UpstreamInit) => {
        run.calls++;
        return run.provider(url, init);
      },
    },
    loopFor: () => undefined,
    config: () => run.config,
    providers: () => providers,
    store: options.store ?? memoryStore({ maxBytes: 64 * 1024 * 1024 }),
    journal: {
      add: (event: RequestEvent) => void events.push(event),
      refreshed: (event: RefreshEvent) => void run.refreshes.push(event),
    },
    clock,
    verified: new Verified(clock, () => run.config.verifyTtlMs),
    samples: new Samples(),
    newId: () => `req_${events.length}`,
  };
  const run: Journey = {
    advance(ms) {
      wall += ms;
      monotonic += ms;
    },
    step(ms) {
      wall += ms;
    },
    calls: 0,
    recording: false,
    provider: options.provider ?? (() => json(chatAnswer(`answer ${run.calls}`))),
    config,
    events,
    refreshes: [],
    kept: [],
    nearest: async () => [],
    price: async ({ usage }) => usage?.costUsd,
    reports,
    parts: {
      ...hits,
      memory: new RequestMemory(hits, { maxBytes: 32 * 1024 * 1024, program: options.program ?? "test" }),
      flights: new Flights<FlightHead>(),
      pricing: { price: (call) => run.price(call) },
      archive: {
        keep: (key, _bytes, request) => void run.kept.push({ key, request: request() }),
        nearest: (request) => run.nearest(request),
      },
      budget: new Budget(() => run.config.maxBuffered),
      credentials: new CredentialReader("a test's secret"),
      refreshes: new Refreshes(clock, () => run.config.refreshConcurrency),
      recording: () => run.recording,
      unread: { count: 0, limit: 64 },
      loopId: "askonce-test",
      report: (message) => void reports.push(message),
    },
    ask({ path = CHAT, body = { model: "m", messages: [] }, headers = {}, signal } = {}) {
      return run.post(path, {
        headers: { "content-type": "application/json", authorization: "Bearer sk-1", ...headers },
        body: typeof body === "string" ? body : JSON.stringify(body),
        ...(signal && { signal }),
      });
    },
    get(path, headers = {}) {
      const all = { authorization: "Bearer sk-1", ...headers };
      const request = new Request(`http://localhost${path}`, { headers: all });
      return handle(run.parts, request, { address: "127.0.0.1" });
    },
    post(path, options) {
      const request = new Request(`http://localhost${path}`, { method: "POST", ...options } as RequestInit);
      return handle(run.parts, request, { address: "127.0.0.1" });
    },
  };
  return run;
}

export function json(text: string, init: ResponseInit = {}): Response {
  return new Response(text, { status: 200, headers: { "content-type": "application/json" }, ...init });
}

/** What a client sees of an answer: the word, the provider's text, the age. */
export async function seen(response: Response): Promise<string> {
  const text = await response.text();
  const said = /"content":"([^"]*)"/.exec(text)?.[1] ?? String(response.status);
  return `${response.headers.get("x-cache-status")} ${said}`;
}

import type { UpstreamInit } from "../host.ts";
import type { RequestEvent } from "./event.ts";
import type { LiveJournal } from "./journal.ts";

/** Spans waiting to be sent; more are dropped and counted. */
const MOST_QUEUED = 2_048;
const MOST_AT_ONCE = 512;
const EVERY_MS = 2_000;
const TIMEOUT_MS = 3_000;

export interface TraceOptions {
  /** A collector's base URL, or all of its address where that ends in `/v1/traces`; "" for none. */
  readonly endpoint: () => string;
  readonly journal: Pick<LiveJournal, "follow">;
  readonly fetch: (url: string, init: UpstreamInit) => Promise<Response>;
  readonly report: (message: string) => void;
  readonly version: string;
}

export interface Traces {
  /** Looks at the endpoint again. */
  reload(): void;
  /** Sends what is queued, and no more after that. Never rejects. */
  close(): Promise<void>;
}

/**
 * One span a proxied request, by OpenTelemetry's conventions for generative AI, as OTLP over HTTP in JSON. No prompt
 * and no answer is in them. What a collector doesn't take is dropped, and said once until it takes something again.
 * Without an endpoint nobody follows the journal, so nothing is done.
 */
export function createTraces(options: TraceOptions): Traces {
  let exporter: Exporter | undefined;
  let leave = () => {};
  let endpoint = "";
  const traces = {
    reload() {
      if (options.endpoint() === endpoint) return;
      void traces.close();
      endpoint = options.endpoint();
      if (endpoint === "") return;
      const next = new Exporter(endpoint, options);
      exporter = next;
      leave = options.journal.follow((event) => next.add(event));
    },
    close() {
      leave();
      return exporter?.close() ?? Promise.resolve();
    },
  };
  traces.reload();
  return traces;
}

class Exporter {
  readonly #url: string;
  readonly #options: TraceOptions;
  #queue: RequestEvent[] = [];
  #dropped = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #sending: Promise<void> | undefined;
  #complained = false;

  constructor(endpoint: string, options: TraceOptions) {
    this.#url = /\/v1\/traces\/?$/.test(endpoint) ? endpoint : `${endpoint.replace(/\/+$/, "")}/v1/traces`;
    this.#options = options;
  }

  add(event: RequestEvent): void {
    if (event.provider === undefined) return;
    if (this.#queue.length >= MOST_QUEUED) {
      this.#dropped++;
      return;
    }
    this.#queue.push(event);
    this.#wake();
  }

  close(): Promise<void> {
    clearTimeout(this.#timer);
    return this.#send();
  }

  #wake(): void {
    if (this.#timer !== undefined || this.#sending !== undefined) return;
    this.#timer = setTimeout(() => this.#send(), EVERY_MS);
    // Where a timer can be told so, it does not keep the process alive.
    (this.#timer as { unref?: () => void }).unref?.();
  }

  #send(): Promise<void> {
    this.#timer = undefined;
    this.#sending ??= this.#drain().finally(() => {
      this.#sending = undefined;
      if (this.#queue.length > 0) this.#wake();
    });
    return this.#sending;
  }

  async #drain(): Promise<void> {
    while (this.#queue.length > 0) {
      const why = await this.#post(this.#queue.splice(0, MOST_AT_ONCE));
      if (why !== undefined) {
        this.#queue = [];
        this.#complain(`takes no traces (${why}): they are dropped`);
        return;
      }
      this.#complained = false;
    }
    if (this.#dropped > 0) this.#complain(`is too slow: ${this.#dropped} traces were dropped`);
    this.#dropped = 0;
  }

  /** Resolves to why the collector did not take them. */
  async #post(events: readonly RequestEvent[]): Promise<string | undefined> {
    try {
      const response = await this.#options.fetch(this.#url, {
        method: "POST",
        headers: new Headers({ "content-type": "application/json" }),
        body: new TextEncoder().encode(JSON.stringify(payload(events, this.#options.version))),
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      await response.body?.cancel();
      return response.ok ? undefined : `status ${response.status}`;
    } catch (error) {
      return (error as Error).message;
    }
  }

  #complain(what: string): void {
    if (!this.#complained) this.#options.report(`otel_endpoint: ${new URL(this.#url).host} ${what}`);
    this.#complained = true;
  }
}

/** https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding: 64-bit integers are strings, ids are hex. */
function payload(events: readonly RequestEvent[], version: string): object {
  const resource = { attributes: attributes({ "service.name": "askonce", "service.version": version }) };
  const spans = events.map(spanOf);
  return { resourceSpans: [{ resource, scopeSpans: [{ scope: { name: "askonce", version }, spans }] }] };
}

const KIND = { server: 2, client: 3 };
const STATUS_ERROR = 2;

function spanOf(event: RequestEvent): object {
  const operation = OPERATIONS[event.endpoint ?? ""] ?? event.endpoint ?? "other";
  const failed = event.status >= 400;
  const led = event.outcome === "miss" || event.outcome === "partial" || event.outcome === "bypassed";
  const told = event.usage ?? event.saved;
  return {
    traceId: randomHex(16),
    spanId: randomHex(8),
    name: event.model === undefined ? operation : `${operation} ${event.model}`,
    // Answered here, a request is this server's own work; else it is a call to the provider.
    kind: led ? KIND.client : KIND.server,
    startTimeUnixNano: nanoseconds(event.at),
    endTimeUnixNano: nanoseconds(event.at + event.totalMs),
    attributes: attributes({
      "gen_ai.operation.name": operation,
      "gen_ai.provider.name": PROVIDERS[event.provider ?? ""] ?? event.provider,
      "gen_ai.request.model": event.model,
      "gen_ai.usage.input_tokens": told?.inputTokens,
      "gen_ai.usage.output_tokens": told?.outputTokens,
      "http.request.method": event.method,
      "http.response.status_code": event.status,
      "error.type": failed ? String(event.status) : undefined,
      "askonce.cache_status": event.cache,
      "askonce.outcome": event.outcome,
      "askonce.detail": event.notKept ?? event.detail,
      "askonce.key": event.key,
      "askonce.request_id": event.requestId,
      "askonce.namespace": event.namespace === "" ? undefined : event.namespace,
      "askonce.time_to_first_byte_ms": double(event.firstByteMs),
      "askonce.cost_usd": double(event.costUsd),
      "askonce.saved_usd": double(event.saved?.costUsd),
    }),
    status: failed ? { code: STATUS_ERROR } : {},
  };
}

/** Well-known values of `gen_ai.operation.name` and `gen_ai.provider.name` where ours differ. */
const OPERATIONS: Readonly<Record<string, string>> = {
  messages: "chat",
  responses: "chat",
  completions: "text_completion",
  generate: "generate_content",
};
const PROVIDERS: Readonly<Record<string, string>> = {
  google: "gcp.gemini",
  mistral: "mistral_ai",
  xai: "x_ai",
  bedrock: "aws.bedrock",
  azure: "azure.ai.openai",
};

/** A number that stays one though it may be whole. */
interface Double {
  readonly doubleValue: number;
}

const double = (value: number | undefined): Double | undefined =>
  value === undefined ? undefined : { doubleValue: value };

function attributes(named: Readonly<Record<string, string | number | Double | undefined>>): object[] {
  return Object.entries(named).flatMap(([key, value]): object[] => {
    if (value === undefined) return [];
    if (typeof value === "object") return [{ key, value }];
    return [{ key, value: typeof value === "string" ? { stringValue: value } : { intValue: String(value) } }];
  });
}

function nanoseconds(ms: number): string {
  return String(BigInt(Math.round(ms * 1000)) * 1000n);
}

function randomHex(bytes: number): string {
  return [...crypto.getRandomValues(new Uint8Array(bytes))]
    .map((byte) => byte.toString(16).padStart(2, "0"))
    .join("");
}

import type { Clock } from "../clock.ts";
import { type ProxyError, proxyErrors } from "../errors.ts";
import type { Fetched, Host, Source, UpstreamInit } from "../host.ts";

/** A timer longer than this would fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** One call to a provider: its head, and the bytes of its body as they come. */
export interface UpstreamAnswer {
  readonly response: Fetched;
  /** The next chunk; undefined at a clean end. Rejects with a `ProxyError` where the provider breaks off. */
  read(): Promise<Uint8Array | undefined>;
  /** The same at once, where the way to the provider can (see `Source`). Throws a `ProxyError`. */
  poll?(ready: () => void): Uint8Array | undefined | null;
}

/** The only caller of the fetch that it was handed. */
export class Upstream {
  readonly #giving: { given: boolean; onGiven: (() => void) | undefined } = {
    given: false,
    onGiven: undefined,
  };
  readonly #options: { provider: string; timeoutMs: number; clock: Clock };
  #heardAt: number;
  /** Since when the provider is waited for; undefined while nobody reads, which is not its silence. */
  #waitingSince: number | undefined;
  #timedOut = false;
  /** Whether its answer has come to its end: then there is nothing to abort. */
  #over = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: { provider: string; timeoutMs: number; clock: Clock }) {
    this.#options = options;
    this.#heardAt = options.clock.monotonic();
  }

  /** Monotonic ms of the provider's last sign of life. */
  get heardAt(): number {
    return this.#heardAt;
  }

  /** Rejects with `upstream_unreachable` or `upstream_timeout` where there is no head. */
  async call(
    host: Pick<Host, "fetch" | "fetchPlain">,
    request: { url: string } & Omit<UpstreamInit, "signal">,
  ): Promise<UpstreamAnswer> {
    const { url, method, headers, body } = request;
    this.#waitingSince = this.#heardAt;
    this.#watch();
    try {
      const sent = { method, headers, body };
      const response = await (host.fetchPlain?.(url, { ...sent, giving: this.#giving }) ??
        host.fetch(url, { ...sent, signal: this.#signal() }));
      this.#heard();
      if (response.status > 599) throw new Error(`status ${response.status}`);
      const source = response.body === null ? undefined : sourceOf(response.body);
      if (source === undefined) this.#end();
      return {
        response,
        read: async () => (source ? await this.#read(source) : undefined),
        ...(source?.poll && { poll: (ready) => this.#poll(source, ready) }),
      };
    } catch (error) {
      throw this.#failure(error);
    }
  }

  /** Ends the call: nobody wants its answer. */
  abort(): void {
    this.#stop();
    if (!this.#over) this.#giveUp();
  }

  #giveUp(): void {
    this.#giving.given = true;
    this.#giving.onGiven?.();
  }

  #signal(): AbortSignal {
    const controller = new AbortController();
    if (this.#giving.given) controller.abort();
    this.#giving.onGiven = () => controller.abort();
    return controller.signal;
  }

  #end(): void {
    this.#over = true;
    this.#stop();
  }

  async #read(source: Pick<Source, "read">): Promise<Uint8Array | undefined> {
    this.#waitingSince = this.#options.clock.monotonic();
    try {
      const value = await source.read();
      this.#heard();
      if (value === undefined) this.#end();
      return value;
    } catch (error) {
      throw this.#failure(error);
    }
  }

  #poll(source: Pick<Source, "poll">, ready: () => void): Uint8Array | undefined | null {
    try {
      const value = source.poll?.(ready);
      if (value === null) this.#wait();
      else this.#waitingSince = undefined;
      if (value === undefined) this.#end();
      return value;
    } catch (error) {
      throw this.#failure(error);
    }
  }

  #failure(error: unknown): ProxyError {
    this.#stop();
    const { provider, timeoutMs } = this.#options;
    if (this.#timedOut) return proxyErrors.timeout(provider, timeoutMs);
    return proxyErrors.unreachable(provider, reason(error));
  }

  /** All that came was taken: one look at the clock says when it was heard and since when more is waited for. */
  #wait(): void {
    const now = this.#options.clock.monotonic();
    if (this.#waitingSince === undefined) this.#heardAt = now;
    this.#waitingSince = now;
  }

  #heard(): void {
    this.#heardAt = this.#options.clock.monotonic();
    this.#waitingSince = undefined;
  }

  /** One timer looks again when the silence could have lasted long enough, instead of one a chunk. */
  #watch(): void {
    const now = this.#options.clock.monotonic();
    const left = this.#options.timeoutMs - (now - (this.#waitingSince ?? now));
    if (left <= 0) {
      this.#timedOut = true;
      this.#giveUp();
      return;
    }
    this.#timer = setTimeout(() => this.#watch(), Math.min(left, LONGEST_TIMER_MS));
  }

  #stop(): void {
    clearTimeout(this.#timer);
  }
}

function sourceOf(body: ReadableStream<Uint8Array> | Source): Pick<Source, "read" | "poll"> {
  if (!("getReader" in body)) return body;
  const reader = body.getReader();
  return { read: async () => (await reader.read()).value };
}

/** Never the URL: it may carry a key. */
function reason(error: unknown): string {
  if (!(error instanceof Error)) return "unknown error";
  const code = (error as { code?: unknown }).code ?? (error.cause as { code?: unknown } | undefined)?.code;
  if (typeof code === "string") return code;
  const known =
    /ECONN\w+|ENOTFOUND|EHOSTUNREACH|connection refused|dns|certificate|connection (?:reset|closed)/i.exec(
      error.message,
    );
  return known?.[0] ?? (/^status \d+$/.test(error.message) ? error.message : error.name);
}

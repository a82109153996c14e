/** A provider and an askonce in front of it, for all tests of a file. */
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { answerWell } from "./answers.ts";
import { type Askonce, type StartOptions, startAskonce } from "./askonce.ts";
import { type Handler, type Provider, startProvider } from "./provider.ts";
import { post, type RawAnswer } from "./raw.ts";

/** Milliseconds a test may take that starts processes of its own. */
export const OWN_PROCESS = { timeout: 60_000 };

/** Every provider name that is built in. */
export const PROVIDER_NAMES = [
  ...["openai", "openrouter", "anthropic", "groq", "mistral", "cohere", "ai21", "google", "huggingface"],
  ...["together", "deepseek", "xai", "fireworks", "perplexity", "cerebras", "nvidia", "voyage", "jina"],
  ...["ollama", "lmstudio", "vllm", "llamacpp"],
] as const;

/** One listener a provider name, so that a request that goes astray is seen. */
export class Providers {
  readonly byName = new Map<string, Provider>();

  static async start(handler: Handler, names: readonly string[] = PROVIDER_NAMES): Promise<Providers> {
    const all = new Providers();
    for (const name of names) all.byName.set(name, await startProvider(handler));
    return all;
  }

  named(name: string): Provider {
    const provider = this.byName.get(name);
    if (!provider) throw new Error(`no provider ${name}`);
    return provider;
  }

  get flags(): string[] {
    return [...this.byName].flatMap(([name, provider]) => ["--provider", `${name}=${provider.url}`]);
  }

  /** Names of those that were called since the last `forget`. */
  get called(): string[] {
    return [...this.byName].filter(([, provider]) => provider.count > 0).map(([name]) => name);
  }

  get count(): number {
    return [...this.byName.values()].reduce((sum, provider) => sum + provider.count, 0);
  }

  forget(): void {
    for (const provider of this.byName.values()) provider.forget();
  }

  async close(): Promise<void> {
    for (const provider of this.byName.values()) await provider.close();
  }
}

export interface Session {
  readonly providers: Providers;
  readonly server: Askonce;
  readonly port: number;
  /** Provider calls so far, all names together. */
  readonly calls: number;
  /** The provider of that name, answering by `handler` until the next `script`. */
  script(name: string, handler: Handler): Provider;
}

/** Starts both before the file's first test and ends them after its last; each test begins with good answers. */
export function session(options: StartOptions & { readonly names?: readonly string[] } = {}): Session {
  let providers: Providers | undefined;
  let server: Askonce | undefined;
  before(
    async () => {
      providers = await Providers.start(answerWell, options.names);
      server = await startAskonce({ ...options, flags: [...providers.flags, ...(options.flags ?? [])] });
    },
    { timeout: 60_000 },
  );
  after(
    async () => {
      await server?.kill();
      await providers?.close();
    },
    { timeout: 60_000 },
  );
  const started = <T>(part: T | undefined): T => {
    if (!part) throw new Error("askonce did not start: see the error of the before hook");
    return part;
  };
  return {
    get providers() {
      return started(providers);
    },
    get server() {
      return started(server);
    },
    get port() {
      return started(server).port;
    },
    get calls() {
      return started(providers).count;
    },
    script(name, handler) {
      const provider = started(providers).named(name);
      provider.handler = handler;
      provider.forget();
      return provider;
    },
  };
}

/** Asks a provider's path twice; answers with both answers. The provider must have been called twice. */
export async function twice(
  run: Session,
  path: string,
  options: { readonly provider: string; readonly body: unknown; readonly handler: Handler },
): Promise<RawAnswer[]> {
  const scripted = run.script(options.provider, options.handler);
  const headers = { authorization: "Bearer k" };
  const first = await post(run.port, path, { body: options.body, headers });
  const second = await post(run.port, path, { body: options.body, headers });
  assert.equal(scripted.count, 2, `calls; answers ${first.cache} and ${second.cache}`);
  // A break may come before the head got through: then there is none.
  if (second.status !== 0) assert.match(second.cache ?? "none", /^(MISS|BYPASS)$/);
  return [first, second];
}

let questions = 0;
/** A text that no other request of this process holds. */
export function fresh(about = "q"): string {
  questions += 1;
  return `${about}-${process.pid}-${questions}`;
}

/** Compares whole bodies without printing megabytes. */
export function sameBytes(actual: Uint8Array, expected: Uint8Array, what = "body"): void {
  assert.equal(actual.byteLength, expected.byteLength, `${what}: length`);
  assert.ok(Buffer.compare(actual, expected) === 0, `${what}: bytes`);
}

export function assertMiss(answer: RawAnswer | undefined): void {
  const got = [answer?.status, answer?.cache, answer?.ending];
  assert.deepEqual(got, [200, "MISS", "complete"], `${got}: ${answer?.text.slice(0, 500)}`);
}

export function assertHit(answer: RawAnswer | undefined, first: RawAnswer): void {
  assert.deepEqual([answer?.status, answer?.cache, answer?.ending], [first.status, "HIT", "complete"]);
  assert.ok(answer);
  sameBytes(answer.body, first.body);
  assert.equal(answer.header("content-type"), first.header("content-type"));
}

/** Tries again until `check` passes or `ms` are over: for what becomes true behind an answer. */
export async function eventually(check: () => void | Promise<void>, ms = 5000, everyMs = 25): Promise<void> {
  const deadline = performance.now() + ms;
  for (;;) {
    try {
      return await check();
    } catch (fault) {
      if (performance.now() > deadline) throw fault;
      await new Promise((resolve) => setTimeout(resolve, everyMs));
    }
  }
}

/** Runs `job` for 0 … count-1, at most `width` at a time. */
export async function inParallel<T>(
  count: number,
  width: number,
  job: (i: number) => Promise<T>,
): Promise<T[]> {
  const results = new Array<T>(count);
  let next = 0;
  const worker = async () => {
    while (next < count) {
      const i = next++;
      results[i] = await job(i);
    }
  };
  await Promise.all(Array.from({ length: Math.min(width, count) }, worker));
  return results;
}

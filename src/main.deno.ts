import { dirname } from "node:path";
import process from "node:process";
import { run } from "./cli/run.ts";
import { nodePart, PROXY_VARIABLES, privately, thread } from "./host.node.ts";
import type { Host, Listener, ServeOptions, UpstreamInit } from "./host.ts";
import type { Sink } from "./output.node.ts";
import { openDatabase } from "./storage/open.node.ts";
import { upload } from "./upload.node.ts";

interface Writer {
  /** Resolves to how many bytes were written, which may be fewer. */
  write(bytes: Uint8Array): Promise<number>;
}

/** All of Deno that is used here, so that this file compiles beside Bun's types. */
declare const Deno: {
  readonly version: { readonly deno: string };
  readonly stdout: Writer;
  readonly stderr: Writer;
  createHttpClient(options: { poolMaxIdlePerHost: number }): object;
  serve(
    options: {
      hostname: string;
      port: number;
      cert?: string;
      key?: string;
      signal: AbortSignal;
      onListen(): void;
      onError(): Response;
    },
    handler: (
      request: Request,
      info: { readonly remoteAddr: { readonly hostname?: string } },
    ) => Response | Promise<Response>,
  ): {
    readonly addr: { readonly port: number };
    shutdown(): Promise<void>;
    readonly finished: Promise<void>;
  };
};

/** What the tasks of deno.json set for this program: no business of one that is started from here. */
const TASK_VARIABLES = {
  DENO_NO_PACKAGE_JSON: "1",
  MALLOC_ARENA_MAX: "2",
  MALLOC_MMAP_THRESHOLD_: "16384",
  MALLOC_TOP_PAD_: "0",
  MALLOC_TRIM_THRESHOLD_: "65536",
};

/** First of all: it also readies the environment that Deno's HTTP clients read when they are made. */
const shared = nodePart({
  sinks: { stdout: sinkOf(Deno.stdout), stderr: sinkOf(Deno.stderr) },
  ownVariables: TASK_VARIABLES,
});

/**
 * A client that uses each connection once. Deno sends a POST again by itself when a kept connection turns out to
 * be broken, which may be after the provider has read it: that would be billed twice.
 */
const onceOnly = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });

/** V8's most thorough collection: an ordinary one keeps the pages that 60 MB bodies had, for half a minute more. */
const THOROUGH = { type: "major", execution: "sync", flavor: "last-resort" };

/** By which the environment names authorities beside the known ones. */
const CA_VARIABLES = ["NODE_EXTRA_CA_CERTS", "DENO_CERT", "DENO_TLS_CA_STORE"];
const named = (names: readonly string[]) => names.some((name) => process.env[name]);

/** Whether only Deno's fetch finds the way: its node:http knows neither the environment's proxies nor its authorities. */
function needsFetch({ protocol, hostname }: URL): boolean {
  if (protocol === "https:" && named(CA_VARIABLES)) return true;
  return named(PROXY_VARIABLES) && !/^(?:localhost|127\.0\.0\.1|\[::1\])$/.test(hostname);
}

function fetchUpstream(url: string, init: UpstreamInit): Promise<Response> {
  const { body, headers } = init;
  // Deno's fetch always sends a stream chunked; some providers want the length that the client gave.
  if (body instanceof ReadableStream && headers.has("content-length") && !needsFetch(new URL(url))) {
    return upload(url, { ...init, body });
  }
  const client = body instanceof Uint8Array ? { client: onceOnly } : {};
  const further: RequestInit & { duplex?: "half" } = { ...client, duplex: "half", redirect: "manual" };
  return fetch(url, { ...init, ...further } as RequestInit);
}

async function serve({ hostname, port, handler, tls }: ServeOptions): Promise<Listener> {
  const cut = new AbortController();
  let draining = false;
  const server = Deno.serve(
    {
      hostname,
      port,
      ...(tls && { cert: tls.cert, key: tls.key }),
      signal: cut.signal,
      onListen() {},
      onError: () => new Response(null, { status: 500 }),
    },
    (request, { remoteAddr }) => handler(request, { address: remoteAddr.hostname ?? "-" }),
  );
  return {
    port: server.addr.port,
    drain() {
      draining = true;
      return server.shutdown();
    },
    async stop() {
      // After `shutdown` the signal finds no socket to close, and Deno throws that where nobody can catch it. What
      // is still open then is cut by the end of the process.
      if (!draining) cut.abort();
    },
  };
}

/** Deno's `process.stdout` stops the whole program while a pipe's reader stands still; this waits beside it. */
function sinkOf(writer: Writer): Sink {
  let failed = () => {};
  return {
    on(_event, handler) {
      failed = handler;
    },
    write(text, written) {
      writeAll(writer, typeof text === "string" ? new TextEncoder().encode(text) : text)
        .catch(() => failed())
        .finally(() => written());
      return true;
    },
  };
}

async function writeAll(writer: Writer, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.byteLength; ) at += await writer.write(bytes.subarray(at));
}

/** A task runs in the folder of deno.json and says where it was called from. */
function workingFolder(): string {
  const calledFrom = process.env.INIT_CWD;
  return calledFrom && process.cwd() === dirname(import.meta.dirname!) ? calledFrom : process.cwd();
}

const host: Host = {
  ...shared,
  cwd: workingFolder(),
  runtime: { name: "deno", version: Deno.version.deno, compiled: false },
  openDatabase: privately(openDatabase),
  startThread: () =>
    thread(new Worker(new URL("./storage/desk.deno.ts", import.meta.url).href, { type: "module" })),
  fetch: fetchUpstream,
  http2: true,
  decodes: ["gzip", "br"],
  serve,
  // Sharing a port is behind a flag of its own there.
  startWorker: undefined,
  supervisor: undefined,
  askSocket: () => Promise.reject(new Error("there are no other workers")),
  // Present where Deno runs with --v8-flags=--expose-gc, as `deno task start` does.
  collect: () => (globalThis as { gc?: (how: object) => void }).gc?.(THOROUGH),
};

await run(host);

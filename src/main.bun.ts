#!/usr/bin/env bun
import process from "node:process";
import { run } from "./cli/run.ts";
import { nodePart, privately, thread } from "./host.node.ts";
import type { Host, Listener, ServeOptions, UpstreamInit } from "./host.ts";
import { openDatabase } from "./storage/open.bun.ts";

/** Bun's own limit is 256; the rest would wait in line. It is read from the environment before the start only. */
const MAX_UPSTREAM_REQUESTS = "65336";
/** Bytes of a request's head. The executable gets it from scripts/build. */
const MAX_HEAD = 262_144;

/** Bytes of a request body after which its connection is not used again. */
const REUSE_UP_TO = 1024 * 1024;

const compiled = /\$bunfs|~BUN/.test(import.meta.url);

/** Starts this program again in the same process, where the environment did not yet hold what Bun reads once. */
function restartWithLimits(): void {
  if (process.env.BUN_CONFIG_MAX_HTTP_REQUESTS !== undefined || process.platform === "win32") return;
  const flags = compiled ? [] : [`--max-http-header-size=${MAX_HEAD}`, ...process.execArgv, Bun.main];
  const env = { ...process.env, BUN_CONFIG_MAX_HTTP_REQUESTS: MAX_UPSTREAM_REQUESTS };
  try {
    process.execve?.(process.execPath, [process.execPath, ...flags, ...process.argv.slice(2)], env);
  } catch {
    // A sandbox may forbid it: then 256 calls at a time is what there is.
  }
}

function fetchUpstream(url: string, init: UpstreamInit): Promise<Response> {
  // An upload that breaks off, or is answered early, must not leave its rest to the next request on the connection.
  const keepalive = !(init.body instanceof ReadableStream) && (init.body?.byteLength ?? 0) <= REUSE_UP_TO;
  // Without `timeout: false` Bun gives up on a provider that stays silent for 5 minutes.
  return fetch(url, { ...init, keepalive, redirect: "manual", timeout: false } as RequestInit);
}

async function serve({ hostname, port, handler }: ServeOptions): Promise<Listener> {
  const server = Bun.serve({
    hostname,
    port,
    development: false,
    // Without this, `development: false` lets a second server take the same port and half of its connections.
    reusePort: false,
    idleTimeout: 0,
    maxRequestBodySize: Number.MAX_SAFE_INTEGER,
    fetch(request, server) {
      const answer = handler(request, { address: server.requestIP(request)?.address ?? "-" });
      return request.method === "HEAD" ? withoutBody(answer) : answer;
    },
    error: () => new Response(null, { status: 500 }),
  });
  return {
    port: server.port!,
    drain: () => server.stop(),
    stop: () => server.stop(true),
  };
}

/** Bun would replace the Content-Length of a HEAD answer by the coding of the body that it does not send. */
async function withoutBody(answer: Response | Promise<Response>): Promise<Response> {
  const { body, status, statusText, headers } = await answer;
  await body?.cancel();
  return new Response(null, { status, statusText, headers });
}

const host: Host = {
  ...nodePart(),
  runtime: { name: "bun", version: Bun.version, compiled },
  openDatabase: privately(openDatabase),
  startThread: () =>
    thread(
      new Worker(
        new URL(
          import.meta.url.endsWith(".js") ? "./storage/desk.bun.js" : "./storage/desk.bun.ts",
          import.meta.url,
        ).href,
      ),
    ),
  fetch: fetchUpstream,
  decodes: ["gzip", "deflate", "br", "zstd"],
  serve,
  collect: () => Bun.gc(true),
};

restartWithLimits();
await run(host);

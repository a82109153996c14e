#!/usr/bin/env bun
import process from "node:process";
import { run } from "./cli/run.ts";
import { nodePart, privately, thread } from "./host.node.ts";
import type { Host, Listener, ServeOptions, UpstreamInit } from "./host.ts";
import { openDatabase } from "./storage/open.bun.ts";
import { askSocket, startWorker, supervisor } from "./workers.bun.ts";

/** Bun's own limit is 256; the rest would wait in line. It is read from the environment before the start only. */
const MAX_UPSTREAM_REQUESTS = "65336";
/** Bytes of a request's head. The executable gets it from scripts/build. */
const MAX_HEAD = 262_144;

/** Bytes of a request body after which its connection is not used again. */
const REUSE_UP_TO = 1024 * 1024;

const compiled = /\$bunfs|~BUN/.test(import.meta.url);

/** This program with its arguments, and the environment that it needs. */
function program() {
  const { execPath, execArgv, argv, env } = process;
  const head = execArgv.some((flag) => flag.startsWith("--max-http-header-size="));
  const flags = compiled
    ? []
    : [...(head ? [] : [`--max-http-header-size=${MAX_HEAD}`]), ...execArgv, Bun.main];
  return {
    command: [execPath, ...flags, ...argv.slice(2)],
    env: { BUN_CONFIG_MAX_HTTP_REQUESTS: MAX_UPSTREAM_REQUESTS, ...env },
  };
}

/** Starts this program again in the same process, where the environment did not yet hold what Bun reads once. */
function restartWithLimits(): void {
  if (process.env.BUN_CONFIG_MAX_HTTP_REQUESTS !== undefined || process.platform === "win32") return;
  const { command, env } = program();
  try {
    process.execve?.(process.execPath, command, env as Record<string, string>);
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

async function serve({ hostname, port, unix, reusePort = false, handler }: ServeOptions): Promise<Listener> {
  const server = Bun.serve({
    ...(unix === undefined ? { hostname, port } : { unix }),
    development: false,
    // Without this, `development: false` lets a second server take the same port and half of its connections.
    reusePort,
    idleTimeout: 0,
    maxRequestBodySize: Number.MAX_SAFE_INTEGER,
    fetch(request: Request, server: Bun.Server<undefined>) {
      const answer = handler(request, { address: server.requestIP(request)?.address ?? "-" });
      return request.method === "HEAD" ? withoutBody(answer) : answer;
    },
    error: () => new Response(null, { status: 500 }),
  } as Bun.Serve.Options<undefined>);
  return {
    port: server.port ?? 0,
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
  startThread: () => thread(new Worker(new URL("./storage/desk.bun.ts", import.meta.url).href)),
  fetch: fetchUpstream,
  decodes: ["gzip", "deflate", "br", "zstd"],
  serve,
  // Elsewhere a second process on a port gets all of its connections, or none.
  startWorker: process.platform === "linux" ? () => startWorker(program()) : undefined,
  supervisor: supervisor(),
  askSocket,
  collect: () => Bun.gc(true),
};

restartWithLimits();
await run(host);

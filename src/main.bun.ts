#!/usr/bin/env bun
import process from "node:process";
import { run } from "./cli/run.ts";
import { systemClock } from "./clock.ts";
import { nodePart, PROXY_VARIABLES, privately, thread } from "./host.node.ts";
import type { Fetched, Host, PlainInit, UpstreamInit } from "./host.ts";
import { plainFetch } from "./http/client/fetch.bun.ts";
import { serve } from "./http/serve.bun.ts";
import { openDatabase } from "./storage/open.bun.ts";
import { askSocket, startWorker, supervisor } from "./workers.bun.ts";

/** Bun's own limit is 256; the rest would wait in line. It is read from the environment before the start only. */
const MAX_UPSTREAM_REQUESTS = "65336";
/** Bytes of an answer's head, from a provider. The executable gets it from scripts/build. */
const MAX_HEAD = 262_144;

/** Bytes of a request body after which its connection is not used again. */
const REUSE_UP_TO = 1024 * 1024;

const compiled = /\$bunfs|~BUN/.test(import.meta.url);

/**
 * What Bun reads from the environment before the start. Its allocator gives memory back after 5 s without use, where it
 * did after 100 ms: what each long request frees was taken anew by the next one, a page fault for each 4 KB. The best of
 * its compilers works for what runs often: by its own bound it took 130 us of each miss in the first minute, on the
 * processor that answers, for code that got no quicker. The name is known to the Bun that is built in; another one might
 * refuse to start.
 */
const OWN_VARIABLES: Readonly<Record<string, string>> = {
  BUN_CONFIG_MAX_HTTP_REQUESTS: MAX_UPSTREAM_REQUESTS,
  MIMALLOC_PURGE_DELAY: "5000",
  ...(compiled && { BUN_JSC_thresholdForFTLOptimizeAfterWarmUp: "1000000" }),
};

/** This program with its arguments, and the environment that it needs. */
function program() {
  const { execPath, execArgv, argv, env } = process;
  const head = execArgv.some((flag) => flag.startsWith("--max-http-header-size="));
  const flags = compiled
    ? []
    : [...(head ? [] : [`--max-http-header-size=${MAX_HEAD}`]), ...execArgv, Bun.main];
  return {
    command: [execPath, ...flags, ...argv.slice(2)],
    env: { ...OWN_VARIABLES, ...env },
  };
}

/** Starts this program again in the same process, where the environment did not yet hold what Bun reads once. */
function restartWithLimits(): void {
  const set = Object.keys(OWN_VARIABLES).every((name) => process.env[name] !== undefined);
  if (set || process.platform === "win32") return;
  const { command, env } = program();
  try {
    process.execve?.(process.execPath, command, env as Record<string, string>);
  } catch {
    // A sandbox may forbid it: then 256 calls at a time is what there is.
  }
}

/** Whether the runtime's `fetch` is not needed, which knows the environment's proxies, TLS, and credentials in URLs. */
function isPlain(url: string): boolean {
  if (!/^http:\/\/[^/?#@]+(?:[/?#]|$)/.test(url)) return false;
  return !proxied || /^http:\/\/(?:localhost|127\.0\.0\.1|\[::1\])(?:[:/?#]|$)/.test(url);
}

const proxied = PROXY_VARIABLES.some((name) => process.env[name]);
const callPlain = plainFetch(systemClock);

function fetchPlain(url: string, init: PlainInit): Promise<Fetched> | undefined {
  const { body } = init;
  return body instanceof ReadableStream || !isPlain(url) ? undefined : callPlain(url, { ...init, body });
}

function fetchUpstream(url: string, init: UpstreamInit): Promise<Response> {
  // An upload that breaks off, or is answered early, must not leave its rest to the next request on the connection.
  const keepalive = !(init.body instanceof ReadableStream) && (init.body?.byteLength ?? 0) <= REUSE_UP_TO;
  // Without `timeout: false` Bun gives up on a provider that stays silent for 5 minutes.
  return fetch(url, { ...init, keepalive, redirect: "manual", timeout: false } as RequestInit);
}

const host: Host = {
  // What the restart put there is no business of a program that is started from here.
  ...nodePart({ ownVariables: OWN_VARIABLES }),
  executable: compiled ? process.execPath : undefined,
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
  fetchPlain,
  http2: false,
  decodes: ["gzip", "x-gzip", "deflate", "br", "zstd"],
  serve: (options) => serve(options, systemClock),
  // Elsewhere a second process on a port gets all of its connections, or none.
  startWorker: process.platform === "linux" ? () => startWorker(program()) : undefined,
  supervisor: supervisor(),
  askSocket,
  collect: () => Bun.gc(true),
};

restartWithLimits();
await run(host);

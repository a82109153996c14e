#!/usr/bin/env bun
import process from "node:process";
import { run } from "./cli/run.ts";
import { systemClock } from "./clock.ts";
import { nodePart, privately, thread } from "./host.node.ts";
import type { Host, UpstreamInit } from "./host.ts";
import { serve } from "./http/serve.bun.ts";
import { openDatabase } from "./storage/open.bun.ts";

/** Bun's own limit is 256; the rest would wait in line. It is read from the environment before the start only. */
const MAX_UPSTREAM_REQUESTS = "65336";
/** Bytes of an answer's head, from a provider. The executable gets it from scripts/build. */
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

const host: Host = {
  // What the restart put there is no business of a program that is started from here.
  ...nodePart({ ownVariables: { BUN_CONFIG_MAX_HTTP_REQUESTS: MAX_UPSTREAM_REQUESTS } }),
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
  decodes: ["gzip", "deflate", "br", "zstd"],
  serve: (options) => serve(options, systemClock),
  collect: () => Bun.gc(true),
};

restartWithLimits();
await run(host);

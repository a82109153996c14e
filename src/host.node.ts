import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { availableParallelism, constants, hostname } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { isatty } from "node:tty";
import { promisify } from "node:util";
import * as zlib from "node:zlib";
import { files } from "./files.node.ts";
import type { Child, Host, SpawnOptions, Terminal, Thread } from "./host.ts";
import { markOf } from "./mark.node.ts";
import { Output, type Sink } from "./output.node.ts";
import type { OpenDatabase } from "./storage/database.ts";
import { ZstdEnd } from "./zstd-end.ts";

/** A reader that stands still does not keep the process from ending. */
const FLUSH_MS = 1_000;

/** What both runtimes offer alike, through the modules they share. */
export type NodePart = Omit<
  Host,
  | "runtime"
  | "openDatabase"
  | "startThread"
  | "fetch"
  | "http2"
  | "decodes"
  | "serve"
  | "collect"
  | "startWorker"
  | "supervisor"
  | "askSocket"
>;

/** Names of variables that a runtime put into its own environment, with the values it put there. */
export type OwnVariables = Readonly<Record<string, string>>;

export interface NodeOptions {
  /** Where output goes: the process's own streams, asked for when they are first needed. */
  readonly sinks?: { readonly stdout: Sink; readonly stderr: Sink };
  readonly ownVariables?: OwnVariables;
}

/** Takes over this process's signals and output: call it once. */
export function nodePart({ sinks = process, ownVariables = {} }: NodeOptions = {}): NodePart {
  exemptLoopback();
  const outputs = lazyOutputs(sinks);
  return {
    platform: process.platform === "win32" ? "windows" : process.platform === "darwin" ? "darwin" : "linux",
    arch: process.arch,
    hostname: nameOfMachine(),
    pid: process.pid,
    cwd: process.cwd(),
    args: process.argv.slice(2),
    env: process.env,
    files,
    decode,
    onSignal(signal, handler) {
      try {
        process.on(signal, handler);
      } catch {
        // A signal that this platform does not have never arrives.
      }
    },
    spawn: (command, options) => startChild(command, { ...options, ownVariables }),
    terminal: terminal(),
    async print(bytes) {
      // On a terminal both are one: what was said first stands first.
      await outputs.flush("stderr");
      await outputs.of("stdout").print(bytes);
    },
    stdin: () => process.stdin,
    write: (to, text) => outputs.of(to).write(text),
    mark: () => markOf([import.meta.dirname, join(import.meta.dirname, "../package.json"), process.execPath]),
    processors: processors(),
    usage() {
      const { user, system } = process.cpuUsage();
      return { cpuSeconds: (user + system) / 1e6, residentBytes: process.memoryUsage.rss() };
    },
    async exit(code) {
      const flushed = Promise.all([outputs.flush("stdout"), outputs.flush("stderr")]);
      await Promise.race([flushed, new Promise((resolve) => setTimeout(resolve, FLUSH_MS))]);
      process.exit(code);
    },
  };
}

/** A stream is not touched before something is to be written: a child that shares it wants it as it was. */
function lazyOutputs(sinks: { readonly stdout: Sink; readonly stderr: Sink }) {
  const made: { stdout?: Output; stderr?: Output } = {};
  const stderr = () => (made.stderr ??= new Output(sinks.stderr, () => {}));
  const missed = (lines: number) =>
    stderr().write(`askonce: ${lines} log lines were dropped, nobody read them\n`);
  const stdout = () => (made.stdout ??= new Output(sinks.stdout, missed));
  return {
    of: (name: "stdout" | "stderr") => (name === "stdout" ? stdout() : stderr()),
    flush: async (name: "stdout" | "stderr") => made[name]?.flush(),
  };
}

function startChild(
  [program = "", ...args]: readonly string[],
  { env, cwd, ownVariables }: SpawnOptions & { readonly ownVariables: OwnVariables },
): Child {
  const whole: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    if (value !== undefined && ownVariables[name] !== value) whole[name] = value;
  }
  const child = spawn(program, args, { cwd, env: whole, stdio: "inherit" });
  let running = true;
  return {
    exited: new Promise<number>((resolve, reject) => {
      child.once("error", reject);
      child.once("exit", (code, signal) => resolve(code ?? 128 + (signal ? constants.signals[signal] : 0)));
    }).finally(() => {
      running = false;
    }),
    // Deno's own `child.kill` works once, and takes the signal that it sent for the one that ended the child.
    kill(signal) {
      try {
        if (running && child.pid !== undefined) process.kill(child.pid, signal);
      } catch {
        // It has just ended.
      }
    },
  };
}

function terminal(): Terminal {
  const [stdin, stdout, stderr] = [isatty(0), isatty(1), isatty(2)];
  return {
    stdin,
    stdout,
    stderr,
    get columns() {
      return stdout ? process.stdout.columns : stderr ? process.stderr.columns : undefined;
    },
  };
}

/** By which the environment names a proxy for what this process calls. */
export const PROXY_VARIABLES: readonly string[] = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"].flatMap(
  (name) => [name, name.toLowerCase()],
);

/**
 * A call to this machine must not go to a proxy of the environment: it would see the admin token. Both runtimes
 * read these variables when they first fetch.
 */
function exemptLoopback(): void {
  if (!PROXY_VARIABLES.some((name) => process.env[name])) return;
  // Both are read, and one of them wins: each says all that either said.
  const names = ["NO_PROXY", "no_proxy"];
  const known = names.flatMap((name) => (process.env[name] ?? "").split(",").map((part) => part.trim()));
  const all = [...new Set([...known, "localhost", "127.0.0.1", "::1"])].filter((part) => part !== "");
  for (const name of names) process.env[name] = all.join(",");
}

/**
 * Creates a database file before SQLite would, readable for its owner only; SQLite gives the files beside it the
 * same mode. (The process's file mode mask would do, but Deno guards it with the permission for everything.)
 */
export function privately(open: OpenDatabase): OpenDatabase {
  return (path) => {
    try {
      closeSync(openSync(path, "a", 0o600));
    } catch {
      // SQLite says better what is wrong, and a read-only file may still be read.
    }
    return open(path);
  };
}

/** A web worker, which both runtimes have, as a `Thread`. */
export function thread(worker: Worker): Thread {
  return {
    post: (message, transfer = []) => worker.postMessage(message, [...transfer]),
    onMessage(handler) {
      worker.onmessage = (event) => handler(event.data);
    },
    onFault(handler) {
      let told = false;
      worker.onerror = (event) => {
        event.preventDefault();
        if (!told) handler(event.message);
        told = true;
      };
    },
    stop: () => worker.terminate(),
  };
}

function processors(): number {
  try {
    return Math.max(1, availableParallelism());
  } catch {
    return 1;
  }
}

function nameOfMachine(): string {
  try {
    return hostname().toLowerCase();
  } catch {
    return "";
  }
}

const decoders = {
  gzip: promisify(zlib.gunzip),
  br: promisify(zlib.brotliDecompress),
  zstd: promisify(zlib.zstdDecompress),
  zlib: promisify(zlib.inflate),
  raw: promisify(zlib.inflateRaw),
} as const;

/** The runtimes take a frame that was cut off for a whole one. */
function refuseCutZstd(bytes: Uint8Array): void {
  const end = new ZstdEnd();
  end.take(bytes);
  if (!end.whole) throw new Error("the zstd frame is cut off");
}

async function decode(
  coding: "gzip" | "deflate" | "br" | "zstd",
  bytes: Uint8Array,
  maxBytes: number,
): Promise<Uint8Array> {
  // "deflate" is the zlib format by its RFC; clients that send it raw are known by the first byte.
  const zlibHead = (bytes[0]! & 0x0f) === 8 && ((bytes[0]! << 8) | bytes[1]!) % 31 === 0;
  if (coding === "zstd") refuseCutZstd(bytes);
  const decoder = coding === "deflate" ? (zlibHead ? "zlib" : "raw") : coding;
  return await decoders[decoder](bytes, {
    maxOutputLength: Math.min(maxBytes, 2 ** 31 - 1),
    // Each chunk costs a turn of the loop, which a busy one makes long: 3 MiB in chunks of 16 KiB took over a second.
    chunkSize: Math.min(Math.max(16_384, bytes.byteLength * 16), 1024 * 1024),
  });
}

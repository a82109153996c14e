import { randomUUID } from "node:crypto";
import { closeSync, openSync } from "node:fs";
import { chmod, link, mkdir, readFile, rename, rm, stat, unlink, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { dirname } from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import * as zlib from "node:zlib";
import type { Files, Host, Thread } from "./host.ts";
import { Output, type Sink } from "./output.node.ts";
import type { OpenDatabase } from "./storage/database.ts";

/** A reader that stands still does not keep the process from ending. */
const FLUSH_MS = 1_000;

/** What both runtimes offer alike, through the modules they share. */
export type NodePart = Omit<
  Host,
  "runtime" | "openDatabase" | "startThread" | "fetch" | "decodes" | "serve" | "collect"
>;

/** Takes over this process's signals and output, which goes to `sinks`: call it once. */
export function nodePart(sinks: { readonly stdout: Sink; readonly stderr: Sink } = process): NodePart {
  const stderr = new Output(sinks.stderr, () => {});
  const missed = (lines: number) =>
    stderr.write(`askonce: ${lines} log lines were dropped, nobody read them\n`);
  const outputs = { stdout: new Output(sinks.stdout, missed), stderr };
  return {
    platform: process.platform === "win32" ? "windows" : process.platform === "darwin" ? "darwin" : "linux",
    hostname: nameOfMachine(),
    pid: process.pid,
    cwd: process.cwd(),
    args: process.argv.slice(2),
    env: process.env,
    files,
    decode,
    onSignal: (signal, handler) => void process.on(signal, handler),
    write: (to, text) => outputs[to].write(text),
    usage() {
      const { user, system } = process.cpuUsage();
      return { cpuSeconds: (user + system) / 1e6, residentBytes: process.memoryUsage.rss() };
    },
    async exit(code) {
      const flushed = Promise.all([outputs.stdout.flush(), outputs.stderr.flush()]);
      await Promise.race([flushed, new Promise((resolve) => setTimeout(resolve, FLUSH_MS))]);
      process.exit(code);
    },
  };
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

function nameOfMachine(): string {
  try {
    return hostname().toLowerCase();
  } catch {
    return "";
  }
}

const files: Files = {
  readText: (path) => readFile(path, "utf8"),
  async createPrivate(path, text) {
    // Written aside and linked, so that another process never reads a half-written file under the final name.
    const aside = `${path}.${randomUUID()}`;
    await writeFile(aside, text, { flag: "wx", mode: 0o600 });
    try {
      await link(aside, path);
      return true;
    } catch (error) {
      if (codeOf(error) === "EEXIST") return false;
      return await createInPlace(path, text);
    } finally {
      await unlink(aside);
    }
  },
  async makePrivateFolder(path) {
    await mkdir(dirname(path), { recursive: true });
    try {
      await mkdir(path, { mode: 0o700 });
    } catch (error) {
      // A folder that was there keeps its mode: it may be /tmp, or shared on purpose.
      if (codeOf(error) === "EEXIST" && (await stat(path)).isDirectory()) return;
      throw error;
    }
    await chmod(path, 0o700);
  },
  rename,
  remove: (path) => rm(path),
  async size(path) {
    try {
      return (await stat(path)).size;
    } catch (error) {
      if (codeOf(error) === "ENOENT") return undefined;
      throw error;
    }
  },
};

/** For file systems without links. */
async function createInPlace(path: string, text: string): Promise<boolean> {
  try {
    await writeFile(path, text, { flag: "wx", mode: 0o600 });
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  }
}

function codeOf(error: unknown): string | undefined {
  return (error as { code?: string } | null)?.code;
}

const decoders = {
  gzip: promisify(zlib.gunzip),
  br: promisify(zlib.brotliDecompress),
  zstd: promisify(zlib.zstdDecompress),
  zlib: promisify(zlib.inflate),
  raw: promisify(zlib.inflateRaw),
} as const;

async function decode(
  coding: "gzip" | "deflate" | "br" | "zstd",
  bytes: Uint8Array,
  maxBytes: number,
): Promise<Uint8Array> {
  // "deflate" is the zlib format by its RFC; clients that send it raw are known by the first byte.
  const zlibHead = (bytes[0]! & 0x0f) === 8 && ((bytes[0]! << 8) | bytes[1]!) % 31 === 0;
  const decoder = coding === "deflate" ? (zlibHead ? "zlib" : "raw") : coding;
  return await decoders[decoder](bytes, {
    maxOutputLength: Math.min(maxBytes, 2 ** 31 - 1),
    // Each chunk costs a turn of the loop, which a busy one makes long: 3 MiB in chunks of 16 KiB took over a second.
    chunkSize: Math.min(Math.max(16_384, bytes.byteLength * 16), 1024 * 1024),
  });
}

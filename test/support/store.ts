/** Stores for tests: a folder of their own, the driver of the runtime that runs the test, a clock that can be set. */
import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { chmod, mkdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type CacheKey, type Entry, memoryBody } from "../../src/cache/entry.ts";
import { type Clock, systemClock } from "../../src/clock.ts";
import type { Files } from "../../src/host.ts";
import type { OpenDatabase } from "../../src/storage/database.ts";
import { openStore, type StoreOptions } from "../../src/storage/store.ts";

export const onBun = "Bun" in globalThis;

const driver = onBun ? "../../src/storage/open.bun.ts" : "../../src/storage/open.node.ts";
export const { openDatabase } = (await import(driver)) as { openDatabase: OpenDatabase };

export const files: Files = {
  readText: (path) => readFile(path, "utf8"),
  async createPrivate(path, text) {
    try {
      await writeFile(path, text, { flag: "wx", mode: 0o600 });
      return true;
    } catch (error) {
      if ((error as { code?: string }).code === "EEXIST") return false;
      throw error;
    }
  },
  async makePrivateFolder(path) {
    await mkdir(path, { recursive: true, mode: 0o700 });
    await chmod(path, 0o700);
  },
  rename,
  remove: (path) => rm(path),
  size: (path) =>
    stat(path).then(
      ({ size }) => size,
      () => undefined,
    ),
} as Files;

export const MIB = 1024 * 1024;

const folders: string[] = [];
const removeFolders = () => {
  for (const path of folders.splice(0)) rmSync(path, { recursive: true, force: true });
};
process.on("exit", removeFolders);
// `deno test` ends a file's run with this event alone.
globalThis.addEventListener?.("unload", removeFolders);

/** A folder that is gone when the process ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "askonce-test-"));
  folders.push(folder);
  return folder;
}

export interface TestClock extends Clock {
  wall: number;
  steady: number;
}

/** Stands still unless moved. */
export function testClock(wall = 1_700_000_000_000): TestClock {
  const clock: TestClock = { wall, steady: 0, now: () => clock.wall, monotonic: () => clock.steady };
  return clock;
}

export interface TestStoreOptions {
  readonly maxSize?: number;
  readonly inactiveMs?: number;
  readonly ttlMs?: number;
  readonly clock?: Clock;
  readonly reports?: string[];
}

export function storeOptions(folder: string, options: TestStoreOptions = {}): StoreOptions {
  const { maxSize = 256 * MIB, inactiveMs = Infinity, ttlMs = 0, clock = systemClock, reports } = options;
  return {
    folder,
    files,
    openDatabase,
    clock,
    limits: () => ({ maxSize, besideBytes: 0, inactiveMs, ttlMs }),
    report: (message) => reports?.push(message),
  };
}

export const openTestStore = (folder: string, options: TestStoreOptions = {}) =>
  openStore(storeOptions(folder, options));

export function keyOf(n: number): CacheKey {
  return createHash("sha256").update(String(n)).digest("hex") as CacheKey;
}

/** Bytes that no compression makes shorter. */
export function noise(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += 65536) {
    bytes.set(randomBytes(Math.min(65536, length - at)), at);
  }
  return bytes;
}

export function entryOf(n: number, body: Uint8Array | string, more: Partial<Entry> = {}): Entry {
  return {
    key: keyOf(n),
    status: 200,
    headers: [["content-type", "application/json"]],
    body: memoryBody(typeof body === "string" ? new TextEncoder().encode(body) : body),
    facts: {
      provider: "openai",
      endpoint: "chat",
      model: "gpt-test",
      namespace: "",
      pool: "all",
      stream: false,
    },
    startedAt: 1_700_000_000_000,
    storedAt: 1_700_000_000_100,
    ttlMs: undefined,
    firstByteMs: 50,
    durationMs: 100,
    chunks: undefined,
    ...more,
  };
}

/** A body's bytes, read as a client would pull them. */
export function wholeBody(entry: Entry): Uint8Array {
  const whole = new Uint8Array(entry.body.size);
  for (let at = 0; at < whole.byteLength; ) {
    const part = entry.body.slice(at);
    if (part.byteLength === 0) throw new Error("an empty slice");
    whole.set(part, at);
    at += part.byteLength;
  }
  return whole;
}

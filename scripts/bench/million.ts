/**
 * Fills a data folder with entries of real variety, and measures lists and counts over them.
 *
 *   bun scripts/bench/million.ts FOLDER [ENTRIES=1000000]     fills (a folder that has entries is only measured)
 *   deno run -A scripts/bench/million.ts FOLDER 0             measures under Deno
 */
import { createHash } from "node:crypto";
import { chmod, mkdir, rename, rm, stat, writeFile } from "node:fs/promises";
import type { Archive, EntrySort } from "../../src/cache/archive.ts";
import { type CacheKey, type Entry, memoryBody } from "../../src/cache/entry.ts";
import { emptyTally } from "../../src/cache/figures.ts";
import type { EntryFilter } from "../../src/cache/store.ts";
import type { SharedStore } from "../../src/cache/tiered.ts";
import { systemClock } from "../../src/clock.ts";
import { thread } from "../../src/host.node.ts";
import type { Files } from "../../src/host.ts";
import type { NewRequest } from "../../src/requests/kept.ts";
import { openArchive } from "../../src/storage/archive.ts";
import type { Database, OpenDatabase } from "../../src/storage/database.ts";
import { keysPage, listPage } from "../../src/storage/listing.ts";
import { count } from "../../src/storage/listing-count.ts";
import { openStore } from "../../src/storage/store.ts";

const DAY_MS = 86_400_000;
const BATCH = 2000;

const MODELS: Readonly<Record<string, readonly string[]>> = {
  openai: ["gpt-4.1", "gpt-4.1-mini", "gpt-4o", "gpt-5", "gpt-5-mini", "o3", "o4-mini"],
  anthropic: ["claude-3-5-haiku", "claude-opus-4", "claude-sonnet-4"],
  google: ["gemini-2.0-flash", "gemini-2.5-flash", "gemini-2.5-pro"],
  groq: ["llama-3.1-8b-instant", "llama-3.3-70b-versatile"],
  mistral: ["mistral-large", "mistral-small", "codestral"],
  cohere: ["command-a", "command-r-plus"],
  openrouter: ["deepseek/deepseek-chat", "qwen/qwen3-235b", "meta-llama/llama-4-maverick"],
  together: ["moonshotai/kimi-k2"],
};
const NAMESPACES = ["", "", "", "", "", "ci", "nightly", "exp-1", "exp-2", "exp-3", "eval-a", "eval-b"];

/** The same numbers at each run. */
function chance(seed: number): (below: number) => number {
  let state = seed >>> 0 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state % below;
  };
}

const SYLLABLES = "ka lo mi ra ten sor vi pel dan gri mo sha tur ne qui bos lan fer u ri".split(" ");
const WORDS = Array.from({ length: 30_000 }, (_, n) => {
  const below = chance(n * 7919 + 17);
  return Array.from(
    { length: 1 + below(3) + (n > 300 ? 1 : 0) },
    () => SYLLABLES[below(SYLLABLES.length)],
  ).join("");
});

function prose(below: (n: number) => number, bytes: number): string {
  let text = "";
  // Few words are common and most are rare, as in speech.
  while (text.length < bytes) text += `${WORDS[below(1 + below(WORDS.length))]} `;
  return text.slice(0, bytes);
}

const encoder = new TextEncoder();

/** The n-th entry and the request that it answers. */
export function made(n: number, now: number): { entry: Entry; request: NewRequest } {
  const below = chance(n + 1);
  const providers = Object.keys(MODELS);
  // The first are asked most.
  const provider = providers[below(1 + below(providers.length))] as string;
  const models = MODELS[provider] as readonly string[];
  const model = n % 50_000 === 7 ? "rare-model" : (models[below(models.length)] as string);
  // One namespace in a thousand is a run's own.
  const namespace = n % 1000 === 3 ? `run-${below(300)}` : (NAMESPACES[below(NAMESPACES.length)] as string);
  const endpoint = below(20) === 0 ? "embeddings" : "chat";
  const messages = [
    { role: "system", content: `You are agent ${below(40)}. ${prose(chance(below(40) + 1), 400)}` },
    { role: "user", content: prose(below, 1500 + below(200)) },
  ];
  const body = encoder.encode(JSON.stringify({ model, temperature: below(11) / 10, messages }));
  const digest = createHash("sha256").update(`${n} `).update(body).digest("hex");
  const text = prose(below, 100 + below(500));
  const answer = encoder.encode(JSON.stringify({ id: `chatcmpl-${n}`, model, choices: [{ text }] }));
  const storedAt = now - 4 * DAY_MS + below(4 * DAY_MS);
  const usage = { inputTokens: 400 + below(200), outputTokens: 20 + below(120) };
  return {
    entry: {
      key: digest as CacheKey,
      status: 200,
      headers: [["content-type", "application/json"]],
      body: memoryBody(answer),
      facts: { provider, endpoint, model, namespace, pool: "all", stream: false },
      startedAt: storedAt - 900,
      storedAt,
      ttlMs: undefined,
      firstByteMs: 300 + below(600),
      durationMs: 900,
      chunks: undefined,
      spent: { ...usage, costUsd: usage.inputTokens / 1e6 },
    },
    request: {
      head: {
        method: "POST",
        provider,
        endpoint,
        model,
        namespace,
        sample: 0,
        path: endpoint === "chat" ? "/v1/chat/completions" : "/v1/embeddings",
        query: "",
        headers: [],
        contentType: "application/json",
        digest: `json:${digest}`,
      },
      body,
      ignored: [],
    },
  };
}

/** Puts entries `from` to `to`, and gives each one's request to `keep`: the place to feed an archive. */
export async function fill(
  store: Pick<SharedStore, "put" | "touch">,
  range: { from: number; to: number; now: number },
  keep: (key: CacheKey, request: NewRequest) => void | Promise<void>,
): Promise<void> {
  for (let n = range.from; n < range.to; n += BATCH) {
    const batch = Array.from({ length: Math.min(BATCH, range.to - n) }, (_, at) => made(n + at, range.now));
    await Promise.all(batch.map(({ entry }) => store.put(entry)));
    for (const [at, { entry, request }] of batch.entries()) {
      if ((n + at) % 5 < 2) store.touch({ key: entry.key });
      await keep(entry.key, request);
    }
  }
}

const onBun = "Bun" in globalThis;
const { openDatabase } = (await import(
  onBun ? "../../src/storage/open.bun.ts" : "../../src/storage/open.node.ts"
)) as { openDatabase: OpenDatabase };

export function openFilled(folder: string): Promise<SharedStore> {
  const files = {
    createPrivate: (path: string, text: string) =>
      writeFile(path, text, { flag: "wx", mode: 0o600 }).then(
        () => true,
        (error: { code?: string }) => {
          if (error.code === "EEXIST") return false;
          throw error;
        },
      ),
    makePrivateFolder: (path: string) => mkdir(path, { recursive: true }).then(() => chmod(path, 0o700)),
    rename,
    remove: (path: string) => rm(path),
    size: (path: string) => stat(path).then(({ size }) => size),
  } as Files;
  return openStore({
    folder,
    files,
    openDatabase,
    clock: systemClock,
    limits: () => ({ maxSize: 2 ** 40, besideBytes: 0, inactiveMs: Infinity, ttlMs: Infinity }),
    report: (message) => console.error(message),
  });
}

function timed(name: string, act: () => unknown): void {
  const cold = performance.now();
  const result = act();
  const first = performance.now() - cold;
  const times = Array.from({ length: 7 }, () => {
    const since = performance.now();
    act();
    return performance.now() - since;
  }).sort((a, b) => a - b);
  console.log(
    `${name.padEnd(52)} median ${times[3]?.toFixed(1).padStart(7)} ms  worst ${times[6]?.toFixed(1).padStart(7)} ms  ` +
      `first ${first.toFixed(1).padStart(7)} ms  ${String(result)}`,
  );
}

/** Lists and counts of each kind over what is there. */
export function measure(db: Database): void {
  const now = Number(db.value("SELECT max(stored_at) FROM entries"));
  const filters: Record<string, EntryFilter> = {
    all: {},
    "a common provider": { provider: "openai" },
    "a model in 20 entries": { model: "rare-model" },
    "a namespace in 3": { namespace: "run-7" },
    "a namespace in 80,000": { namespace: "ci" },
    "older than 2 days": { storedBefore: now - 2 * DAY_MS },
    "newer than a minute": { storedSince: now - 60_000 },
    "older than 4 days less a minute, one provider": {
      provider: "groq",
      storedBefore: now - 4 * DAY_MS + 60_000,
    },
    "a key's beginning": { keyPrefix: "0123" },
  };
  for (const [what, filter] of Object.entries(filters)) {
    timed(`count ${what}`, () => count(db, filter));
    for (const sort of ["newest", "oldest", "used", "hits", "size"] as EntrySort[]) {
      timed(`list ${what} by ${sort}`, () => listPage(db, { filter, sort, limit: 50 }).rows.length);
    }
  }
  const deep = (sort: EntrySort, pages: number) => {
    let cursor: string | undefined;
    for (let n = 0; n < pages; n++)
      cursor = listPage(db, { filter: {}, sort, limit: 200, cursor }).nextCursor;
    return () => listPage(db, { filter: {}, sort, limit: 200, cursor }).rows.length;
  };
  for (const sort of ["newest", "used", "hits", "size"] as EntrySort[])
    timed(`page 101 by ${sort}`, deep(sort, 100));
  timed("10,000 keys of a namespace", () => keysPage(db, { namespace: "ci" }, { limit: 10_000 }).length);
}

/** The archive of the same folder, in its thread; what does not fit into its queue would be dropped, so it is awaited. */
function openFilledArchive(folder: string, store: SharedStore): Archive {
  const worker = onBun ? "../../src/storage/desk.bun.ts" : "../../src/storage/desk.deno.ts";
  return openArchive({
    folder,
    startThread: () => thread(new Worker(new URL(worker, import.meta.url).href, { type: "module" })),
    clock: systemClock,
    settings: () => ({
      requests: "full",
      searchText: 32 * 1024,
      journalKeepMs: Infinity,
      journalSize: 2 ** 30,
      maxSize: 2 ** 40,
    }),
    stored: () => store.settled(),
    forgotten: (upTo) => void store.forgotten(upTo).catch(() => {}),
    report: (message) => console.error(message),
  });
}

/** A day of sums, as some dozen groups leave them each minute. */
async function fillJournal(archive: Archive, now: number): Promise<void> {
  const minute = Math.floor(now / 60_000) * 60_000;
  for (let n = 0; n < 24 * 60; n++) {
    const below = chance(n + 1);
    const deltas = Object.entries(MODELS).flatMap(([provider, models]) =>
      models.slice(0, 2).map((model) => {
        const tally = { ...emptyTally(), requests: 10, hits: 7, misses: 3, calls: 3 };
        const money = {
          spentTokens: below(9000),
          spentUsd: below(900) / 1e4,
          savedTokens: 7000,
          savedUsd: 0.07,
        };
        return {
          minute: minute - n * 60_000,
          dimensions: {
            provider,
            endpoint: "chat",
            model,
            namespace: NAMESPACES[below(12)] as string,
            credential: "",
          },
          tally: { ...tally, ...money },
          notKept: {},
          hitLatency: [3, 4],
          missLatency: [0, 0, 0, 0, 0, 0, 0, 0, 0, 3],
        };
      }),
    );
    await archive.record({ deltas, rows: [] });
  }
}

async function main([folder, entries = "1000000"]: readonly string[]): Promise<void> {
  if (folder === undefined) throw new Error("usage: million.ts FOLDER [ENTRIES]");
  const store = await openFilled(folder);
  const there = store.stats().entries;
  if (there < Number(entries)) {
    const now = Date.now();
    const archive = openFilledArchive(folder, store);
    let kept = 0;
    if (there === 0) await fillJournal(archive, now);
    for (let from = there; from < Number(entries); from += 100_000) {
      const to = Math.min(Number(entries), from + 100_000);
      const since = performance.now();
      await fill(store, { from, to, now }, (key, request) => {
        archive.keep(key, request.body.byteLength, () => request);
        return ++kept % BATCH === 0 ? archive.settled() : undefined;
      });
      console.log(
        `${to} entries, ${(((performance.now() - since) * 1000) / (to - from)).toFixed(0)} us each`,
      );
    }
    await archive.settled();
    const { bytes, dropped } = archive.state();
    console.log(`archive: ${(bytes / Number(entries)).toFixed(0)} bytes on disk each, ${dropped} dropped`);
    await archive.close();
  }
  const { entries: n, bytes } = store.stats();
  console.log(`${n} entries, ${(bytes / n).toFixed(0)} bytes on disk each`);
  await store.close();
  const db = openDatabase(`${folder}/askonce.db`);
  measure(db);
  db.close();
}

if (import.meta.main) await main(process.argv.slice(2));

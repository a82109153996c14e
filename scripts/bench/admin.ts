/**
 * How long the admin API's questions take on a large data folder, and what hits feel of it meanwhile.
 *
 *   bun scripts/bench/million.ts FOLDER [ENTRIES]      (once; makes the folder)
 *   taskset -c 1 bun scripts/bench/admin.ts --data FOLDER [--times 10] [--rate 200]
 *
 * Needs dist/askonce and taskset; the server runs on core 0. Prints a table; exits with 1 where a bound is passed:
 * 100 ms for list and stats, 200 ms for the rest, 50 ms for the 99th percentile of hits.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { median } from "./figures.ts";
import { document, startOrigin } from "./origin.ts";
import { launch, temporaryFolder } from "./processes.ts";

const text = (name: string, fallback: string) => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : (process.argv[at + 1] ?? fallback);
};
const data = text("data", "");
if (data === "") {
  console.error("say where: --data FOLDER");
  process.exit(2);
}
const times = Number(text("times", "10"));
const rate = Number(text("rate", "200"));

const content = "a hit beside the questions";
const answer = JSON.stringify({
  id: "chatcmpl-1",
  object: "chat.completion",
  model: "gpt-5-mini",
  choices: [{ index: 0, message: { role: "assistant", content: "yes" }, finish_reason: "stop" }],
  usage: { prompt_tokens: 40, completion_tokens: 100, total_tokens: 140 },
});
const bytes = document(answer);
const provider = startOrigin(() => bytes);
const flags = ["--listen", "127.0.0.1:0", "--data", data, "--max-size", "64GiB", "--log", "off"];
const server = await launch({
  command: [
    join(import.meta.dirname, "../../dist/askonce"),
    ...flags,
    "--provider",
    `openai=http://127.0.0.1:${provider.port}`,
  ],
  folder: temporaryFolder(),
  port: /listens on http:\/\/127\.0\.0\.1:(\d+)/,
});
const base = `http://127.0.0.1:${server.port}`;
const token = readFileSync(join(data, "admin-token"), "utf8").trim();
const authorized = { authorization: `Bearer ${token}` };

async function get(path: string): Promise<unknown> {
  const response = await fetch(`${base}/admin/api${path}`, { headers: authorized });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return response.json();
}

async function post(path: string, body: unknown): Promise<unknown> {
  const headers = { ...authorized, "content-type": "application/json" };
  const response = await fetch(`${base}/admin/api${path}`, {
    method: "POST",
    headers,
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return response.json();
}

interface Explained {
  readonly would: string;
  readonly nearest: readonly { readonly differences: readonly { readonly path: string }[] }[];
}

interface Listed {
  readonly key: string;
  readonly endpoint: string;
  readonly model: string;
  readonly prompt: string | null;
}

interface Page {
  readonly entries: readonly Listed[];
  readonly next_cursor: string | null;
}

const hits: number[] = [];
let asking = true;
async function hit(): Promise<void> {
  const began = performance.now();
  const response = await fetch(`${base}/openai/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: "Bearer bench" },
    body: JSON.stringify({ model: "gpt-5-mini", messages: [{ role: "user", content }] }),
  });
  await response.arrayBuffer();
  if (response.headers.get("x-cache-status") === "HIT") hits.push(performance.now() - began);
}

async function steadily(): Promise<void> {
  const running = new Set<Promise<void>>();
  const began = performance.now();
  for (let n = 0; asking; n++) {
    const wait = began + (n * 1000) / rate - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    const one = hit().finally(() => running.delete(one));
    running.add(one);
  }
  await Promise.all(running);
}

const failed: string[] = [];
async function time(name: string, options: { bound: number; ask: () => Promise<unknown> }): Promise<void> {
  const took: number[] = [];
  for (let n = 0; n < times; n++) {
    const began = performance.now();
    await options.ask();
    took.push(performance.now() - began);
  }
  const [first = 0] = took;
  const [middle, most] = [median(took), Math.max(...took)];
  if (middle > options.bound) failed.push(name);
  const cells = [first, middle, most, options.bound].map((ms) => ms.toFixed(1).padStart(9));
  console.log(`${name.padEnd(52)}${cells.join("")}`);
}

try {
  await hit();
  const load = steadily();
  console.log(
    `${"question, ms".padEnd(52)}${["first", "median", "most", "bound"].map((w) => w.padStart(9)).join("")}`,
  );
  const first = (await get("/entries?limit=50")) as Page;
  const some = first.entries[7] ?? first.entries[0];
  const words = (some?.prompt ?? "").split(/\W+/).filter((word) => word.length > 4);
  await time("list, 50", { bound: 100, ask: () => get("/entries?limit=50") });
  await time("list, by model", {
    bound: 100,
    ask: () => get(`/entries?model=${encodeURIComponent(some?.model ?? "")}`),
  });
  await time("list, by provider, oldest first", {
    bound: 100,
    ask: () => get("/entries?provider=anthropic&sort=oldest"),
  });
  await time("list, by hits", { bound: 100, ask: () => get("/entries?sort=hits") });
  await time("list, by size", { bound: 100, ask: () => get("/entries?sort=size") });
  let cursor = first.next_cursor ?? "";
  await time("page on", {
    bound: 200,
    ask: async () => {
      const page = (await get(`/entries?limit=50&cursor=${encodeURIComponent(cursor)}`)) as Page;
      cursor = page.next_cursor ?? cursor;
    },
  });
  for (const [name, q] of [
    ["a common word", words[0] ?? "the"],
    ["two words", words.slice(0, 2).join(" ")],
    ["five words", words.slice(0, 5).join(" ")],
    ["a word that stands nowhere", "xyzzyplugh"],
  ] as const) {
    await time(`search, ${name}`, { bound: 200, ask: () => get(`/entries?q=${encodeURIComponent(q)}`) });
  }
  for (const by of ["", "&by=provider", "&by=model", "&by=namespace"]) {
    await time(`stats${by}`, { bound: 100, ask: () => get(`/stats?since=24h${by}`) });
  }
  await time("purge, dry run, all", { bound: 200, ask: () => post("/purge", { all: true, dry_run: true }) });
  await time("purge, dry run, older than 1h", {
    bound: 200,
    ask: () => post("/purge", { older_than: "1h", dry_run: true }),
  });
  await time("purge, dry run, one provider, newer than 1h", {
    bound: 200,
    ask: () => post("/purge", { provider: "openai", newer_than: "1h", dry_run: true }),
  });
  const chats = (await get("/entries?provider=openai&limit=50")) as Page;
  const chat = chats.entries.find(({ endpoint }) => endpoint === "chat") ?? chats.entries[0];
  const entry = (await get(`/entries/${chat?.key}`)) as { request: { body: object } };
  await time("explain, a stored key", { bound: 200, ask: () => post("/explain", { key: chat?.key }) });
  const asked = {
    method: "POST",
    path: "/openai/v1/chat/completions",
    headers: {},
    body: { ...entry.request.body, temperature: 0.123 },
  };
  const explained = (await post("/explain", asked)) as Explained;
  const near = explained.nearest[0]?.differences.map(({ path }) => path).join(", ");
  await time("explain, another temperature", { bound: 200, ask: () => post("/explain", asked) });
  console.log(`  ${explained.would}: the nearest stored one differs at ${near}`);
  asking = false;
  await load;
  hits.sort((a, b) => a - b);
  const at = (share: number) => hits[Math.floor(hits.length * share)] ?? 0;
  console.log(
    `${hits.length} hits meanwhile: p50 ${at(0.5).toFixed(1)} ms, p99 ${at(0.99).toFixed(1)} ms, most ${(hits.at(-1) ?? 0).toFixed(1)} ms`,
  );
  if (at(0.99) > 50) failed.push("hits");
} finally {
  asking = false;
  await server.stop();
  provider.stop();
}
if (failed.length > 0) {
  console.log(`over their bounds: ${failed.join(", ")}`);
  process.exitCode = 1;
}

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Admin } from "../support/admin-client.ts";
import { type Askonce, startAskonce } from "../support/askonce.ts";
import { assertFigures, assertGroups, type Figures, sumOf } from "../support/figures.ts";
import { tempFolder } from "../support/folder.ts";
import { type Part, PRICES, Run } from "../support/mix.ts";
import { startProvider } from "../support/provider.ts";
import { ask } from "../support/raw.ts";
import { eventually, inParallel } from "../support/session.ts";
import { answerWithUsage, Gates } from "../support/usage-answers.ts";

const A = "sk-figures-a";
const CHAT = { tokens: 1050, usd: 0.0023 };
const STREAM = { tokens: 520, usd: 0.0012 };

/** A thousand requests, counted by hand part by part: who asked, and what must come of it. */
const PARTS: readonly Part[] = [
  {
    about: "chat answers asked for again and again",
    ...{ provider: "openai", model: "m-1", namespace: "", credential: A },
    misses: (run) => run.chats("plain", 40),
    hits: (run) => run.again("plain", { count: 240, fetched: 40 }),
    expect: {
      ...{ requests: 280, misses: 40, hits: 240, calls: 40 },
      ...{ spent_tokens: 40 * CHAT.tokens, spent_usd: 40 * CHAT.usd },
      ...{ saved_tokens: 240 * CHAT.tokens, saved_usd: 240 * CHAT.usd },
    },
  },
  {
    about: "streams that tell their usage, in a namespace",
    ...{ provider: "openai", model: "m-1", namespace: "exp-a", credential: "sk-figures-b" },
    misses: (run) => run.chats("stream", 10),
    hits: (run) => run.again("stream", { count: 50, fetched: 10 }),
    expect: {
      ...{ requests: 60, misses: 10, hits: 50, calls: 10 },
      ...{ spent_tokens: 10 * STREAM.tokens, spent_usd: 10 * STREAM.usd },
      ...{ saved_tokens: 50 * STREAM.tokens, saved_usd: 50 * STREAM.usd },
    },
  },
  {
    about: "streams that don't: nothing is known, and that is said",
    ...{ provider: "openai", model: "m-1", namespace: "", credential: A },
    misses: (run) => run.chats("mute", 5),
    hits: (run) => run.again("mute", { count: 15, fetched: 5 }),
    expect: { requests: 20, misses: 5, hits: 15, calls: 5, unpriced: 20 },
  },
  {
    about: "a model without a price: tokens count, money does not",
    ...{ provider: "openai", model: "nobody-knows-1", namespace: "", credential: A },
    misses: (run) => run.chats("priceless", 5),
    hits: (run) => run.again("priceless", { count: 15, fetched: 5 }),
    expect: {
      ...{ requests: 20, misses: 5, hits: 15, calls: 5, unpriced: 20 },
      ...{ spent_tokens: 5 * CHAT.tokens, saved_tokens: 15 * CHAT.tokens },
    },
  },
  {
    about: "the provider's errors",
    ...{ provider: "openai", model: "m-1", namespace: "", credential: A },
    misses: async (run) => {
      for (const status of ["status500", "status429", "status400"]) await run.chats(status, 10);
    },
    expect: { requests: 30, misses: 30, errors: 30, calls: 30, not_kept: { status: 30 } },
  },
  {
    about: "a 404, which is kept for a minute",
    ...{ provider: "openai", model: "m-1", namespace: "", credential: A },
    misses: (run) => run.chats("status404", 1),
    hits: (run) => run.again("status404", { count: 4, fetched: 1 }),
    expect: { requests: 5, misses: 1, hits: 4, errors: 5, calls: 1 },
  },
  {
    about: "answers that are not kept, of which one kind says what it took",
    ...{ provider: "openai", model: "m-1", namespace: "", credential: A },
    misses: async (run) => {
      for (const kind of ["empty", "errorBody", "notJson"]) await run.chats(kind, 5);
      for (const kind of ["unended", "unfinished", "errorEvent"]) await run.chats(kind, 5);
    },
    expect: {
      ...{ requests: 30, misses: 30, calls: 30, spent_tokens: 5 * CHAT.tokens, spent_usd: 5 * CHAT.usd },
      unpriced: 25,
      not_kept: {
        ...{ empty: 5, "error-body": 5, "not-json": 5 },
        ...{ "no-end-marker": 5, "no-finish-reason": 5, "error-event": 5 },
      },
    },
  },
  {
    about: "embeddings: ten single ones, five batches of which two of three are known, a batch of four",
    ...{ provider: "openai", model: "e-1", namespace: "", credential: A },
    misses: async (run) => {
      for (const i of [0, 1, 2, 3, 4]) {
        await run.embed(`word-a${i}`, "MISS");
        await run.embed(`word-b${i}`, "MISS");
        await run.embed([`word-a${i}`, `word-b${i}`, `word-c${i}`], "PARTIAL");
      }
      await run.embed(["four-d", "four-e", "four-f", "four-g"], "MISS");
    },
    hits: async (run) => {
      for (const i of [0, 1, 2, 3, 4]) await run.embed([`word-a${i}`, `word-b${i}`, `word-c${i}`], "HIT");
      for (const pair of ["ed", "gf", "dg", "fe"])
        await run.embed(
          [...pair].map((x) => `four-${x}`),
          "HIT",
        );
    },
    expect: {
      ...{ requests: 25, misses: 11, partial: 5, hits: 9, calls: 16 },
      // Ten tokens an input, a dollar a million: 10 singles, 5 new ones of the batches, 4 at once.
      ...{ spent_tokens: 190, spent_usd: 190e-6 },
      // Two known of each partial batch, three of the same asked again, two of each pair.
      ...{ saved_tokens: 5 * 20 + 5 * 30 + 4 * 20, saved_usd: 330e-6 },
    },
  },
  {
    about: "six streams in flight, joined by five each",
    ...{ provider: "openai", model: "m-1", namespace: "exp-b", credential: A },
    misses: async (run) => {
      for (let i = 0; i < 6; i++) await run.joined(i, 5);
    },
    expect: {
      ...{ requests: 36, misses: 6, joined: 30, calls: 6 },
      ...{ spent_tokens: 6 * STREAM.tokens, spent_usd: 6 * STREAM.usd },
      ...{ joined_tokens: 30 * STREAM.tokens, joined_usd: 30 * STREAM.usd },
    },
  },
  {
    about: "known answers fetched anew",
    ...{ provider: "openai", model: "m-1", namespace: "", credential: A },
    hits: async (run) => {
      for (let i = 0; i < 4; i++)
        await run.one({ kind: "plain", i, headers: { "Cache-Control": "no-cache" }, word: "MISS" });
    },
    expect: { requests: 4, misses: 4, calls: 4, spent_tokens: 4 * CHAT.tokens, spent_usd: 4 * CHAT.usd },
  },
  {
    about: "what passes by the cache",
    ...{ provider: "openai", model: "", namespace: "", credential: A },
    misses: async (run) => {
      const word = "BYPASS";
      for (let i = 0; i < 5; i++) {
        await run.one({ kind: "past", i, headers: { "Cache-Control": "no-store" }, word });
        await run.one({ kind: "past", i, headers: { "X-Cache-Mode": "bypass" }, word });
        await run.send({ method: "GET", path: "/openai/v1/models" }, word);
        await run.send({ path: "/openai/v1/files", body: `{"n":${i}}` }, word);
      }
    },
    // A list of models and a file cost nothing.
    expect: { requests: 20, bypassed: 20, calls: 20, unpriced: 10 },
  },
  {
    about: "what askonce refuses by itself: nothing stored that may be used",
    ...{ provider: "openai", model: "m-1", namespace: "", credential: A },
    misses: async (run) => {
      for (let i = 0; i < 5; i++) {
        await run.one({ kind: "refused", i, headers: { "Cache-Control": "only-if-cached" }, status: 504 });
        await run.one({ kind: "refused", i, headers: { "X-Cache-Mode": "replay" }, status: 424 });
      }
    },
    expect: { requests: 10, refused: 10, errors: 10 },
  },
  {
    about: "what askonce refuses by itself: a control that says nothing",
    ...{ provider: "openai", model: "", namespace: "", credential: "" },
    misses: async (run) => {
      for (let i = 0; i < 5; i++)
        await run.one({ kind: "refused", i, headers: { "X-Cache-TTL": "soon" }, status: 400 });
    },
    expect: { requests: 5, refused: 5, errors: 5 },
  },
  {
    about: "clients that leave in the middle of a stream, which is finished and kept",
    ...{ provider: "openai", model: "m-1", namespace: "", credential: A },
    misses: async (run) => {
      for (let i = 0; i < 5; i++) await run.left(i);
    },
    expect: {
      ...{ requests: 5, misses: 5, aborted: 5, calls: 5, unread: 5 },
      ...{ spent_tokens: 5 * STREAM.tokens, spent_usd: 5 * STREAM.usd },
      ...{ unread_tokens: 5 * STREAM.tokens, unread_usd: 5 * STREAM.usd },
    },
  },
  {
    about: "Anthropic's documents, whose input is more than input_tokens",
    ...{ provider: "anthropic", model: "claude-x", namespace: "", credential: "sk-figures-c" },
    misses: (run) => run.chats("message", 20),
    hits: (run) => run.again("message", { count: 100, fetched: 20 }),
    expect: {
      ...{ requests: 120, misses: 20, hits: 100, calls: 20 },
      ...{ spent_tokens: 20 * 170, spent_usd: 20 * 762e-6, saved_tokens: 100 * 170, saved_usd: 100 * 762e-6 },
    },
  },
  {
    about: "Anthropic's streams, whose counts are running totals",
    ...{ provider: "anthropic", model: "claude-x", namespace: "exp-a", credential: "sk-figures-c" },
    misses: (run) => run.chats("messageStream", 10),
    hits: (run) => run.again("messageStream", { count: 40, fetched: 10 }),
    expect: {
      ...{ requests: 50, misses: 10, hits: 40, calls: 10 },
      ...{ spent_tokens: 10 * 130, spent_usd: 10 * 750e-6, saved_tokens: 40 * 130, saved_usd: 40 * 750e-6 },
    },
  },
  {
    about: "Google's documents, whose thoughts are output; half the hits say the key in the query",
    ...{ provider: "google", model: "gem-x", namespace: "", credential: "sk-figures-d" },
    misses: (run) => run.chats("gemini", 20),
    hits: async (run) => {
      await run.again("gemini", { count: 60, fetched: 20 });
      await run.again("gemini", { count: 60, fetched: 20, keyInQuery: true });
    },
    expect: {
      ...{ requests: 140, misses: 20, hits: 120, calls: 20 },
      ...{ spent_tokens: 2000, spent_usd: 20 * 190e-6, saved_tokens: 12_000, saved_usd: 120 * 190e-6 },
    },
  },
  {
    about: "Google's streams",
    ...{ provider: "google", model: "gem-x", namespace: "", credential: "sk-figures-d" },
    misses: (run) => run.chats("geminiStream", 10),
    hits: (run) => run.again("geminiStream", { count: 60, fetched: 10 }),
    expect: {
      ...{ requests: 70, misses: 10, hits: 60, calls: 10 },
      ...{ spent_tokens: 1000, spent_usd: 10 * 190e-6, saved_tokens: 6000, saved_usd: 60 * 190e-6 },
    },
  },
  {
    about: "requests without any credential",
    ...{ provider: "openai", model: "m-1", namespace: "", credential: "" },
    misses: (run) => run.chats("keyless", 10),
    hits: (run) => run.again("keyless", { count: 60, fetched: 10 }),
    expect: {
      ...{ requests: 70, misses: 10, hits: 60, calls: 10 },
      ...{ spent_tokens: 10 * CHAT.tokens, spent_usd: 10 * CHAT.usd },
      ...{ saved_tokens: 60 * CHAT.tokens, saved_usd: 60 * CHAT.usd },
    },
  },
];

const TOTAL = sumOf(PARTS.map(({ expect }) => expect));

test("a thousand requests are counted as by hand, in all and by group, and are so after a restart", {
  timeout: 120_000,
}, async (t) => {
  const { requests, hits, misses, partial, joined, bypassed, refused } = TOTAL;
  assert.deepEqual(
    [requests, hits, misses, partial, joined, bypassed, refused],
    [1000, 713, 217, 5, 30, 20, 15],
    "the mix itself adds up",
  );
  const gates = new Gates();
  const prices = join(tempFolder(), "prices.toml");
  writeFileSync(prices, PRICES);
  const provider = await startProvider(answerWithUsage(gates));
  const names = ["openai", "anthropic", "google"];
  const flags = names.flatMap((name) => ["--provider", `${name}=${provider.url}`]);
  const server = await startAskonce({ flags: [...flags, "--prices", prices] });
  t.after(() => server.kill());
  t.after(() => provider.close());
  // Neither these nor any question to the admin API is a proxied request.
  for (const path of ["/", "/healthz", "/readyz"]) await ask(server.port, { path, method: "GET" });

  for (const step of PARTS) await step.misses?.(new Run(server, step, gates));
  await inParallel(PARTS.length, 4, async (i) => {
    const step = PARTS[i] as Part;
    await step.hits?.(new Run(server, step, gates));
  });
  assert.equal(provider.count, TOTAL.calls, "calls that reached the providers");
  const admin = new Admin(() => server);
  await eventually(async () => assertFigures((await admin.json("/stats")).total, TOTAL, "total"), 1500);
  await assertAll(server, "running");
  const before = await admin.json("/stats");
  // One of Google's answers took 50 ms, and was a hit six times.
  assert.ok(before.total.saved_ms >= 300, `saved_ms ${before.total.saved_ms}`);
  assert.ok(before.store.entries >= 143 && before.store.bytes > 10_000, JSON.stringify(before.store));

  assert.equal((await server.stop()).code, 0);
  const again = await startAskonce({
    flags: [...flags, "--prices", prices],
    data: server.data,
  });
  t.after(() => again.kill());
  await assertAll(again, "after a restart");
  const after = await new Admin(() => again).json("/stats");
  for (const name of ["saved_ms", "bytes", "saved_usd", "spent_usd"])
    assert.ok(Math.abs(after.total[name] - before.total[name]) < 1e-6, `${name} after a restart`);
  assert.equal(after.store.entries, before.store.entries);
});

/** The total, its series, and each grouping, whose sum is the total again. */
async function assertAll(server: Askonce, when: string): Promise<void> {
  const admin = new Admin(() => server);
  for (const by of ["provider", "model", "namespace"] as const) {
    const stats = await admin.json("/stats", { by, since: "1h" });
    assertFigures(stats.total, TOTAL, `${when}, total beside by=${by}`);
    assertFigures(sumOf(stats.series), TOTAL, `${when}, series beside by=${by}`);
    const expected = new Map(
      Map.groupBy(PARTS, (step) => step[by])
        .entries()
        .map(([name, steps]) => [name, sumOf(steps.map(({ expect }) => expect))]),
    );
    assertGroups(stats.groups, expected, `${when}, by=${by}`);
  }
  const { groups } = await admin.json("/stats", { by: "credential" });
  assertCredentials(groups, when);
  const endpoints = await admin.json("/stats", { by: "endpoint" });
  assertFigures(sumOf(endpoints.groups), TOTAL, `${when}, by=endpoint together`);
  const messages = endpoints.groups.find((group: { name: string }) => group.name === "messages");
  assertFigures(messages, sumOf([expectOf("message"), expectOf("messageStream")]), `${when}, messages`);
}

/** Which label a key has is known to the installation alone: groups are told by how much they asked. */
function assertCredentials(groups: readonly (Figures & { name: string })[], when: string): void {
  const expected = Map.groupBy(PARTS, ({ credential }) => credential);
  assert.equal(groups.length, expected.size, `${when}: ${groups.map(({ name }) => name)}`);
  for (const [credential, steps] of expected) {
    const want = sumOf(steps.map(({ expect }) => expect));
    const found = groups.find(({ requests }) => requests === want.requests);
    assert.ok(found, `${when}: a credential with ${want.requests} requests`);
    assertFigures(found, want, `${when}, by=credential`);
    if (credential !== "") assert.match(found.name, /^[0-9a-f]{12}$/);
    else assert.doesNotMatch(found.name, /^[0-9a-f]{12}$/);
  }
}

function expectOf(kind: string): Figures {
  const about = { message: "Anthropic's documents", messageStream: "Anthropic's streams" }[kind] ?? "";
  return PARTS.find((step) => step.about.startsWith(about))?.expect ?? assert.fail(kind);
}

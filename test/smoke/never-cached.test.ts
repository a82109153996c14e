import assert from "node:assert/strict";
import { test } from "node:test";
import { answerWell, openai } from "../support/answers.ts";
import { startAskonce } from "../support/askonce.ts";
import { type Handler, startProvider } from "../support/provider.ts";
import { ask, post } from "../support/raw.ts";
import { assertHit, assertMiss, fresh, OWN_PROCESS, session, twice } from "../support/session.ts";

const run = session();
const json = { "Content-Type": "application/json" };
const document = JSON.stringify(openai.document("x"));

const STATEFUL: readonly (readonly [provider: string, path: string])[] = [
  ...[
    "files",
    "uploads",
    "batches",
    "fine_tuning/jobs",
    "assistants",
    "threads",
    "threads/t/runs",
    "vector_stores",
  ].map((rest) => ["openai", `/openai/v1/${rest}`] as const),
  ...[
    "containers",
    "conversations",
    "evals",
    "videos",
    "realtime/sessions",
    "responses/r_1/cancel",
    "chat/completions/c_1",
  ].map((rest) => ["openai", `/openai/v1/${rest}`] as const),
  ["openai", "/openai/v1/new/thing"],
  ["openai", "/v1/files"],
  ["anthropic", "/anthropic/v1/messages/batches"],
  ["anthropic", "/anthropic/v1/files"],
  ["google", "/google/v1beta/cachedContents"],
  ["google", "/google/v1beta/models/m:batchGenerateContent"],
  ["google", "/google/v1beta/models/m:predictLongRunning"],
  ["cohere", "/cohere/v1/datasets"],
  ["mistral", "/mistral/v1/conversations"],
  ["groq", "/groq/openai/v1/batches"],
  ["together", "/together/v1/fine-tunes"],
  ["ollama", "/ollama/api/pull"],
  ["ollama", "/ollama/api/delete"],
  ["vllm", "/vllm/v1/load_lora_adapter"],
];

for (const [provider, path] of STATEFUL) {
  test(`POST ${path} is BYPASS and never kept`, async () => {
    const handler: Handler = (call) => call.reply({ headers: json, body: document });
    for (const answer of await twice(run, path, {
      provider,
      body: openai.request(fresh(), false),
      handler,
    })) {
      assert.equal(answer.cache, "BYPASS");
      assert.match(answer.header("cache-status") ?? "", /^askonce; ?fwd=bypass/);
    }
  });
}

for (const more of [{ background: true }, { conversation: "conv_1" }, { previous_response_id: "resp_0" }]) {
  test(`a Responses request with ${Object.keys(more)[0]} is BYPASS`, async () => {
    const body = { model: "m-1", input: fresh(), ...more };
    for (const answer of await twice(run, "/openai/v1/responses", {
      provider: "openai",
      body,
      handler: answerWell,
    })) {
      assert.equal(answer.cache, "BYPASS");
    }
  });
}

for (const method of ["GET", "DELETE", "PUT", "PATCH", "OPTIONS", "HEAD"]) {
  test(`${method} is passed through each time, as BYPASS with fwd=method`, async () => {
    const provider = run.script("openai", (call) => call.reply({ headers: json, body: document }));
    for (const _ of [1, 2]) {
      const answer = await ask(run.port, {
        method,
        path: openai.path,
        ...(/^P/.test(method) ? { body: "{}" } : {}),
      });
      assert.deepEqual([answer.status, answer.cache], [200, "BYPASS"]);
      assert.match(answer.header("cache-status") ?? "", /fwd=method/);
    }
    assert.deepEqual(
      provider.calls.map((call) => call.method),
      [method, method],
    );
  });
}

test(
  "a body over max_entry is passed on and not kept; one of exactly max_entry is",
  OWN_PROCESS,
  async (t) => {
    const size = 64 * 1024;
    const provider = await startProvider(async (call) => {
      const { pad } = await call.json();
      const empty = JSON.stringify(openai.document(""));
      await call.reply({
        headers: json,
        framing: call.header("x-framing") === "length" ? "length" : "chunked",
        body: JSON.stringify(openai.document("x".repeat(size + pad - empty.length))),
      });
    });
    const server = await startAskonce({
      flags: ["--provider", `openai=${provider.url}`, "--max-entry", "64KiB"],
    });
    t.after(async () => {
      await server.kill();
      await provider.close();
    });
    for (const framing of ["length", "chunked"]) {
      for (const [pad, cache] of [
        [1, "MISS"],
        [0, "HIT"],
        [5_000_000, "MISS"],
      ] as const) {
        const request = {
          body: { ...openai.request(fresh(), false), pad },
          headers: { "x-framing": framing },
        };
        const first = await post(server.port, openai.path, request);
        assert.equal(first.body.byteLength, size + pad);
        const second = await post(server.port, openai.path, request);
        assert.deepEqual([second.cache, second.body.byteLength], [cache, size + pad], `${framing} ${pad}`);
      }
    }
  },
);

test("a cacheable request over max_request is forwarded whole as BYPASS", OWN_PROCESS, async (t) => {
  const provider = await startProvider(answerWell);
  const server = await startAskonce({
    flags: ["--provider", `openai=${provider.url}`, "--max-request", "64KiB"],
  });
  t.after(async () => {
    await server.kill();
    await provider.close();
  });
  const big = { ...openai.request(fresh(), false), pad: "x".repeat(300_000) };
  for (const _ of [1, 2]) {
    const answer = await post(server.port, openai.path, { body: big });
    assert.deepEqual([answer.status, answer.cache], [200, "BYPASS"]);
  }
  assert.deepEqual(
    provider.calls.map((call) => call.bodyBytes),
    [1, 2].map(() => JSON.stringify(big).length),
  );
});

test("a 404 is kept for ttl_404, but not a local server's", async () => {
  const handler: Handler = (call) =>
    call.reply({ status: 404, headers: json, body: '{"error":{"message":"no model"}}' });
  const cloud = run.script("openai", handler);
  const body = openai.request(fresh(), false);
  const headers = { authorization: "Bearer k" };
  const first = await post(run.port, openai.path, { body, headers });
  assert.deepEqual([first.status, first.cache], [404, "MISS"]);
  assertHit(await post(run.port, openai.path, { body, headers }), first);
  assert.equal(cloud.count, 1);
  await twice(run, "/ollama/v1/chat/completions", { provider: "ollama", body, handler });
});

test(
  "an entry older than its TTL is fetched again, and an answer that is not kept leaves no trace",
  OWN_PROCESS,
  async (t) => {
    const provider = await startProvider(answerWell);
    const server = await startAskonce({ flags: ["--provider", `openai=${provider.url}`, "--ttl", "1s"] });
    t.after(async () => {
      await server.kill();
      await provider.close();
    });
    const body = openai.request(fresh(), false);
    const first = await post(server.port, openai.path, { body });
    assertMiss(first);
    assertHit(await post(server.port, openai.path, { body }), first);
    await new Promise((resolve) => setTimeout(resolve, 3100));
    const late = await post(server.port, openai.path, { body });
    assert.notEqual(late.text, first.text);
    assert.equal(provider.count, 2);
  },
);

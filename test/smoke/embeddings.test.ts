import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { startAskonce } from "../support/askonce.ts";
import { type Asked, inputsOf, openaiAnswer, print, tokensOf, vectorOf } from "../support/embeddings.ts";
import type { Call, Handler } from "../support/provider.ts";
import { ask, post, type RawAnswer } from "../support/raw.ts";
import { assertHit, assertMiss, fresh, OWN_PROCESS, session } from "../support/session.ts";

const run = session();
const owner = { authorization: "Bearer sk-owner" };
const JSON_TYPE = { "Content-Type": "application/json" };
const PATH = "/openai/v1/embeddings";

const embeds: Handler = async (call) => {
  await call.reply({ headers: JSON_TYPE, body: print(openaiAnswer(await call.json()), "pretty") });
};

function words(count: number): string[] {
  return Array.from({ length: count }, () => fresh("w"));
}

async function embed(input: unknown, more: { body?: object; headers?: Record<string, string> } = {}) {
  const body = { model: "m", input, ...more.body };
  return await post(run.port, PATH, { body, headers: { ...owner, ...more.headers } });
}

async function inputsAsked(call: Call | undefined): Promise<unknown> {
  assert.ok(call);
  return (await call.json()).input;
}

/** The vectors and indexes that the provider would give, whatever the usage. */
function assertVectors(answer: RawAnswer, asked: Asked, seed = ""): void {
  const want = openaiAnswer(asked, seed);
  assert.deepEqual({ ...answer.json, usage: 0 }, { ...want, usage: 0 });
}

test("a batch of unknown inputs is one call, as the client sent it; again it is the same bytes, in another order a HIT", async () => {
  const provider = run.script("openai", embeds);
  const [a, b, c] = words(3);
  const first = await embed([a, b, a]);
  assertMiss(first);
  assert.deepEqual(await inputsAsked(provider.calls[0]), [a, b, a]);
  assertHit(await embed([a, b, a]), first);

  const turned = await embed([b, a]);
  assert.equal(turned.cache, "HIT");
  assert.match(turned.header("cache-status") ?? "", /^askonce; hit; ttl=\d+; key="[0-9a-f]{64}"$/);
  assert.match(turned.header("age") ?? "", /^\d+$/);
  assert.equal(turned.header("x-cache-key")?.length, 64);
  assertVectors(turned, { model: "m", input: [b, a] });
  assert.equal(provider.count, 1);
  assert.equal((await embed([c])).cache, "MISS");
});

test("of a batch only the unknown inputs go up, each once, and the answer's order, index and usage are right", async () => {
  const provider = run.script("openai", embeds);
  const [a, b, c, d] = words(4);
  for (const known of [b, d]) assertMiss(await embed(known));
  provider.forget();
  const partial = await embed([a, b, c, a, d], { body: { user: "u-1" } });
  assert.deepEqual([partial.status, partial.cache, provider.count], [200, "PARTIAL", 1]);
  assert.match(partial.header("cache-status") ?? "", /^askonce; fwd=partial; key=/);
  assert.deepEqual(await provider.calls[0]?.json(), { model: "m", input: [a, c], user: "u-1" });
  assertVectors(partial, { model: "m", input: [a, b, c, a, d] });

  const again = await embed([a, b, c, a, d]);
  assertHit(again, partial);
  assert.equal(again.header("x-cache-key"), partial.header("x-cache-key"));
  for (const one of [a, c]) assert.equal((await embed(one)).cache, "HIT");
  assert.equal(provider.count, 1);
  assert.ok(run.server.log.some((line) => line.endsWith("Cache: PARTIAL")));
});

test("inputs recorded singly give exactly the answer of the provider to their batch", async () => {
  const provider = run.script("openai", embeds);
  const list = words(3);
  for (const one of list) assertMiss(await embed(one));
  const batch = await embed(list.toReversed());
  assert.equal(batch.cache, "HIT");
  assert.equal(batch.text, print(openaiAnswer({ model: "m", input: list.toReversed() }), "pretty"));
  assert.equal(
    batch.json.usage.total_tokens,
    list.reduce((sum, one) => sum + tokensOf(one), 0),
  );
  assert.equal(provider.count, 3);
});

test("a string and a list of it share their vector, as do a list of tokens and a list of that", async () => {
  const provider = run.script("openai", embeds);
  const token = Number(fresh("").replace(/\D/g, "").slice(-9));
  for (const one of [fresh(), [token, 7]]) {
    const first = await embed(one);
    assertMiss(first);
    assertHit(await embed([one]), first);
    const other = Array.isArray(one) ? [token, 8] : fresh();
    const second = await embed([other]);
    assertMiss(second);
    assertHit(await embed(other), second);
  }
  assert.equal(provider.count, 4);
});

test("base64 and float, and other dimensions, are other vectors", async () => {
  const provider = run.script("openai", embeds);
  const [a, b] = words(2);
  for (const body of [{ encoding_format: "float" }, { encoding_format: "base64" }, { dimensions: 2 }]) {
    provider.forget();
    assertMiss(await embed(a, { body }));
    const partial = await embed([b, a], { body });
    assert.deepEqual([partial.cache, provider.count], ["PARTIAL", 2]);
    assertVectors(partial, { model: "m", input: [b, a], ...body });
  }
});

test("an answer of the wrong length, or with wrong indexes, is passed on and not split", async () => {
  const short: Handler = async (call) => {
    const answer = openaiAnswer(await call.json()) as { data: unknown[] };
    await call.reply({ headers: JSON_TYPE, body: JSON.stringify({ ...answer, data: answer.data.slice(1) }) });
  };
  const doubled: Handler = async (call) => {
    const answer = openaiAnswer(await call.json()) as { data: object[] };
    const data = answer.data.map((element) => ({ ...element, index: 0 }));
    await call.reply({ headers: JSON_TYPE, body: JSON.stringify({ ...answer, data }) });
  };
  for (const wrong of [short, doubled]) {
    const provider = run.script("openai", wrong);
    const [a, b, known] = words(3);
    const first = await embed([a, b]);
    assertMiss(first);
    assert.deepEqual((await embed([b, a])).cache, "MISS");
    assert.equal(provider.count, 2);

    run.script("openai", embeds);
    assertMiss(await embed(known));
    run.script("openai", wrong);
    const [c, d] = words(2);
    // What can't be joined is asked for as the client asked: the whole wrong answer is the provider's own.
    const whole = await embed([known, c, d]);
    assert.deepEqual([whole.status, whole.cache], [200, "MISS"]);
    assert.deepEqual(await inputsAsked(provider.calls.at(-1)), [known, c, d]);
    run.script("openai", embeds);
    assert.equal((await embed([c])).cache, "MISS");
  }
});

test("a failure on the unknown part is passed on and spoils nothing that is known", async () => {
  for (const status of [500, 429, 400, 404]) {
    run.script("openai", embeds);
    const [known, unknown] = words(2);
    assertMiss(await embed(known));
    const body = `{"error":{"message":"no ${status}"}}`;
    const provider = run.script("openai", (call) => call.reply({ status, headers: JSON_TYPE, body }));
    const failed = await embed([known, unknown]);
    assert.deepEqual([failed.status, failed.text], [status, body]);
    assert.notEqual(failed.cache, "HIT");
    assert.deepEqual(await inputsAsked(provider.calls[0]), [unknown]);
    provider.handler = embeds;
    if (status === 404) assert.equal((await embed([known, unknown])).status, 404);
    else assertVectors(await embed([known, unknown]), { model: "m", input: [known, unknown] });
    assert.equal((await embed([known])).cache, "HIT");
  }
});

test("a provider that breaks off in the unknown part is a 502, never a shorter answer", async () => {
  run.script("openai", embeds);
  const [known, unknown] = words(2);
  assertMiss(await embed(known));
  run.script("openai", async (call) => {
    await call.reply({ headers: JSON_TYPE, body: '{"data":[', declaredLength: 900 });
    call.cut();
  });
  assert.equal((await embed([known, unknown])).status, 502);
});

test("controls keep their meaning: no-cache and refresh ask for all, replay and only-if-cached for nothing", async () => {
  const provider = run.script("openai", embeds);
  const [a, b] = words(2);
  assertMiss(await embed(a));
  for (const headers of [{ "X-Cache-Mode": "replay" }, { "Cache-Control": "only-if-cached" }]) {
    const status = "X-Cache-Mode" in headers ? 424 : 504;
    assert.equal((await embed([a, b], { headers })).status, status);
    assert.equal((await embed([a], { headers })).cache, "HIT");
  }
  assert.equal(provider.count, 1);
  for (const headers of [{ "Cache-Control": "no-store" }, { "X-Cache-Mode": "bypass" }]) {
    assert.equal((await embed([a, b], { headers })).cache, "BYPASS");
    assert.equal((await embed([b], { headers: { "Cache-Control": "only-if-cached" } })).status, 504);
  }
  run.script("openai", async (call) => {
    await call.reply({ headers: JSON_TYPE, body: JSON.stringify(openaiAnswer(await call.json(), "new")) });
  });
  for (const headers of [{ "Cache-Control": "no-cache" }, { "X-Cache-Mode": "refresh" }]) {
    const anew = await embed([b, a], { headers });
    assertMiss(anew);
    assert.deepEqual(await inputsAsked(provider.calls.at(-1)), [b, a]);
    // What was fetched anew stands for each of its inputs.
    const one = await embed([a]);
    assert.deepEqual([one.cache, one.json.data[0].embedding], ["HIT", vectorOf(a, { seed: "new" })]);
  }
  assert.equal((await embed([a, b], { headers: { "X-Cache-Namespace": fresh("n") } })).cache, "MISS");
  assert.equal((await embed([a, b], { headers: { "X-Cache-Sample": "3" } })).cache, "MISS");
});

test("parts past their time count as unknown", async () => {
  const provider = run.script("openai", embeds);
  const [a, b] = words(2);
  assertMiss(await embed(a));
  assertMiss(await embed(b, { headers: { "X-Cache-TTL": "0s" } }));
  const partial = await embed([a, b]);
  assert.equal(partial.cache, "PARTIAL");
  assert.deepEqual(await inputsAsked(provider.calls.at(-1)), [b]);
});

test("the same batch from many at once is one call for its unknown part, and all get the same bytes", async () => {
  run.script("openai", embeds);
  const [known, a, b] = words(3);
  assertMiss(await embed(known));
  const gate = Promise.withResolvers<void>();
  const provider = run.script("openai", async (call) => {
    await gate.promise;
    await embeds(call);
  });
  const asking = Array.from({ length: 30 }, () => embed([a, known, b]));
  await provider.next();
  gate.resolve();
  const answers = await Promise.all(asking);
  assert.equal(provider.count, 1);
  assert.deepEqual(await inputsAsked(provider.calls[0]), [a, b]);
  for (const answer of answers) {
    assert.match(answer.cache ?? "", /^(PARTIAL|HIT)$/);
    assert.equal(answer.text, answers[0]?.text);
  }
  assertVectors(answers[0] as RawAnswer, { model: "m", input: [a, known, b] });
});

test("whatever batches come, in whatever order, the provider is asked once for each input and the answers are right", async () => {
  const provider = run.script("openai", embeds);
  const pick = fc.nat(7);
  const asked = fc.oneof(pick, fc.array(pick, { minLength: 1, maxLength: 6 }));
  await fc.assert(
    fc.asyncProperty(fc.array(asked, { minLength: 1, maxLength: 8 }), fc.boolean(), async (list, coded) => {
      const pool = words(8);
      const seen = new Set<unknown>();
      const more = { body: { encoding_format: coded ? "base64" : "float" } };
      for (const one of list) {
        const input = Array.isArray(one) ? one.map((at) => pool[at]) : pool[one];
        const inputs = inputsOf(input);
        const unknown = inputs.filter((each) => !seen.has(each));
        provider.forget();
        const answer = await embed(input, more);
        const word = unknown.length === 0 ? "HIT" : unknown.length === inputs.length ? "MISS" : "PARTIAL";
        assert.deepEqual([answer.status, answer.cache], [200, word]);
        assertVectors(answer, { model: "m", input, ...more.body });
        const sent = word === "MISS" ? input : [...new Set(unknown)];
        const wanted = word === "HIT" ? [] : [sent];
        assert.deepEqual(await Promise.all(provider.calls.map(inputsAsked)), wanted);
        for (const each of inputs) seen.add(each);
      }
    }),
    { numRuns: 30 },
  );
});

test("a compressed batch is taken apart, and its unknown part goes up plain", async () => {
  const provider = run.script("openai", embeds);
  const [a, b] = words(2);
  assertMiss(await embed(a));
  const body = gzipSync(JSON.stringify({ model: "m", input: [a, b] }));
  const headers = { ...owner, ...JSON_TYPE, "Content-Encoding": "gzip" };
  const partial = await ask(run.port, { path: PATH, body, headers });
  assert.equal(partial.cache, "PARTIAL");
  assert.equal(provider.calls.at(-1)?.header("content-encoding"), undefined);
  assertVectors(partial, { model: "m", input: [a, b] });
});

test("parts of two models never stand in one answer", async () => {
  const named = (model: string): Handler => {
    return async (call) => {
      const answer = { ...openaiAnswer(await call.json()), model };
      await call.reply({ headers: JSON_TYPE, body: JSON.stringify(answer) });
    };
  };
  const [a, b] = words(2);
  run.script("openai", named("v1"));
  assertMiss(await embed(a));
  const provider = run.script("openai", named("v2"));
  const whole = await embed([a, b]);
  assert.deepEqual([whole.cache, whole.json.model], ["MISS", "v2"]);
  assert.deepEqual(await inputsAsked(provider.calls.at(-1)), [a, b]);
  assert.equal((await embed([b, a])).json.model, "v2");
  assert.equal(provider.count, 2);
});

test("Google's batch shares its parts with the endpoint for one", async () => {
  const item = (text: string) => ({ model: "models/m-1", content: { parts: [{ text }] }, taskType: "X" });
  const vector = (request: { content: unknown }) => ({ values: vectorOf(request.content) });
  const provider = run.script("google", async (call) => {
    const asked = await call.json();
    const answer = asked.requests ? { embeddings: asked.requests.map(vector) } : { embedding: vector(asked) };
    await call.reply({ headers: JSON_TYPE, body: JSON.stringify(answer) });
  });
  const google = (verb: string, body: object) =>
    post(run.port, `/google/v1beta/models/m-1:${verb}`, { body, headers: { "x-goog-api-key": "k" } });
  const [a, b, c] = words(3).map(item) as [object, object, object];
  assertMiss(await google("embedContent", a));
  const partial = await google("batchEmbedContents", { requests: [b, a] });
  assert.equal(partial.cache, "PARTIAL");
  assert.deepEqual(await provider.calls[1]?.json(), { requests: [b] });
  assert.deepEqual(partial.json, { embeddings: [b, a].map((one) => vector(one as { content: unknown })) });
  const single = await google("embedContent", b);
  assert.deepEqual([single.cache, single.json], ["HIT", { embedding: vector(b as { content: unknown }) }]);
  assertMiss(await google("batchEmbedContents", { requests: [c] }));
  assert.equal((await google("embedContent", c)).cache, "HIT");
  assert.equal(provider.count, 3);
});

test("Ollama's own endpoint is taken apart too, and Cohere's is kept whole", async () => {
  const ollama = run.script("ollama", async (call) => {
    const inputs = inputsOf((await call.json()).input);
    const answer = { model: "m", embeddings: inputs.map((one) => vectorOf(one)), total_duration: 5 };
    await call.reply({
      headers: JSON_TYPE,
      body: JSON.stringify({ ...answer, prompt_eval_count: inputs.length }),
    });
  });
  const [a, b] = words(2);
  const ollamas = (input: unknown) => post(run.port, "/ollama/api/embed", { body: { model: "m", input } });
  assertMiss(await ollamas(a));
  const partial = await ollamas([a, b]);
  assert.deepEqual([partial.cache, partial.json.prompt_eval_count], ["PARTIAL", 2]);
  assert.deepEqual(partial.json.embeddings, [vectorOf(a), vectorOf(b)]);
  assert.deepEqual(await inputsAsked(ollama.calls[1]), [b]);

  const cohere = run.script("cohere", async (call) => {
    const { texts } = await call.json();
    const answer = { id: fresh(), embeddings: { float: texts.map(vectorOf) }, texts, meta: {} };
    await call.reply({ headers: JSON_TYPE, body: JSON.stringify(answer) });
  });
  const whole = (texts: unknown) =>
    post(run.port, "/cohere/v2/embed", { body: { model: "m", texts }, headers: owner });
  const first = await whole([a, b]);
  assertMiss(first);
  assertHit(await whole([a, b]), first);
  assert.equal((await whole([b, a])).cache, "MISS");
  assert.equal(cohere.count, 2);
});

test("parts of a batch survive kill -9 once its answer has ended", OWN_PROCESS, async (t) => {
  run.script("openai", embeds);
  const [a, b, c] = words(3);
  const flags = run.providers.flags;
  const doomed = await startAskonce({ flags });
  const embedAt = (port: number, input: unknown) =>
    post(port, PATH, { body: { model: "m", input }, headers: owner });
  assertMiss(await embedAt(doomed.port, [a, b]));
  assert.equal((await embedAt(doomed.port, [b, c])).cache, "PARTIAL");
  await doomed.kill();
  const next = await startAskonce({ flags, data: doomed.data });
  t.after(() => next.kill());
  const provider = run.script("openai", embeds);
  assert.equal((await embedAt(next.port, [c, b, a])).cache, "HIT");
  assert.equal(provider.count, 0);
});

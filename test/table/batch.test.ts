import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { batchForm } from "../../src/providers/embeddings.ts";
import { providersFor } from "../../src/providers/table.ts";
import { joinVectors, splitAnswer, unitForm, type Vector } from "../../src/proxy/batch-answer.ts";
import { type Batch, readBatch } from "../../src/proxy/batch-request.ts";
import { digestBody } from "../../src/proxy/body-digest.ts";
import type { Question } from "../../src/proxy/question.ts";
import { shares } from "../../src/proxy/token-shares.ts";
import { type Asked, inputsOf, openaiAnswer, print, type Style, tokensOf } from "../support/embeddings.ts";

const providers = providersFor();
const encoder = new TextEncoder();
const decoder = new TextDecoder();
const atOnce = () => undefined;

async function questionOf(
  body: unknown,
  options: { provider?: string; path?: string } = {},
): Promise<Question> {
  const { path = "/v1/embeddings" } = options;
  const provider = providers.get(options.provider ?? "openai");
  const endpoint = provider?.family.endpoint(path);
  assert.ok(provider && endpoint);
  const plain = encoder.encode(typeof body === "string" ? body : JSON.stringify(body));
  const json = JSON.parse(decoder.decode(plain));
  const { digest, canonical, ignored } = await digestBody(plain, {
    contentType: "",
    provider,
    endpoint,
    path,
    json: { value: json, text: decoder.decode(plain) },
    settings: { cacheAnyway: [], keyIgnore: [], keyKeep: [], keyMask: [] },
  });
  const asked = { endpoint, path, query: "", json };
  const told = {
    wantsStream: false,
    model: undefined,
    accountBound: false,
    contentType: "",
    coding: "",
    fields: [],
  };
  return { asked, digest, plain, canonical, ignored, ...told };
}

async function batchOf(body: unknown, options: { provider?: string; path?: string } = {}): Promise<Batch> {
  const batch = await readBatch(await questionOf(body, options), atOnce);
  assert.ok(batch, JSON.stringify(body));
  return batch;
}

function text(pieces: Iterable<Uint8Array>): string {
  return Buffer.concat([...pieces]).toString();
}

async function split(answer: string, batch: Batch, weights: readonly number[]): Promise<readonly Vector[]> {
  const vectors = await splitAnswer(encoder.encode(answer), { form: batch.form, weights, turns: atOnce });
  assert.ok(vectors, answer);
  return vectors;
}

/** What the proxy does with one request over what it has recorded, and what it asked the provider for. */
async function through(
  known: Map<string, string>,
  asked: Asked,
  options: { answer: (asked: Asked) => string },
): Promise<{ answer: string; calls: Asked[] }> {
  const question = await questionOf(asked);
  const batch = await readBatch(question, atOnce);
  if (batch === undefined) {
    const found = known.get(question.digest) ?? options.answer(asked);
    known.set(question.digest, found);
    return { answer: found, calls: [] };
  }
  const vectors: (Vector | undefined)[] = [];
  for (const unit of batch.units) {
    const found = known.get(unit.digest);
    const form = unitForm(batch.form);
    const weights = [unit.weight];
    vectors.push(
      found === undefined
        ? undefined
        : (await splitAnswer(encoder.encode(found), { form, weights, turns: atOnce }))?.[0],
    );
  }
  const missing = [...batch.units.keys()].filter((number) => vectors[number] === undefined);
  const calls: Asked[] = [];
  if (missing.length > 0) {
    const part = JSON.parse(decoder.decode((await batch.only(missing)).body)) as Asked;
    calls.push(part);
    const weights = missing.map((number) => batch.units[number]?.weight ?? 0);
    const got = await split(options.answer(part), batch, weights);
    for (const [at, number] of missing.entries()) {
      const vector = got[at] as Vector;
      vectors[number] = vector;
      known.set(batch.units[number]?.digest as string, text(joinVectors([vector], unitForm(batch.form))));
    }
  }
  const ordered = batch.order.map((number) => vectors[number] as Vector);
  return { answer: text(joinVectors(ordered, batch.form)), calls };
}

const input = fc.oneof(
  fc.constantFrom("a", "b", "é", 'q"\\', "]", "[1]", "\u2028", "x".repeat(50)),
  fc.string({ maxLength: 6 }),
);
const tokens = fc.array(fc.nat(50), { minLength: 1, maxLength: 4 });
const inputs = fc.oneof(
  fc.array(input, { minLength: 1, maxLength: 6 }),
  fc.array(tokens, { minLength: 1, maxLength: 6 }),
);
const style = fc.constantFrom<Style>("compact", "spaced", "pretty");
const coding = fc.constantFrom("float", "base64");

test("inputs recorded singly give, in any batch, byte for byte what the provider would have given", async () => {
  await fc.assert(
    fc.asyncProperty(inputs, fc.array(fc.nat(5)), style, coding, async (list, recorded, printedAs, coded) => {
      const asked = { model: "m", encoding_format: coded, input: list };
      const answer = (request: Asked) => print(openaiAnswer(request), printedAs);
      const known = new Map<string, string>();
      for (const at of recorded)
        if (at < list.length) await through(known, { ...asked, input: list[at] }, { answer });
      for (const one of list) await through(known, { ...asked, input: one }, { answer });
      const { answer: got, calls } = await through(known, asked, { answer });
      assert.deepEqual(calls, []);
      assert.equal(got, answer(asked));
    }),
    { numRuns: 300 },
  );
});

test("over any run of batches each vector is the input's own, only unknown inputs go up, each once, and a batch again is the same bytes", async () => {
  const batches = fc.array(inputs, { minLength: 1, maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(batches, style, coding, async (lists, printedAs, coded) => {
      const known = new Map<string, string>();
      const seen = new Set<string>();
      const answer = (request: Asked) => print(openaiAnswer(request), printedAs);
      for (const list of lists) {
        const asked = { model: "m", encoding_format: coded, user: "u", input: list };
        const { answer: got, calls } = await through(known, asked, { answer });
        const names = list.map((one) => JSON.stringify(one));
        const unknown = [...new Set(names.filter((name) => !seen.has(name)))];
        const sent = calls.flatMap((call) => inputsOf(call.input).map((one) => JSON.stringify(one)));
        assert.deepEqual(sent, unknown);
        for (const call of calls) assert.deepEqual({ ...call, input: list }, asked);
        for (const name of names) seen.add(name);
        const want = openaiAnswer(asked) as { data: unknown };
        assert.deepEqual({ ...JSON.parse(got), usage: 0 }, { ...want, usage: 0 });
        assert.equal((await through(known, asked, { answer })).answer, got);
      }
    }),
    { numRuns: 300 },
  );
});

test("a batch's counts are shared out by length and come back whole when the batch is put together again", async () => {
  await fc.assert(
    fc.asyncProperty(inputs, style, async (list, printedAs) => {
      const distinct = [...new Map(list.map((one) => [JSON.stringify(one), one])).values()];
      const asked = { model: "m", input: distinct };
      const answer = (request: Asked) => print(openaiAnswer(request), printedAs);
      const known = new Map<string, string>();
      await through(known, asked, { answer });
      const reversed = { ...asked, input: distinct.toReversed() };
      const { answer: got } = await through(known, reversed, { answer });
      const total = distinct.reduce<number>((sum, one) => sum + tokensOf(one), 0);
      assert.deepEqual(JSON.parse(got).usage, { prompt_tokens: total, total_tokens: total });
    }),
    { numRuns: 200 },
  );
});

test("whole totals are shared in whole parts that sum up to them", () => {
  fc.assert(
    fc.property(fc.nat(1e6), fc.array(fc.nat(1e5), { minLength: 1 }), (total, weights) => {
      const parts = shares(total, weights);
      assert.equal(
        parts.reduce((sum, part) => sum + part, 0),
        total,
      );
      assert.ok(parts.every((part) => Number.isInteger(part) && part >= 0));
    }),
  );
  assert.deepEqual(shares(10, [8, 2]), [8, 2]);
  assert.deepEqual(shares(3, [0, 0]), [2, 1]);
});

test("vectors in another order than the inputs are told apart by their index", async () => {
  const batch = await batchOf({ input: ["a", "b", "c"] });
  const answer = '{"data":[{"index":2,"e":"C"},{"e":"A","index":0},{"index":1,"e":"B"}]}';
  const vectors = await split(answer, batch, [1, 1, 1]);
  const joined = text(joinVectors(vectors, batch.form));
  assert.equal(joined, '{"data":[{"e":"A","index":0},{"index":1,"e":"B"},{"index":2,"e":"C"}]}');
});

test("an answer whose length or indexes do not match its inputs is not split", async () => {
  const { form } = await batchOf({ input: ["a", "b"] });
  for (const data of [
    "[]",
    '[{"index":0}]',
    '[{"index":0},{"index":1},{"index":2}]',
    '[{"index":0},{"index":0}]',
    '[{"index":1},{"index":2}]',
    '[{"index":0},{}]',
    '[{"index":-1},{"index":0}]',
    '[{"index":0.5},{"index":1}]',
    '[{"index":"0"},{"index":"1"}]',
    '[{"index":0,"index":1},{"index":1}]',
    '{"0":{"index":0},"1":{"index":1}}',
    "null",
  ]) {
    const options = { form, weights: [1, 1], turns: atOnce };
    assert.equal(await splitAnswer(encoder.encode(`{"data":${data}}`), options), undefined, data);
  }
  const bare = encoder.encode('[{"index":0},{"index":1}]');
  assert.equal(await splitAnswer(bare, { form, weights: [1, 1], turns: atOnce }), undefined);
});

test("no digit of a vector and no member that nobody knows is lost", async () => {
  const batch = await batchOf({ input: ["a", "b"] });
  const element = (index: number) =>
    `{"object":"embedding","new":{"a":[1,[2]],"s":"]}\\""},"index": ${index},"embedding":[1e400,-0.0,0.10000000000000000001]}`;
  const answer = `{"future":{"data":[1]},"data":[${element(0)},${element(1)}],"model":"m"}`;
  const vectors = await split(answer, batch, [1, 1]);
  assert.equal(text(joinVectors(vectors, batch.form)), answer);
  const second = text(joinVectors([vectors[1] as Vector], batch.form));
  assert.equal(second, `{"future":{"data":[1]},"data":[${element(0)}],"model":"m"}`);
});

const alone: [why: string, body: unknown, options?: { provider?: string; path?: string }][] = [
  ["a string is one input", { input: "a" }],
  ["a list of tokens is one input", { input: [1, 2, 3] }],
  ["an empty list", { input: [] }],
  ["strings beside tokens", { input: ["a", 1] }],
  ["strings beside lists of tokens", { input: ["a", [1]] }],
  ["lists of strings", { input: [["a"], ["b"]] }],
  ["nothing", { input: [null] }],
  ["no list of inputs", { prompt: ["a"] }],
  ["the list twice", '{"input":["a"],"input":["b"]}'],
  ["late chunking makes one text of all", { input: ["a", "b"], late_chunking: true }, { provider: "jina" }],
  ["chunks that depend on their neighbours", { inputs: [["a"]] }, { path: "/v1/contextualizedembeddings" }],
  ["Cohere", { texts: ["a", "b"], input_type: "x" }, { provider: "cohere", path: "/v2/embed" }],
];
for (const [why, body, options] of alone) {
  test(`kept whole: ${why}`, async () => {
    assert.equal(await readBatch(await questionOf(body, options), atOnce), undefined);
  });
}

test("the request for one input has the key of its string or token list, whatever stands where in the batch", async () => {
  for (const [list, one] of [
    [["a", "b"], "b"],
    [[[1, 2], [3]], [3]],
  ]) {
    const batch = await batchOf(`{"user":"u1","input": ${JSON.stringify(list)} ,"model":"m"}`);
    const single = await questionOf({ model: "m", input: one });
    assert.equal(batch.units[1]?.digest, single.digest);
  }
});

test("every other field of a request counts for its inputs, those that never count left out", async () => {
  const digest = async (more: object) =>
    (await batchOf({ model: "m", input: ["a"], ...more })).units[0]?.digest;
  const plain = await digest({});
  assert.equal(await digest({ user: "u" }), plain);
  for (const more of [
    { model: "n" },
    { dimensions: 8 },
    { encoding_format: "float" },
    { input_type: "query" },
    { metadata: { a: 1 } },
    { x: 0 },
  ])
    assert.notEqual(await digest(more), plain, JSON.stringify(more));
});

test("only the wanted inputs go up, in the client's own text", async () => {
  const body = '{ "user" : "u", "input": [ "\\u00e9" , "b","c" ], "model":"m", "n": 1.0 }';
  const batch = await batchOf(body);
  const { body: sent, digest } = await batch.only([0, 2]);
  assert.equal(decoder.decode(sent), '{ "user" : "u", "input": ["\\u00e9","c"], "model":"m", "n": 1.0 }');
  assert.equal(digest, (await questionOf(decoder.decode(sent))).digest);
});

const GOOGLE = "/v1beta/models/m-1:";
test("Google's batch and its endpoint for one share what they know, in each other's form", async () => {
  const options = { provider: "google", path: `${GOOGLE}batchEmbedContents` };
  const content = (word: string) => ({ parts: [{ text: word }] });
  const item = (word: string) => ({ model: "models/m-1", content: content(word), taskType: "X" });
  const batch = await batchOf({ requests: [item("a"), item("b")] }, options);
  const single = { provider: "google", path: `${GOOGLE}embedContent` };
  const bare = await questionOf({ taskType: "X", content: content("b") }, single);
  assert.deepEqual([batch.units[1]?.digest, batch.units[1]?.path], [bare.digest, single.path]);
  const named = await batchOf(item("b"), single);
  assert.deepEqual([named.units[0]?.digest, named.order], [bare.digest, [0]]);

  const vectors = await split('{"embeddings": [{"values":[1]}, {"values":[2]}]}', batch, [1, 1]);
  const kept = text(joinVectors([vectors[1] as Vector], unitForm(batch.form)));
  assert.equal(kept, '{"embedding": {"values":[2]}}');
  const back = await splitAnswer(encoder.encode(kept), {
    form: unitForm(batch.form),
    weights: [1],
    turns: atOnce,
  });
  const joined = text(joinVectors([back?.[0] as Vector, vectors[0] as Vector], batch.form));
  assert.equal(joined, '{"embeddings": [{"values":[2]}, {"values":[1]}]}');

  const other = { requests: [{ ...item("a"), model: "models/m-2" }] };
  assert.equal(await readBatch(await questionOf(other, options), atOnce), undefined);
});

test("Ollama's vectors have no index, and its token count adds up", async () => {
  const options = { provider: "ollama", path: "/api/embed" };
  const batch = await batchOf({ model: "m", input: ["aaa", "b"] }, options);
  const answer = '{"model":"m","embeddings":[[1,2],[3,4]],"total_duration":9,"prompt_eval_count":4}';
  const vectors = await split(
    answer,
    batch,
    batch.units.map((unit) => unit.weight),
  );
  const kept = vectors.map((vector) => text(joinVectors([vector], unitForm(batch.form))));
  assert.deepEqual(kept, [
    '{"model":"m","embeddings":[[1,2]],"total_duration":9,"prompt_eval_count":3}',
    '{"model":"m","embeddings":[[3,4]],"total_duration":9,"prompt_eval_count":1}',
  ]);
  assert.equal(text(joinVectors(vectors, batch.form)), answer);
});

test("an object is an input of Jina's and of Voyage's, alone as a list of one", async () => {
  const jina = await batchOf({ input: [{ text: "a" }, "b", { image: "x" }] }, { provider: "jina" });
  assert.equal(jina.units.length, 3);
  const path = "/v1/multimodalembeddings";
  const item = { content: [{ type: "text", text: "a" }] };
  const voyage = await batchOf({ inputs: [item, { content: [] }] }, { provider: "voyage", path });
  const one = await questionOf({ inputs: [item] }, { provider: "voyage", path });
  assert.equal(voyage.units[0]?.digest, one.digest);
  assert.equal(await readBatch(one, atOnce), undefined);
});

test("counts add up wherever they stand and however deep; what is no count stays as the first answer has it", async () => {
  const batch = await batchOf({ input: ["aaaa", "b"] });
  const first =
    '{"usage":{"prompt_tokens":8,"details":{"text":[8,null],"cost":0.02,"cached":false}},"id":"1","data":[1]}';
  const second =
    '{"id":"2","data":[2],"usage":{"prompt_tokens":2,"details":{"text":[2,null],"cost":0.01,"cached":true}}}';
  const [a] = await split(first, { ...batch, units: batch.units.slice(0, 1) }, [4]);
  const [b] = await split(second, { ...batch, units: batch.units.slice(1) }, [1]);
  assert.equal(
    text(joinVectors([a as Vector, b as Vector], batch.form)),
    '{"usage":{"prompt_tokens":10,"details":{"text":[10,null],"cost":0.03,"cached":false}},"id":"1","data":[1,2]}',
  );
});

test("parts of an answer with fractions give the same bytes before and after they went through the store", async () => {
  await fc.assert(
    fc.asyncProperty(fc.double({ min: 0, max: 9, noNaN: true }), async (cost) => {
      const batch = await batchOf({ input: ["aaaa", "b", "cc"] });
      const weights = batch.units.map((unit) => unit.weight);
      const vectors = await split(`{"data":[1,2,3],"usage":{"cost":${cost.toFixed(12)}}}`, batch, weights);
      const direct = text(joinVectors(vectors, batch.form));
      const stored: Vector[] = [];
      for (const vector of vectors)
        stored.push(...(await split(text(joinVectors([vector], unitForm(batch.form))), batch, [1])));
      assert.equal(text(joinVectors(stored, batch.form)), direct);
    }),
  );
});

test("a path that is no embeddings endpoint has no form", async () => {
  const question = await questionOf({ input: ["a"] });
  const other = { ...question.asked, endpoint: { kind: "moderations" as const, pure: true } };
  assert.equal(batchForm(other), undefined);
});

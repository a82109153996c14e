import assert from "node:assert/strict";
import { test } from "node:test";
import { openai } from "../support/answers.ts";
import { startAskonce, target } from "../support/askonce.ts";
import { percentile, probe, shown } from "../support/hits.ts";
import { startProvider } from "../support/provider.ts";
import { ask, post } from "../support/raw.ts";
import { eventually, fresh } from "../support/session.ts";

const PATH = "/openai/v1/embeddings";
const WIDTH = 3072;
const COUNT = 2048;
/** Inputs recorded at a time: 2.4 MB of answer. */
const BATCH = 64;
const headers = { "Content-Type": "application/json" };

/** The numbers after a vector's first, which is the input's own. */
const REST = Array.from({ length: WIDTH - 1 }, (_, i) => Math.sin(i).toFixed(9)).join(",");

test("2,048 inputs of 3,072 numbers are taken apart and put together while hits stay within 50 ms", {
  timeout: 180_000,
}, async (t) => {
  const provider = await startProvider(async (call) => {
    if (call.path.endsWith("/chat/completions"))
      return call.reply({ headers, body: JSON.stringify(openai.document("hot")) });
    const { input } = await call.json();
    const data = input.map(
      (word: string, i: number) => `{"index":${i},"embedding":[${word.split("-").at(-1)},${REST}]}`,
    );
    const body = `{"object":"list","data":[${data.join()}],"model":"m","usage":{"total_tokens":${input.length}}}`;
    await call.head({ headers, framing: "length", declaredLength: body.length });
    for (let at = 0; at < body.length; at += 256 * 1024) await call.chunk(body.slice(at, at + 256 * 1024));
  });
  const server = await startAskonce({ flags: ["--provider", `openai=${provider.url}`] });
  t.after(async () => {
    await server.kill();
    await provider.close();
  });
  const words = Array.from({ length: COUNT }, () => fresh("word"));
  const embed = (input: readonly string[], more = {}) =>
    ask(server.port, {
      path: PATH,
      headers: { ...headers, ...more },
      body: JSON.stringify({ model: "m", input }),
      timeoutMs: 60_000,
    });
  const hot = JSON.stringify(openai.request(fresh("hot"), false));
  for (const word of ["MISS", "HIT"])
    assert.equal((await post(server.port, openai.path, { body: hot })).cache, word);

  const storing = probe(server.port, { path: openai.path, body: hot });
  for (let from = 0; from < COUNT; from += BATCH)
    assert.equal((await embed(words.slice(from, from + BATCH))).cache, "MISS");
  // The end is held back for at most a second, and so many parts may take longer to store.
  const known = () => embed(words.slice(-BATCH).toReversed(), { "Cache-Control": "only-if-cached" });
  await eventually(async () => assert.equal((await known()).cache, "HIT"), 30_000);
  const whileStoring = await storing();

  const calls = provider.count;
  const joining = probe(server.port, { path: openai.path, body: hot });
  const turned = words.toReversed();
  const begun = performance.now();
  const all = await embed(turned);
  const took = performance.now() - begun;
  const partial = await embed([...turned.slice(0, 1500), fresh("new")]);
  const whileJoining = await joining();

  assert.deepEqual(
    [all.cache, all.ending, partial.cache, provider.count - calls],
    ["HIT", "complete", "PARTIAL", 1],
  );
  const firsts = [...all.text.matchAll(/"index":(\d+),"embedding":\[(\d+),/g)].map(
    ([, i, first]) => `${i} ${first}`,
  );
  assert.deepEqual(
    firsts,
    turned.map((word, i) => `${i} ${word.split("-").at(-1)}`),
  );
  console.log(
    `${target}: ${all.body.byteLength} bytes of ${COUNT} parts in ${Math.round(took)} ms; ` +
      `hits while storing: ${shown(whileStoring)}; while joining: ${shown(whileJoining)}`,
  );
  for (const { times, words } of [whileStoring, whileJoining]) {
    assert.deepEqual(words, ["HIT"]);
    assert.ok(Number(percentile(times, 0.99)) <= 50, `p99 ${percentile(times, 0.99)} ms`);
  }
});

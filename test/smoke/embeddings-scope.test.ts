import assert from "node:assert/strict";
import { test } from "node:test";
import { openaiAnswer, vectorOf } from "../support/embeddings.ts";
import type { Handler } from "../support/provider.ts";
import { post } from "../support/raw.ts";
import { assertHit, assertMiss, fresh, type Session, session } from "../support/session.ts";

const pools = session({ flags: ["--scope", "credential"] });
const verified = session({ flags: ["--scope", "verified"] });
const keys = { a: "Bearer sk-a", b: "Bearer sk-b", thief: "Bearer sk-made-up" };
const JSON_TYPE = { "Content-Type": "application/json" };

/** Every vector says whose key fetched it. */
const own: Handler = async (call) => {
  const key = call.header("authorization") ?? "";
  if (key === keys.thief)
    return call.reply({ status: 401, headers: JSON_TYPE, body: '{"error":{"message":"no"}}' });
  return call.reply({ headers: JSON_TYPE, body: JSON.stringify(openaiAnswer(await call.json(), key)) });
};

function embed(run: Session, key: string, input: unknown) {
  return post(run.port, "/openai/v1/embeddings", {
    body: { model: "m", input },
    headers: { authorization: key },
  });
}

test("under scope credential no part crosses from one key to another, not even in flight", async () => {
  const gate = Promise.withResolvers<void>();
  const provider = pools.script("openai", own);
  const [x, y] = [fresh(), fresh()];
  assertMiss(await embed(pools, keys.a, [x]));
  assertMiss(await embed(pools, keys.b, [x]));
  provider.handler = async (call) => {
    await gate.promise;
    await own(call);
  };
  provider.forget();
  const asking = [embed(pools, keys.a, [x, y]), embed(pools, keys.b, [x, y])];
  await Promise.all([provider.next(), provider.next()]);
  gate.resolve();
  const answers = await Promise.all(asking);
  for (const [at, key] of [keys.a, keys.b].entries()) {
    const answer = answers[at];
    assert.equal(answer?.cache, "PARTIAL");
    for (const [i, input] of [x, y].entries())
      assert.deepEqual(answer.json.data[i].embedding, vectorOf(input, { seed: key }));
    assertHit(await embed(pools, key, [x, y]), answer);
  }
  assert.equal(provider.count, 2);
});

test("under scope verified a key gets no part before its provider has accepted it, and all of the pool's after", async () => {
  const provider = verified.script("openai", own);
  const [x, y, z] = [fresh(), fresh(), fresh()];
  const seed = keys.a;
  assertMiss(await embed(verified, keys.a, [x, y]));
  for (const input of [[y], [x, y], [y, x]])
    assert.equal((await embed(verified, keys.thief, input)).status, 401);
  assert.equal(provider.count, 4);

  const proving = await embed(verified, keys.b, [y, z]);
  assert.equal(proving.cache, "MISS");
  const { input } = (await provider.calls.at(-1)?.json()) ?? {};
  assert.deepEqual(input, [y, z]);
  // What was good for all stays as it was; what was new is everybody's now.
  const joined = await embed(verified, keys.b, [z, y, x]);
  assert.equal(joined.cache, "HIT");
  assert.deepEqual(joined.json.data[0].embedding, vectorOf(z, { seed: keys.b }));
  assert.deepEqual(joined.json.data[1].embedding, vectorOf(y, { seed }));
  assert.deepEqual(joined.json.data[2].embedding, vectorOf(x, { seed }));
  assert.equal((await embed(verified, keys.a, [z])).cache, "HIT");
});

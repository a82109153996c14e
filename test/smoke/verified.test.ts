import assert from "node:assert/strict";
import { test } from "node:test";
import { answerWell, openai } from "../support/answers.ts";
import { post } from "../support/raw.ts";
import { assertHit, assertMiss, fresh, session } from "../support/session.ts";

const run = session({ flags: ["--scope", "verified"] });
const owner = { authorization: "Bearer sk-owner" };
const other = { authorization: "Bearer sk-other" };
const thief = { authorization: "Bearer sk-made-up" };

/** A provider that refuses the made-up key. */
const guarded: typeof answerWell = (call) =>
  call.header("authorization") === thief.authorization
    ? call.reply({
        status: 401,
        headers: { "Content-Type": "application/json" },
        body: '{"error":{"message":"no"}}',
      })
    : answerWell(call);

test("under scope verified a key reads what others left only once its provider has accepted it", async () => {
  const provider = run.providers.named("openai");
  provider.handler = guarded;
  const body = openai.request(fresh(), false);
  const first = await post(run.port, openai.path, { body, headers: owner });
  assertMiss(first);
  assertHit(await post(run.port, openai.path, { body, headers: owner }), first);

  for (const _ of [1, 2]) {
    const refused = await post(run.port, openai.path, { body, headers: thief });
    assert.deepEqual([refused.status, refused.cache], [401, "MISS"]);
  }
  assert.equal((await post(run.port, openai.path, { body })).cache, "BYPASS");

  const proving = await post(run.port, openai.path, { body, headers: other });
  assert.equal(proving.cache, "MISS");
  assertHit(await post(run.port, openai.path, { body, headers: other }), first);
  assertHit(await post(run.port, openai.path, { body, headers: owner }), first);
});

test("under scope verified another model must accept the key anew, and a refusal ends what was accepted", async () => {
  const provider = run.providers.named("openai");
  provider.handler = answerWell;
  const body = { ...openai.request(fresh(), false), model: "m-2" };
  const first = await post(run.port, openai.path, { body, headers: owner });
  assertMiss(first);
  assert.equal((await post(run.port, openai.path, { body, headers: other })).cache, "MISS");
  assertHit(await post(run.port, openai.path, { body, headers: other }), first);

  provider.handler = (call) => call.reply({ status: 403, body: "{}" });
  const asked = { ...openai.request(fresh(), false), model: "m-2" };
  assert.equal((await post(run.port, openai.path, { body: asked, headers: other })).status, 403);
  assert.equal((await post(run.port, openai.path, { body, headers: other })).status, 403);
  provider.handler = answerWell;
  assertHit(await post(run.port, openai.path, { body, headers: owner }), first);
});

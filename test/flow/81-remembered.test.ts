import assert from "node:assert/strict";
import { test } from "node:test";
import { openaiAnswer } from "../support/embeddings.ts";
import { type Journey, journey, json } from "../support/journey.ts";

const EMBED = "/openai/v1/embeddings";
const text = (body: Uint8Array) => new TextDecoder().decode(body);

async function say(run: Journey, ...asked: Parameters<Journey["ask"]>): Promise<void> {
  await (await run.ask(...asked)).text();
  await run.parts.flights.settled();
}

test("a request is remembered once its answer is kept, and not again for a hit", async () => {
  const run = journey();
  const body = { model: "m", messages: [{ role: "user", content: "Hello" }], user: "u-1" };
  await say(run, {
    path: "/@exp;sample=2/openai/v1/chat/completions",
    body,
    headers: { "openai-beta": "b,a" },
  });
  await say(run, {
    path: "/@exp;sample=2/openai/v1/chat/completions",
    body,
    headers: { "openai-beta": "b,a" },
  });
  const [kept, ...more] = run.kept;
  assert.deepEqual(more, []);
  assert.equal(kept?.key, run.events[0]?.key);
  const { head, ignored, body: bytes } = kept?.request ?? assert.fail("nothing was remembered");
  assert.match(head.digest, /^json:[0-9a-f]{64}$/);
  assert.deepEqual(
    { ...head, digest: "" },
    {
      method: "POST",
      provider: "openai",
      endpoint: "chat",
      model: "m",
      namespace: "exp",
      sample: 2,
      path: "/v1/chat/completions",
      query: "",
      headers: ["openai-beta: a,b"],
      contentType: "application/json",
      digest: "",
    },
  );
  assert.ok(ignored.includes("user"));
  assert.equal(text(bytes), JSON.stringify(body));
});

test("nothing is remembered of what is not kept, or with requests = off", async () => {
  const refused = journey({ provider: () => json("{}", { status: 500 }) });
  await say(refused);
  assert.deepEqual(refused.kept, []);
  const off = journey({ flags: [["--requests", "off"]] });
  await say(off);
  assert.deepEqual([off.calls, off.kept], [1, []]);
});

test("nothing that may be a secret is remembered of a query or a header", async () => {
  const run = journey();
  const path = "/google/v1beta/models/m:generateContent?key=AIza-very-secret&alt=json&session=s-1";
  const answer = { candidates: [{ index: 0, finishReason: "STOP", content: { parts: [{ text: "x" }] } }] };
  run.provider = () => json(JSON.stringify(answer));
  await say(run, { path, body: { contents: [] }, headers: { "x-goog-user-token": "t-1" } });
  const head = run.kept[0]?.request.head;
  assert.equal(head?.query, "?alt=json&session=***");
  assert.doesNotMatch(JSON.stringify(head), /very-secret|s-1|t-1/);
});

test("a compressed request is remembered as it reads", async () => {
  const run = journey();
  const plain = new TextEncoder().encode('{"model":"m","messages":[]}');
  const decode = () => Promise.resolve(plain);
  const parts = { ...run.parts, host: { ...run.parts.host, decode } };
  Object.assign(run, { parts });
  await say(run, { body: "coded", headers: { "content-encoding": "gzip" } });
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert.equal(text(run.kept[0]?.request.body ?? new Uint8Array(0)), text(plain));
});

test("each input of a batch is remembered as the request for it alone", async () => {
  const run = journey({
    provider: (_url, { body }) => json(JSON.stringify(openaiAnswer(JSON.parse(text(body as Uint8Array))))),
  });
  await say(run, { path: EMBED, body: '{ "model": "m", "input": ["a", "b", "a"], "user": "u" }' });
  assert.deepEqual(
    run.kept.map(({ request }) => text(request.body)),
    [
      '{ "model": "m", "input": ["a", "b", "a"], "user": "u" }',
      '{ "model": "m", "input": "a", "user": "u" }',
      '{ "model": "m", "input": "b", "user": "u" }',
    ],
  );
  await say(run, { path: EMBED, body: run.kept[2] && text(run.kept[2].request.body) });
  assert.equal(run.events.at(-1)?.cache, "HIT");
  assert.equal(run.events.at(-1)?.key, run.kept[2]?.key);
  assert.equal(run.kept.length, 3);
});

test("each request of a Google batch is remembered as the one that its endpoint for one takes", async () => {
  const run = journey();
  run.provider = () => json(JSON.stringify({ embeddings: [{ values: [1] }, { values: [2] }] }));
  const one = (said: string) => ({ model: "models/m", content: { parts: [{ text: said }] } });
  const body = JSON.stringify({ requests: [one("a"), one("b")] }, null, 1);
  await say(run, { path: "/google/v1beta/models/m:batchEmbedContents", body });
  const [, first] = run.kept;
  assert.equal(first?.request.head.path, "/v1beta/models/m:embedContent");
  assert.deepEqual(JSON.parse(text(first?.request.body ?? new Uint8Array(0))), {
    content: { parts: [{ text: "a" }] },
  });
});

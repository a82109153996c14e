import assert from "node:assert/strict";
import { test } from "node:test";
import { type Journey, journey, json } from "../support/journey.ts";

const MODELS = "/openai/v1/models";

async function word(run: Journey, path: string): Promise<string> {
  const response = await run.get(path);
  await response.text();
  await run.parts.flights.settled();
  return `${response.status} ${response.headers.get("x-cache-status")}`;
}

function withModels(flags: [string, string][] = []): Journey {
  return journey({ flags, provider: (url) => json(JSON.stringify({ object: "list", data: [url] })) });
}

test("a look-up is passed on and not kept unless a cassette records", async () => {
  const run = withModels();
  assert.equal(await word(run, MODELS), "200 BYPASS");
  assert.equal(await word(run, MODELS), "200 BYPASS");
  assert.deepEqual([run.calls, run.kept], [2, []]);
});

test("a look-up on a cassette is answered in mode replay, under its path and its query in any order", async () => {
  const run = withModels();
  run.recording = true;
  assert.equal(await word(run, `${MODELS}?b=1&a=2`), "200 MISS");
  assert.equal(await word(run, `${MODELS}?b=1&a=2`), "200 HIT");
  run.recording = false;
  run.config = { ...run.config, mode: "replay" };
  run.advance(400 * 24 * 3600_000);
  assert.equal(await word(run, `${MODELS}?a=2&b=1`), "200 HIT");
  assert.equal(await word(run, `/openai/models?a=2&b=1`), "200 HIT");
  assert.equal(await word(run, MODELS), "424 MISS");
  assert.equal(await word(run, `${MODELS}/gpt-4o`), "424 MISS");
  assert.equal(await word(run, "/openai/v1/files"), "424 BYPASS");
  assert.equal(run.calls, 1);
  const { head, body } = run.kept[0]?.request ?? assert.fail("not remembered");
  assert.deepEqual([head.method, head.digest, head.query, body.byteLength], ["GET", "", "?a=2&b=1", 0]);
  assert.equal(run.events[0]?.endpoint, "other");
});

test("a look-up that fails is not kept", async () => {
  const run = withModels();
  run.recording = true;
  for (const status of [401, 404, 500]) {
    run.provider = () => json("{}", { status });
    assert.equal(await word(run, MODELS), `${status} MISS`);
  }
  run.config = { ...run.config, mode: "replay" };
  assert.equal(await word(run, MODELS), "424 MISS");
});

for (const [title, answer] of [
  ["an error", json('{"error":{"message":"no"}}')],
  ["FastAPI's detail", json('{"detail":"Not authenticated"}')],
  ["half a list", json('{"object":"list","data":[')],
  ["a page", new Response("<html>login</html>", { headers: { "content-type": "text/html" } })],
] as const) {
  test(`a look-up that is answered by ${title} under 200 is not kept`, async () => {
    const run = withModels();
    run.recording = true;
    run.provider = () => answer;
    assert.equal(await word(run, MODELS), "200 MISS");
    run.config = { ...run.config, mode: "replay" };
    assert.equal(await word(run, MODELS), "424 MISS");
  });
}

test("what models are looked up by is kept in every shape", async () => {
  const run = withModels();
  run.recording = true;
  for (const [path, answer] of [
    ["/openai/v1/models/m", { id: "m", object: "model", owned_by: "me" }],
    ["/google/v1beta/models", { models: [{ name: "models/m" }] }],
    ["/together/v1/models", [{ id: "m" }]],
    ["/ollama/api/tags", { models: [] }],
    ["/ollama/api/version", { version: "1" }],
  ] as const) {
    run.provider = () => json(JSON.stringify(answer));
    assert.deepEqual([await word(run, path), await word(run, path)], ["200 MISS", "200 HIT"]);
  }
});

test("Ollama's show is a look-up that counts with its body", async () => {
  const run = withModels();
  run.recording = true;
  const show = async (model: string) => {
    const response = await run.ask({ path: "/ollama/api/show", body: { model } });
    await response.text();
    return response.headers.get("x-cache-status");
  };
  assert.deepEqual([await show("a"), await show("a"), await show("b")], ["MISS", "HIT", "MISS"]);
});

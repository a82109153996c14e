import assert from "node:assert/strict";
import { test } from "node:test";
import { journey, json } from "../support/journey.ts";

async function told(response: Response): Promise<string> {
  return `${response.headers.get("x-cache-status")} ${await response.text()}`;
}

const values = (count: number) => Array.from({ length: count }, (_, i) => ({ values: [i + 0.5] }));

for (const [name, path, body, answer] of [
  [
    "Ollama",
    "/ollama/api/embed",
    { model: "m", input: ["a", "b"] },
    (count: number) => ({ model: "m", embeddings: values(count).map((one) => one.values) }),
  ],
  [
    "Google",
    "/google/v1beta/models/m:batchEmbedContents",
    { requests: ["a", "b"].map((text) => ({ model: "models/m", content: { parts: [{ text }] } })) },
    (count: number) => ({ embeddings: values(count) }),
  ],
] as const) {
  test(`${name}: an answer with one vector for two inputs is kept neither whole nor in parts`, async () => {
    let count = 1;
    const run = journey({ provider: () => json(JSON.stringify(answer(count))) });
    const short = JSON.stringify(answer(1));
    const whole = JSON.stringify(answer(2));
    assert.equal(await told(await run.ask({ path, body })), `MISS ${short}`);
    await run.parts.flights.settled();
    assert.equal(run.events.at(-1)?.notKept, "incomplete");
    count = 2;
    assert.equal(await told(await run.ask({ path, body })), `MISS ${whole}`);
    await run.parts.flights.settled();
    assert.equal(await told(await run.ask({ path, body })), `HIT ${whole}`);
    assert.equal(run.calls, 2);
  });
}

test("the missing part of a batch is judged by as many inputs as went up", async () => {
  const requests = ["a", "b", "c"].map((text) => ({ model: "models/m", content: { parts: [{ text }] } }));
  const path = "/google/v1beta/models/m:batchEmbedContents";
  const run = journey({ provider: () => json(JSON.stringify({ embeddings: values(2) })) });
  await told(await run.ask({ path, body: { requests: requests.slice(0, 2) } }));
  await run.parts.flights.settled();
  run.provider = (_url, init) => {
    const up = JSON.parse(new TextDecoder().decode(init.body as Uint8Array)) as { requests: unknown[] };
    return json(JSON.stringify({ embeddings: values(up.requests.length) }));
  };
  const first = await run.ask({ path, body: { requests } });
  assert.equal(first.headers.get("x-cache-status"), "PARTIAL");
  await first.text();
  await run.parts.flights.settled();
  assert.equal((await run.ask({ path, body: { requests } })).headers.get("x-cache-status"), "HIT");
  assert.equal(run.calls, 2);
});

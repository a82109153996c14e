import assert from "node:assert/strict";
import { test } from "node:test";
import { Counters } from "../../src/journal/counters.ts";
import { type Ask, CHAT, chatAnswer, type Journey, journey, json } from "../support/journey.ts";

const NO_STORE = { headers: { "cache-control": "no-store" } };
const OLLAMA = "/ollama/api/chat";
const STREAM = { model: "m", messages: [], stream: true };

/** Asks, reads what comes of the answer, and waits for what is told once its call has ended. */
async function say(run: Journey, asked: Ask | Promise<Response> = {}): Promise<string | null> {
  const response = await (asked instanceof Promise ? asked : run.ask(asked));
  await response.text().catch(() => "broken off");
  await run.parts.flights.settled();
  return response.headers.get("x-cache-status");
}

/** Calls and prices that nobody knows, of all that was told. */
function counted(run: Journey): { calls: number; unpriced: number } {
  const counters = new Counters();
  for (const event of run.events) counters.add(event);
  for (const event of run.refreshes) counters.refreshed(event);
  const sum = { calls: 0, unpriced: 0 };
  for (const { tally } of counters.take()) {
    sum.calls += tally.calls;
    sum.unpriced += tally.unpriced;
  }
  return sum;
}

function brokenOff(): Response {
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(new TextEncoder().encode("data: {}\n\n")),
    pull: (controller) => controller.error(new Error("reset")),
  });
  return new Response(body, { headers: { "content-type": "text/event-stream" } });
}

test("a call whose answer tells neither tokens nor a price is unpriced, and so are its hit and its refresh", async () => {
  const run = journey({ flags: [["--ttl", "1h"]] });
  assert.equal(await say(run), "MISS");
  assert.deepEqual(counted(run), { calls: 1, unpriced: 1 });
  assert.equal(await say(run), "HIT");
  assert.deepEqual(counted(run), { calls: 1, unpriced: 2 });
  run.advance(90 * 60_000);
  assert.equal(await say(run), "STALE");
  assert.equal(run.refreshes.length, 1);
  assert.deepEqual(counted(run), { calls: 2, unpriced: 4 });
});

test("one whose answer has a price though it tells no tokens is not", async () => {
  const run = journey();
  run.price = async () => 0.002;
  assert.equal(await say(run), "MISS");
  assert.equal(await say(run), "HIT");
  assert.deepEqual(counted(run), { calls: 1, unpriced: 0 });
});

test("what is passed on is unpriced where a provider takes money for it", async () => {
  const run = journey();
  assert.equal(await say(run, NO_STORE), "BYPASS");
  assert.deepEqual(counted(run), { calls: 1, unpriced: 1 });
  const free = [
    run.ask({ path: OLLAMA, ...NO_STORE }),
    run.ask({ path: "/openai/v1/files" }),
    run.get("/openai/v1/models"),
    run.get(CHAT),
  ];
  for (const asked of free) assert.equal(await say(run, asked), "BYPASS");
  run.provider = () => json("{}", { status: 429 });
  assert.equal(await say(run, NO_STORE), "BYPASS");
  assert.deepEqual(counted(run), { calls: 6, unpriced: 1 });
});

test("an answer that broke off is unpriced, but for that of a server of one's own", async () => {
  const run = journey({ provider: brokenOff });
  await say(run, { body: STREAM });
  assert.equal(run.events.at(-1)?.notKept, "incomplete");
  assert.deepEqual(counted(run), { calls: 1, unpriced: 1 });
  await say(run, { path: OLLAMA, body: STREAM });
  assert.deepEqual(counted(run), { calls: 2, unpriced: 1 });
});

test("what failed cost nothing", async () => {
  const run = journey();
  for (const status of [400, 429, 503, 404]) {
    run.provider = () => json("{}", { status });
    await say(run);
  }
  assert.equal(await say(run), "HIT", "the 404");
  run.provider = () => Promise.reject(new Error("ECONNREFUSED"));
  await say(run, { body: { model: "n", messages: [] } });
  assert.deepEqual(counted(run), { calls: 4, unpriced: 0 });
});

test("a client that left before the head of an answer that is not kept leaves an unpriced call", async () => {
  const run = journey();
  const gate = Promise.withResolvers<void>();
  run.provider = async () => {
    await gate.promise;
    return json(chatAnswer(""));
  };
  const client = new AbortController();
  const asked = run.ask({ signal: client.signal });
  while (run.calls === 0) await new Promise((resolve) => setTimeout(resolve, 0));
  client.abort();
  await asked;
  gate.resolve();
  await run.parts.flights.settled();
  assert.deepEqual(
    run.events.map(({ status, cache, outcome, notKept }) => [status, cache, outcome, notKept]),
    [[499, "MISS", "miss", "empty"]],
  );
  assert.deepEqual(counted(run), { calls: 1, unpriced: 1 });
});

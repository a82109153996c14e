import assert from "node:assert/strict";
import { test } from "node:test";
import { openai } from "../support/answers.ts";
import { type Ask, chatAnswer, type Journey, journey, json } from "../support/journey.ts";

const MANY = 500;
const failure = (status: number) => json('{"error":{"message":"no"}}', { status });

/** Asks `count` times at once, then lets the first call go on. */
async function together(run: Journey, count: number, ask: (i: number) => Ask): Promise<Response[]> {
  const gate = Promise.withResolvers<void>();
  const answer = run.provider;
  run.provider = async (url, init) => {
    await gate.promise;
    return answer(url, init);
  };
  const all = Array.from({ length: count }, (_, i) => run.ask(ask(i)));
  while (run.calls === 0) await new Promise((resolve) => setTimeout(resolve, 0));
  gate.resolve();
  return Promise.all(all);
}

const tally = (responses: readonly Response[]) => {
  const counts: Record<number, number> = {};
  for (const { status } of responses) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
};

test(`${MANY} joiners with five credentials of a call that answers 429 make at most five calls, each its own`, async () => {
  const paid: string[] = [];
  const run = journey({
    provider: (_url, init) => {
      paid.push(init.headers.get("authorization") ?? "");
      return failure(429);
    },
  });
  const credential = (i: number) => `Bearer sk-${i % 5}`;
  const responses = await together(run, MANY, (i) => ({ headers: { authorization: credential(i) } }));
  assert.deepEqual(tally(responses), { 429: MANY });
  assert.equal(new Set(paid).size, paid.length, "a credential paid twice");
  assert.ok(run.calls <= 5, String(run.calls));
});

test(`${MANY} joiners of a call that fails once with 500 make at most two calls, and all but one are answered`, async () => {
  const run = journey();
  run.provider = () => (run.calls === 1 ? failure(500) : json(chatAnswer("well")));
  const responses = await together(run, MANY, () => ({}));
  assert.deepEqual(tally(responses), { 200: MANY - 1, 500: 1 });
  assert.equal(run.calls, 2);
});

test(`${MANY} joiners of calls that all fail make at most three calls, and hear of it`, async () => {
  for (const provider of [() => failure(503), () => Promise.reject(new TypeError("connection refused"))]) {
    const run = journey({ provider });
    const responses = await together(run, MANY, () => ({}));
    assert.ok(responses.every(({ status }) => status >= 500));
    assert.ok(run.calls <= 3, String(run.calls));
  }
});

test("100 clients of a provider that answers after a barrier make one call", async () => {
  const run = journey();
  const responses = await together(run, 100, (i) => ({ headers: { authorization: `Bearer sk-${i}` } }));
  const texts = await Promise.all(responses.map((response) => response.text()));
  assert.deepEqual([...new Set(texts)], [chatAnswer("answer 1")]);
  assert.equal(run.calls, 1);
});

test(`${MANY} identical streamed requests make one call, and the last one's first chunk comes before the stream's end`, async () => {
  const events = openai.events("q");
  const encoder = new TextEncoder();
  const began = Promise.withResolvers<ReadableStreamDefaultController<Uint8Array>>();
  const run = journey({
    provider: () =>
      new Response(new ReadableStream({ start: (controller) => began.resolve(controller) }), {
        headers: { "content-type": "text/event-stream" },
      }),
  });
  const body = { model: "m", stream: true, messages: [] };
  const pending = Array.from({ length: MANY }, () => run.ask({ body }));
  const stream = await began.promise;
  stream.enqueue(encoder.encode(events[0]));
  const readers = (await Promise.all(pending)).map((response) => response.body!.getReader());
  const decoder = new TextDecoder();
  const first = await Promise.all(readers.map((reader) => reader.read()));
  assert.ok(first.every(({ value }) => decoder.decode(value) === events[0]));
  for (const event of events.slice(1)) stream.enqueue(encoder.encode(event));
  stream.close();
  const texts = await Promise.all(
    readers.map(async (reader) => {
      let text = events[0] ?? "";
      for (let read = await reader.read(); !read.done; read = await reader.read())
        text += decoder.decode(read.value);
      return text;
    }),
  );
  assert.deepEqual([...new Set(texts)], [events.join("")]);
  assert.equal(run.calls, 1);
});

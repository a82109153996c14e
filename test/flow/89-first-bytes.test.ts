/** What of a stream is waited for: nothing but its last event is held back for the commit, and its head for nothing. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { memoryStore } from "../../src/cache/memory.ts";
import type { Store } from "../../src/cache/store.ts";
import type { Fetched, Source } from "../../src/host.ts";
import { journey } from "../support/journey.ts";
import { bytes, choice, DONE, data } from "../support/streams.ts";

const WORDS = data(
  choice({ role: "assistant" }, null),
  ...["one", "two"].map((content) => choice({ content }, null)),
);
const FINISH = data(choice({}, "stop"));
const ask = { body: { model: "m", stream: true, messages: [{ role: "user", content: "count" }] } };
const type = { "content-type": "text/event-stream" };

test("of a stream that comes in one chunk all but its end is there before its entry is committed", async () => {
  const committed = Promise.withResolvers<void>();
  const putting = Promise.withResolvers<void>();
  const memory = memoryStore({ maxBytes: 1024 * 1024 });
  const store: Store = {
    ...memory,
    async put(entry, options) {
      putting.resolve();
      await committed.promise;
      return memory.put(entry, options);
    },
  };
  const run = journey({ store, provider: () => new Response(WORDS + FINISH + DONE, { headers: type }) });
  const answer = await run.ask(ask);
  const reader = answer.body?.getReader() as ReadableStreamDefaultReader<Uint8Array>;
  const first = await reader.read();
  assert.equal(new TextDecoder().decode(first.value), WORDS + FINISH);
  await putting.promise;
  committed.resolve();
  assert.equal(new TextDecoder().decode((await reader.read()).value), DONE);
  assert.equal((await reader.read()).done, true);
  const hit = await run.ask(ask);
  assert.equal(hit.headers.get("x-cache-status"), "HIT");
  assert.equal(await hit.text(), WORDS + FINISH + DONE);
});

test("a stream's head is answered before its first bytes are looked at, and they are recorded though nobody reads", async () => {
  const run = journey();
  const looked: string[] = [];
  const pieces = [WORDS, FINISH, DONE].map(bytes);
  const source: Source = {
    async read() {
      looked.push("body");
      return pieces.shift();
    },
    leave() {},
  };
  const fetched: Fetched = { status: 200, ok: true, headers: new Headers(type), body: source };
  Object.assign(run.parts.host, { fetchPlain: async () => fetched });
  const answer = await run.ask(ask);
  looked.push("head");
  assert.equal(await answer.text(), WORDS + FINISH + DONE);
  assert.equal(looked[0], "head");

  pieces.push(...[WORDS, FINISH, DONE].map(bytes));
  looked.length = 0;
  const other = { body: { ...ask.body, n: 1 } };
  const unread = await run.ask(other);
  while (pieces.length > 0) await new Promise((resolve) => setTimeout(resolve, 1));
  assert.equal(await unread.text(), WORDS + FINISH + DONE);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { memoryStore } from "../../src/cache/memory.ts";
import { purgeAll } from "../../src/cache/purge.ts";
import type { EntryFilter, Store } from "../../src/cache/store.ts";
import { CHAT, chatAnswer, type Journey, journey, json } from "../support/journey.ts";

const NOW = Date.UTC(2026, 0, 1);

/** A request whose provider has not answered yet. */
async function inFlight(run: Journey) {
  const gate = Promise.withResolvers<void>();
  run.provider = async () => {
    const call = run.calls;
    if (call === 1) await gate.promise;
    return json(chatAnswer(`answer ${call}`));
  };
  const first = run.ask({ path: `/@exp${CHAT}` });
  while (run.calls === 0) await new Promise((resolve) => setTimeout(resolve, 0));
  return { first, answer: gate.resolve };
}

const ask = (run: Journey) => run.ask({ path: `/@exp${CHAT}` });
const word = (response: Response) => response.headers.get("x-cache-status");

for (const [what, filter] of [
  ["all", {}],
  ["its namespace", { namespace: "exp" }],
  [
    "its provider and model, since a time that has been",
    { provider: "openai", model: "m", storedSince: NOW - 1 },
  ],
] as [string, EntryFilter][]) {
  test(`an answer in flight when ${what} is purged reaches its reader and is not kept`, async () => {
    const run = journey();
    const { first, answer } = await inFlight(run);
    assert.equal(await purgeAll(run.parts, filter), 0);
    const beside = await ask(run);
    assert.match(await beside.text(), /answer 2/);
    assert.equal(word(beside), "MISS", "it joins no purged call");
    answer();
    const response = await first;
    assert.match(await response.text(), /answer 1/);
    assert.match(response.headers.get("cache-status") ?? "", /detail=purged/);
    const again = await ask(run);
    assert.equal(word(again), "HIT");
    assert.match(await again.text(), /answer 2/);
    assert.equal(run.events.filter(({ detail }) => detail === "purged").length, 1);
  });
}

for (const [what, filter] of [
  ["another namespace", { namespace: "" }],
  ["what is stored by now", { storedBefore: NOW }],
  ["what will be stored later", { storedSince: NOW + 1 }],
  ["another key", { keyPrefix: "0000000000" }],
] as [string, EntryFilter][]) {
  test(`an answer in flight when ${what} is purged is kept`, async () => {
    const run = journey();
    const { first, answer } = await inFlight(run);
    await purgeAll(run.parts, filter);
    answer();
    await (await first).text();
    assert.equal(word(await ask(run)), "HIT");
  });
}

test("an answer in flight is purged by its key, given whole or by its beginning", async () => {
  const run = journey();
  const key = (await ask(run)).headers.get("x-cache-key") as string;
  assert.match(key, /^[0-9a-f]{64}$/);
  for (const filter of [{ keyPrefix: key.slice(0, 8) }, { keys: [key] }] as EntryFilter[]) {
    const other = journey();
    const { first, answer } = await inFlight(other);
    await purgeAll(other.parts, filter);
    answer();
    await (await first).text();
    assert.equal(word(await ask(other)), "MISS", JSON.stringify(filter));
  }
});

test("a purge while the answer is being committed leaves nothing of it", async () => {
  const memory = memoryStore({ maxBytes: 1024 * 1024 });
  let run: Journey;
  const store: Store = {
    ...memory,
    async put(entry, options) {
      await purgeAll(run.parts, {});
      return memory.put(entry, options);
    },
  };
  run = journey({ store });
  const response = await ask(run);
  assert.match(response.headers.get("cache-status") ?? "", /detail=purged/);
  assert.equal(memory.stats().entries, 0);
});

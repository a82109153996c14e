import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as after } from "node:timers/promises";
import { memoryStore } from "../../src/cache/memory.ts";
import type { Store } from "../../src/cache/store.ts";
import { tieredStore } from "../../src/cache/tiered.ts";
import { chatAnswer, CHAT as DEFAULT, type Journey, journey, json } from "../support/journey.ts";
import { posted } from "../support/remembering.ts";
import { openTestStore, temporaryFolder, testClock } from "../support/store.ts";
import { ordinary, quick } from "../support/two-ways.ts";

const clock = testClock(Date.UTC(2026, 0, 1));
const chat = (text: string, more: object = {}) =>
  JSON.stringify({ model: "m", messages: [{ role: "user", content: text }], ...more });

interface Started {
  readonly run: Journey;
  /** How many answers were found by what was asked. */
  readonly found: () => number;
  /** Names of the requests whose answers were put. */
  readonly put: string[];
  /** The store as it finds without being counted. */
  readonly find: (asked: string) => unknown;
}

interface Options {
  readonly flags?: [string, string][];
  readonly program?: string;
}

/** askonce on a folder, after a while in which the store answered all that it did not know. */
async function started(folder: string, { flags = [], program }: Options = {}): Promise<Started> {
  const durable = await openTestStore(folder, { clock });
  const tiers = tieredStore({ memory: memoryStore({ maxBytes: 1024 * 1024 }), durable });
  const put: string[] = [];
  let found = 0;
  const store: Store = {
    ...tiers,
    put(entry, options) {
      if (entry.asked !== undefined) put.push(entry.asked);
      return tiers.put(entry, options);
    },
    find(asked) {
      const entry = tiers.find?.(asked);
      if (entry !== undefined) found++;
      return entry;
    },
  };
  const run = journey({ flags, store, ...(program !== undefined && { program }) });
  run.provider = () => json(chatAnswer(`answer ${run.calls}`), { headers: { "x-odd": "a" } });
  for (let n = 0; n < 64; n++) run.parts.memory.noted(true);
  return { run, found: () => found, put, find: (asked) => durable.find?.(asked) };
}

/** Has answers to these requests stored by a process that ends then; the requests' names. */
async function recorded(
  folder: string,
  requests: readonly string[],
  options: Options = {},
): Promise<string[]> {
  const { run, put } = await started(folder, options);
  for (const request of requests) await ordinary(run, request, true);
  assert.equal(run.calls, requests.length);
  await run.parts.store.close();
  return put;
}

/** The same after a restart, once the store has read by what its entries were asked for, which it does beside all else. */
async function restarted(folder: string, names: readonly string[], options: Options = {}): Promise<Started> {
  const again = await started(folder, options);
  for (const name of names) {
    for (let tries = 0; tries < 20_000 && again.find(name) === undefined; tries++) await after(1);
    assert.ok(again.find(name), "not found by what was asked");
  }
  return again;
}

/** Lets it know the request's head, by another body of the same length. */
async function acquainted({ run }: Started, request: string): Promise<void> {
  await ordinary(run, request.replace(/"content": ?"./, '"content":"~').replace("abc123", "abc124"), true);
}

test("after a restart an unknown body is answered from disk by its bytes, as the handler answers it", async () => {
  const folder = temporaryFolder();
  const requests = Array.from({ length: 20 }, (_, n) => posted(chat(`question ${n + 10}`)));
  const again = await restarted(folder, await recorded(folder, requests));
  const slow = await started(folder);
  await acquainted(again, requests[0] as string);
  for (const [n, request] of requests.entries()) {
    const answer = quick(again.run, request);
    assert.equal(again.found(), n + 1);
    assert.deepEqual(answer, await ordinary(slow.run, request, true));
    assert.match(answer?.lines.join() ?? "", /X-Cache-Status: HIT/);
    // What comes again is read, and known from then on.
    assert.deepEqual(quick(again.run, request)?.body, answer?.body);
    assert.equal(again.found(), n + 1);
  }
  assert.equal(slow.run.calls, 0);
  assert.equal(again.run.calls, 1, "the stranger's");
  await Promise.all([again.run.parts.store.close(), slow.run.parts.store.close()]);
});

const KNOWN = posted(chat("known"));
const OTHERS: Readonly<Record<string, string>> = {
  "a byte more": posted(chat("known.")),
  "white space": posted(chat("known").replace(":", ": ")),
  "another namespace": posted(chat("known"), { path: "/@exp/openai/v1/chat/completions" }),
  "another sample": posted(chat("known"), { headers: "X-Cache-Sample: 2\r\n" }),
  "another path": posted(chat("known"), { path: "/openai/v1/completions" }),
  "another provider": posted(chat("known"), { path: "/groq/openai/v1/chat/completions" }),
  "a query": posted(chat("known"), { path: `${DEFAULT}?a=1` }),
  "a header that counts": posted(chat("known"), { headers: "OpenAI-Beta: x=v2\r\n" }),
  "another type": posted(chat("known")).replace("application/json", "application/json; charset=utf-8"),
};
for (const [what, request] of Object.entries(OTHERS)) {
  test(`the same body with ${what} is not found by what was asked`, async () => {
    const folder = temporaryFolder();
    const same = KNOWN.replace("known", "knowm");
    const again = await restarted(folder, await recorded(folder, [KNOWN, same]));
    await acquainted(again, request);
    await acquainted(again, KNOWN);
    quick(again.run, request);
    assert.equal(again.found(), 0);
    assert.match(quick(again.run, same)?.lines.join() ?? "", /HIT/);
    assert.equal(again.found(), 1, "the very same is");
    await again.run.parts.store.close();
  });
}

const UNDER: Readonly<Record<string, { flags?: [string, string][]; program?: string }>> = {
  "what counts in texts": { flags: [["--key-mask", "uuids"]] },
  "members that don't count": { flags: [["--key-ignore", "seed"]] },
  "what is cacheable anyway": { flags: [["--cache-anyway", "web-search"]] },
  "whose answers are whose": { flags: [["--scope", "credential"]] },
  "another program": { program: "another" },
};
for (const [what, options] of Object.entries(UNDER)) {
  test(`under other settings (${what}) nothing is found by what was asked before`, async () => {
    const folder = temporaryFolder();
    const again = await restarted(folder, await recorded(folder, [KNOWN]), options);
    await acquainted(again, KNOWN);
    quick(again.run, KNOWN);
    assert.equal(again.found(), 0);
    await again.run.parts.store.close();
  });
}

test("what belongs to a credential is found by its own requests alone", async () => {
  const options: Options = { flags: [["--scope", "credential"]] };
  const folder = temporaryFolder();
  const same = KNOWN.replace("known", "knowm");
  const again = await restarted(folder, await recorded(folder, [KNOWN, same], options), options);
  const theirs = KNOWN.replace("sk-1", "sk-2");
  await acquainted(again, theirs);
  await acquainted(again, KNOWN);
  assert.equal(quick(again.run, theirs), undefined);
  assert.equal(again.found(), 0);
  assert.match(quick(again.run, same)?.lines.join() ?? "", /HIT/);
  assert.equal(again.found(), 1);
  await again.run.parts.store.close();
});

test("who has to prove a credential first finds nothing by what was asked", async () => {
  const options: Options = { flags: [["--scope", "verified"]] };
  const folder = temporaryFolder();
  assert.deepEqual(await recorded(folder, [KNOWN], options), []);
  const again = await restarted(folder, await recorded(folder, [posted(chat("all's"))]), options);
  await acquainted(again, posted(chat("all's")));
  quick(again.run, posted(chat("all's")));
  assert.equal(again.found(), 0);
  await again.run.parts.store.close();
});

test("a request that names its account's state has no name, nor has an answer that does", async () => {
  const folder = temporaryFolder();
  const bound = posted(
    JSON.stringify({
      model: "m",
      messages: [{ role: "user", content: [{ type: "file", file: { file_id: "file-abc123" } }] }],
    }),
  );
  assert.deepEqual(await recorded(folder, [bound]), []);
  const again = await started(folder);
  await acquainted(again, bound);
  assert.match(quick(again.run, bound)?.lines.join() ?? "", /HIT/, "it is read");
  assert.equal(again.found(), 0);
  again.run.provider = () => json(chatAnswer("x").replace("{", '{"container":{"id":"c_123"},'));
  await ordinary(again.run, posted(chat("one more")), true);
  assert.deepEqual(again.put, []);
  again.run.provider = () => json(chatAnswer("x"));
  await ordinary(again.run, posted(chat("and another")), true);
  assert.equal(again.put.length, 1, "but this one has");
  await again.run.parts.store.close();
});

test("past its time nothing is answered by what was asked", async () => {
  const folder = temporaryFolder();
  const again = await restarted(folder, await recorded(folder, [KNOWN]));
  await acquainted(again, KNOWN);
  again.run.advance(again.run.config.ttlMs + 1);
  assert.equal(quick(again.run, KNOWN), undefined);
  await again.run.parts.store.close();
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { openaiAnswer } from "../support/embeddings.ts";
import { type Ask, CHAT, type Journey, journey, json } from "../support/journey.ts";

const EMBED = "/openai/v1/embeddings";
/** A dollar for a million tokens in, ten for a million out. */
const PRICE = { input: 1e-6, output: 1e-5 };

function answer(options: { input?: number; output?: number; content?: string } = {}): string {
  const { input = 100, output = 10, content = "x" } = options;
  const choices = [{ index: 0, message: { role: "assistant", content }, finish_reason: "stop" }];
  const usage = { prompt_tokens: input, completion_tokens: output, total_tokens: input + output };
  return JSON.stringify({ id: "c", object: "chat.completion", model: "m-1", choices, usage });
}

function priced(flags: [string, string][] = []): Journey {
  const run = journey({ flags, provider: () => json(answer()) });
  run.price = async ({ usage }) =>
    usage && (usage.inputTokens ?? 0) * PRICE.input + (usage.outputTokens ?? 0) * PRICE.output;
  return run;
}

/** Asks, reads the answer, and waits for what is told once its call has ended. */
async function say(run: Journey, ask: Ask = {}): Promise<string> {
  const response = await run.ask(ask);
  const text = await response.text();
  await run.parts.flights.settled();
  return `${response.headers.get("x-cache-status")} ${text.length > 0}`;
}

const last = (run: Journey) => run.events.at(-1) as Journey["events"][number];
const cost = 100 * PRICE.input + 10 * PRICE.output;

test("a miss tells what its call took, and its hit what that saved", async () => {
  const run = priced();
  run.provider = () => {
    run.advance(700);
    return json(answer());
  };
  await say(run);
  const { outcome, usage, costUsd, saved, notKept, credential, unread } = last(run);
  assert.deepEqual([outcome, costUsd, saved, notKept, unread], ["miss", cost, undefined, undefined, false]);
  assert.deepEqual(usage, { inputTokens: 100, outputTokens: 10 });
  assert.match(credential, /^[0-9a-f]{12}$/);
  await say(run);
  const hit = last(run);
  assert.deepEqual(hit.saved, { inputTokens: 100, outputTokens: 10, costUsd: cost, ms: 700 });
  assert.deepEqual([hit.outcome, hit.usage, hit.costUsd], ["hit", undefined, undefined]);
});

test("requests of one key count under one label, of none under none", async () => {
  const run = priced();
  await say(run);
  await say(run, { headers: { authorization: "", "x-api-key": "sk-1" } });
  await say(run, { headers: { authorization: "Bearer sk-2" } });
  await run.post(CHAT, { headers: { "content-type": "application/json" }, body: "{}" });
  const [first, second, third, none] = run.events.map(({ credential }) => credential);
  assert.equal(first, second);
  assert.notEqual(first, third);
  assert.equal(none, "");
});

test("an answer that is not kept is paid for all the same, and says why it was not", async () => {
  const run = priced();
  run.provider = () => json(answer({ content: "" }));
  await say(run);
  assert.deepEqual([last(run).outcome, last(run).notKept, last(run).costUsd], ["miss", "empty", cost]);
});

test("what only reads and never stores is paid for all the same", async () => {
  const run = priced();
  await say(run, { headers: { "helicone-cache-read": "true" } });
  assert.deepEqual([last(run).notKept, last(run).costUsd], ["read-only", cost]);
});

test("a stream over max_entry is paid for all the same", async () => {
  const run = priced([["--max-entry", "16B"]]);
  const chunk = {
    id: "c",
    model: "m-1",
    choices: [{ index: 0, delta: { content: "x" }, finish_reason: "stop" }],
  };
  const usage = { ...chunk, choices: [], usage: { prompt_tokens: 100, completion_tokens: 10 } };
  const body = `data: ${JSON.stringify(chunk)}\n\ndata: ${JSON.stringify(usage)}\n\ndata: [DONE]\n\n`;
  run.provider = () => new Response(body, { headers: { "content-type": "text/event-stream" } });
  await say(run, { body: { model: "m", messages: [], stream: true } });
  assert.deepEqual([last(run).notKept, last(run).costUsd], ["too-large", cost]);
});

test("a price that cannot be found out leaves tokens without money, and the answer kept", async () => {
  const run = priced();
  run.price = () => Promise.reject(new Error("no table"));
  await say(run);
  assert.deepEqual([last(run).usage?.inputTokens, last(run).costUsd], [100, undefined]);
  assert.match(run.reports.join(), /no table/);
  assert.equal(await say(run), "HIT true");
  assert.deepEqual(last(run).saved, { inputTokens: 100, outputTokens: 10, ms: 0 });
});

test("of requests that share a call one pays and the others tell what they would have paid", async () => {
  const run = priced();
  const gate = Promise.withResolvers<void>();
  run.provider = async () => {
    await gate.promise;
    return json(answer());
  };
  const asked = [run.ask(), run.ask(), run.ask()];
  while (run.calls === 0) await new Promise((resolve) => setTimeout(resolve, 0));
  gate.resolve();
  for (const response of await Promise.all(asked)) await response.text();
  await run.parts.flights.settled();
  assert.equal(run.calls, 1);
  assert.deepEqual(run.events.map(({ outcome }) => outcome).sort(), ["joined", "joined", "miss"]);
  for (const { outcome, costUsd, shared } of run.events) {
    if (outcome === "miss") assert.deepEqual([costUsd, shared], [cost, undefined]);
    else
      assert.deepEqual([costUsd, shared], [undefined, { inputTokens: 100, outputTokens: 10, costUsd: cost }]);
  }
});

test("a client that leaves before the head is told once, with the money of the call that goes on", async () => {
  const run = priced();
  const gate = Promise.withResolvers<void>();
  run.provider = async () => {
    await gate.promise;
    return json(answer());
  };
  const client = new AbortController();
  const asked = run.ask({ signal: client.signal });
  while (run.calls === 0) await new Promise((resolve) => setTimeout(resolve, 0));
  client.abort();
  await asked;
  assert.deepEqual(run.events, []);
  run.advance(5000);
  gate.resolve();
  await run.parts.flights.settled();
  assert.equal(run.events.length, 1);
  const { outcome, aborted, unread, costUsd, status, totalMs } = last(run);
  assert.deepEqual([outcome, aborted, unread, costUsd, status], ["miss", true, true, cost, 499]);
  assert.equal(totalMs, 0, "as long as the client was there");
  assert.equal(await say(run), "HIT true");
});

test("a client that leaves a call which ends with it is told once, as refused", async () => {
  const run = priced([["--on-disconnect", "abort"]]);
  run.provider = (_url, { signal }) =>
    new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(new Error("aborted"))));
  const client = new AbortController();
  const asked = run.ask({ signal: client.signal });
  while (run.calls === 0) await new Promise((resolve) => setTimeout(resolve, 0));
  client.abort();
  await asked;
  await run.parts.flights.settled();
  assert.deepEqual(
    run.events.map(({ outcome, aborted, costUsd }) => [outcome, aborted, costUsd]),
    [["refused", true, undefined]],
  );
});

test("a refresh behind a stale answer is told apart from the request it serves", async () => {
  const run = priced([["--ttl", "1h"]]);
  await say(run);
  run.advance(90 * 60_000);
  assert.equal(await say(run), "STALE true");
  const { outcome, costUsd, saved } = last(run);
  assert.deepEqual([outcome, costUsd, saved?.costUsd], ["hit", undefined, cost]);
  assert.equal(run.refreshes.length, 1);
  const [refresh] = run.refreshes;
  assert.deepEqual([refresh?.costUsd, refresh?.notKept, refresh?.model], [cost, undefined, "m"]);
  assert.equal(refresh?.credential, last(run).credential);
  run.advance(5 * 60 * 60_000);
  assert.equal(await say(run), "EXPIRED true");
  assert.deepEqual([last(run).outcome, last(run).costUsd], ["miss", cost]);
  assert.equal(run.refreshes.length, 1);
});

test("an old answer served because the provider fails saves what it took, and costs nothing", async () => {
  const run = priced([["--ttl", "1h"]]);
  await say(run);
  run.advance(5 * 60 * 60_000);
  run.provider = () => json("{}", { status: 503 });
  assert.equal(await say(run), "STALE true");
  assert.deepEqual(
    [last(run).outcome, last(run).costUsd, last(run).saved?.costUsd],
    ["hit", undefined, cost],
  );
  assert.equal(last(run).notKept, "status", "it led a call all the same");
});

test("errors of askonce's own are refused requests, under their key and model", async () => {
  const run = priced();
  await say(run, { headers: { "x-cache-mode": "replay" } });
  await say(run, { headers: { "cache-control": "only-if-cached" } });
  await say(run, { headers: { "x-cache-ttl": "soon" } });
  await say(run, { path: "/nobody/v1/chat/completions" });
  run.provider = () => Promise.reject(new Error("ECONNREFUSED"));
  await say(run);
  assert.deepEqual(
    run.events.map(({ outcome, status, detail }) => [outcome, status, detail]),
    [
      ["refused", 424, "replay_miss"],
      ["refused", 504, "only_if_cached_miss"],
      ["refused", 400, "invalid_control"],
      ["refused", 404, "unknown_provider"],
      ["refused", 502, "upstream_unreachable"],
    ],
  );
  assert.equal(run.events[0]?.model, "m");
  assert.equal(run.events[0]?.key, last(run).key);
});

test("what is passed on is told as bypassed, without money", async () => {
  const run = priced();
  await say(run, { headers: { "cache-control": "no-store" } });
  assert.deepEqual(
    [last(run).outcome, last(run).detail, last(run).usage],
    ["bypassed", "no-store", undefined],
  );
});

test("the inputs of a batch save together what the batch took, to the token and to the cent", async () => {
  const run = priced();
  run.provider = (_url, { body }) =>
    json(JSON.stringify(openaiAnswer(JSON.parse(new TextDecoder().decode(body as Uint8Array)))));
  const embed = (input: unknown) => say(run, { path: EMBED, body: { model: "m", input } });
  const texts = ["a", "bcd", "efghij", "k".repeat(33), "l", "m", "n"];
  await embed(texts);
  const { usage, costUsd } = last(run);
  const sum = { tokens: 0, costUsd: 0 };
  for (const text of texts) {
    assert.equal(await embed(text), "HIT true");
    sum.tokens += last(run).saved?.inputTokens ?? Number.NaN;
    sum.costUsd += last(run).saved?.costUsd ?? Number.NaN;
  }
  assert.equal(sum.tokens, usage?.inputTokens);
  assert.ok(Math.abs(sum.costUsd - (costUsd ?? 0)) < 1e-12);
  assert.equal(await embed([...texts].reverse()), "HIT true");
  const { saved } = last(run);
  assert.deepEqual(
    [saved?.inputTokens, saved?.costUsd?.toFixed(12)],
    [usage?.inputTokens, costUsd?.toFixed(12)],
  );

  assert.equal(await embed(["a", "new", "a"]), "PARTIAL true");
  const partial = last(run);
  const newOnly = openaiAnswer({ input: ["new"] }) as { usage: { prompt_tokens: number } };
  assert.equal(partial.outcome, "partial");
  assert.equal(partial.usage?.inputTokens, newOnly.usage.prompt_tokens);
  const one = run.events.find(({ saved: part }) => part !== undefined)?.saved;
  assert.equal(partial.saved?.inputTokens, 2 * (one?.inputTokens ?? 0), "each as often as it was asked for");
  assert.equal(run.calls, 2);
});

test("a call for the rest of a batch whose answer cannot be used is told, and so is the one that is", async () => {
  const run = priced();
  let model = "v1";
  run.provider = (_url, { body }) => {
    const asked = JSON.parse(new TextDecoder().decode(body as Uint8Array));
    return json(JSON.stringify({ ...openaiAnswer(asked), model }));
  };
  const embed = (input: unknown) => say(run, { path: EMBED, body: { model: "m", input } });
  await embed(["a"]);
  model = "v2";
  assert.equal(await embed(["a", "b"]), "MISS true");
  assert.equal(run.calls, 3);
  assert.equal(run.refreshes.length, 1);
  assert.ok((run.refreshes[0]?.usage?.inputTokens ?? 0) > 0);
  assert.ok((last(run).usage?.inputTokens ?? 0) > (run.refreshes[0]?.usage?.inputTokens ?? 0));
});

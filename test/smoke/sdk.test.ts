import assert from "node:assert/strict";
import { test } from "node:test";
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { openai as chat } from "../support/answers.ts";
import { fresh, session } from "../support/session.ts";

const run = session({ names: ["openai", "anthropic"] });
const clients = () => ({
  openai: new OpenAI({ apiKey: "sk-test", baseURL: `${run.server.url}/openai/v1`, maxRetries: 0 }),
  root: new OpenAI({ apiKey: "sk-test", baseURL: `${run.server.url}/v1`, maxRetries: 0 }),
  anthropic: new Anthropic({ apiKey: "sk-ant-test", baseURL: `${run.server.url}/anthropic`, maxRetries: 0 }),
  anthropicRoot: new Anthropic({ apiKey: "sk-ant-test", baseURL: run.server.url, maxRetries: 0 }),
});

interface Served<T> {
  readonly data: T;
  readonly response: { readonly headers: { get(name: string): string | null } };
}

async function all<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of stream) items.push(item);
  return items;
}

/** Asks twice: MISS then HIT, one provider call, equal parsed results. */
async function twice<T>(
  provider: string,
  ask: () => Promise<Served<T>>,
  read: (data: T) => Promise<unknown>,
): Promise<void> {
  const scripted = run.providers.named(provider);
  scripted.forget();
  const words: (string | null)[] = [];
  const results: unknown[] = [];
  for (const _ of [1, 2]) {
    const { data, response } = await ask();
    words.push(response.headers.get("x-cache-status"));
    results.push(JSON.parse(JSON.stringify(await read(data))));
  }
  assert.deepEqual(words, ["MISS", "HIT"]);
  assert.deepEqual(results[1], results[0]);
  assert.match(JSON.stringify(results[0]), /Answer/);
  assert.equal(scripted.count, 1);
}

test("openai: chat completions, streamed and not, from either base URL", async () => {
  const { openai, root } = clients();
  for (const client of [openai, root]) {
    const messages = [{ role: "user" as const, content: fresh() }];
    await twice(
      "openai",
      () => client.chat.completions.create({ model: "m", messages }).withResponse(),
      async (data) => data,
    );
    await twice(
      "openai",
      () => client.chat.completions.create({ model: "m", messages, stream: true }).withResponse(),
      all,
    );
  }
});

test("openai: responses, streamed and not", async () => {
  const { openai } = clients();
  const input = fresh();
  await twice(
    "openai",
    () => openai.responses.create({ model: "m", input }).withResponse(),
    async (data) => data.output,
  );
  await twice(
    "openai",
    () => openai.responses.create({ model: "m", input, stream: true }).withResponse(),
    all,
  );
});

test("openai: embeddings are content twice", async () => {
  const { openai } = clients();
  const scripted = run.providers.named("openai");
  scripted.forget();
  const ask = () => openai.embeddings.create({ model: "e", input: fresh("same"), encoding_format: "float" });
  const input = fresh();
  const one = await openai.embeddings.create({ model: "e", input, encoding_format: "float" });
  const two = await openai.embeddings.create({ model: "e", input, encoding_format: "float" });
  assert.deepEqual(two.data, one.data);
  assert.equal(scripted.count, 1);
  await ask();
});

test("anthropic: messages, streamed and not, from either base URL", async () => {
  const { anthropic, anthropicRoot } = clients();
  for (const client of [anthropic, anthropicRoot]) {
    const body = { model: "m", max_tokens: 64, messages: [{ role: "user" as const, content: fresh() }] };
    await twice(
      "anthropic",
      () => client.messages.create(body).withResponse(),
      async (data) => data,
    );
    await twice("anthropic", () => client.messages.create({ ...body, stream: true }).withResponse(), all);
    const text = await client.messages.stream({ ...body, temperature: 0 } as typeof body).finalText();
    assert.match(text, /^Answer /);
  }
});

test("a provider's error reaches the SDK as its own typed error, twice, by two calls", async () => {
  const { openai, anthropic } = clients();
  const limited = run.script("openai", (call) =>
    call.reply({
      status: 429,
      headers: { "Content-Type": "application/json", "x-request-id": "req_1" },
      body: JSON.stringify({
        error: { message: "slow down", type: "requests", code: "rate_limit_exceeded" },
      }),
    }),
  );
  const messages = [{ role: "user" as const, content: fresh() }];
  for (const _ of [1, 2]) {
    await assert.rejects(openai.chat.completions.create({ model: "m", messages }), (fault) => {
      assert.ok(fault instanceof OpenAI.RateLimitError);
      assert.deepEqual([fault.code, fault.requestID], ["rate_limit_exceeded", "req_1"]);
      return true;
    });
  }
  assert.equal(limited.count, 2);
  run.script("anthropic", (call) =>
    call.reply({
      status: 529,
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ type: "error", error: { type: "overloaded_error", message: "busy" } }),
    }),
  );
  const asked = anthropic.messages.create({ model: "m", max_tokens: 9, messages });
  await assert.rejects(asked, /overloaded_error|busy/);
});

test("a stream that breaks off makes the SDK fail instead of ending early", async () => {
  const { openai } = clients();
  const provider = run.script("openai", async (call) => {
    await call.head({ headers: { "Content-Type": "text/event-stream" } });
    await call.chunk(chat.events("x").slice(0, 2).join(""));
  });
  const messages = [{ role: "user" as const, content: fresh() }];
  const stream = await openai.chat.completions.create({ model: "m", messages, stream: true });
  const items = stream[Symbol.asyncIterator]();
  assert.equal((await items.next()).done, false);
  assert.equal((await items.next()).done, false);
  provider.calls[0]?.cut();
  await assert.rejects(items.next());
});

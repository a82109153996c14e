import assert from "node:assert/strict";
import { test } from "node:test";
import { parseConfig } from "../../src/config.ts";
import { providersFor } from "../../src/providers/table.ts";
import { Budget } from "../../src/proxy/budget.ts";
import type { Call } from "../../src/proxy/call.ts";
import { gistNow } from "../../src/proxy/gist.ts";
import { readQuestion } from "../../src/proxy/question.ts";
import { route } from "../../src/proxy/route.ts";
import { samples } from "../support/bodies.ts";

const { config } = parseConfig(
  { file: undefined, env: {}, flags: [["--key-mask", "uuids"]] },
  { dataFolder: "/nowhere", absolute: (path) => path },
);
const providers = providersFor([]);
const host = { decode: () => Promise.reject(new Error("no coding here")) };

function callTo(path: string): Call {
  const url = new URL(`http://localhost${path}`);
  const headers = new Headers({ "content-type": "application/json" });
  const request = new Request(url, { method: "POST", headers, body: "{}" });
  return {
    request,
    method: "POST",
    route: route({ method: "POST", url, headers }, { providers, defaultProvider: "openai" }),
  } as Call;
}

async function bothWays(path: string, body: string) {
  const call = callTo(path);
  const bytes = new TextEncoder().encode(body);
  const budget = new Budget(() => 2 ** 30);
  const read = await readQuestion(call, bytes, { host, budget, maxRequest: 2 ** 26, settings: config });
  return { now: gistNow(call.route, bytes, config), read };
}

for (const { family, path, body } of samples) {
  test(`${family}: what is read at once of a body is what the long way finds`, async () => {
    const { now, read } = await bothWays(path, JSON.stringify(body));
    if (typeof read === "string") {
      assert.equal(now, undefined);
      return;
    }
    const { digest, model, accountBound } = read;
    assert.deepEqual(now, digest.startsWith("json:") ? { digest, model, accountBound } : undefined);
  });
}

const chat = "/openai/v1/chat/completions";
const message = { role: "user", content: "id 123e4567-e89b-12d3-a456-426614174000 é \u0001" };

for (const [what, body] of [
  ["white space, escapes and a masked part", JSON.stringify({ messages: [message], model: "m" }, null, 2)],
  ["a name twice", '{"model":"a","model":"b","messages":[]}'],
  [
    "account state",
    '{"model":"m","messages":[{"role":"user","content":[{"type":"file","file":{"file_id":"f"}}]}]}',
  ],
] as const) {
  test(`a body with ${what} is read at once as the long way reads it`, async () => {
    const { now, read } = await bothWays(chat, body);
    assert.ok(typeof read !== "string");
    const { digest, model, accountBound } = read;
    assert.deepEqual(now, { digest, model, accountBound });
  });
}

for (const [what, path, body] of [
  [
    "over 64 KiB",
    chat,
    JSON.stringify({ model: "m", messages: [{ role: "user", content: "x".repeat(65_536) }] }),
  ],
  ["that is no JSON", chat, '{"model":'],
  ["that begins with a blank", chat, ' {"model":"m","messages":[]}'],
  ["with a word that JSON lacks", chat, '{"model":"m","messages":[],"x":nope}'],
  ["that is not cacheable", "/openai/v1/responses", '{"model":"m","input":"x","background":true}'],
] as const) {
  test(`a body ${what} is not read at once`, () => {
    assert.equal(gistNow(callTo(path).route, new TextEncoder().encode(body), config), undefined);
  });
}

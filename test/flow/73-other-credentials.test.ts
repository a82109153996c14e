import assert from "node:assert/strict";
import { test } from "node:test";
import { chatAnswer, journey, json, seen } from "../support/journey.ts";

const alice = { authorization: "Bearer sk-alice" };
const bob = { authorization: "Bearer sk-bob" };
const ACCOUNT = {
  "openai-organization": "alices-org",
  "openai-project": "proj_alice",
  "anthropic-organization-id": "alice",
  "x-ratelimit-remaining-requests": "7",
  "x-request-id": "req_of_alice",
  "retry-after": "3",
};
const ANSWER = { "openai-version": "2020-10-01", "x-model": "m" };

/** Two ask at once, Alice first; the provider answers once both wait. */
async function together(answer: (asked: Headers) => Response, flags: [string, string][] = []) {
  const gate = Promise.withResolvers<void>();
  const run = journey({
    flags,
    provider: async (_, { headers }) => {
      await gate.promise;
      return answer(headers);
    },
  });
  const first = run.ask({ headers: alice });
  const second = run.ask({ headers: bob });
  const same = run.ask({ headers: alice });
  gate.resolve();
  return { run, answers: await Promise.all([first, second, same]) };
}

const stream = () =>
  `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: "x" }, finish_reason: "stop" }] })}\n\ndata: [DONE]\n\n`;

for (const [form, type, body] of [
  ["a document", "application/json", () => chatAnswer("x")],
  ["a stream", "text/event-stream", stream],
] as const) {
  test(`of ${form} in flight another credential gets the answer's headers, and none of the account that asked`, async () => {
    const { run, answers } = await together(
      () => new Response(body(), { headers: { "content-type": type, ...ACCOUNT, ...ANSWER } }),
    );
    const [first, second, same] = answers as [Response, Response, Response];
    assert.equal(run.calls, 1);
    assert.equal(await second.text(), await first.text());
    for (const [name, value] of Object.entries(ACCOUNT)) {
      assert.equal(first.headers.get(name), value, name);
      assert.equal(same.headers.get(name), value, name);
      assert.notEqual(second.headers.get(name), value, name);
    }
    for (const [name, value] of Object.entries({ "content-type": type, ...ANSWER }))
      assert.equal(second.headers.get(name), value, name);
    assert.match(second.headers.get("cache-status") ?? "", /collapsed/);
  });
}

for (const status of [204, 206, 302, 304, 400, 401, 402, 403, 404, 408, 409, 413, 422, 429, 451, 498, 499]) {
  test(`a ${status} that answers one credential is not handed to another, which asks for itself`, async () => {
    const bare = [204, 304].includes(status);
    const { run, answers } = await together((asked) =>
      asked.get("authorization") === "Bearer sk-bob"
        ? json(chatAnswer("for bob"))
        : new Response(bare ? null : '{"error":{"message":"credit balance is too low"}}', {
            status,
            headers: { "content-type": "application/json" },
          }),
    );
    const [first, second, same] = answers as [Response, Response, Response];
    assert.deepEqual([first.status, same.status], [status, status]);
    assert.equal(await seen(second), "MISS for bob");
    assert.equal(run.calls, 2);
  });
}

test("a provider's failure goes to all who wait, with when to come again and without whose quota it was", async () => {
  const gate = Promise.withResolvers<void>();
  const run = journey({
    provider: async (_, { headers }) => {
      await gate.promise;
      const organization = String(headers.get("authorization"));
      return new Response("{}", {
        status: 503,
        headers: { "retry-after": "3", "openai-organization": organization },
      });
    },
  });
  const keys = Array.from({ length: 6 }, (_, i) => `Bearer sk-${i}`);
  const asked = keys.map((authorization) => run.ask({ headers: { authorization } }));
  gate.resolve();
  const answers = await Promise.all(asked);
  const joined = answers.filter((answer) => /collapsed/.test(answer.headers.get("cache-status") ?? ""));
  assert.ok(joined.length > 0);
  for (const { status, headers } of joined)
    assert.deepEqual(
      [status, headers.get("retry-after"), headers.get("openai-organization")],
      [503, "3", null],
    );
});

const AZURE: [string, string][] = [["--scope", "verified"]];
for (const [what, cheap, dear] of [
  ["deployment", "/openai/v1/deployments/cheap/chat", "/openai/v1/deployments/dear/chat"],
  ["model", "/google/v1beta/models/flash:generateContent", "/google/v1beta/models/pro:generateContent"],
] as const) {
  test(`verified: a ${what} of the path is not proven by one that the body names`, async () => {
    const run = journey({
      flags: AZURE,
      provider: (url, { headers }) =>
        url.includes("flash") || url.includes("cheap") || headers.get("authorization") === "Bearer sk-alice"
          ? json(answerFor(url))
          : new Response('{"error":{}}', { status: 403, headers: { "content-type": "application/json" } }),
    });
    const body = { contents: [{ parts: [{ text: "x" }] }], messages: [{ role: "user", content: "x" }] };
    const path = (at: string) => (at.startsWith("/openai") ? `${at}/completions` : at);
    const name = dear.match(/(?:models|deployments)\/([^/:]+)/)?.[1];
    assert.match(await seen(await run.ask({ path: path(dear), headers: alice, body })), /^(?:MISS|BYPASS)/);
    const proving = await run.ask({ path: path(cheap), headers: bob, body: { ...body, model: name } });
    assert.equal(proving.status, 200);
    await proving.text();
    assert.equal((await run.ask({ path: path(dear), headers: bob, body })).status, 403);
  });
}

function answerFor(url: string): string {
  if (!url.includes("generateContent")) return chatAnswer("x");
  return JSON.stringify({
    candidates: [{ content: { parts: [{ text: "x" }], role: "model" }, finishReason: "STOP" }],
  });
}

for (const name of [
  "x-mistral-api-key",
  "x-hf-token",
  "x-jina-api-key",
  "x-portkey-api-key",
  "helicone-auth",
  "cf-aig-authorization",
  "x-amz-security-token",
]) {
  test(`credential: another ${name} beside the same key is another credential`, async () => {
    const run = journey({ flags: [["--scope", "credential"]] });
    const ask = async (value: string) => seen(await run.ask({ headers: { ...alice, [name]: value } }));
    assert.deepEqual(
      [await ask("one"), await ask("two"), await ask("one"), await ask("two")],
      ["MISS answer 1", "MISS answer 2", "HIT answer 1", "HIT answer 2"],
    );
  });
}

test("a scheme without a key is no credential, as where a variable is not set", async () => {
  const run = journey({ flags: [["--scope", "credential"]] });
  for (const authorization of ["Bearer ", "Bearer", "bearer", "Basic", ""]) {
    const answer = await run.ask({ headers: { authorization } });
    assert.equal(answer.headers.get("x-cache-status"), "BYPASS", authorization);
    await answer.text();
  }
  for (const headers of [{ authorization: "Bearer token" }, { "x-api-key": "key" }]) {
    const answer = await run.ask({ headers: headers as Record<string, string> });
    assert.notEqual(answer.headers.get("x-cache-status"), "BYPASS", JSON.stringify(headers));
    await answer.text();
  }
});

test("a part of an answer, or one under a condition, is not asked for where the whole is kept", async () => {
  const asked: (string | null)[] = [];
  const names = [
    "range",
    "if-range",
    "if-none-match",
    "if-match",
    "if-modified-since",
    "if-unmodified-since",
  ];
  const run = journey({
    provider: (_, { headers }) => {
      asked.push(...names.map((name) => headers.get(name)));
      return json(chatAnswer("whole"));
    },
  });
  const headers = { ...alice, ...Object.fromEntries(names.map((name) => [name, "x"])) };
  assert.equal(await seen(await run.ask({ headers })), "MISS whole");
  assert.equal(await seen(await run.ask({ headers: bob })), "HIT whole");
  assert.deepEqual(new Set(asked), new Set([null]));
  await (await run.ask({ headers: { ...headers, "cache-control": "no-store" } })).text();
  assert.deepEqual(
    asked.slice(names.length),
    names.map(() => "x"),
  );
  assert.equal(run.parts.flights.size, 0);
});

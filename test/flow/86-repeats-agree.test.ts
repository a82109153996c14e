import assert from "node:assert/strict";
import { test } from "node:test";
import { chatAnswer, CHAT as DEFAULT, type Journey, journey, json } from "../support/journey.ts";
import { posted } from "../support/remembering.ts";
import { ordinary, quick } from "../support/two-ways.ts";

const CHAT = JSON.stringify({ model: "m", messages: [{ role: "user", content: "x" }] });

const REQUESTS: Readonly<Record<string, { headers?: string; path?: string; body?: string; quick?: false }>> =
  {
    plain: {},
    namespace: { path: "/@exp-7;sample=3;ttl=30d/openai/v1/chat/completions" },
    "at the root": { path: "/v1/chat/completions" },
    "with words for the log": {
      headers: "User-Agent: a b/1 sk-0123456789abcdef01\r\nReferer: http://u:p@h/x?key=1\r\n",
    },
    "with a secret in its query": { path: "/openai/v1/chat/completions?api_key=sk-2&b=2&a=1" },
    "fresh enough": { headers: "Cache-Control: max-age=3600\r\n" },
    "only what is stored": { headers: "Cache-Control: only-if-cached\r\n" },
    "for ever": { headers: "X-Cache-TTL: forever\r\n" },
    "a stream": { body: CHAT.replace("{", '{"stream":true,') },
    "with a byte beyond ASCII": { headers: "X-Other: \xe9\r\n" },
    "a numbered run": { headers: "X-Cache-Sample: auto\r\nX-Cache-Run: r\r\n", quick: false },
    "from a page": { headers: "Origin: http://localhost:3000\r\n", quick: false },
    "from a page of another site": { headers: "Origin: http://evil.example\r\n", quick: false },
    explained: { headers: "X-Cache-Explain: 1\r\n", quick: false },
    "at a pace": { headers: "X-Cache-Replay: 50tps\r\n", quick: false },
    "not stored": { headers: "Cache-Control: no-store\r\n", quick: false },
    "not read": { headers: "Cache-Control: no-cache\r\n", quick: false },
    "passed by": { headers: "X-Cache-Mode: bypass\r\n", quick: false },
    "of another gateway": { headers: "cf-aig-skip-cache: true\r\n", quick: false },
  };

const stream = () =>
  new Response(
    `data: {"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"x"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n`,
    { headers: { "content-type": "text/event-stream", "x-ratelimit-limit": "3" } },
  );

for (const [name, { quick: isQuick = true, body = CHAT, ...options }] of Object.entries(REQUESTS)) {
  test(`a repeat, ${name}: both ways give the same answer and the same line, or there is no quick one`, async () => {
    const run = journey();
    const headers = {
      "content-type": "application/json; charset=utf-8",
      "x-odd": "a\t\xe9 b",
      "openai-version": "2020",
      "set-cookie": "a=b",
      "x-request-id": "theirs",
      link: "<a>, <b>",
    };
    run.provider = () => (body === CHAT ? json(chatAnswer("x"), { headers }) : stream());
    const request = posted(body, options);
    await ordinary(run, posted(body, { path: options.path ?? DEFAULT }), true);
    await ordinary(run, request, true);
    run.advance(1500);
    const unremembered = await ordinary(run, request, true);
    const slow = await ordinary(run, request, true);
    const found = quick(run, request);
    assert.equal(found !== undefined, isQuick);
    if (found !== undefined) {
      assert.deepEqual(found, slow);
      assert.deepEqual(slow, unremembered);
      assert.match(found.lines.join("\n"), /X-Cache-Status: HIT/);
    }
  });
}

test("what ends a hit ends it for a repeat", async () => {
  const request = posted(CHAT);
  const ends: Readonly<Record<string, (run: Journey) => unknown>> = {
    "its time": (run) => run.advance(run.config.ttlMs),
    "a purge": (run) => run.parts.store.purge({}),
    "another time to live": (run) => {
      run.config = { ...run.config, ttlMs: 1 };
      run.advance(2);
    },
    refresh: (run) => {
      run.config = { ...run.config, mode: "refresh" };
    },
    "a refusal of its credential": (run) =>
      run.parts.verified.refuse({
        provider: "openai",
        model: "",
        tag: run.parts.credentials.read(new Headers({ authorization: "Bearer sk-1" }), "").tag,
      }),
    "the end of what its credential proved": (run) => run.advance(run.config.verifyTtlMs),
  };
  for (const [end, act] of Object.entries(ends)) {
    const run = journey({ flags: [["--scope", "verified"]] });
    for (let i = 0; i < 3; i++) await ordinary(run, request, true);
    assert.match(quick(run, request)?.lines.join() ?? "", /X-Cache-Status: HIT/, end);
    await act(run);
    assert.equal(quick(run, request), undefined, end);
    const { lines } = await ordinary(run, request, true);
    assert.doesNotMatch(lines.join(), /X-Cache-Status: HIT/, end);
  }
});

test("another credential's repeat is its own, whatever else of the request is the same", async () => {
  const run = journey({ flags: [["--scope", "credential"]] });
  const request = posted(CHAT);
  const other = request.replace("sk-1", "sk-2");
  for (let i = 0; i < 3; i++) await ordinary(run, request, true);
  assert.ok(quick(run, request));
  assert.equal(quick(run, other), undefined);
  for (let i = 0; i < 3; i++) await ordinary(run, other, true);
  assert.equal(run.calls, 2);
  assert.match(quick(run, request)?.body ?? "", /answer 1/);
  assert.match(quick(run, other)?.body ?? "", /answer 2/);
});

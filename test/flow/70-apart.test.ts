import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as after } from "node:timers/promises";
import { maskedQuery, maskedReferer } from "../../src/proxy/credential.ts";
import { CHAT, chatAnswer, journey, json, seen } from "../support/journey.ts";
import { MIB } from "../support/store.ts";
import { bytes, choice, DONE, data } from "../support/streams.ts";

const alice = { authorization: "Bearer sk-alice" };
const bob = { authorization: "Bearer sk-bob" };
const bound = (text: string) =>
  chatAnswer(text).replace(
    '"role"',
    '"reasoning_details":[{"type":"reasoning.encrypted","data":"blob"}],"role"',
  );

test("a document that turns out to be bound to its account is never shared with another credential in flight", async () => {
  const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const run = journey({
    provider: async (_, { headers }) => {
      const call = run.calls;
      await gates[call - 1]?.promise;
      return json(bound(`for ${headers.get("authorization")}`));
    },
  });
  const path = CHAT.replace("openai", "openrouter");
  const first = run.ask({ path, headers: alice });
  const second = run.ask({ path, headers: bob });
  const again = run.ask({ path, headers: alice });
  for (const gate of gates) gate.resolve();
  assert.equal(await seen(await first), "MISS for Bearer sk-alice");
  assert.equal(await seen(await again), "MISS for Bearer sk-alice");
  assert.equal(await seen(await second), "MISS for Bearer sk-bob");
  assert.equal(run.calls, 2);
  assert.equal(await seen(await run.ask({ path, headers: bob })), "HIT for Bearer sk-bob");
  assert.equal(await seen(await run.ask({ path, headers: alice })), "HIT for Bearer sk-alice");
});

test("a stream that turns out to be bound breaks off for another credential before the byte that says so", async () => {
  const gate = Promise.withResolvers<void>();
  const ends = Promise.withResolvers<void>();
  const encoder = new TextEncoder();
  const event = (delta: object, finish: string | null = null) =>
    encoder.encode(`data: ${JSON.stringify({ choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`);
  const secret = { reasoning_details: [{ type: "reasoning.encrypted", data: "blob" }] };
  const run = journey({
    provider: () =>
      new Response(
        new ReadableStream({
          async start(controller) {
            controller.enqueue(event({ content: "open" }));
            await gate.promise;
            controller.enqueue(event(secret));
            await ends.promise;
            controller.enqueue(event({}, "stop"));
            controller.enqueue(encoder.encode("data: [DONE]\n\n"));
            controller.close();
          },
        }),
        { headers: { "content-type": "text/event-stream" } },
      ),
  });
  const ask = {
    path: CHAT.replace("openai", "openrouter"),
    body: { model: "m", stream: true, messages: [] },
  };
  const first = await run.ask({ ...ask, headers: alice });
  const second = await run.ask({ ...ask, headers: bob });
  assert.equal(run.calls, 1);
  gate.resolve();
  // Long before its end, at which everything is known.
  await assert.rejects(second.text());
  ends.resolve();
  assert.match(await first.text(), /blob/);
});

test("of a stream that is bound by what its provider keeps no other credential sees a byte, in one chunk or by events", async () => {
  const created = data({ type: "response.created", response: { status: "in_progress", store: true } });
  const delta = data({ type: "response.output_text.delta", delta: "for alice" });
  const output = [{ type: "message", content: [{ text: "for alice" }] }];
  const completed = data({
    type: "response.completed",
    response: { status: "completed", output, store: true },
  });
  // The provider keeps it though the request asks it not to.
  const body = { model: "m", stream: true, store: false, input: "x" };
  for (const pieces of [[delta + completed], [created + delta + completed], [created, delta, completed]]) {
    const ask = { path: "/openai/v1/responses", body };
    const { run, first, second, begin } = await joined(ask, pieces);
    const read = second.body?.getReader().read();
    begin();
    await assert.rejects(read as Promise<unknown>);
    assert.equal(await first.text(), pieces.join(""));
    assert.equal((await run.ask({ ...ask, headers: alice })).headers.get("x-cache-status"), "HIT");
    assert.equal((await run.ask({ ...ask, headers: bob })).headers.get("x-cache-status"), "MISS");
  }
});

test("a foreigner sees nothing of an event that binds a stream, wherever that is cut, and all of one that binds nothing", async () => {
  const plain = data(choice({ content: "plain" }, null));
  const end = data(choice({}, "stop")) + DONE;
  const secret = { reasoning_details: [{ type: "reasoning.encrypted", data: "SECRETBLOB" }] };
  for (const crlf of [false, true]) {
    const written = (text: string) => (crlf ? text.replaceAll("\n", "\r\n") : text);
    for (const [event, binds] of [
      [written(data(choice(secret, null))), true],
      [written(data(choice({ content: "open to all" }, null))), false],
    ] as const) {
      for (let cut = 1; cut <= event.length; cut += 7) {
        const pieces = [
          written(plain) + event.slice(0, cut),
          event.slice(cut, -1),
          event.slice(-1),
          written(end),
        ];
        const { first, second, begin } = await joined(OPENROUTER, pieces, { apart: true });
        begin();
        const [own, foreign] = await Promise.all([first.text(), shownOf(second)]);
        assert.equal(own, pieces.join(""));
        assert.equal(foreign.text, binds ? written(plain) : own, `cut at ${cut}`);
        assert.equal(foreign.broken, binds);
      }
    }
  }
});

test("of an event that outgrows what a pipe holds a foreigner sees nothing, and its own client all", async () => {
  const plain = data(choice({ content: "plain" }, null));
  const event = data(choice({ content: "x".repeat(12 * MIB) }, null));
  const pieces = [plain];
  for (let at = 0; at < event.length; at += MIB) pieces.push(event.slice(at, at + MIB));
  pieces.push(data(choice({}, "stop")) + DONE);
  for (const [size, broken] of [
    ["1MiB", true],
    ["64MiB", false],
  ] as const) {
    const flags: [string, string][] = [["--max-entry", size]];
    const { first, second, begin } = await joined(OPENROUTER, pieces, { apart: true, flags });
    begin();
    const [own, foreign] = await Promise.all([first.text(), shownOf(second)]);
    assert.ok(own === pieces.join(""));
    assert.equal(foreign.broken, broken);
    assert.ok(foreign.text === (broken ? plain : own));
  }
});

const OPENROUTER = {
  path: "/openrouter/v1/chat/completions",
  body: { model: "m", stream: true, messages: [] },
};

/** Alice's stream, joined by bob before its first piece, which comes with `begin`; `apart`: a turn between pieces. */
async function joined(
  ask: { path: string; body: unknown },
  pieces: readonly string[],
  { apart = false, flags = [] }: { apart?: boolean; flags?: [string, string][] } = {},
) {
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
  const body = () =>
    new ReadableStream({
      async start(controller) {
        await begun;
        for (const piece of pieces) {
          if (piece !== "") controller.enqueue(bytes(piece));
          if (apart) await after(0);
        }
        controller.close();
      },
    });
  const headers = { "content-type": "text/event-stream" };
  const run = journey({ flags, provider: () => new Response(body(), { headers }) });
  const first = await run.ask({ ...ask, headers: alice });
  const second = await run.ask({ ...ask, headers: bob });
  assert.equal(run.calls, 1);
  return { run, first, second, begin };
}

/** What a client saw of a stream. */
async function shownOf(response: Response): Promise<{ text: string; broken: boolean }> {
  const decoder = new TextDecoder();
  let text = "";
  try {
    for await (const chunk of response.body ?? []) text += decoder.decode(chunk, { stream: true });
    return { text, broken: false };
  } catch {
    return { text, broken: true };
  }
}

test("an expired shared answer does not hide the credential's own newer one", async () => {
  const run = journey({
    flags: [
      ["--ttl", "1h"],
      ["--max-stale", "0"],
    ],
  });
  await (await run.ask({ headers: alice })).text();
  run.advance(2 * 3_600_000);
  run.provider = () => json('{"error":{"message":"gone"}}', { status: 404 });
  assert.equal(await seen(await run.ask({ headers: alice })), "EXPIRED 404");
  assert.equal(await seen(await run.ask({ headers: alice })), "HIT 404");
  assert.equal(run.calls, 2);
});

test("a key that is refused does not pause an expired entry for those whose key is good", async () => {
  const run = journey({
    flags: [
      ["--ttl", "1h"],
      ["--max-stale", "0"],
    ],
  });
  await (await run.ask({ headers: alice })).text();
  run.advance(2 * 3_600_000);
  run.provider = () => json("{}", { status: 401 });
  assert.equal((await run.ask({ headers: bob })).status, 401);
  run.provider = () => json(chatAnswer("new"));
  assert.equal(await seen(await run.ask({ headers: alice })), "EXPIRED new");
});

test("replay answers from the store though the request says no-cache, and only-if-cached calls nobody", async () => {
  const run = journey();
  await (await run.ask()).text();
  const replay = await run.ask({ headers: { "x-cache-mode": "replay", "cache-control": "no-cache" } });
  assert.equal(await seen(replay), "HIT answer 1");
  const only = { "cache-control": "only-if-cached" };
  for (const ask of [
    { path: "/openai/v1/files" },
    { path: "/openai/v1/responses", body: { model: "m", input: "x", background: true } },
    { headers: { "cache-control": "only-if-cached, no-store" } },
  ]) {
    const answer = await run.ask({ ...ask, headers: { ...only, ...ask.headers } });
    assert.equal(answer.status, 504);
  }
  assert.equal(run.calls, 1);
});

test("askonce's own error on a cacheable request names its key", async () => {
  const run = journey();
  const miss = await run.ask({ headers: { "x-cache-mode": "replay" } });
  assert.match(miss.headers.get("x-cache-key") ?? "", /^[0-9a-f]{64}$/);
  assert.match(miss.headers.get("cache-status") ?? "", /detail=replay_miss/);
});

test("an error says that its request went forward only where it did", async () => {
  const run = journey();
  const told = async (options: Parameters<typeof run.ask>[0]) => {
    const { headers } = await run.ask(options);
    return headers.get("cache-status")?.replace(/; key=.*/, "");
  };
  const only = { "cache-control": "only-if-cached" };
  assert.equal(await told({ headers: { "x-cache-mode": "replay" } }), "askonce; detail=replay_miss");
  assert.equal(await told({ headers: only }), "askonce; detail=only_if_cached_miss");
  assert.equal(
    await told({ headers: only, path: "/openai/v1/files" }),
    "askonce; detail=only_if_cached_miss",
  );
  assert.equal(run.calls, 0);
  run.provider = () => Promise.reject(new Error("refused"));
  assert.equal(await told({}), "askonce; fwd=uri-miss; detail=upstream_unreachable");
});

test("a body that cannot be looked into is kept for its own credential only", async () => {
  const run = journey();
  const deep = `{"model":"m","deep":${"[".repeat(12_000)}${"]".repeat(12_000)},"pad":"${"x".repeat(1_100_000)}"}`;
  assert.equal(await seen(await run.ask({ body: deep, headers: alice })), "MISS answer 1");
  assert.equal(await seen(await run.ask({ body: deep, headers: alice })), "HIT answer 1");
  assert.equal(await seen(await run.ask({ body: deep, headers: bob })), "MISS answer 2");
  const marked = `\ufeff${JSON.stringify({ model: "m", background: true, pad: "x".repeat(1_100_000) })}`;
  const answer = await run.ask({ path: "/openai/v1/responses", body: marked });
  assert.equal(answer.headers.get("x-cache-status"), "BYPASS");
});

test("an answer with fewer vectors than inputs is passed on and not kept", async () => {
  const one = JSON.stringify({
    object: "list",
    model: "m",
    data: [{ object: "embedding", index: 0, embedding: [1] }],
  });
  const run = journey({ provider: () => json(one) });
  const ask = { path: "/openai/v1/embeddings", body: { model: "m", input: ["a", "b"] } };
  for (const _ of [1, 2]) {
    const answer = await run.ask(ask);
    assert.equal(await answer.text(), one);
    assert.equal(answer.headers.get("x-cache-status"), "MISS");
  }
});

test("what a client announces but does not send takes no room from others", async () => {
  const run = journey({ flags: [["--max-buffered", "1MiB"]] });
  const stuck = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(new Uint8Array(1)),
  });
  const abort = new AbortController();
  const request = new Request(`http://localhost${CHAT}`, {
    method: "POST",
    headers: { "content-type": "application/json", "content-length": String(60 * 1024 * 1024) },
    body: stuck,
    signal: abort.signal,
    duplex: "half",
  } as RequestInit);
  const { handle } = await import("../../src/proxy/handle.ts");
  void handle(run.parts, request, { address: "127.0.0.1" }).catch(() => {});
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert.equal(await seen(await run.ask()), "MISS answer 1");
  abort.abort();
});

test("secrets in queries, paths and referers are masked in the log", async () => {
  const names = [
    "token",
    "apikey",
    "sig",
    "X-Amz-Signature",
    "subscription-key",
    "client_secret",
    "key",
    "%6bey",
  ];
  for (const name of names) assert.equal(maskedQuery(`?a=1&${name}=LEAK`), `?a=1&${name}=***`);
  assert.equal(maskedQuery("?alt=sse&beta=true"), "?alt=sse&beta=true");
  assert.equal(maskedReferer("http://u:LEAK@x/?key=LEAK"), "http://x/?key=***");
  const run = journey();
  const leak = "sk-LEAKLEAKLEAKLEAKLEAK";
  await (
    await run.ask({
      path: `/openai/v1/${leak}/chat?token=LEAK`,
      headers: { referer: `http://x/${leak}?q=${leak}` },
    })
  ).text();
  assert.ok(
    run.events.length === 1 && !JSON.stringify(run.events).includes("LEAK"),
    JSON.stringify(run.events),
  );
});

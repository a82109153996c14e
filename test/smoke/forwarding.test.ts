import assert from "node:assert/strict";
import { test } from "node:test";
import { answerWell, openai } from "../support/answers.ts";
import { startAskonce } from "../support/askonce.ts";
import { startProvider } from "../support/provider.ts";
import { ask, post, RawConnection, requestBytes, send } from "../support/raw.ts";
import { assertHit, assertMiss, fresh, OWN_PROCESS, sameBytes, session } from "../support/session.ts";
import { bytesOf } from "../support/wire.ts";

const run = session({ flags: ["--upstream-timeout", "2s"] });
const json = { "Content-Type": "application/json" };
const document = JSON.stringify(openai.document("x"));

test("request headers and body go up unchanged, but hop-by-hop headers, Host and askonce's own stay here", async () => {
  const provider = run.script("openai", answerWell);
  const body = `{ "model":"m", "messages":[{"role":"user","content":"\\u00e9 ${fresh()}"}] , "n":1.0 }`;
  const sent = {
    Authorization: "Bearer sk-1",
    "OpenAI-Organization": "org",
    "X-Custom": "a, b",
    "User-Agent": "agent/2",
    "X-Stainless-Retry-Count": "1",
    "Idempotency-Key": "i-1",
    Cookie: "c=1",
  };
  const dropped = {
    Connection: "keep-alive, X-Hop",
    "Keep-Alive": "timeout=5",
    "X-Hop": "1",
    TE: "trailers",
    "Proxy-Authorization": "Basic eDp5",
    "Proxy-Connection": "keep-alive",
    "X-Cache-TTL": "1h",
  };
  const answer = await post(run.port, openai.path, { body, headers: { ...sent, ...dropped } });
  assert.equal(answer.status, 200, answer.text);
  const call = provider.calls[0];
  assert.ok(call);
  assert.equal(await call.text(), body);
  for (const [name, value] of Object.entries(sent)) assert.equal(call.header(name), value, name);
  for (const name of [
    "keep-alive",
    "x-hop",
    "te",
    "proxy-authorization",
    "proxy-connection",
    "x-cache-ttl",
  ]) {
    assert.equal(call.header(name), undefined, name);
  }
  assert.equal(call.header("host"), `127.0.0.1:${provider.port}`);
  assert.equal(call.header("content-length"), String(Buffer.byteLength(body)));
  for (const [name] of call.headers) assert.doesNotMatch(name, /^(x-forwarded|x-cache|via$|cf-|x-real-ip)/i);
});

test("answer headers reach the client unchanged and in each of their copies, hop-by-hop ones do not", async () => {
  run.script("openai", (call) =>
    call.reply({
      headers: [
        ["Content-Type", "application/json; charset=UTF-8"],
        ["X-Custom", "a"],
        ["X-Custom", "b"],
        ["X-RateLimit-Remaining-Tokens", "5"],
        ["Set-Cookie", "a=1; Path=/"],
        ["Set-Cookie", "b=2, x"],
        ["Keep-Alive", "timeout=9"],
        ["Connection", "X-Hop"],
        ["X-Hop", "1"],
      ],
      body: document,
    }),
  );
  const passed = await ask(run.port, { path: "/openai/v1/models" });
  assert.equal(passed.header("content-type"), "application/json; charset=UTF-8");
  assert.equal(passed.all("x-custom").join(", "), "a, b");
  assert.equal(passed.header("x-ratelimit-remaining-tokens"), "5");
  assert.deepEqual(passed.all("set-cookie"), ["a=1; Path=/", "b=2, x"]);
  assert.equal(passed.header("x-hop"), undefined);
  assert.notEqual(passed.header("keep-alive"), "timeout=9");
});

test("Set-Cookie on a cacheable answer goes to nobody; rate limits and date are not replayed", async () => {
  run.script("openai", (call) =>
    call.reply({
      headers: {
        ...json,
        "Set-Cookie": "session=1",
        "X-RateLimit-Remaining-Requests": "9",
        Date: "Tue, 14 Nov 2023 22:13:20 GMT",
        "OpenAI-Version": "2020-10-01",
      },
      body: document,
    }),
  );
  const body = openai.request(fresh(), false);
  const first = await post(run.port, openai.path, { body });
  const second = await post(run.port, openai.path, { body });
  assertHit(second, first);
  assert.deepEqual([first.header("set-cookie"), second.header("set-cookie")], [undefined, undefined]);
  assert.equal(first.header("x-ratelimit-remaining-requests"), "9");
  assert.equal(second.header("x-ratelimit-remaining-requests"), undefined);
  assert.equal(second.header("openai-version"), "2020-10-01");
  assert.notEqual(second.header("date"), "Tue, 14 Nov 2023 22:13:20 GMT");
});

for (const status of [301, 302, 303, 307, 308]) {
  test(`a ${status} is passed through with its Location and never followed`, async () => {
    run.providers.forget();
    const location = `${run.providers.named("groq").url}/elsewhere`;
    run.script("openai", (call) => call.reply({ status, headers: { Location: location } }));
    const got = await ask(run.port, { path: "/openai/v1/models" });
    const posted = await post(run.port, openai.path, { body: openai.request(fresh(), false) });
    for (const answer of [got, posted])
      assert.deepEqual([answer.status, answer.header("location")], [status, location]);
    assert.deepEqual(run.providers.called, ["openai"]);
  });
}

test("HEAD gives the head and no body; 204 and 304 pass through; DELETE and PUT carry their bodies", async () => {
  run.script("openai", (call) => call.reply({ headers: json, body: document }));
  const head = await ask(run.port, { method: "HEAD", path: "/openai/v1/models" });
  assert.deepEqual([head.status, head.body.byteLength, head.ending], [200, 0, "complete"]);
  for (const status of [204, 304]) {
    run.script("openai", (call) => call.reply({ status }));
    assert.equal((await ask(run.port, { path: "/openai/v1/models" })).status, status);
  }
  for (const method of ["DELETE", "PUT", "PATCH"]) {
    const provider = run.script("openai", async (call) => call.reply({ body: await call.body }));
    const answer = await ask(run.port, { method, path: "/openai/v1/x", body: "payload" });
    assert.deepEqual([provider.calls[0]?.method, answer.text], [method, "payload"]);
  }
});

test("a WebSocket upgrade gets 426 and calls nobody", async () => {
  run.providers.forget();
  const answer = await ask(run.port, {
    path: "/openai/v1/realtime?model=m",
    headers: {
      Connection: "Upgrade",
      Upgrade: "websocket",
      "Sec-WebSocket-Version": "13",
      "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    },
  });
  assert.equal(answer.status, 426);
  assert.equal(run.calls, 0);
});

test("Expect: 100-continue is answered before the body is sent, and the request goes up whole", async () => {
  const provider = run.script("openai", answerWell);
  const body = JSON.stringify(openai.request(fresh(), false));
  const client = await RawConnection.open(run.port);
  const bytes = requestBytes(run.port, { path: openai.path, headers: { Expect: "100-continue" }, body });
  await client.write(bytes.subarray(0, bytes.byteLength - body.length));
  await client.until((answer) => answer.interim.includes(100));
  await client.write(body);
  assertMiss(await client.answer());
  client.destroy();
  assert.equal(await provider.calls[0]?.text(), body);
});

test("a body over max_body is a 413, on either framing, and calls nobody", OWN_PROCESS, async (t) => {
  const provider = await startProvider(answerWell);
  const server = await startAskonce({
    flags: ["--provider", `openai=${provider.url}`, "--max-body", "64KiB"],
  });
  t.after(async () => {
    await server.kill();
    await provider.close();
  });
  const body = JSON.stringify({ ...openai.request(fresh(), false), pad: "x".repeat(70_000) });
  const lengthy = await post(server.port, openai.path, { body });
  assert.deepEqual([lengthy.status, lengthy.json.error.code], [413, "request_too_large"]);
  const chunked = `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
  const other = await ask(server.port, {
    path: openai.path,
    headers: { "Transfer-Encoding": "chunked" },
    body: chunked,
  });
  assert.equal(other.status, 413);
  assert.equal(provider.calls.filter((call) => call.whole).length, 0);
});

test("a request head of 30 KB is taken", async () => {
  const provider = run.script("openai", answerWell);
  const headers = { "X-Long": "x".repeat(30_000) };
  const answer = await post(run.port, openai.path, { body: openai.request(fresh(), false), headers });
  assert.equal(answer.status, 200);
  assert.equal(provider.calls[0]?.header("x-long")?.length, 30_000);
});

test("an answer with many and long headers arrives whole", async () => {
  const headers = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`X-Many-${i}`, "v".repeat(100)]));
  run.script("openai", (call) => call.reply({ headers: { ...json, ...headers }, body: document }));
  const answer = await ask(run.port, { path: "/openai/v1/models" });
  assert.equal(answer.headers.filter(([name]) => /^x-many-/i.test(name)).length, 60);
});

test("bytes of any kind pass both ways unchanged", async () => {
  const bytes = new Uint8Array(100_000).map((_, i) => (i * 31) ^ (i >> 3));
  run.script("openai", async (call) =>
    call.reply({ headers: { "Content-Type": "audio/mpeg" }, body: await call.body }),
  );
  const answer = await ask(run.port, {
    path: "/openai/v1/odd",
    headers: { "Content-Type": "x/y" },
    body: bytes,
  });
  sameBytes(answer.body, bytes);
  const speech = {
    path: "/openai/v1/audio/speech",
    body: JSON.stringify({ model: "tts", input: fresh(), voice: "v" }),
  };
  run.script("openai", (call) =>
    call.reply({ headers: { "Content-Type": "audio/mpeg" }, framing: "chunked", body: bytes }),
  );
  const first = await ask(run.port, speech);
  sameBytes(first.body, bytes);
  assertHit(await ask(run.port, speech), first);
});

test("an askonce that is its own provider answers 508 and does not spin", OWN_PROCESS, async (t) => {
  const probe = await startProvider(() => {});
  const port = probe.port;
  await probe.close();
  const server = await startAskonce({
    listen: `127.0.0.1:${port}`,
    flags: ["--provider", `mine=http://localhost:${port}/mine`],
  });
  t.after(() => server.kill());
  const answer = await ask(port, { path: "/mine/v1/models", timeoutMs: 10_000 });
  assert.equal(answer.status, 508);
  assert.match(answer.text, /loop_detected/);
});

test("a silence of the provider within the timeout is waited for, before and inside the answer", async () => {
  run.script("openai", () => {});
  const client = await send(run.port, {
    path: openai.path,
    body: JSON.stringify(openai.request(fresh(), true)),
  });
  const call = await run.providers.named("openai").next();
  await new Promise((resolve) => setTimeout(resolve, 1200));
  await call.head({ headers: { "Content-Type": "text/event-stream" } });
  await call.chunk(openai.events("slow")[0] ?? "");
  await client.until((answer) => answer.parts.length > 0);
  await new Promise((resolve) => setTimeout(resolve, 1200));
  await call.chunk(bytesOf(openai.events("slow").slice(1).join("")));
  await call.end();
  assertMiss(await client.answer());
  client.destroy();
});

test("a part of a file is asked for uncoded, since a part of a coded one cannot be decoded", async () => {
  const provider = run.script("openai", (call) =>
    call.reply({ status: 206, headers: { "Content-Range": "bytes 0-1/9" }, body: "ab" }),
  );
  const path = openai.path.replace("chat/completions", "files/f/content");
  const answer = await ask(run.port, { method: "GET", path, headers: { Range: "bytes=0-1" } });
  assert.deepEqual([answer.status, answer.text, answer.header("content-range")], [206, "ab", "bytes 0-1/9"]);
  assert.equal(provider.calls[0]?.header("accept-encoding"), "identity");
  assert.equal(provider.calls[0]?.header("range"), "bytes=0-1");
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { answerWell, families } from "./support/answers.ts";
import { type Handler, startProvider } from "./support/provider.ts";
import { ask, post, RawConnection, requestBytes, send } from "./support/raw.ts";

const hello = { path: "/a", body: "{}" };

test("the scripted provider records a request head to the byte, and both bodies arrive whole", async () => {
  const provider = await startProvider(async (call) =>
    call.reply({ body: await call.body, headers: { "X-Odd": "ä" } }),
  );
  const answer = await ask(provider.port, { path: "/a?b=%2F", headers: { "X-CaSe": "1" }, body: "héllo" });
  const call = await provider.next();
  assert.match(call.rawHead, /^POST \/a\?b=%2F HTTP\/1\.1\r\nHost: [^\r]*\r\nX-CaSe: 1\r\n/);
  assert.equal(call.query, "?b=%2F");
  assert.equal(await call.text(), "héllo");
  assert.equal(answer.text, "héllo");
  assert.equal(answer.ending, "complete");
  await provider.close();
});

test("chunked, length and close framing give the client the same body", async () => {
  for (const framing of ["chunked", "length", "close"] as const) {
    const provider = await startProvider((call) => call.reply({ framing, body: "x".repeat(100_000) }));
    const answer = await ask(provider.port, hello);
    assert.deepEqual([answer.ending, answer.body.byteLength], ["complete", 100_000], framing);
    await provider.close();
  }
});

test("a body that ends early is told from a whole one: cut, reset, and silence before any head", async () => {
  const scripts: [string, Handler][] = [
    [
      "cut",
      async (call) => {
        await call.reply({ body: "half", declaredLength: 8 });
        call.cut();
      },
    ],
    [
      "cut",
      async (call) => {
        await call.head();
        await call.chunk("half");
        call.cut();
      },
    ],
    [
      "reset",
      async (call) => {
        await call.head();
        await call.chunk("half");
        await call.begun;
        call.reset();
      },
    ],
    ["closed", (call) => call.cut()],
  ];
  for (const [ending, script] of scripts) {
    const provider = await startProvider(script);
    assert.equal((await ask(provider.port, hello)).ending, ending);
    await provider.close();
  }
});

test("a piece is seen by the client before the next is sent", async () => {
  const provider = await startProvider(() => {});
  const client = await send(provider.port, hello);
  const call = await provider.next();
  await call.head();
  await call.chunk("one");
  await client.until((answer) => answer.text === "one");
  await call.chunk("two");
  await call.end();
  assert.equal((await client.answer()).text, "onetwo");
  client.destroy();
  await provider.close();
});

test("one connection carries several requests, sent one by one or pipelined", async () => {
  const provider = await startProvider(async (call) => call.reply({ body: await call.body }));
  const client = await RawConnection.open(provider.port);
  await client.write(requestBytes(provider.port, { path: "/1", body: "one" }));
  assert.equal((await client.answer()).text, "one");
  await client.write(requestBytes(provider.port, { path: "/2", body: "two" }));
  assert.equal((await client.answer()).text, "two");
  assert.deepEqual(
    provider.calls.map((call) => call.connection),
    [0, 0],
  );
  client.destroy();
  await provider.close();
});

test("a chunked upload split anywhere is put together, and 100-continue is answered first", async () => {
  const provider = await startProvider(async (call) => call.reply({ body: await call.body }));
  const client = await RawConnection.open(provider.port);
  const text =
    "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n";
  for (const letter of text) await client.write(letter);
  const answer = await client.answer();
  assert.deepEqual([answer.text, answer.interim], ["abc0123456789", [100]]);
  client.destroy();
  await provider.close();
});

test("every family's good answer names its call, so two calls never look the same", async () => {
  const provider = await startProvider(answerWell);
  for (const family of families) {
    for (const stream of [false, true]) {
      const path = (stream ? family.streamPath : family.path).slice(family.provider.length + 1);
      const [one, two] = [0, 1].map(() => post(provider.port, path, { body: family.request("q", stream) }));
      const [a, b] = [await one, await two];
      assert.equal(a?.status, 200, family.name);
      assert.notEqual(a?.text, b?.text, family.name);
      assert.match(a?.header("content-type") ?? "", stream ? /event-stream|ndjson/ : /json/, family.name);
    }
  }
  await provider.close();
});

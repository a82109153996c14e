import assert from "node:assert/strict";
import { test } from "node:test";
import { answerWell, openai } from "../support/answers.ts";
import { target } from "../support/askonce.ts";
import { post, RawConnection, requestBytes, send } from "../support/raw.ts";
import { assertHit, assertMiss, fresh, sameBytes, session } from "../support/session.ts";
import { concat } from "../support/wire.ts";

const run = session({ flags: ["--on-disconnect", "abort"] });
const questionBytes = (text: string, stream = false) =>
  requestBytes(run.port, { path: openai.path, body: JSON.stringify(openai.request(text, stream)) });

test("pipelined requests are answered in order, hits and misses mixed, in whatever pieces they come", async () => {
  run.script("openai", answerWell);
  const [first, second] = [fresh(), fresh()];
  const known = await post(run.port, openai.path, { body: openai.request(first, false) });
  const one = concat([questionBytes(first), questionBytes(second), questionBytes(first)]);
  for (const size of [one.byteLength, 700, 37]) {
    const client = await RawConnection.open(run.port);
    for (let at = 0; at < one.byteLength; at += size) await client.write(one.subarray(at, at + size));
    assertHit(await client.answer(), known);
    const middle = await client.answer();
    assert.equal(middle.status, 200);
    if (size === one.byteLength) assertMiss(middle);
    assertHit(await client.answer(), known);
    client.destroy();
  }
});

test("a hit asked for a hundred times on one connection stays the same, whatever its body's length", async () => {
  run.script("openai", answerWell);
  for (const length of [10, 70_000, 600_000]) {
    const bytes = questionBytes(`${fresh()} ${"x".repeat(length)}`);
    const client = await RawConnection.open(run.port);
    await client.write(bytes);
    const first = await client.answer();
    assertMiss(first);
    for (let i = 0; i < (length > 100_000 ? 10 : 100); i++) {
      await client.write(bytes);
      assertHit(await client.answer(), first);
    }
    client.destroy();
  }
});

const smuggled = `POST ${openai.path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}`;
for (const [what, lines] of [
  ["Content-Length and Transfer-Encoding", ["Content-Length: 5", "Transfer-Encoding: chunked"]],
  ["two lengths", ["Content-Length: 5", `Content-Length: ${5 + smuggled.length}`]],
  ["a length with a sign", ["Content-Length: +5"]],
  ["a blank before the colon", ["Content-Length : 5"]],
] as const) {
  test(`a request with ${what} is refused, and nothing behind it reaches a provider`, async () => {
    run.providers.forget();
    const client = await RawConnection.open(run.port);
    await client.write(
      `POST ${openai.path} HTTP/1.1\r\nHost: localhost\r\n${lines.join("\r\n")}\r\n\r\n0\r\n\r\n${smuggled}`,
    );
    const answer = await client.answer(8_000);
    assert.ok(answer.status === 400 || answer.status === 0, String(answer.status));
    const next = await client.answer(8_000);
    assert.deepEqual([next.status, run.calls], [0, 0]);
    client.destroy();
  });
}

test("an answer that comes early reaches a client that is still sending", async () => {
  const client = await RawConnection.open(run.port);
  await client.write(
    "POST /no-such-provider/v1/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 200000\r\n\r\n",
  );
  await client.write(new Uint8Array(50_000));
  const answer = await client.answer(8_000);
  assert.deepEqual([answer.status, answer.json.error.code], [404, "unknown_provider"]);
  client.destroy();
});

test("the head of a stream reaches the client before the first byte of its body", async () => {
  const provider = run.script("openai", () => {});
  const client = await send(run.port, { method: "GET", path: "/openai/v1/files/f/content" });
  const call = await provider.next();
  await call.head({ headers: { "Content-Type": "application/octet-stream" } });
  const { headers } = await client.until((answer) => answer.status === 200);
  assert.ok(headers.length > 0);
  await call.chunk("abc");
  await call.end();
  const answer = await client.answer();
  assert.deepEqual([answer.text, answer.ending], ["abc", "complete"]);
  client.destroy();
});

test("a client of HTTP/1.0 gets a stream without chunks, ended by closing, and a break as a break", async () => {
  for (const breaks of [false, true]) {
    const provider = run.script("openai", () => {});
    const client = await RawConnection.open(run.port);
    await client.write("GET /openai/v1/files/f/content HTTP/1.0\r\nHost: localhost\r\n\r\n");
    const call = await provider.next();
    await call.head({ headers: { "Content-Type": "application/octet-stream" }, framing: "chunked" });
    await call.chunk("abc");
    await client.until((answer) => answer.text === "abc");
    if (breaks) call.reset();
    else await call.end();
    const answer = await client.answer(8_000);
    assert.equal(answer.header("transfer-encoding"), undefined);
    assert.equal(answer.text, "abc");
    // Deno's server closes such a connection in both cases alike.
    if (breaks && target !== "deno") assert.notEqual(answer.ending, "complete");
    client.destroy();
  }
});

test("a client that leaves before the answer begins ends the call that nobody else waits for", async () => {
  const provider = run.script("openai", () => {});
  const client = await send(run.port, {
    path: openai.path,
    body: JSON.stringify(openai.request(fresh(), true)),
  });
  const call = await provider.next();
  await call.begun;
  client.destroy();
  await call.closed;
  assert.equal(run.server.running, true);
});

test("a reader that stalls and goes on gets every byte of a large answer", async () => {
  const bytes = new Uint8Array(20_000_000).map((_, i) => (i * 31) ^ (i >> 9));
  run.script("openai", (call) =>
    call.reply({ headers: { "Content-Type": "application/octet-stream" }, framing: "chunked", body: bytes }),
  );
  const client = await send(run.port, { method: "GET", path: "/openai/v1/files/f/content" });
  await client.until((answer) => answer.parts.length > 0);
  client.pause();
  await post(run.port, "/openai/v1/models", { body: "" });
  client.resume();
  const answer = await client.answer();
  sameBytes(answer.body, bytes);
  client.destroy();
});

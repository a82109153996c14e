import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { answerWell, openai } from "../support/answers.ts";
import { type Askonce, startAskonce, target } from "../support/askonce.ts";
import { startProvider } from "../support/provider.ts";
import { ask, post, RawConnection, type RawRequest, send } from "../support/raw.ts";
import { fresh, inParallel } from "../support/session.ts";

const json = { "Content-Type": "application/json" };
const MIB = 2 ** 20;
const mib = (bytes: number) => `${(bytes / MIB).toFixed(0)} MiB`;
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Follows the resident memory until the returned function is called, which answers with the most it was. */
function watch(server: Askonce): () => number {
  let most = 0;
  const timer = setInterval(() => {
    most = Math.max(most, server.memory().rss);
  }, 50);
  return () => {
    clearInterval(timer);
    return Math.max(most, server.memory().rss);
  };
}

/** Waits until the memory has not grown for a second and a half; at most 10 s. */
async function settled(server: Askonce): Promise<void> {
  let [most, at] = [0, performance.now()];
  const end = at + 10_000;
  while (performance.now() < end && performance.now() - at < 1500) {
    const { rss } = server.memory();
    if (rss > most + MIB) [most, at] = [rss, performance.now()];
    await sleep(100);
  }
}

/** A client that stops reading once it has the first bytes of the answer. */
async function stall(port: number, request: RawRequest): Promise<RawConnection> {
  const client = await send(port, request);
  await client.until((answer) => answer.parts.length > 0);
  client.pause();
  return client;
}

/** A server that has answered a few requests, so that what is loaded once is loaded. */
async function warm(url: string): Promise<Askonce> {
  const server = await startAskonce({ flags: ["--provider", `openai=${url}`] });
  for (let i = 0; i < 20; i++) {
    const body = openai.request(fresh(), i % 2 === 0);
    for (const _ of [1, 2]) await post(server.port, openai.path, { body });
  }
  await sleep(500);
  return server;
}

test("a 1 GB upload to /v1/files grows the resident memory by at most 150 MB and arrives to the byte", {
  timeout: 120_000,
}, async (t) => {
  const provider = await startProvider(answerWell);
  const server = await warm(provider.url);
  t.after(async () => {
    await server.kill();
    await provider.close();
  });
  provider.handler = async (call) => {
    await call.body;
    await call.reply({ headers: json, body: '{"id":"file-1"}' });
  };
  provider.forget();
  const size = 1_000_000_000;
  const part = crypto.getRandomValues(new Uint8Array(50_000));
  const block = new Uint8Array(1_000_000).map((_, i) => part[i % part.byteLength] ?? 0);
  const sent = createHash("sha256");
  const before = server.memory().rss;
  const most = watch(server);
  const begun = performance.now();
  const client = await RawConnection.open(server.port);
  await client.write(`POST /openai/v1/files HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${size}\r\n\r\n`);
  for (let at = 0; at < size; at += block.byteLength) {
    sent.update(block);
    await client.write(block);
  }
  const answer = await client.answer(60_000);
  client.destroy();
  const grown = most() - before;
  console.log(
    `${target}: 1 GB upload in ${Math.round(performance.now() - begun)} ms: ${mib(before)} + ${mib(grown)}`,
  );
  assert.deepEqual([answer.status, answer.cache], [200, "BYPASS"]);
  assert.equal(provider.calls[0]?.bodyBytes, size);
  assert.equal(provider.calls[0]?.sha256(), sent.digest("hex"));
  assert.ok(grown <= 150_000_000, mib(grown));
});

test("after a 60 MB prompt and a 60 MB answer the memory is within 1.3 times of before in 30 s", {
  timeout: 150_000,
}, async (t) => {
  const provider = await startProvider(answerWell);
  const server = await warm(provider.url);
  t.after(async () => {
    await server.kill();
    await provider.close();
  });
  const text = "lorem ipsum ".repeat(5_000_000);
  const answer = JSON.stringify(openai.document(text));
  provider.handler = async (call) => {
    await call.body;
    await call.reply({
      headers: json,
      framing: "chunked",
      body: call.bodyBytes > MIB ? JSON.stringify(openai.document("x")) : answer,
    });
  };
  const before = server.memory().rss;
  const most = watch(server);
  const prompt = JSON.stringify(openai.request(text + fresh(), false));
  for (const word of ["MISS", "HIT"]) {
    assert.equal(
      (await ask(server.port, { path: openai.path, body: prompt, timeoutMs: 60_000 })).cache,
      word,
      "prompt",
    );
  }
  const body = JSON.stringify(openai.request(fresh(), false));
  for (const word of ["MISS", "HIT"]) {
    const got = await ask(server.port, { path: openai.path, body, timeoutMs: 60_000 });
    assert.deepEqual([got.cache, got.body.byteLength], [word, answer.length], "answer");
  }
  const peak = most();
  const begun = performance.now();
  while (performance.now() - begun < 30_000 && server.memory().rss > before * 1.3) await sleep(250);
  const after = server.memory().rss;
  const waited = Math.round((performance.now() - begun) / 1000);
  console.log(
    `${target}: 60 MB prompt and answer: before ${mib(before)}, most ${mib(peak)}, ${waited} s later ${mib(after)}`,
  );
  assert.ok(after <= before * 1.3, `${(after / before).toFixed(2)} times`);
});

test("200 clients that stop reading one 60 MB entry cost less than 256 MiB, and each can still read it to its end", {
  timeout: 150_000,
}, async (t) => {
  const provider = await startProvider(answerWell);
  const server = await warm(provider.url);
  t.after(async () => {
    await server.kill();
    await provider.close();
  });
  const answer = JSON.stringify(openai.document("0123456789abcdef".repeat(3_750_000)));
  provider.handler = async (call) => {
    await call.body;
    await call.reply({ headers: json, body: answer });
  };
  const request = {
    path: openai.path,
    body: JSON.stringify(openai.request(fresh(), false)),
    timeoutMs: 60_000,
  };
  for (const word of ["MISS", "HIT"]) assert.equal((await ask(server.port, request)).cache, word);
  const settle = performance.now();
  while (performance.now() - settle < 5000 && server.memory().rss > 150 * MIB) await sleep(250);
  const before = server.memory().rss;
  const most = watch(server);
  // All at once: the burst is the worst of it.
  const stalled = await inParallel(200, 200, () => stall(server.port, request));
  await settled(server);
  const began = performance.now();
  assert.equal((await ask(server.port, { path: "/healthz" })).status, 200);
  assert.ok(performance.now() - began < 1000, "the server still answers");
  const grown = most() - before;
  console.log(`${target}: 200 stalled readers of ${mib(answer.length)}: ${mib(before)} + ${mib(grown)}`);
  for (const client of stalled.slice(1)) client.destroy();
  stalled[0]?.resume();
  const read = await stalled[0]?.answer(60_000);
  assert.deepEqual([read?.body.byteLength, read?.ending, read?.cache], [answer.length, "complete", "HIT"]);
  assert.ok(grown < 256 * MIB, mib(grown));
});

test("200 downloads of 60 MB whose clients stop reading stay within max_buffered", {
  timeout: 150_000,
}, async (t) => {
  const provider = await startProvider(answerWell);
  const server = await warm(provider.url);
  t.after(async () => {
    await server.kill();
    await provider.close();
  });
  const body = new Uint8Array(2_000_000).fill(120);
  provider.handler = async (call) => {
    await call.head({ headers: { "Content-Type": "application/octet-stream" } });
    for (let i = 0; i < 30; i++) await call.chunk(body);
    await call.end();
  };
  const before = server.memory().rss;
  const most = watch(server);
  const stalled: RawConnection[] = [];
  for (let i = 0; i < 200; i++) {
    stalled.push(await stall(server.port, { method: "GET", path: `/openai/v1/files/${i}/content` }));
  }
  await settled(server);
  const grown = most() - before;
  for (const client of stalled) client.destroy();
  console.log(`${target}: 200 stalled downloads of 60 MB, not cached: ${mib(before)} + ${mib(grown)}`);
  assert.ok(grown < 512 * MIB, mib(grown));
});

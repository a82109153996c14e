import assert from "node:assert/strict";
import { statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { answerBulky, answerWell, openai } from "../support/answers.ts";
import { type Askonce, startAskonce, type Target, target } from "../support/askonce.ts";
import { filesBelow, tempFolder } from "../support/folder.ts";
import { startProvider } from "../support/provider.ts";
import { ask, post, type RawAnswer } from "../support/raw.ts";
import { assertHit, assertMiss, fresh, inParallel, OWN_PROCESS } from "../support/session.ts";

const chat = (server: Askonce, body: unknown) => post(server.port, openai.path, { body });

test("200 answers and kill -9 straight after the last byte: 200 hits after the restart", {
  timeout: 90_000,
}, async (t) => {
  const provider = await startProvider(answerWell);
  const flags = ["--provider", `openai=${provider.url}`];
  const server = await startAskonce({ flags });
  const bodies = Array.from({ length: 200 }, (_, i) => openai.request(fresh(), i % 2 === 0));
  const firsts = await inParallel(200, 16, (i) => chat(server, bodies[i]));
  await server.kill();
  for (const first of firsts) assertMiss(first);
  const again = await startAskonce({ flags, data: server.data });
  t.after(async () => {
    await again.kill();
    await provider.close();
  });
  const seconds = await inParallel(200, 16, (i) => chat(again, bodies[i]));
  for (const [i, second] of seconds.entries()) assertHit(second, firsts[i] as RawAnswer);
  assert.equal(provider.count, 200);
});

test("each single answer survives a kill -9 that follows its last byte, small or large", {
  timeout: 90_000,
}, async (t) => {
  const provider = await startProvider(answerBulky(3_000_000));
  t.after(() => provider.close());
  const flags = ["--provider", `openai=${provider.url}`];
  let data: string | undefined;
  for (let round = 0; round < 3; round++) {
    const server = await startAskonce({ flags, ...(data ? { data } : {}) });
    data = server.data;
    const body = openai.request(fresh(), false);
    const first = await chat(server, body);
    await server.kill();
    assertMiss(first);
    const again = await startAskonce({ flags, data });
    const second = await chat(again, body);
    await again.kill();
    assertHit(second, first);
  }
});

test("a database written by one build is read by the others, and back", { timeout: 120_000 }, async (t) => {
  const provider = await startProvider(answerWell);
  t.after(() => provider.close());
  const flags = ["--provider", `openai=${provider.url}`];
  const data = join(tempFolder(), "data");
  const kept: [unknown, RawAnswer][] = [];
  const others = (["bun", "deno", "executable"] as Target[]).filter((name) => name !== target);
  for (const name of [target, ...others, target]) {
    const server = await startAskonce({ flags, data, target: name });
    for (const [body, first] of kept) assertHit(await chat(server, body), first);
    for (const stream of [true, false]) {
      const body = openai.request(fresh(name), stream);
      const first = await chat(server, body);
      assertMiss(first);
      kept.push([body, first]);
    }
    const exited = await server.stop();
    assert.equal(exited.code, 0, exited.stderr);
    assert.doesNotMatch(exited.stderr, /damaged|corrupt|readonly|locked/i);
  }
  assert.equal(provider.count, kept.length);
});

test("two processes on one folder hit each other's entries while both write, and neither fails", {
  timeout: 90_000,
}, async (t) => {
  const provider = await startProvider(answerWell);
  const flags = ["--provider", `openai=${provider.url}`];
  const one = await startAskonce({ flags });
  const two = await startAskonce({ flags, data: one.data, target: target === "bun" ? "deno" : "bun" });
  t.after(async () => {
    await one.kill();
    await two.kill();
    await provider.close();
  });
  const bodies = Array.from({ length: 300 }, () => openai.request(fresh(), false));
  const firsts = await inParallel(300, 12, (i) => chat(i % 2 ? one : two, bodies[i]));
  const seconds = await inParallel(300, 12, (i) => chat(i % 2 ? two : one, bodies[i]));
  for (const [i, second] of seconds.entries()) assertHit(second, firsts[i] as RawAnswer);
  assert.equal(provider.count, 300);
  for (const server of [one, two]) {
    assert.equal((await ask(server.port, { path: "/readyz" })).status, 200);
    assert.doesNotMatch(server.stderr, /fault|busy|locked|damaged/i);
  }
});

test("the data folder is 0700 and its files 0600", OWN_PROCESS, async (t) => {
  const provider = await startProvider(answerWell);
  const server = await startAskonce({ flags: ["--provider", `openai=${provider.url}`] });
  t.after(async () => {
    await server.kill();
    await provider.close();
  });
  await chat(server, openai.request(fresh(), false));
  assert.equal(statSync(server.data).mode & 0o777, 0o700);
  const files = filesBelow(server.data);
  assert.ok(files.length > 0);
  for (const file of files) assert.equal(statSync(file).mode & 0o777, 0o600, file);
});

test("the store stays under max_size on disk while three times as much passes through, and hits survive", {
  timeout: 120_000,
}, async (t) => {
  const provider = await startProvider(answerBulky(20_000));
  const flags = ["--provider", `openai=${provider.url}`, "--max-size", "8MiB"];
  const server = await startAskonce({ flags });
  t.after(async () => {
    await server.kill();
    await provider.close();
  });
  const hot = openai.request(fresh("hot"), false);
  const first = await chat(server, hot);
  assertMiss(first);
  let most = 0;
  for (let i = 0; i < 25; i++) {
    await inParallel(50, 8, () => chat(server, openai.request(fresh(), false)));
    assertHit(await chat(server, hot), first);
    const size = filesBelow(server.data).reduce(
      (sum, file) => sum + (statSync(file, { throwIfNoEntry: false })?.blocks ?? 0) * 512,
      0,
    );
    most = Math.max(most, size);
  }
  console.log(`max_size 8 MiB, 25 MB passed: at most ${(most / 2 ** 20).toFixed(1)} MiB on disk`);
  assert.ok(most <= 8 * 2 ** 20, `${most} bytes on disk`);
  await server.kill();
  const again = await startAskonce({ flags, data: server.data });
  t.after(() => again.kill());
  assertHit(await chat(again, hot), first);
});

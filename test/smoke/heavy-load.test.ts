import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { openai } from "../support/answers.ts";
import { startAskonce, target } from "../support/askonce.ts";
import { percentile, probe, shown } from "../support/hits.ts";
import { startProvider } from "../support/provider.ts";
import { ask, post, type RawAnswer, RawConnection, type RawRequest, requestBytes } from "../support/raw.ts";
import { eventually, fresh, inParallel } from "../support/session.ts";

const json = { "Content-Type": "application/json" };
const MIB = 2 ** 20;

test("1,000 requests in flight against a provider that waits 1.5 s are all answered in at most 4 s", {
  timeout: 120_000,
}, async (t) => {
  const provider = await startProvider(async (call) => {
    await call.body;
    await new Promise((resolve) => setTimeout(resolve, 1500));
    await call.reply({ headers: json, body: JSON.stringify(openai.document(String(provider.count))) });
  });
  const server = await startAskonce({ flags: ["--provider", `openai=${provider.url}`] });
  t.after(async () => {
    await server.kill();
    await provider.close();
  });
  await post(server.port, openai.path, { body: openai.request(fresh(), false) });
  const open = await inParallel(1000, 100, () => RawConnection.open(server.port));
  const before = provider.count;
  const begun = performance.now();
  const answers = await Promise.all(
    open.map(async (client) => {
      const body = JSON.stringify(openai.request(fresh(), false));
      await client.write(requestBytes(server.port, { path: openai.path, body }));
      return client.answer();
    }),
  );
  const took = performance.now() - begun;
  for (const client of open) client.destroy();
  console.log(`${target}: 1,000 requests of 1.5 s each in ${Math.round(took)} ms`);
  assert.deepEqual(
    new Set(answers.map((answer) => `${answer.status} ${answer.cache} ${answer.ending}`)),
    new Set(["200 MISS complete"]),
  );
  assert.equal(provider.count - before, 1000);
  assert.ok(took <= 4000, `${Math.round(took)} ms`);
});

test("while 64 MiB answers are stored and 10,000 entries are evicted, the p99 of hits stays within 50 ms", {
  timeout: 180_000,
}, async (t) => {
  const noise = randomBytes(48 * MIB).toString("base64");
  const documentOf = (size: number, from = 0) => {
    const frame = JSON.stringify(openai.document("")).length;
    return JSON.stringify(openai.document(noise.slice(from, from + size - frame)));
  };
  const provider = await startProvider(async (call) => {
    const { size = 12_000 } = await call.json();
    const body = documentOf(size, size < MIB ? provider.count * 5000 : 0);
    await call.head({ headers: json, framing: "length", declaredLength: body.length });
    for (let at = 0; at < body.length; at += 256 * 1024) await call.chunk(body.slice(at, at + 256 * 1024));
  });
  const large = [64 * MIB, 64 * MIB - 1, 64 * MIB - 2];
  const options = { flags: ["--provider", `openai=${provider.url}`, "--max-size", "100MiB"] };
  const server = await startAskonce(options);
  t.after(async () => {
    await server.kill();
    await provider.close();
  });
  const small = Array.from({ length: 10_000 }, () => JSON.stringify(openai.request(fresh(), false)));
  const begun = performance.now();
  await inParallel(20, 20, async (lane) => {
    const client = await RawConnection.open(server.port);
    for (let i = lane; i < small.length; i += 20) {
      await client.write(requestBytes(server.port, { path: openai.path, body: small[i] ?? "" }));
      assert.equal((await client.answer()).cache, "MISS");
    }
    client.destroy();
  });
  console.log(`${target}: 10,000 answers of 12 kB in ${Math.round(performance.now() - begun)} ms`);
  const hot = JSON.stringify(openai.request(fresh("hot"), false));
  for (const word of ["MISS", "HIT"])
    assert.equal((await post(server.port, openai.path, { body: hot })).cache, word);

  const before = probe(server.port, { path: openai.path, body: hot });
  await new Promise((resolve) => setTimeout(resolve, 1500));
  const quiet = await before();
  const during = probe(server.port, { path: openai.path, body: hot });
  const stored: RawAnswer[] = [];
  let last: RawRequest = { path: openai.path };
  for (const size of large) {
    const body = JSON.stringify({ ...openai.request(fresh(), false), size });
    last = { path: openai.path, body, timeoutMs: 60_000 };
    stored.push(await ask(server.port, last));
  }
  // The end is held back for at most a second; a body of this size may take longer to store. Only the last one is
  // asked for again: what was hit is spared, and the small ones shall go.
  await eventually(async () => assert.equal((await ask(server.port, last)).cache, "HIT"), 20_000);
  const busy = await during();
  for (const answer of stored) assert.deepEqual([answer.cache, answer.ending], ["MISS", "complete"]);
  // A restart, so that what memory still holds is not taken for what the store holds.
  await server.stop();
  const again = await startAskonce({ ...options, data: server.data });
  t.after(() => again.kill());
  const sample = await inParallel(200, 8, (i) => post(again.port, openai.path, { body: small[i * 50] }));
  const evicted = sample.filter((answer) => answer.cache === "MISS").length * 50;
  console.log(
    `${target}: hits quiet: ${shown(quiet)}; while storing and evicting about ${evicted}: ${shown(busy)}`,
  );
  assert.deepEqual(busy.words, ["HIT"]);
  assert.ok(evicted >= 8000, `only about ${evicted} of 10,000 were evicted`);
  assert.ok(Number(percentile(busy.times, 0.99)) <= 50, `p99 ${percentile(busy.times, 0.99)} ms`);
});

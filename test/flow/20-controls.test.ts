import assert from "node:assert/strict";
import { test } from "node:test";
import { aliases } from "../../src/proxy/aliases.ts";
import { CHAT, chatAnswer, type Journey, journey, json, seen } from "../support/journey.ts";

const ask = async (run: Journey, headers: Record<string, string> = {}, path = CHAT) =>
  seen(await run.ask({ headers, path }));

test("a namespace has entries of its own, named in the path or by a header, and the header counts", async () => {
  const run = journey();
  assert.equal(await ask(run), "MISS answer 1");
  assert.equal(await ask(run, { "x-cache-namespace": "exp-7" }), "MISS answer 2");
  assert.equal(await ask(run, {}, `/@exp-7${CHAT}`), "HIT answer 2");
  assert.equal(await ask(run, { "x-cache-namespace": "exp-8" }, `/@exp-7${CHAT}`), "MISS answer 3");
  assert.equal(await ask(run, { "x-cache-namespace": "exp-8" }), "HIT answer 3");
});

test("each sample is an answer of its own, and 0 is the plain one", async () => {
  const run = journey();
  assert.equal(await ask(run, { "x-cache-sample": "3" }), "MISS answer 1");
  assert.equal(await ask(run), "MISS answer 2");
  assert.equal(await ask(run, { "x-cache-sample": "0" }), "HIT answer 2");
  assert.equal(await ask(run, {}, `/@n;sample=3${CHAT}`), "MISS answer 3");
  assert.equal(await ask(run, { "x-cache-sample": "3" }), "HIT answer 1");
});

test("sample=auto counts identical requests within their run, and a run again gets the same answers in order", async () => {
  const run = journey();
  const auto = (id: string) => ask(run, { "x-cache-sample": "auto", "x-cache-run": id });
  assert.deepEqual(
    [await auto("one"), await auto("one"), await auto("one")],
    ["MISS answer 1", "MISS answer 2", "MISS answer 3"],
  );
  assert.deepEqual(
    [await auto("two"), await auto("two"), await auto("two")],
    ["HIT answer 1", "HIT answer 2", "HIT answer 3"],
  );
  assert.equal(await ask(run), "HIT answer 1");
  assert.equal(await ask(run, { "x-cache-sample": "2" }), "HIT answer 3");
});

test("an SDK's retry keeps the number that its first try got", async () => {
  const run = journey();
  const auto = { "x-cache-sample": "auto" };
  run.provider = () => json("{}", { status: 500 });
  await (await run.ask({ headers: { ...auto, "idempotency-key": "a" } })).text();
  run.provider = () => json(chatAnswer(`call ${run.calls}`));
  const again = { ...auto, "idempotency-key": "a", "x-stainless-retry-count": "1" };
  assert.equal(await ask(run, again), "MISS call 2");
  assert.equal(await ask(run), "HIT call 2");
  assert.equal(await ask(run, { ...auto, "idempotency-key": "b" }), "MISS call 3");
  assert.equal(await ask(run, { ...auto, "x-stainless-retry-count": "2" }), "HIT call 3");
});

test("modes: refresh overwrites, bypass neither reads nor stores, replay calls nobody", async () => {
  const run = journey();
  assert.equal(await ask(run, { "x-cache-mode": "bypass" }), "BYPASS answer 1");
  const miss = await run.ask({ headers: { "x-cache-mode": "replay" } });
  assert.equal(miss.status, 424);
  assert.equal(((await miss.json()) as { error: { code: string } }).error.code, "replay_miss");
  assert.equal(miss.headers.get("x-should-retry"), "false");
  assert.equal(await ask(run), "MISS answer 2");
  assert.equal(await ask(run, { "x-cache-mode": "refresh" }), "MISS answer 3");
  assert.equal(await ask(run), "HIT answer 3");
  run.advance(1e12);
  assert.equal(await ask(run, { "x-cache-mode": "replay" }), "HIT answer 3");
  assert.equal(run.calls, 3);
});

test("no request loosens a global replay", async () => {
  const run = journey({ flags: [["--mode", "replay"]] });
  for (const mode of ["cache", "refresh", "bypass"])
    assert.equal((await run.ask({ headers: { "x-cache-mode": mode } })).status, 424);
  for (const control of ["no-cache", "no-store"])
    assert.equal((await run.ask({ headers: { "cache-control": control } })).status, 424);
  assert.equal((await run.ask({ path: "/openai/v1/files" })).status, 424);
  assert.equal(run.calls, 0);
});

test("a request's TTL makes a 404 shorter than ttl_404, never longer; an answer's it makes longer", async () => {
  const told = async (headers: Record<string, string>, options: { path?: string; after: number }) => {
    const run = journey();
    run.provider = () => json('{"error":{"code":"model_not_found"}}', { status: 404 });
    await ask(run, headers, `/@n${options.path ?? ""}${CHAT}`);
    run.advance(options.after);
    return ask(run, {}, `/@n${CHAT}`);
  };
  assert.equal(await told({ "x-cache-ttl": "30d" }, { after: 59_000 }), "HIT 404");
  assert.equal(await told({ "x-cache-ttl": "30d" }, { after: 61_000 }), "EXPIRED 404");
  assert.equal(await told({ "x-cache-ttl": "forever" }, { after: 61_000 }), "EXPIRED 404");
  assert.equal(await told({ "cf-aig-cache-ttl": "86400" }, { after: 61_000 }), "EXPIRED 404");
  assert.equal(await told({}, { path: ";ttl=30d", after: 61_000 }), "EXPIRED 404");
  assert.equal(await told({ "x-cache-ttl": "10s" }, { after: 9_000 }), "HIT 404");
  assert.equal(await told({ "x-cache-ttl": "10s" }, { after: 11_000 }), "EXPIRED 404");
  const run = journey({ flags: [["--ttl", "1h"]] });
  await ask(run, { "x-cache-ttl": "2h" });
  run.advance(90 * 60_000);
  assert.equal(await ask(run), "HIT answer 1");
});

test("a malformed control is a 400 that names it and calls nobody", async () => {
  const run = journey();
  const bad: [Record<string, string>, string][] = [
    [{ "x-cache-ttl": "1 parsec" }, "X-Cache-Ttl"],
    [{ "x-cache-sample": "-1" }, "X-Cache-Sample"],
    [{ "x-cache-mode": "turbo" }, "X-Cache-Mode"],
    [{ "x-cache-namespace": "a b" }, "X-Cache-Namespace"],
    [{ "x-cache-run": "" }, "X-Cache-Run"],
  ];
  for (const [headers, name] of bad) {
    const answer = await run.ask({ headers });
    const { error } = (await answer.json()) as { error: { code: string; message: string } };
    assert.deepEqual([answer.status, error.code], [400, "invalid_control"]);
    assert.ok(error.message.includes(name), error.message);
  }
  for (const path of [
    `/@a b${CHAT}`,
    `/@${CHAT}`,
    `/@x;sample=a${CHAT}`,
    `/@x;colour=red${CHAT}`,
    `/@x;ttl=1h;ttl=2h${CHAT}`,
  ]) {
    assert.equal((await run.ask({ path })).status, 400, path);
  }
  assert.equal(run.calls, 0);
});

test("the controls of other gateways mean here what their table says", async () => {
  const run = journey({ flags: [["--max-stale", "0"]] });
  assert.equal(await ask(run), "MISS answer 1");
  assert.equal(await ask(run, { "helicone-cache-enabled": "true" }), "HIT answer 1");
  assert.equal(await ask(run, { "helicone-cache-enabled": "false" }), "BYPASS answer 2");
  assert.equal(await ask(run, { "cf-aig-skip-cache": "true" }), "BYPASS answer 3");
  assert.equal(await ask(run, { "x-openrouter-cache": "false" }), "BYPASS answer 4");
  assert.equal(await ask(run, { "x-portkey-cache-force-refresh": "true" }), "MISS answer 5");
  assert.equal(await ask(run, { "x-openrouter-cache-clear": "true" }), "MISS answer 6");
  assert.equal(await ask(run, { "helicone-cache-seed": "any text: é" }), "MISS answer 7");
  assert.equal(await ask(run, { "helicone-cache-seed": "any text: é" }), "HIT answer 7");
  assert.equal(await ask(run, { "x-portkey-cache-namespace": "n" }), "MISS answer 8");
  assert.equal(await ask(run, { "x-cache-namespace": "n" }), "HIT answer 8");
  assert.equal(await ask(run, { "cf-aig-cache-ttl": "60", "x-cache-namespace": "t" }), "MISS answer 9");
  assert.equal(await ask(run, { "helicone-cache-read": "true", "x-cache-namespace": "r" }), "MISS answer 10");
  assert.equal(await ask(run, { "x-cache-namespace": "r" }), "MISS answer 11");
  assert.equal(await ask(run, { "helicone-cache-save": "true", "x-cache-namespace": "r" }), "MISS answer 12");
  assert.equal(
    await ask(run, {
      "helicone-cache-save": "true",
      "helicone-cache-read": "true",
      "x-cache-namespace": "r",
    }),
    "HIT answer 12",
  );
  run.advance(61_000);
  assert.equal(await ask(run, { "x-cache-namespace": "t" }), "EXPIRED answer 13");
});

test("what only reads is told so on a whole answer, and of a failure that it failed", async () => {
  const run = journey();
  const read = async () => (await run.ask({ headers: { "helicone-cache-read": "true" } })).headers;
  assert.match((await read()).get("cache-status") ?? "", /^askonce; fwd=uri-miss; detail=read-only;/);
  run.provider = () => json("{}", { status: 500 });
  assert.match((await read()).get("cache-status") ?? "", /^askonce; fwd=uri-miss; detail=status;/);
});

test("no control reaches a provider, askonce's own or another gateway's", async () => {
  const run = journey();
  let up = new Headers();
  run.provider = (_, { headers }) => {
    up = headers;
    return json(chatAnswer("x"));
  };
  const sent = Object.fromEntries(aliases.map(({ header }) => [header, "0"]));
  const own = { "x-cache-ttl": "1h", "x-cache-run": "r", "cache-control": "max-age=1", "x-kept": "1" };
  await (await run.ask({ headers: { ...sent, ...own } })).text();
  assert.deepEqual([...up.keys()].sort(), ["accept-encoding", "authorization", "content-type", "x-kept"]);
});

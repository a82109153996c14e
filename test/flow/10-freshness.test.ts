import assert from "node:assert/strict";
import { test } from "node:test";
import { type Ask, chatAnswer, type Journey, journey, json, seen } from "../support/journey.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

const status = (response: Response) => response.headers.get("cache-status")?.replace(/; key=.*/, "");
/** Lets what runs behind an answer come to its end. */
const settled = (run: Journey) => run.parts.flights.settled();
const failing =
  (code: number, headers: Record<string, string> = {}) =>
  () =>
    json('{"error":{"message":"no"}}', { status: code, headers });

async function primed(flags: [string, string][] = [], ask: Ask = {}): Promise<Journey> {
  const run = journey({ flags: [["--ttl", "1h"], ...flags] });
  assert.equal(await seen(await run.ask(ask)), "MISS answer 1");
  return run;
}

test("an answer is a hit up to its TTL and says what is left of it", async () => {
  const run = await primed();
  run.advance(HOUR - 1000);
  const hit = await run.ask();
  assert.equal(status(hit), "askonce; hit; ttl=1");
  assert.equal(hit.headers.get("age"), "3599");
  assert.equal(await seen(hit), "HIT answer 1");
  assert.equal(run.calls, 1);
});

test("past its TTL an answer is served while one refresh runs behind it, and then the new one is", async () => {
  const run = await primed();
  run.advance(HOUR + 30_000);
  const gate = Promise.withResolvers<Response>();
  run.provider = () => gate.promise;
  const stale = await run.ask();
  assert.equal(status(stale), "askonce; hit; ttl=-30");
  assert.equal(await seen(stale), "STALE answer 1");
  assert.equal(await seen(await run.ask()), "UPDATING answer 1");
  assert.equal(await seen(await run.ask()), "UPDATING answer 1");
  assert.equal(run.calls, 2);
  gate.resolve(json(chatAnswer("refreshed")));
  await settled(run);
  assert.equal(await seen(await run.ask()), "HIT refreshed");
  assert.equal(run.calls, 2);
});

test("a refresh that brings nothing to keep leaves the old answer, and is not tried again at once", async () => {
  for (const bad of [
    failing(500),
    failing(400),
    () => json("{"),
    () => Promise.reject(new TypeError("reset")),
  ]) {
    const run = await primed();
    run.advance(HOUR + 1000);
    run.provider = bad;
    assert.equal(await seen(await run.ask()), "STALE answer 1");
    await settled(run);
    assert.equal(await seen(await run.ask()), "STALE answer 1");
    await settled(run);
    assert.equal(run.calls, 2, String(bad));
    // The pause grows: 1 s, then 2 s.
    run.advance(1100);
    assert.equal(await seen(await run.ask()), "STALE answer 1");
    await settled(run);
    assert.equal(run.calls, 3);
    run.advance(1100);
    await (await run.ask()).text();
    await settled(run);
    assert.equal(run.calls, 3);
    run.advance(1100);
    run.provider = () => json(chatAnswer("well again"));
    await (await run.ask()).text();
    await settled(run);
    assert.equal(await seen(await run.ask()), "HIT well again");
  }
});

test("at most refresh_concurrency refreshes run at a time, over all keys", async () => {
  const run = journey({
    flags: [
      ["--ttl", "1h"],
      ["--refresh-concurrency", "2"],
    ],
  });
  const ask = (n: number) => run.ask({ body: { model: "m", n } });
  for (let n = 0; n < 5; n++) await (await ask(n)).text();
  run.advance(HOUR + 1000);
  const gate = Promise.withResolvers<void>();
  run.provider = async () => {
    await gate.promise;
    return json(chatAnswer("new"));
  };
  for (let n = 0; n < 5; n++) assert.match(await seen(await ask(n)), /^STALE answer/);
  assert.equal(run.calls, 7);
  gate.resolve();
  await settled(run);
});

test("a provider that says 429 gets no refreshes until the time it named", async () => {
  const run = journey({ flags: [["--ttl", "1h"]] });
  const ask = (n: number) => run.ask({ body: { model: "m", n } });
  for (let n = 0; n < 2; n++) await (await ask(n)).text();
  run.advance(HOUR + 1000);
  run.provider = failing(429, { "content-type": "application/json", "retry-after": "20" });
  await (await ask(0)).text();
  await settled(run);
  assert.match(await seen(await ask(1)), /^STALE/);
  assert.equal(run.calls, 3);
  run.advance(21_000);
  await (await ask(1)).text();
  await settled(run);
  assert.equal(run.calls, 4);
});

test("past max_stale an answer is fetched anew, and the old one serves only if that fails", async () => {
  const run = await primed([["--max-stale", "10m"]]);
  run.advance(HOUR + 11 * 60_000);
  run.provider = () => json(chatAnswer("anew"));
  const fetched = await run.ask();
  assert.equal(status(fetched), "askonce; fwd=stale; stored");
  assert.equal(await seen(fetched), "EXPIRED anew");
});

test("by default an answer is served stale for as long again as its TTL", async () => {
  const run = await primed();
  run.advance(2 * HOUR - 1000);
  run.provider = failing(400);
  assert.equal(await seen(await run.ask()), "STALE answer 1");
  await settled(run);
  run.advance(2000 + HOUR);
  run.provider = () => json(chatAnswer("anew"));
  assert.equal(await seen(await run.ask()), "EXPIRED anew");
});

test("while the provider fails the old answer is served, however old, and says with what it failed", async () => {
  const cases: [Journey["provider"], string][] = [
    [failing(503), "askonce; fwd=stale; fwd-status=503"],
    [failing(429), "askonce; fwd=stale; fwd-status=429"],
    [() => Promise.reject(new TypeError("refused")), "askonce; fwd=stale"],
  ];
  for (const [provider, said] of cases) {
    const run = await primed();
    run.advance(400 * DAY);
    run.provider = provider;
    const old = await run.ask();
    assert.equal(status(old), said);
    assert.equal(await seen(old), "STALE answer 1");
    // In the pause after a failure the provider is not even asked.
    assert.equal(await seen(await run.ask()), "STALE answer 1");
    assert.equal(run.calls, 2);
  }
});

test("a refusal of the request itself is passed on, not papered over with an old answer", async () => {
  const run = await primed();
  run.advance(400 * DAY);
  for (const code of [400, 401, 403]) {
    run.provider = failing(code);
    const answer = await run.ask();
    assert.equal(answer.status, code);
    await answer.text();
    run.advance(HOUR);
  }
});

test("a shortened TTL counts for what is stored already, a lengthened one too", async () => {
  const run = await primed();
  run.config = { ...run.config, ttlMs: 1000 };
  run.advance(3000);
  assert.equal(await seen(await run.ask()), "EXPIRED answer 2");
  run.config = { ...run.config, ttlMs: 10 * DAY };
  run.advance(9 * DAY);
  assert.equal(await seen(await run.ask()), "HIT answer 2");
});

test("a TTL that the request set is kept with the entry", async () => {
  const run = await primed([["--max-stale", "0"]], { headers: { "x-cache-ttl": "10s" } });
  run.advance(9000);
  assert.equal(await seen(await run.ask()), "HIT answer 1");
  run.advance(2000);
  assert.equal(await seen(await run.ask()), "EXPIRED answer 2");
  const kept = journey({ flags: [["--ttl", "1h"]] });
  await (await kept.ask({ headers: { "x-cache-ttl": "forever" } })).text();
  kept.advance(1000 * DAY);
  const hit = await kept.ask();
  assert.equal(status(hit), "askonce; hit");
});

test("a clock that stepped back makes no answer older, and its age is never below 0", async () => {
  const run = await primed();
  run.step(-5 * DAY);
  const hit = await run.ask();
  assert.equal(hit.headers.get("age"), "0");
  assert.equal(await seen(hit), "HIT answer 1");
});

test("a request's own Cache-Control counts: max-age, max-stale, no-cache, no-store, only-if-cached", async () => {
  const run = await primed();
  const said = async (control: string) => seen(await run.ask({ headers: { "cache-control": control } }));
  run.advance(60_000);
  assert.equal(await said("max-age=61"), "HIT answer 1");
  assert.equal(await said("max-age=59"), "EXPIRED answer 2");
  assert.equal(await said("no-store"), "BYPASS answer 3");
  assert.equal(await said("max-age=banana, private, s-maxage=1"), "HIT answer 2");
  const anew = await run.ask({ headers: { "cache-control": "no-cache" } });
  assert.equal(status(anew), "askonce; fwd=request; stored");
  assert.equal(await seen(anew), "MISS answer 4");
  assert.equal(await said("only-if-cached"), "HIT answer 4");
  run.advance(50 * HOUR);
  assert.equal(await said("only-if-cached"), "MISS 504");
  assert.equal(await said("max-stale=200000"), "STALE answer 4");
  await settled(run);
});

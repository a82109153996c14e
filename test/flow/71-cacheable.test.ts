import assert from "node:assert/strict";
import { test } from "node:test";
import { journey, json, seen } from "../support/journey.ts";

const live = { model: "m", messages: [], web_search_options: { user_location: { type: "approximate" } } };

test("cache.anyway caches what a rule keeps out, and no other rule's requests", async () => {
  const word = /detail=([\w-]+)/;
  const run = journey();
  const out = await run.ask({ body: live });
  assert.equal(out.headers.get("x-cache-status"), "BYPASS");
  const said = word.exec(out.headers.get("cache-status") ?? "")?.[1] ?? "";
  assert.equal(said, "web-search");
  const open = journey({ flags: [["--cache-anyway", said]] });
  assert.equal(await seen(await open.ask({ body: live })), "MISS answer 1");
  assert.equal(await seen(await open.ask({ body: live })), "HIT answer 1");
  const background = { model: "m", input: "x", background: true };
  const held = await open.ask({ path: "/openai/v1/responses", body: background });
  assert.equal(held.headers.get("x-cache-status"), "BYPASS");
});

test("cache.paths adds and takes away upstream paths, the last rule that matches counts", async () => {
  const words = async (rules: string, path: string) => {
    const run = journey({
      flags: rules === "" ? [] : [["--cache-paths", rules]],
      provider: () => json('{"score":1}'),
    });
    const said: (string | null)[] = [];
    for (const _ of [1, 2]) said.push((await run.ask({ path })).headers.get("x-cache-status"));
    return said;
  };
  assert.deepEqual(await words("", "/openai/v1/oracle"), ["BYPASS", "BYPASS"]);
  assert.deepEqual(await words("/v1/oracle", "/openai/v1/oracle"), ["MISS", "HIT"]);
  assert.deepEqual(await words("/v1/ora*", "/openai/v1/oracle"), ["MISS", "HIT"]);
  assert.deepEqual(await words("/v1/*:guess", "/openai/v1/models/x:guess"), ["MISS", "HIT"]);
  assert.deepEqual(await words("/v1/oracle", "/openai/v1/oracles"), ["BYPASS", "BYPASS"]);
  assert.deepEqual(await words("", "/openai/v1/moderations"), ["MISS", "HIT"]);
  assert.deepEqual(await words("-/v1/moderations", "/openai/v1/moderations"), ["BYPASS", "BYPASS"]);
  assert.deepEqual(await words("-/v1/*,/v1/moderations", "/openai/v1/moderations"), ["MISS", "HIT"]);
});

test("sound without length or chunking is whole under HTTP/2 alone: a closed connection proves nothing", async () => {
  const sound = { path: "/openai/v1/audio/speech", body: { model: "tts", input: "x", voice: "v" } };
  const outcomes: (string | null)[] = [];
  for (const http2 of [false, true]) {
    for (const more of [{}, { "content-length": "4" }, { "transfer-encoding": "chunked" }] as Record<
      string,
      string
    >[]) {
      const run = journey({
        provider: () => new Response("mpeg", { headers: { "content-type": "audio/mpeg", ...more } }),
      });
      Object.assign(run.parts.host, { http2 });
      for (const _ of [1, 2]) {
        const answer = await run.ask(sound);
        await answer.text();
        outcomes.push(answer.headers.get("x-cache-status"));
      }
    }
  }
  assert.deepEqual(outcomes, "MISS MISS MISS HIT MISS HIT MISS HIT MISS HIT MISS HIT".split(" "));
});

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

test("a page or a text where sound should be is not kept, sound of whatever type is", async () => {
  const words = async (path: string, type: string) => {
    const headers = { "content-type": type, "content-length": "5" };
    const run = journey({ provider: () => new Response("bytes", { headers }) });
    const said: (string | null)[] = [];
    for (const _ of [1, 2]) said.push((await run.ask({ path })).headers.get("x-cache-status"));
    return said.join(" ");
  };
  const speech = "/openai/v1/audio/speech";
  assert.equal(await words(speech, "text/html; charset=utf-8"), "MISS MISS");
  assert.equal(await words(speech, "text/plain"), "MISS MISS");
  assert.equal(await words(speech, "application/xhtml+xml"), "MISS MISS");
  assert.equal(await words(speech, "audio/mpeg"), "MISS HIT");
  assert.equal(await words(speech, "application/octet-stream"), "MISS HIT");
  assert.equal(await words("/openai/v1/images/generations", "text/html"), "MISS MISS");
  assert.equal(await words("/openai/v1/images/generations", "image/svg+xml"), "MISS HIT");
  assert.equal(await words("/openai/v1/audio/transcriptions", "text/plain"), "MISS HIT");
});

test("a 200 that carries an error, or nothing at all, is passed on and asked again", async () => {
  const said = async (body: string) => {
    const run = journey({ provider: () => json(body) });
    const first = await run.ask();
    assert.equal(await first.text(), body);
    const second = await run.ask();
    await second.text();
    return `${second.headers.get("x-cache-status")} ${run.events[0]?.notKept}`;
  };
  assert.equal(await said('{"success":false,"errors":[{"code":7009}],"result":null}'), "MISS error-body");
  assert.equal(await said('{"errors":[{"message":"overloaded"}]}'), "MISS error-body");
  assert.equal(await said("null"), "MISS empty");
  assert.equal(await said('{"errors":[],"result":"fine"}'), "HIT undefined");
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

test("a 404 that calls itself JSON and does not parse is not kept", async () => {
  const words = async (text: string, type: string) => {
    const headers = { "content-type": type };
    const run = journey({ provider: () => new Response(text, { status: 404, headers }) });
    return [await seen(await run.ask()), await seen(await run.ask())];
  };
  const kept = ["MISS 404", "HIT 404"];
  const not = ["MISS 404", "MISS 404"];
  assert.deepEqual(await words('{"error":{"message":"no such model"}}', "application/json"), kept);
  assert.deepEqual(await words('{"error":{"mess', "application/json; charset=utf-8"), not);
  assert.deepEqual(await words("", "application/json"), not);
  assert.deepEqual(await words("<html>Not found</html>", "text/html"), kept);
});

test("a stream of pictures that a form asks for is whole with as many as its n", async () => {
  const picture = `event: image_edit.completed\ndata: {"type":"image_edit.completed","b64_json":"AAAA"}\n\n`;
  const words = async (n: string, pictures: number) => {
    const stream = picture.repeat(pictures);
    const run = journey({
      provider: () => new Response(stream, { headers: { "content-type": "text/event-stream" } }),
    });
    const fields = [["prompt", "x"], ["stream", "true"], ...(n === "" ? [] : [["n", n]])];
    const parts = fields.map(
      ([name, text]) => `--b\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${text}\r\n`,
    );
    const posted = {
      headers: { "content-type": "multipart/form-data; boundary=b" },
      body: `${parts.join("")}--b--\r\n`,
    };
    const said: (string | null)[] = [];
    for (const _ of [1, 2]) {
      const answer = await run.post("/openai/v1/images/edits", posted);
      await answer.text();
      await run.parts.flights.settled();
      said.push(answer.headers.get("x-cache-status"));
    }
    return said.join(" ");
  };
  assert.equal(await words("", 1), "MISS HIT");
  assert.equal(await words("1", 1), "MISS HIT");
  assert.equal(await words("2", 1), "MISS MISS");
  assert.equal(await words("2", 2), "MISS HIT");
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

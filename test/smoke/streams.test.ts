import assert from "node:assert/strict";
import { test } from "node:test";
import {
  brotliCompressSync,
  brotliDecompressSync,
  gunzipSync,
  gzipSync,
  zstdCompressSync,
  zstdDecompressSync,
} from "node:zlib";
import { families, openai } from "../support/answers.ts";
import type { Call } from "../support/provider.ts";
import { ask, post, send } from "../support/raw.ts";
import { assertHit, assertMiss, eventually, fresh, sameBytes, session } from "../support/session.ts";
import { bytesOf } from "../support/wire.ts";

const run = session({
  names: ["openai", "anthropic", "google", "cohere", "mistral", "groq", "openrouter", "ollama"],
});
const json = { "Content-Type": "application/json" };
const sse = { "Content-Type": "text/event-stream" };

for (const family of families) {
  test(`${family.name}: each event reaches the client before the next is sent, and the replay is the same bytes`, async () => {
    const provider = run.script(family.provider, () => {});
    const body = JSON.stringify(family.request(fresh(), true));
    const request = { path: family.streamPath, headers: family.headers, body };
    const client = await send(run.port, request);
    const call = await provider.next();
    await call.head({ headers: { "Content-Type": family.streamType } });
    const events = family.events("live");
    let sent = "";
    for (const event of events.slice(0, -1)) {
      await call.chunk(event);
      sent += event;
      await client.until((answer) => answer.text === sent);
    }
    await call.chunk(events.at(-1) ?? "");
    await call.end();
    const first = await client.answer();
    client.destroy();
    assertMiss(first);
    assert.equal(first.text, events.join(""));
    assert.equal(first.header("content-type"), family.streamType);
    assertHit(await ask(run.port, request), first);
    assert.equal(provider.count, 1);
  });
}

test("a stream whose events are split at every byte arrives and is replayed unchanged", async () => {
  const whole = bytesOf(openai.events("é漢🙂").join(""));
  const provider = run.script("openai", async (call) => {
    await call.head({ headers: sse });
    for (const byte of whole) await call.chunk(Uint8Array.of(byte));
    await call.end();
  });
  const body = openai.request(fresh(), true);
  const first = await post(run.port, openai.path, { body });
  sameBytes(first.body, whole);
  assertHit(await post(run.port, openai.path, { body }), first);
  assert.equal(provider.count, 1);
});

for (const stream of [false, true]) {
  const what = stream ? "stream" : "document";
  test(`a ${what} that ends with its provider's connection ends cleanly and is kept`, async () => {
    const body = stream ? openai.events("closed").join("") : JSON.stringify(openai.document("closed"));
    const headers = stream ? sse : json;
    const provider = run.script("openai", (call) => call.reply({ headers, framing: "close", body }));
    const asked = openai.request(fresh(), stream);
    const first = await post(run.port, openai.path, { body: asked });
    assertMiss(first);
    assert.deepEqual([first.text, first.ending], [body, "complete"]);
    assertHit(await post(run.port, openai.path, { body: asked }), first);
    assert.equal(provider.count, 1);
  });
}

const CODINGS = {
  gzip: (bytes: Uint8Array) => gzipSync(bytes),
  br: (bytes: Uint8Array) => brotliCompressSync(bytes),
  zstd: (bytes: Uint8Array) => zstdCompressSync(bytes),
} as const;

function accepts(call: Call, coding: string): boolean {
  return new RegExp(`(^|[ ,])${coding}\\b(?!;\\s*q=0(\\.0*)?\\s*(,|$))`).test(
    call.header("accept-encoding") ?? "",
  );
}

for (const accepted of [undefined, "identity", "gzip", "br", "gzip, br, zstd"]) {
  for (const stream of [false, true]) {
    const what = stream ? "stream" : "document";
    test(`a ${what} that the provider compressed is right for a client that sends Accept-Encoding: ${accepted}`, async () => {
      const text = stream
        ? openai.events("zip").join("")
        : JSON.stringify(openai.document("zip".repeat(400)));
      for (const coding of ["gzip", "br", "zstd"] as const) {
        const provider = run.script("openai", async (call) => {
          await call.body;
          const used = accepts(call, coding) ? coding : undefined;
          const headers = { ...(stream ? sse : json), ...(used ? { "Content-Encoding": used } : {}) };
          await call.reply({ headers, framing: "chunked", body: used ? CODINGS[used](bytesOf(text)) : text });
        });
        const body = openai.request(fresh(), stream);
        const headers: Record<string, string> = accepted === undefined ? {} : { "accept-encoding": accepted };
        const first = await post(run.port, openai.path, { body, headers });
        const second = await post(run.port, openai.path, { body, headers });
        const third = await post(run.port, openai.path, { body });
        assert.deepEqual(
          [first, second, third].map((answer) => answer.cache),
          ["MISS", "HIT", "HIT"],
        );
        assert.equal(readable(first, accepted), text);
        assert.equal(readable(second, accepted), text);
        assert.equal(readable(third, undefined), text);
        assert.equal(provider.count, 1);
      }
    });
  }
}

for (const framing of ["length", "chunked"] as const) {
  for (const kind of ["speech", "stream", "document"] as const) {
    test(`a ${kind} (${framing}) whose coding is cut off has no clean end here and is not kept`, async () => {
      const speech = kind === "speech";
      const path = speech ? openai.path.replace("chat/completions", "audio/speech") : openai.path;
      const text = "cut ".repeat(5000);
      const whole = {
        speech: text,
        stream: openai.events(text).join(""),
        document: JSON.stringify(openai.document(text)),
      };
      const type = { speech: "audio/mpeg", stream: "text/event-stream", document: "application/json" }[kind];
      for (const coding of ["gzip", "br", "zstd"] as const) {
        const provider = run.script("openai", async (call) => {
          await call.body;
          const used = accepts(call, coding) ? coding : "gzip";
          const coded = CODINGS[used](bytesOf(whole[kind]));
          const cut = coded.subarray(0, coded.byteLength - 3);
          await call.reply({
            headers: { "Content-Type": type, "Content-Encoding": used },
            framing,
            body: cut,
          });
        });
        const body = speech
          ? { model: "tts", input: fresh(), voice: "v" }
          : openai.request(fresh(), kind === "stream");
        for (const _ of [1, 2]) {
          const answer = await post(run.port, path, { body });
          assert.notEqual(answer.cache, "HIT", coding);
          assert.ok(
            answer.ending !== "complete" || answer.status >= 500,
            `${coding}: ${answer.status} ${answer.ending}`,
          );
        }
        assert.equal(provider.count, 2, coding);
      }
    });
  }
}

function readable(answer: Awaited<ReturnType<typeof ask>>, accepted: string | undefined): string {
  assert.equal(answer.ending, "complete");
  const coding = answer.header("content-encoding");
  if (coding === undefined) return answer.text;
  assert.ok(accepted?.includes(coding), `${coding} sent to a client that accepts ${accepted}`);
  const decode = { gzip: gunzipSync, br: brotliDecompressSync, zstd: zstdDecompressSync }[coding];
  return String(decode?.(answer.body));
}

test("gzip that the provider sends though it was asked for none is still decoded for the client", async () => {
  const text = JSON.stringify(openai.document("unasked"));
  run.script("openai", (call) =>
    call.reply({ headers: { ...json, "Content-Encoding": "gzip" }, body: gzipSync(text) }),
  );
  const answer = await post(run.port, openai.path, {
    body: openai.request(fresh(), false),
    headers: { "accept-encoding": "identity" },
  });
  assert.equal(answer.text, text);
  assert.equal(answer.header("content-encoding"), undefined);
});

test("gzip that the provider sends without its header passes through as it came, each time", async () => {
  const bytes = gzipSync(JSON.stringify(openai.document("hidden")));
  run.script("openai", (call) => call.reply({ headers: json, body: bytes }));
  const body = openai.request(fresh(), false);
  for (const _ of [1, 2]) sameBytes((await post(run.port, openai.path, { body })).body, bytes);
});

test("a client that leaves after the end marker does not stop the answer from being kept", async () => {
  const provider = run.script("openai", () => {});
  const request = { path: openai.path, body: JSON.stringify(openai.request(fresh(), true)) };
  const client = await send(run.port, request);
  const call = await provider.next();
  await call.head({ headers: sse });
  await call.chunk(openai.events("gone").slice(0, 3).join(""));
  await client.until((answer) => answer.parts.length > 0);
  client.destroy();
  await call.chunk(openai.events("gone").slice(3).join(""));
  await call.end();
  await eventually(async () => {
    provider.handler = (late) => late.reply({ status: 500, body: "asked again" });
    assert.equal((await ask(run.port, request)).text, openai.events("gone").join(""));
  });
});

test("a document whose client left before the head is finished and kept", async () => {
  const provider = run.script("openai", () => {});
  const request = { path: openai.path, body: JSON.stringify(openai.request(fresh(), false)) };
  const client = await send(run.port, request);
  const call = await provider.next();
  client.destroy();
  await call.reply({ headers: json, body: JSON.stringify(openai.document("paid")) });
  provider.handler = (late) => late.reply({ status: 500, body: "asked again" });
  await eventually(async () => assert.equal((await ask(run.port, request)).cache, "HIT"));
});

test("comments, blank lines and odd spacing in a stream are replayed as they came", async () => {
  const text = `: OPENROUTER PROCESSING\n\n${openai.events("odd").join(": keep-alive\n\n")}\n\n`;
  run.script("openai", (call) => call.reply({ headers: sse, framing: "chunked", body: text }));
  const body = openai.request(fresh(), true);
  const first = await post(run.port, openai.path, { body });
  assert.equal(first.text, text);
  assertHit(await post(run.port, openai.path, { body }), first);
});

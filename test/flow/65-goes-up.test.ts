import assert from "node:assert/strict";
import { test } from "node:test";
import type { UpstreamInit } from "../../src/host.ts";
import { chatAnswer, type Journey, journey, json } from "../support/journey.ts";
import { posted } from "../support/remembering.ts";
import { ordinary, quick } from "../support/two-ways.ts";

const CHAT = JSON.stringify({ model: "m", messages: [{ role: "user", content: "x" }] });
const FORM = '--B\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n--B--\r\n';
const FORM_PATH = "/openai/v1/audio/transcriptions";

/** A provider that says which of these headers it got. */
function telling(name: string, flags: [string, string][] = []): Journey {
  return journey({
    flags,
    provider: (_url: string, { headers }: UpstreamInit) => {
      const got = new Headers(headers).get(name) ?? "nothing";
      return json(JSON.stringify({ ...JSON.parse(chatAnswer(`got ${got}`)), text: `got ${got}` }));
    },
  });
}

const told = (answer: { body: string } | undefined) => /got [^"]*/.exec(answer?.body ?? "")?.[0];

test("a header that Connection names does not go up, and does not count for the key either", async () => {
  const run = telling("openai-beta");
  const dropped = posted(CHAT, { headers: "Connection: close, OpenAI-Beta\r\nOpenAI-Beta: big\r\n" });
  const kept = posted(CHAT, { headers: "OpenAI-Beta: big\r\n" });
  const plain = posted(CHAT);
  assert.equal(told(await ordinary(run, dropped, true)), "got nothing");
  assert.equal(told(await ordinary(run, kept, true)), "got big");
  assert.equal(told(await ordinary(run, plain, true)), "got nothing");
  assert.equal(run.calls, 2);
  for (const [request, answer] of [
    [dropped, "got nothing"],
    [kept, "got big"],
    [plain, "got nothing"],
  ] as const) {
    assert.equal(told(await ordinary(run, request, true)), answer);
    assert.equal(told(quick(run, request)), answer);
  }
  assert.equal(run.calls, 2);
});

test("a body whose type or coding Connection names counts as what goes up: bytes without a type", async () => {
  const own = "Host: localhost\r\nAuthorization: Bearer sk-1\r\n";
  const form = (headers: string) =>
    `POST ${FORM_PATH} HTTP/1.1\r\n${own}${headers}Content-Length: ${FORM.length}\r\n\r\n${FORM}`;
  const typed = "Content-Type: multipart/form-data; boundary=B\r\n";
  const run = telling("content-type");
  assert.equal(told(await ordinary(run, form(`${typed}Connection: Content-Type\r\n`), true)), "got nothing");
  const sent = told(await ordinary(run, form(typed), true));
  assert.equal(sent, "got multipart/form-data; boundary=B");
  const coded = telling("content-encoding");
  const other = "Content-Encoding: identity-of-a-kind\r\nConnection: content-encoding\r\n";
  assert.equal(told(await ordinary(coded, form(typed + other), true)), "got nothing");
  assert.equal(told(await ordinary(coded, form(typed), true)), "got nothing");
  assert.equal(coded.calls, 1);
});

test("no setting takes into the key what never goes up", async () => {
  const run = telling("x-new", [["--key-headers", "accept-*, x-new, x-cache-*"]]);
  for (const headers of ["Accept-Encoding: br\r\n", "Accept-Encoding: gzip\r\n", "X-Cache-Other: 1\r\n", ""])
    assert.equal(told(await ordinary(run, posted(CHAT, { headers }), true)), "got nothing");
  assert.equal(run.calls, 1);
  assert.equal(told(await ordinary(run, posted(CHAT, { headers: "X-New: a\r\n" }), true)), "got a");
});

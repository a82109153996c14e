import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { recorded, streams, watched } from "../support/families.ts";
import { bytes, chat, choice, DONE, data, responses, stream, terminal } from "../support/streams.ts";

test("a stream that was asked for and claims to be plain text is held to the same proof", () => {
  const plain = { ...chat, type: "text/plain" };
  assert.equal(watched(plain, [bytes(data(choice({ content: "x" }, null)))]).refusal, "no-end-marker");
  assert.equal(watched(plain, [bytes(data(choice({ content: "x" }, "stop")) + DONE)]).refusal, undefined);
});

test("an answer with encrypted reasoning is its account's own, text that speaks of it is not", () => {
  const item = { type: "reasoning", summary: [], encrypted_content: "gAAA" };
  assert.equal(
    watched(responses, [bytes(terminal("response.completed", { output: [item] }))]).accountBound,
    true,
  );
  const talk = choice({ content: '{"encrypted_content":"gAAA","file_id":"f"}' }, "stop");
  assert.equal(watched(chat, [bytes(data(talk) + DONE)]).accountBound, false);
});

test("an event of 24 MiB of base64 passes without being held, whatever the chunks", () => {
  const image = "iVBORw0KGgo".repeat(2_300_000).slice(0, 24 * 1024 * 1024);
  const image64k = bytes(image.slice(0, 64 * 1024));
  const wants = stream("openai", "/v1/images/generations");
  const pieces = [
    bytes('data: {"type":"image_generation.completed","b64_json":"AAAAAAAA'),
    ...Array.from({ length: 384 }, () => image64k),
    bytes('","usage":{"input_tokens":5}}\n\n'),
  ];
  const found = watched(wants, pieces);
  assert.equal(found.refusal, undefined);
  assert.deepEqual(found.usage, { inputTokens: 5 });
});

test("an event of 20 MiB of words is passed on and not kept", () => {
  const words = bytes("some words, ".repeat(80_000));
  const pieces = [
    bytes('data: {"choices":[{"delta":{"content":"'),
    ...Array.from({ length: 22 }, () => words),
    bytes('"}}]}\n\n'),
  ];
  assert.equal(watched(chat, pieces).refusal, "too-large");
});

test("long texts full of escapes survive any chunking", () => {
  const run = fc.constantFrom(
    "A".repeat(1500),
    "\\n",
    "\\u00e9",
    "é",
    "/+=",
    '\\"',
    "B".repeat(3000),
    "\\\\",
  );
  fc.assert(
    fc.property(
      fc.array(run, { maxLength: 8 }),
      fc.array(fc.nat(12_000), { maxLength: 12 }),
      (runs, cuts) => {
        const event = `data: {"choices":[{"index":0,"delta":{"content":"x${runs.join("")}"},"finish_reason":"stop"}]}\n\n${DONE}`;
        const whole = bytes(event);
        const at = [
          0,
          ...cuts.filter((cut) => cut < whole.byteLength).sort((a, b) => a - b),
          whole.byteLength,
        ];
        const pieces = at.slice(1).map((end, i) => whole.subarray(at[i], end));
        assert.equal(watched(chat, pieces).refusal, undefined);
      },
    ),
    { seed: 7, numRuns: 300 },
  );
});

test("no bytes make a watcher throw, and no random bytes are kept", () => {
  const kept: string[] = [];
  fc.assert(
    fc.property(
      fc.constantFrom(...streams),
      fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 5 }),
      (one, pieces) => {
        if (watched(one, pieces).refusal === undefined) kept.push(one.file);
      },
    ),
    { seed: 11, numRuns: 2000 },
  );
  assert.deepEqual(kept, []);
});

test("a recorded stream with any one byte changed never throws", () => {
  for (const one of streams.filter(({ file }) => file !== "openai-image.sse")) {
    const whole = recorded(one.file);
    for (let at = 0; at < whole.byteLength; at += 3) {
      const damaged = whole.slice();
      damaged[at] = 0x22;
      watched(one, [damaged]);
    }
  }
});

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { readDocument } from "../../src/proxy/document.ts";

const encoder = new TextEncoder();
/** More than the size up to which a document is parsed as it stands. */
const PAD = " ".repeat(1024 * 1024 + 1);

function big(text: string): Promise<{ value: unknown; shortened: boolean } | undefined> {
  const bytes = encoder.encode(PAD + text);
  // Three pieces, split at odd places.
  const cuts = [PAD.length + Math.floor(text.length / 3), PAD.length + Math.floor(text.length / 2)];
  const pieces = [bytes.subarray(0, cuts[0]), bytes.subarray(cuts[0], cuts[1]), bytes.subarray(cuts[1])];
  return readDocument(pieces, bytes.byteLength);
}

test("a big document of short values reads as JSON.parse reads it", async () => {
  await fc.assert(
    fc.asyncProperty(fc.jsonValue({ maxDepth: 5 }), async (value) => {
      const text = JSON.stringify(value, null, 1);
      const found = await big(text);
      assert.deepEqual(found?.value, JSON.parse(text));
    }),
    { numRuns: 60 },
  );
});

test("a big document that JSON.parse refuses is refused", async () => {
  const bad = [
    "",
    "{",
    '{"a":1',
    '{"a":1,}',
    "[1,]",
    "[1 2]",
    '{"a" 1}',
    "{a:1}",
    "01",
    "1.",
    "-",
    "tru",
    "nulll",
    '"\\x"',
    '"\\u12g4"',
    '"a\nb"',
    "[1}",
    "]",
    "{}{}",
    "1 2",
    '{"a":}',
    '{,"a":1}',
    ":",
    '["a":1]',
    '"open',
  ];
  for (const text of bad) {
    assert.throws(() => JSON.parse(PAD + text));
    assert.equal(await big(text), undefined, text);
  }
});

test("long strings and number lists are shortened, never to nothing, and the rest stands", async () => {
  const value = {
    model: "m",
    long: "é".repeat(5000),
    plain: "x".repeat(9000),
    escaped: "\\\n".repeat(4000),
    list: Array.from({ length: 5000 }, (_, index) => index),
    mixed: [1, "two", [3, 4], { five: 5 }],
    after: { stop: "end" },
  };
  const found = (await big(JSON.stringify(value)))?.value as typeof value;
  assert.ok(found.long.length > 0 && found.long.length < 500);
  assert.ok(found.plain.startsWith("xxx") && found.plain.length < 500);
  assert.ok(found.escaped.length > 0 && found.escaped.length < 500);
  assert.deepEqual(found.list, value.list.slice(0, 64));
  assert.deepEqual(found.mixed, value.mixed);
  assert.deepEqual(found.after, value.after);
});

test("reading 32 MiB gives the loop a turn at each step", async () => {
  const text = JSON.stringify({ data: Array.from({ length: 64 }, () => "y".repeat(512 * 1024)) });
  const bytes = encoder.encode(text);
  let turns = 0;
  const timer = setInterval(() => turns++, 0);
  const found = await readDocument([bytes], bytes.byteLength);
  clearInterval(timer);
  assert.equal((found as { value: { data: string[] } }).value.data.length, 64);
  assert.ok(turns >= 16, `${turns} turns`);
});

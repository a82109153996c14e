import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Shape } from "../../src/providers/shape.ts";
import { canonicalJson } from "../../src/proxy/canonical.ts";

const SHAPE: Shape = {
  free: true,
  members: {
    messages: { items: { free: true, members: { content: { items: { free: true } } } } },
    tools: { items: { free: true, members: { function: { free: true } } } },
  },
};
const encoder = new TextEncoder();
const decoder = new TextDecoder();

async function form(text: string | Uint8Array): Promise<string | undefined> {
  const bytes = typeof text === "string" ? encoder.encode(text) : text;
  const found = await canonicalJson(bytes, { shape: SHAPE, ignore: new Set(["user", "metadata"]) });
  return found && decoder.decode(found);
}

const SAME: [string, string, string][] = [
  ["white space", '{ "a" : [ 1 , 2 ] }\n', '{"a":[1,2]}'],
  ["member order at the top level", '{"b":1,"a":2}', '{"a":2,"b":1}'],
  [
    "member order in a message",
    '{"messages":[{"role":"u","content":"x"}]}',
    '{"messages":[{"content":"x","role":"u"}]}',
  ],
  [
    "member order in a content part",
    '{"messages":[{"content":[{"text":"a","type":"t"}]}]}',
    '{"messages":[{"content":[{"type":"t","text":"a"}]}]}',
  ],
  [
    "member order in a tool wrapper",
    '{"tools":[{"function":{"name":"f","description":"d"},"type":"function"}]}',
    '{"tools":[{"type":"function","function":{"description":"d","name":"f"}}]}',
  ],
  ["an escape and the character", '{"a":"\\u00e9\\/\\u0041"}', '{"a":"é/A"}'],
  ["a surrogate pair and its character", '{"a":"\\uD83D\\ude00"}', '{"a":"😀"}'],
  ["case of a lone surrogate", '{"a":"\\uD83D"}', '{"a":"\\ud83d"}'],
  ["forms of a control character", '{"a":"\\u000a\\u0001"}', '{"a":"\\n\\u0001"}'],
  ["an escaped name", '{"\\u0061":1}', '{"a":1}'],
  ["an ignored member", '{"a":1,"user":"x","metadata":{"k":[1]}}', '{"a":1}'],
  ["an ignored member alone", '{"user":"x"}', "{}"],
];
for (const [what, one, other] of SAME) {
  test(`${what} makes no difference`, async () => {
    assert.notEqual(await form(one), undefined);
    assert.equal(await form(one), await form(other));
  });
}

const DIFFERENT: [string, string, string][] = [
  ["a digit of a big integer", '{"a":12345678901234567890}', '{"a":12345678901234567891}'],
  ["1 and 1.0", '{"a":1}', '{"a":1.0}'],
  ["0 and -0", '{"a":0}', '{"a":-0}'],
  ["1e400 and 1e401", '{"a":1e400}', '{"a":1e401}'],
  ["array order", '{"a":[1,2]}', '{"a":[2,1]}'],
  [
    "order of messages",
    '{"messages":[{"content":"a"},{"content":"b"}]}',
    '{"messages":[{"content":"b"},{"content":"a"}]}',
  ],
  [
    "member order in a schema",
    '{"tools":[{"function":{"parameters":{"a":1,"b":2}}}]}',
    '{"tools":[{"function":{"parameters":{"b":2,"a":1}}}]}',
  ],
  ["member order in an unknown object", '{"x":{"a":1,"b":2}}', '{"x":{"b":2,"a":1}}'],
  ["`user` below the top level", '{"tools":[{"user":1}]}', '{"tools":[{}]}'],
  ["a string and a number", '{"a":"1"}', '{"a":1}'],
  ["null and absence", '{"a":null}', "{}"],
  ["which of two members with one name comes last", '{"a":1,"a":2}', '{"a":2,"a":1}'],
  ["a name twice and once", '{"a":1,"a":1}', '{"a":1}'],
  ["a lone surrogate and a replacement character", '{"a":"\\ud83d"}', '{"a":"\ufffd"}'],
  ["__proto__", '{"__proto__":1}', "{}"],
  ["composed and decomposed letters", '{"a":"é"}', '{"a":"e\u0301"}'],
];
for (const [what, one, other] of DIFFERENT) {
  test(`${what} makes a difference`, async () => {
    assert.notEqual(await form(one), undefined);
    assert.notEqual(await form(other), undefined);
    assert.notEqual(await form(one), await form(other));
  });
}

test("`__proto__` and `constructor` are names like any other", async () => {
  assert.equal(
    await form('{"constructor":{"b":1,"a":2},"__proto__":[{"y":1,"x":2}]}'),
    '{"__proto__":[{"y":1,"x":2}],"constructor":{"b":1,"a":2}}',
  );
});

test("what is no safe JSON has no canonical form", async () => {
  const bad: (string | Uint8Array)[] = [
    "",
    " ",
    '{"a":1',
    '{"a":1}x',
    '{"a":1} {}',
    "{'a':1}",
    '{"a":01}',
    '{"a":"\t"}',
    '{"a":"\\q"}',
    '{"a":"\\u12"}',
    '{"a":NaN}',
    "[1,]",
    '{"a":1,}',
    "{,}",
    '{"a"}',
    '{"a":"open',
    "\ufeff{}",
    new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]),
    "[".repeat(100_000) + "]".repeat(100_000),
  ];
  for (const text of bad) assert.equal(await form(text), undefined, String(text).slice(0, 40));
});

test("the canonical form of any JSON value means the same and is its own canonical form", async () => {
  await fc.assert(
    fc.asyncProperty(fc.jsonValue({ maxDepth: 6, noUnicodeString: false }), async (value) => {
      const text = JSON.stringify({ value, messages: [{ role: "user", content: value }] }, null, 2);
      const once = await form(text);
      assert.ok(once !== undefined);
      assert.deepEqual(JSON.parse(once), JSON.parse(text));
      assert.equal(await form(once), once);
    }),
    { numRuns: 300 },
  );
});

test("a string of 32 MiB is read in steps that let the loop turn", async () => {
  const text = encoder.encode(JSON.stringify({ b: "x\u0001".repeat(4 * 1024 * 1024), a: 1 }));
  let turns = 0;
  const timer = setInterval(() => turns++, 0);
  const found = await canonicalJson(text, { shape: SHAPE, ignore: new Set() });
  clearInterval(timer);
  assert.equal(decoder.decode(found?.subarray(0, 10)), '{"a":1,"b"');
  assert.ok(turns > 10, `${turns} turns`);
});

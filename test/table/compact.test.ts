import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { maskRules } from "../../src/config-masks.ts";
import type { Shape } from "../../src/providers/shape.ts";
import { canonicalJson } from "../../src/proxy/canonical.ts";
import { compactForm } from "../../src/proxy/compact.ts";
import { maskOf } from "../../src/proxy/mask.ts";

const SHAPE: Shape = {
  free: true,
  members: {
    messages: { items: { free: true, members: { content: { items: { free: true } } } } },
    a: { free: true, members: { b: { free: true } } },
  },
};
const IGNORE = new Set(["user", "b"]);
const MASK = maskOf(maskRules.parse("uuids") ?? []);
const UUID = "6f1c2a3b-0000-4000-8000-123456789abc";
const encoder = new TextEncoder();
const decoder = new TextDecoder();

async function bothOf(text: string, mask = MASK) {
  const options = { shape: SHAPE, ignore: IGNORE, mask };
  const slow = await canonicalJson(encoder.encode(text), options);
  return { quick: compactForm(text, JSON.parse(text), options), slow: slow && decoder.decode(slow) };
}

const names = fc.constantFrom(
  "messages",
  "role",
  "content",
  "a",
  "b",
  "user",
  "system",
  "file_ids",
  "10",
  "9",
  "__proto__",
  '"',
  "\n",
  "\ud83d",
  "😀",
  "\uffff",
);
const texts = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.string({ unit: "binary", minLength: 30, maxLength: 80 }),
  // Long ones are compared where they stand: escapes are what could be taken for something else there.
  fc.string({ unit: fc.constantFrom("\\", '"', "a", "\n", "\ud83d"), minLength: 30, maxLength: 80 }),
  fc.constantFrom("", UUID, `at ${UUID}`, '\u2028\u007f\u0000/\\"', "\ud83d", "😀", "\ufeff"),
);
const { object } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, depthSize: "small" },
    texts,
    fc.double(),
    fc.integer(),
    fc.constantFrom(true, null),
    tie("list"),
    tie("object"),
    tie("object"),
  ),
  list: fc.array(tie("value"), { maxLength: 4 }),
  // As text, so that a name may come twice and `__proto__` is one.
  object: fc.array(fc.tuple(names, tie("value")), { maxLength: 5 }).map((members) => new Members(members)),
}));

/** An object in the order of its members, as a text has them. */
class Members {
  readonly members: readonly (readonly [string, unknown])[];
  constructor(members: readonly (readonly [string, unknown])[]) {
    this.members = members;
  }
}

function write(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(write).join(",")}]`;
  if (value instanceof Members)
    return `{${value.members.map(([name, inner]) => `${JSON.stringify(name)}:${write(inner)}`).join(",")}}`;
  return JSON.stringify(value);
}

test("what the quick way answers is what the bytes say", async () => {
  let answered = 0;
  await fc.assert(
    fc.asyncProperty(object, fc.boolean(), async (made, masked) => {
      const text = write(made);
      const { quick, slow } = await bothOf(text, masked ? MASK : undefined);
      if (quick === undefined) return;
      answered++;
      assert.equal(quick, slow);
    }),
    { numRuns: 3000 },
  );
  assert.ok(answered > 500, `${answered} of 3000`);
});

test("a client's ordinary request takes the quick way", async () => {
  const text =
    '{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"é\\n\\u0001"}]}],"temperature":0.7,"user":"x"}';
  const { quick, slow } = await bothOf(text);
  assert.equal(quick, slow);
  assert.equal(
    quick,
    '{"messages":[{"content":[{"text":"é\\n\\u0001","type":"text"}],"role":"user"}],"model":"m","temperature":0.7}',
  );
});

const deep = (depth: number) => "[".repeat(depth) + "]".repeat(depth);
const LEFT: [string, string][] = [
  ["white space", '{"z": 1,"a":2}'],
  ["white space at the end", '{"z":1}\n'],
  ["an escape too many", '{"z":"\\/"}'],
  ["upper-case hex digits", '{"z":"\\uD83D"}'],
  ["a number written in another way", '{"z":1.0}'],
  ["a number that loses a digit", '{"z":12345678901234567890}'],
  ["an escape too many in a long text", `{"z":"${"a".repeat(40)}\\/"}`],
  ["an escape at the end of a long text", `{"z":"${"a".repeat(40)}\\u005c"}`],
  ["minus zero", '{"z":-0}'],
  ["a name twice", '{"z":1,"a":2,"z":3}'],
  ["names that are numbers where order is free", '{"10":1,"9":2}'],
  ["names with escapes where order is free", '{"\\"":1,"-":2}'],
  ["a prototype's name", '{"z":1,"__proto__":{"a":1}}'],
  ["a text that is masked in part", `{"system":"at ${UUID}"}`],
  ["what is nested too deep", `{"z":${deep(1001)}}`],
];
for (const [what, text] of LEFT) {
  test(`${what} is left to the bytes`, async () => {
    assert.equal((await bothOf(text)).quick, undefined);
  });
}

test("an id is not masked either way, and what stands beside it is", async () => {
  const { quick, slow } = await bothOf(`{"messages":[{"file_ids":[{"role":"x"},"${UUID}"]}]}`);
  assert.equal(quick, slow);
  assert.equal(quick, `{"messages":[{"file_ids":[{"role":"x"},"${UUID}"]}]}`);
  const beside = await bothOf(`{"messages":[{"file_id":"${UUID}","content":"at ${UUID}"}]}`);
  assert.equal(beside.quick, undefined);
  assert.equal(beside.slow, `{"messages":[{"content":"at \u001a","file_id":"${UUID}"}]}`);
});

test("names that are numbers stand as they are where order counts", async () => {
  const { quick, slow } = await bothOf('{"logit_bias":{"9":1,"10":2},"a":{"z":1}}');
  assert.equal(quick, slow);
  assert.equal(quick, '{"a":{"z":1},"logit_bias":{"9":1,"10":2}}');
});

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { diffRequests } from "../../src/requests/diff.ts";
import type { KeptRequest, RequestHead } from "../../src/requests/kept.ts";
import { chat, requestOf } from "../support/archive.ts";

function kept(body: unknown, head: Partial<RequestHead> = {}): KeptRequest {
  const text = JSON.stringify(body);
  return { head: requestOf(text, head).head, body: { form: "json", text }, masked: [] };
}

const paths = (asked: KeptRequest, stored: KeptRequest) =>
  diffRequests(asked, stored).differences.map(({ path, asked, stored }) => [path, asked, stored]);

const schema = (type: string) => ({
  tools: [
    {
      type: "function",
      function: { name: "f", parameters: { type: "object", properties: { x: { type } } } },
    },
  ],
});
const base = chat(["one", "two", "three", "four", "five"], schema("string"));

const CASES: readonly (readonly [string, KeptRequest, readonly (readonly unknown[])[]])[] = [
  ["another temperature", kept({ ...base, temperature: 0.5 }), [["temperature", "0.5", undefined]]],
  [
    "one more message",
    kept(chat(["one", "two", "three", "four", "five", "six"], schema("string"))),
    [["messages[5]", '{"role":"assistant","content":"six"}', undefined]],
  ],
  [
    "one message less, in the midst",
    kept({ ...base, messages: (base as { messages: object[] }).messages.toSpliced(1, 1) }),
    [["messages[1]", undefined, '{"role":"assistant","content":"two"}']],
  ],
  [
    "an edited message",
    kept(chat(["one", "two", "THREE", "four", "five"], schema("string"))),
    [["messages[2].content", '"THREE"', '"three"']],
  ],
  [
    "a tool's schema deep down",
    kept({ ...base, ...schema("number") }),
    [["tools[0].function.parameters.properties.x.type", '"number"', '"string"']],
  ],
  ["another namespace", kept(base, { namespace: "exp" }), [["namespace", "exp", undefined]]],
  ["another sample", kept(base, { sample: 3 }), [["sample", "3", "0"]]],
  [
    "another header",
    kept(base, { headers: ["anthropic-beta: a"] }),
    [["headers.anthropic-beta", "a", undefined]],
  ],
  ["another query", kept(base, { query: "?api-version=2" }), [["query.api-version", "2", undefined]]],
  ["another path", kept(base, { path: "/v1/x" }), [["path", "/v1/x", "/v1/chat/completions"]]],
];

for (const [words, asked, want] of CASES) {
  test(`${words} is named alone`, () => assert.deepEqual(paths(asked, kept(base)), want));
}

test("numbers differ where they are written differently, since no digit is lost in a key", () => {
  const one = { ...kept({}), body: { form: "json" as const, text: '{"n":1.0}' } };
  const other = { ...kept({}), body: { form: "json" as const, text: '{"n":1}' } };
  assert.deepEqual(paths(one, other), [["n", "1.0", "1"]]);
});

test("another order of members is named only where nothing else differs", () => {
  const text = (text: string): KeptRequest => ({ ...kept({}), body: { form: "json", text } });
  const words = "(the same members in another order)";
  assert.deepEqual(paths(text('{"a":{"x":1,"y":2}}'), text('{"a":{"y":2,"x":1}}')), [["a", words, words]]);
  assert.deepEqual(paths(text('{"a":{"x":1,"y":2},"b":1}'), text('{"a":{"y":2,"x":1},"b":2}')), [
    ["b", "1", "2"],
  ]);
});

test("a long value is cut around the first difference, at most 200 characters", () => {
  const text = (word: string) => `${"a".repeat(5000)}${word}${"b".repeat(5000)}`;
  const [difference] = diffRequests(kept({ prompt: text("X") }), kept({ prompt: text("YY") })).differences;
  for (const value of [difference!.asked!, difference!.stored!]) assert.ok(value.length <= 200, value);
  assert.match(difference!.asked!, /^…a+Xb+…$/);
  assert.match(difference!.stored!, /^…a+YYb+…$/);
});

test("20 differences are named and the rest counted", () => {
  const many = (n: number) =>
    kept(Object.fromEntries(Array.from({ length: 30 }, (_, at) => [`m${at}`, at * n])));
  const { differences, more } = diffRequests(many(2), many(1));
  assert.equal(differences.length, 20);
  assert.equal(more, 9);
});

test("a request differs from itself in nothing, and from another in something", () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.string(), fc.jsonValue()),
      fc.dictionary(fc.string(), fc.jsonValue()),
      (one, other) => {
        assert.deepEqual(diffRequests(kept(one), kept(one)), { differences: [], more: 0 });
        const equal = JSON.stringify(one) === JSON.stringify(other);
        assert.equal(diffRequests(kept(one), kept(other)).differences.length === 0, equal);
      },
    ),
  );
});

test("a body that was not remembered differs as a whole", () => {
  assert.deepEqual(paths(kept({ a: 1 }), { ...kept({ a: 2 }), body: undefined }), [
    ["body", "(another body)", "(not remembered)"],
  ]);
});

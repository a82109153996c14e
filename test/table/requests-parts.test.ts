import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { canonicalJson } from "../../src/proxy/canonical.ts";
import { compactJson } from "../../src/requests/compact.ts";
import type { KeptBody } from "../../src/requests/kept.ts";
import { joinBody, splitBody } from "../../src/requests/parts.ts";
import { keptOf } from "../../src/requests/remember.ts";
import { requestOf } from "../support/archive.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
const jsonOf = (text: string): KeptBody => ({
  form: "json",
  text: decoder.decode(compactJson(encoder.encode(text))),
});

/** JSON texts with white space and escapes where JSON allows them, and numbers that no double holds. */
const spaced: fc.Arbitrary<string> = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom("null", "true", "false", "0", "-1.50", "12345678901234567890", "1e400"),
    fc.string({ unit: "grapheme" }).map((text) => JSON.stringify(text)),
    fc
      .string()
      .map((text) => JSON.stringify(text).replace(/[a-f]/g, (c) => `\\u00${c.charCodeAt(0).toString(16)}`)),
    fc.string({ minLength: 64, maxLength: 200 }).map((text) => JSON.stringify(text)),
    fc.array(tie("value"), { maxLength: 5 }).map((list) => `[ ${list.join(" ,\n")}\t]`),
    fc
      .array(fc.tuple(fc.string(), tie("value")), { maxLength: 5 })
      .map(
        (list) => `{\r\n${list.map(([name, value]) => `${JSON.stringify(name)} : ${value}`).join(",  ")} }`,
      ),
  ),
})).value;

test("a compact text has the canonical form of the text that it was made of", async () => {
  await fc.assert(
    fc.asyncProperty(spaced, async (text) => {
      const options = { shape: undefined, ignore: new Set<string>() };
      const compact = compactJson(encoder.encode(text));
      const want = await canonicalJson(encoder.encode(text), options);
      assert.ok(want !== undefined);
      assert.equal(decoder.decode(await canonicalJson(compact, options)), decoder.decode(want));
      // Any text on one line is compact already.
      assert.equal(decoder.decode(compactJson(compact)), decoder.decode(compact));
    }),
    { numRuns: 300 },
  );
});

test("a body that was split comes back byte for byte, with every text in its parts or only the long ones", () => {
  fc.assert(
    fc.property(spaced, fc.boolean(), (text, everyText) => {
      const body = jsonOf(text);
      assert.deepEqual(joinBody(splitBody(body, { everyText })), body);
    }),
    { numRuns: 300 },
  );
});

test("messages and tools are parts of their own, so that a longer conversation shares those of a shorter one", () => {
  const long = (n: number) => ({ role: "user", content: `message ${n} ${"x".repeat(80)}` });
  const parts = (n: number) =>
    splitBody(
      jsonOf(
        JSON.stringify({
          model: "m",
          tools: [{ name: "a", parameters: { type: "object", description: "y".repeat(80) } }],
          messages: Array.from({ length: n }, (_, at) => long(at)),
        }),
      ),
    ).parts.map((part) => decoder.decode(part));
  assert.equal(parts(3).length, 4);
  assert.deepEqual(parts(4).slice(0, 4), parts(3));
});

test("with every text taken out, no text is left in the skeleton", () => {
  const body = jsonOf(
    '{"model":"m","prompt":"s3cret","messages":[{"role":"u","content":"hi"},"x"],"n":2,"on":true}',
  );
  const { skeleton } = splitBody(body, { everyText: true });
  assert.equal(decoder.decode(skeleton), '{"model":\0,"prompt":\0,"messages":[\0,\0],"n":2,"on":true}');
});

test("members that do not count are left out, wherever they stand", async () => {
  for (const [text, want] of [
    ['{"user":"a","model":"m"}', '{"model":"m"}'],
    ['{"model":"m", "user": {"deep":[1]} }', '{"model":"m"}'],
    ['{"user":"a"}', "{}"],
    ['{"a":1,"user":"a","b":{"user":"kept"}}', '{"a":1,"b":{"user":"kept"}}'],
  ]) {
    const kept = await keptOf(requestOf(text, {}, ["user"]), sha256);
    assert.deepEqual(kept.body, { form: "json", text: want });
  }
});

test("a form's fields are kept as text and its files by their digest, without the boundary", async () => {
  const text =
    '--b\r\ncontent-disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n--b\r\n' +
    'content-disposition: form-data; name="file"; filename="a.wav"\r\ncontent-type: audio/wav\r\n\r\n\0\x01\r\n--b\r\n' +
    'content-disposition: form-data; name="user"\r\n\r\nsomebody\r\n--b\r\n' +
    'content-disposition: form-data; name="api_key"\r\n\r\nsk-1\r\n--b--\r\n';
  const head = { contentType: "multipart/form-data; boundary=b", digest: `form:${"0".repeat(64)}` };
  const kept = await keptOf(requestOf(text, head, ["user"]), sha256);
  assert.equal(kept.head.contentType, "multipart/form-data");
  assert.ok(kept.body?.form === "fields");
  assert.deepEqual(
    kept.body.fields.map(({ name, text, size }) => [name, text, size]),
    [
      ["model", "whisper-1", 9],
      ["file", undefined, 2],
      ["api_key", "[masked]", 0],
    ],
  );
  assert.deepEqual(kept.masked, ["api_key"]);
  assert.ok(!JSON.stringify(kept).includes(sha256(encoder.encode("sk-1"))));
  assert.deepEqual(joinBody(splitBody(kept.body)), kept.body);
});

test("a plain text is kept as text; bytes, and what looks like JSON that is none, by their digest", async () => {
  const raw = (text: string) => keptOf(requestOf(text, { digest: `raw:${"1".repeat(64)}` }), sha256);
  assert.deepEqual((await raw("just words")).body, { form: "text", text: "just words" });
  for (const text of ['{"token":"sk-1"', "a=1&api_key=sk-1", "\0\x01"]) {
    const { body } = await raw(text);
    assert.deepEqual(body, { form: "bytes", sha256: sha256(encoder.encode(text)), size: text.length });
  }
});

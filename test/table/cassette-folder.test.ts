import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { cassetteFile, folderFiles, namingFile, readCassetteFile } from "../../src/admin/cassette-folder.ts";

const line = (request: unknown, response: unknown = { status: 200, text: "" }) =>
  `${JSON.stringify({ askonce: 1, request: { method: "POST", provider: "openai", path: "/v1/x", json: request }, response, endpoint: "chat", model: "gpt-4o" })}\n`;

const said = (text: string) => ({ model: "gpt-4o", messages: [{ role: "user", content: text }] });

test("any line comes back from its file, character for character", () => {
  const tricky = fc.oneof(
    fc.constantFrom("a\nb", "\n", "\\n", "\\\\n\n", "x\\\ny", '"\n"', "$lines", "\r\n", "\u2028\n"),
    fc.string({ unit: "grapheme" }),
    fc.string({ unit: "binary-ascii" }),
  );
  const value = fc.jsonValue({ maxDepth: 2, stringUnit: "grapheme" });
  const named = fc.dictionary(
    fc.constantFrom("$lines", "$$lines", "lines", "a"),
    fc.oneof(tricky, fc.array(tricky)),
  );
  fc.assert(
    fc.property(fc.oneof(value, named, tricky), fc.oneof(tricky, value), (request, response) => {
      const text = line(request, response);
      const file = cassetteFile(text);
      assert.ok(file !== undefined);
      assert.equal(readCassetteFile("x.json", file.text), text);
    }),
    { numRuns: 150 },
  );
});

test("numbers and escapes in a file stay as they are written", () => {
  const text = `{"askonce":1,"request":{"json":{"a":1.0,"b":12345678901234567890,"c":"\\u00e9\\/","d":[1e-07,[],{}]}}}\n`;
  assert.equal(readCassetteFile("x", (cassetteFile(text) as { text: string }).text), text);
});

test("a prompt of several lines and an event stream stand in a file line by line", () => {
  const stream = { status: 200, text: 'data: {"a":1}\n\ndata: [DONE]\n\n' };
  const { text } = cassetteFile(line(said("first line\nsecond line"), stream)) as { text: string };
  const lines = text.split("\n").map((one) => one.trim());
  for (const shown of ['"second line"', `"data: {\\"a\\":1}",`, '"data: [DONE]",'])
    assert.ok(lines.includes(shown), `${shown} in ${text}`);
});

test("an edited line of a file is in the line that is read, and a line more too", () => {
  const { text } = cassetteFile(line(said("one\ntwo"))) as { text: string };
  const edited = text.replace('"two"', '"2",\n"three"');
  assert.equal(readCassetteFile("x.json", edited), line(said("one\n2\nthree")));
});

test("a file is named by provider, model and what was asked last, whatever the answer", () => {
  const asked = {
    model: "gpt-4o",
    messages: [
      { role: "system", content: "Be brief." },
      { role: "user", content: [{ type: "text", text: "What's the Capital of France, s'il vous plaît?" }] },
    ],
  };
  const one = cassetteFile(line(asked)) as { name: string };
  assert.match(one.name, /^openai-gpt-4o-what-s-the-capital-of-france-s-il-vous-[0-9a-f]{10}\.json$/);
  assert.equal(cassetteFile(line(asked, { status: 404, text: "no" }))?.name, one.name);
  assert.notEqual(cassetteFile(line(said("What's the capital of France, s'il vous plaît?")))?.name, one.name);
  assert.match(
    (cassetteFile(line({ input: "東京は？" })) as { name: string }).name,
    /^openai-gpt-4o-[0-9a-f]{10}\.json$/,
  );
  const wild = cassetteFile(line({ input: "../../etc/passwd\u0000 CON: *?" })) as { name: string };
  assert.match(wild.name, /^[a-z0-9.-]+$/);
  assert.ok(!wild.name.includes(".."), wild.name);
});

test("no two files of a folder have one name, and the note that ends a cassette has none", () => {
  const files = folderFiles([
    line(said("a")),
    line(said("a")),
    "\n",
    line(said("b")),
    '{"askonce":1,"skipped":{"masked":1}}\n',
  ]);
  assert.equal(new Set(files.map(({ name }) => name)).size, 3);
  assert.equal(files.length, 3);
});

test("a file that can't be read is named", () => {
  assert.throws(() => readCassetteFile("a.json", "{"), /^CassetteError: a\.json: not valid JSON$/);
  for (const value of ['"x"', "[1]", '["a"],"b":1', "{}"])
    assert.throws(
      () => readCassetteFile("b.json", `{"a":{"$lines":${value}}}`),
      /^CassetteError: b\.json: \$lines must be/,
    );
  assert.equal(
    namingFile("line 2: it answers the same request as line 1", ["a.json", "b.json"]),
    "b.json: it answers the same request as a.json",
  );
});

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import fc from "fast-check";
import { exportLines, importLines } from "../../src/admin/cassette.ts";
import { readCassetteFile } from "../../src/admin/cassette-folder.ts";
import { ANSWER_HEADERS } from "../../src/admin/cassette-schema.ts";
import type { CacheKey } from "../../src/cache/entry.ts";
import type { KeptBody } from "../../src/requests/kept.ts";
import { chat, type Deck, deck, sha256 } from "../support/cassettes.ts";

const lineObjects = (text: string) =>
  text
    .split("\n")
    .filter((line) => line !== "")
    .map(
      (line) => JSON.parse(line) as { request: Record<string, unknown>; response: Record<string, unknown> },
    );

async function copy(from: Deck): Promise<Deck> {
  const to = deck();
  await to.import(await from.export());
  return to;
}

const json = fc.jsonValue({ maxDepth: 2, stringUnit: "grapheme" });
const object = fc
  .dictionary(fc.string(), json, { minKeys: 1 })
  .filter((value) => !Object.hasOwn(value, "__proto__"));
const laidOut = fc
  .tuple(object, fc.constantFrom(undefined, 2, 4, "\t"), fc.constantFrom("", "\n", "\n   \n"))
  .map(([value, indent, edge]) => edge + JSON.stringify(value, null, indent) + edge);
const odd = fc.constantFrom(
  "",
  "{}",
  "[]",
  '{"a":12345678901234567890}',
  '{"a":1e400}',
  '{"a":1,"a":2}',
  '{"a":-0}',
  '{"a":1.0,"b":3e-07,"c":0.10}',
  '{"a":"\\u00e9\\/\\ud800"}',
  '{"a": "b", "c": [1, 2]}',
  '{ "a" : 1 }',
  '{\n  "a": [],\n  "b": {}\n}\n',
  '{"a":"\u2028\u0085"}',
  "\ufeff{}",
  "null",
  '"text"',
  "data: {}\r\n\r\n",
  `${"[".repeat(600)}${"]".repeat(600)}`,
);
const words = fc.oneof(fc.string({ unit: "grapheme" }), fc.string({ unit: "binary-ascii" }));
const body = fc.oneof(laidOut, odd, words, fc.uint8Array({ maxLength: 60 }));
const stream = fc
  .array(
    fc.oneof(
      object.map((value) => JSON.stringify(value)),
      fc.constant("[DONE]"),
    ),
    { minLength: 1, maxLength: 5 },
  )
  .map((events) => events.map((event) => `data: ${event}\n\n`).join(""));

const requestBody: fc.Arbitrary<KeptBody> = fc.oneof(
  fc
    .oneof(
      object.map((value) => JSON.stringify(value)),
      fc.constantFrom('{"n":12345678901234567890}', '{"a":1,"a":2}', '{ "a": 1 }'),
    )
    .map((text) => ({ form: "json" as const, text })),
  fc
    .string({ unit: "binary" })
    .filter((text) => !/^\s*\{/.test(text))
    .map((text) => ({ form: "text" as const, text })),
  fc.uint8Array().map((bytes) => ({ form: "bytes" as const, sha256: sha256(bytes), size: bytes.byteLength })),
  fc
    .array(fc.tuple(fc.constantFrom("model", "prompt", "file"), fc.string(), fc.boolean()), { maxLength: 3 })
    .map((fields) => ({
      form: "fields" as const,
      fields: fields.map(([name, text, file]) => ({
        name,
        headers: [`content-disposition: form-data; name="${name}"${file ? '; filename="a.mp3"' : ""}`],
        text: file ? undefined : text,
        size: new TextEncoder().encode(text).byteLength,
        sha256: sha256(text),
      })),
    })),
);
const request = fc.record({
  body: requestBody,
  namespace: fc.constantFrom("", "exp-7"),
  sample: fc.nat(2),
  query: fc.constantFrom("", "?beta=true"),
  headers: fc.constantFrom<string[]>([], ["anthropic-beta: a,b", "anthropic-version: 2023-06-01"]),
  contentType: fc.constantFrom(
    "application/json",
    "application/json; charset=utf-8",
    "text/plain",
    "",
    "audio/mpeg",
  ),
  model: fc.constantFrom(undefined, "gpt-4o"),
});
const answer = fc.oneof(
  fc.record({ bytes: body, status: fc.constantFrom(200, 404) }),
  fc.record({ bytes: stream, chunks: fc.constant([]) }),
);

test("any entry comes back byte for byte, and the cassette written from it is the one it came from", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(request, answer), { maxLength: 4 }), async (recorded) => {
      const here = deck();
      for (const [asked, said] of recorded) await here.record(asked, said);
      const text = await here.export();
      assert.equal(text.split("\n").length - 1, here.entries.size);
      const there = deck();
      assert.deepEqual(await there.import(text), { imported: here.entries.size, replaced: 0 });
      for (const [key, entry] of here.entries) {
        const back = there.entries.get(key);
        assert.ok(back !== undefined, "the request has the same key");
        assert.deepEqual(back.body.bytes, entry.body.bytes);
        assert.deepEqual([back.status, back.headers, back.facts], [entry.status, entry.headers, entry.facts]);
        assert.deepEqual([back.ttlMs, back.imported], [Number.POSITIVE_INFINITY, true]);
      }
      assert.equal(await there.export(), text);
    }),
    { numRuns: 100 },
  );
});

test("an answer that is edited comes as edited, and all others as they were", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(words, { minLength: 1, maxLength: 5 }),
      fc.nat(4),
      words,
      async (texts, which, edit) => {
        const here = deck();
        const keys: CacheKey[] = [];
        for (const [at, text] of texts.entries()) {
          keys.push(
            await here.record(chat(`question ${at}`), { bytes: JSON.stringify({ content: text }, null, 2) }),
          );
        }
        const at = which % texts.length;
        const lines = (await here.export()).split("\n");
        const found = lines.findIndex((line) => line.includes(`question ${at}"`));
        const line = JSON.parse(lines[found] as string);
        line.response.json.content = edit;
        lines[found] = JSON.stringify(line);
        const there = deck();
        await there.import(lines.join("\n"));
        for (const [index, key] of keys.entries()) {
          const content = index === at ? edit : texts[index];
          assert.equal(there.answer(key), JSON.stringify({ content }, null, 2));
        }
      },
    ),
    { numRuns: 50 },
  );
});

const CHAT_LINE =
  '{"askonce":1,"request":{"method":"POST","provider":"openai","path":"/v1/chat/completions","json":{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Hi"}]}},"response":{"status":200,"headers":{"content-type":"application/json"},"indent":2,"json":{"id":"x","score":1.0}},"endpoint":"chat","model":"gpt-4o-mini","usage":{"input_tokens":3,"output_tokens":5,"cost_usd":0.00012}}\n';

test("a line is what it is documented to be", async () => {
  const here = deck();
  await here.record(chat("Hi"), {
    bytes: '{\n  "id": "x",\n  "score": 1.0\n}',
    spent: { inputTokens: 3, outputTokens: 5, costUsd: 0.0001 + 0.00002 },
  });
  assert.equal(await here.export(), CHAT_LINE);
  const { spent } = [...(await copy(here)).entries.values()][0] ?? {};
  assert.deepEqual([spent?.inputTokens, spent?.outputTokens, spent?.costUsd], [3, 5, 0.00012]);
});

test("what the same requests bring twice is the same cassette, in whatever order and at whatever time", async () => {
  const texts = ["b", "a", "c", "d"];
  const [one, other] = [deck(), deck()];
  for (const text of texts)
    await one.record(chat(text), { bytes: "data: 1\n\n", chunks: [{ end: 9, atMs: 5 }] });
  for (const text of texts.reverse())
    await other.record(chat(text), {
      bytes: "data: 1\n\n",
      chunks: [{ end: 9, atMs: 77 }],
      storedAt: 99,
      durationMs: 7,
      headers: [
        ["content-type", "text/event-stream"],
        ["x-new-id", "1"],
      ],
    });
  assert.equal(await one.export(), await other.export());
});

test("chunk times go along when asked for, and give way where the body was edited", async () => {
  const here = deck();
  const chunks = [
    { end: 9, atMs: 40.2 },
    { end: 18, atMs: 70 },
  ];
  const key = await here.record(chat("Hi"), { bytes: "data: 1\n\ndata: 2\n\n", chunks });
  assert.ok(!(await here.export()).includes("chunks"));
  const text = await here.export({ times: true });
  const there = deck();
  await there.import(text);
  const kept = there.entries.get(key);
  assert.deepEqual(kept?.chunks, [
    { end: 9, atMs: 40 },
    { end: 18, atMs: 70 },
  ]);
  assert.deepEqual([kept?.firstByteMs, kept?.durationMs], [30, 81]);
  await there.import(text.replace("data: 2", "data: two"));
  assert.deepEqual(there.entries.get(key)?.chunks, [
    { end: 9, atMs: 0 },
    { end: 20, atMs: 0 },
  ]);
});

test("a look-up is on the tape", async () => {
  const here = deck();
  const key = await here.record(
    { method: "GET", path: "/v1/models", endpoint: "models", contentType: "" },
    { bytes: '{"data":[]}' },
  );
  assert.deepEqual(lineObjects(await here.export())[0]?.request, {
    method: "GET",
    provider: "openai",
    path: "/v1/models",
  });
  assert.equal((await copy(here)).answer(key), '{"data":[]}');
});

test("a form is readable and free of its boundary", async () => {
  const here = deck();
  const file = 'content-disposition: form-data; name="file"; filename="a.mp3"';
  const fields = [
    { name: "model", headers: ['content-disposition: form-data; name="model"'], text: "whisper-1" },
    { name: "file", headers: [file, "content-type: audio/mpeg"], text: undefined },
  ].map((field) => ({ ...field, size: 9, sha256: sha256("whisper-1") }));
  await here.record(
    {
      path: "/v1/audio/transcriptions",
      contentType: "multipart/form-data; boundary=x",
      body: { form: "fields", fields },
    },
    { bytes: '{"text":"Hi"}' },
  );
  assert.deepEqual(lineObjects(await here.export())[0]?.request, {
    method: "POST",
    provider: "openai",
    path: "/v1/audio/transcriptions",
    fields: [
      { name: "model", text: "whisper-1" },
      { name: "file", headers: [file, "content-type: audio/mpeg"], size: 9, sha256: sha256("whisper-1") },
    ],
  });
});

test("large bodies come back, whatever they hold", async () => {
  const here = deck();
  const text = `é${"東京🗼\n".repeat(150_000)}`;
  const bytes = new Uint8Array(1_500_001).map((_, at) => at * 7);
  const document = JSON.stringify({ text });
  const keys = [
    await here.record(chat("text"), { bytes: text }),
    await here.record(chat("bytes"), { bytes }),
    await here.record(chat("json"), { bytes: document }),
  ] as const;
  const there = await copy(here);
  assert.equal(there.answer(keys[0]), text);
  assert.deepEqual(there.entries.get(keys[1])?.body.bytes, bytes);
  assert.equal(there.answer(keys[2]), document);
});

test("lines may be handed on one by one, with their line feeds or without", async () => {
  const here = deck();
  for (const text of ["a", "b", "c"]) await here.record(chat(text), { bytes: `"${text}"` });
  const there = deck();
  await importLines(there.parts, exportLines(here.parts, { filter: {} }));
  const lines = (await there.export()).split("\n");
  async function* bare() {
    yield* lines;
  }
  assert.deepEqual(await importLines(there.parts, bare()), { imported: 3, replaced: 3 });
});

test("pieces may be cut anywhere; blank lines, carriage returns, a byte order mark and a missing last line feed are fine", async () => {
  const here = deck();
  const key = await here.record(chat("é東🗼"), { bytes: '{"a":"é東🗼"}' });
  await here.record(chat("b"), { bytes: "{}" });
  const bytes = new TextEncoder().encode(
    `\ufeff\r\n${(await here.export()).replaceAll("\n", "\r\n\n  \r\n").trimEnd()}`,
  );
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(bytes.byteLength)), async (cuts) => {
      const at = [0, ...cuts.sort((one, other) => one - other), bytes.byteLength];
      const there = deck();
      const pieces = new ReadableStream<Uint8Array>({
        start(controller) {
          for (const [index, from] of at.entries()) controller.enqueue(bytes.slice(from, at[index + 1]));
          controller.close();
        },
      });
      assert.deepEqual(await importLines(there.parts, pieces), { imported: 2, replaced: 0 });
      assert.equal(there.answer(key), '{"a":"é東🗼"}');
    }),
    { numRuns: 15 },
  );
});

test("an import counts what it replaces, and a dry run changes nothing", async () => {
  const here = deck();
  const key = await here.record(chat("a"), { bytes: '{"n":1}' });
  const text = (await here.export()).replace('"n":1', '"n":2');
  await here.record(chat("b"), { bytes: "{}" });
  assert.deepEqual(await here.import(text, { dryRun: true }), { imported: 1, replaced: 1 });
  assert.equal(here.answer(key), '{"n":1}');
  assert.deepEqual(await here.import(text), { imported: 1, replaced: 1 });
  assert.equal(here.answer(key), '{"n":2}');
  assert.equal(here.entries.size, 2);
});

test("entries whose request is not remembered or held a credential are left out, and the last line says how many", async () => {
  const here = deck();
  await here.record({ ...chat("a"), masked: ["tools[0].authorization"] }, { bytes: "{}" });
  const { body: _, ...bodiless } = chat("b");
  await here.record(bodiless, { bytes: "{}" });
  const gone = await here.record(chat("c"), { bytes: "{}" });
  here.entries.delete(gone);
  await here.record(chat("d"), { bytes: "{}" });
  const lines = (await here.export()).trimEnd().split("\n");
  assert.equal(lines.length, 2);
  assert.deepEqual(JSON.parse(lines[1] as string), { askonce: 1, skipped: { masked: 1, not_remembered: 1 } });
  assert.deepEqual(await deck().import(lines.join("\n")), { imported: 1, replaced: 0 });
});

test("the lines and files that the documentation shows can be imported, and it names every header", async () => {
  const text = await readFile(new URL("../../docs/cassettes.md", import.meta.url), "utf8");
  const shown = [...text.matchAll(/```json\n(.*?)```/gs)].map(([, block = ""], at) =>
    readCassetteFile(`block ${at}`, block),
  );
  shown.push(...[...text.matchAll(/`(\{"askonce":1,.*?\})`/g)].map(([, line]) => `${line}\n`));
  assert.equal(shown.length, 3);
  const there = deck();
  assert.deepEqual(await there.import(shown.join("")), { imported: 2, replaced: 0 });
  const [line] = (await there.export()).split("\n").filter((one) => one.includes("gpt-4o-mini"));
  assert.equal(`${line}\n`, shown[0]);
  for (const name of ANSWER_HEADERS) assert.ok(text.includes(`\`${name}\``), name);
});

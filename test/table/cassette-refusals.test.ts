import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { exportLines, importLines } from "../../src/admin/cassette.ts";
import { folderFiles } from "../../src/admin/cassette-folder.ts";
import { CassetteError, StoreFault } from "../../src/errors.ts";
import { chat, deck } from "../support/cassettes.ts";

const responses = (text: string) =>
  text
    .trimEnd()
    .split("\n")
    .map((line) => (JSON.parse(line) as { response: Record<string, unknown> }).response);

test("a body stands in a line as JSON only where others can read and write it without a loss", async () => {
  for (const [bytes, members] of [
    ['{"a":1}', ["json"]],
    ['{"a":[1.0,3e-07,-0.5,0.1234567890123456]}', ["json"]],
    ['{\n\t"a": 1\n}\n', ["indent", "after", "json"]],
    ['\n  {"a": 1, "b": []}', ["spaced", "before", "json"]],
    ['{"a":1,\n"b":2}', ["text"]],
    ['{"a":12345678901234567890}', ["text"]],
    ['{"a":0.12345678901234567890123}', ["text"]],
    ['{"a":1e400}', ["text"]],
    ['{"a":-0}', ["text"]],
    ['{"a":1,"\\u0061":2}', ["text"]],
    ['{"a":"\u2028"}', ["text"]],
    [`{"a":${"1".repeat(1_000_000)}}`, ["text"]],
    [`{"a":1${"0".repeat(300_000)}1}`, ["text"]],
    [`${"[".repeat(501)}${"]".repeat(501)}`, ["text"]],
    [`${"[".repeat(500)}${"]".repeat(500)}`, ["json"]],
    ["{", ["text"]],
    ["7", ["text"]],
    ["", ["text"]],
    [new Uint8Array([0xff, 0]), ["base64"]],
  ] as const) {
    const here = deck();
    await here.record(chat("Hi"), { bytes, headers: [] });
    const [response] = responses(await here.export());
    assert.deepEqual(Object.keys(response ?? {}), ["status", ...members], String(bytes).slice(0, 80));
  }
});

test("no line of a cassette has more than one line end in it, whatever programs take for one", async () => {
  const here = deck();
  await here.record(chat("a\u2028b\u0085c\r\n"), { bytes: "x\u2028\u2029\u0085\r\n\u000b\u000c" });
  const text = await here.export();
  const ends = [..."\n\r\u000b\u000c\u0085\u2028\u2029"].filter((end) => text.trimEnd().includes(end));
  assert.deepEqual(ends, []);
});

const line = (change: (value: Line) => void, text = "Hi") => {
  const value: Line = {
    askonce: 1,
    request: {
      method: "POST",
      provider: "openai",
      path: "/v1/chat/completions",
      json: { messages: [{ role: "user", content: text }] },
    },
    response: { status: 200, headers: { "content-type": "application/json" }, json: { id: "x" } },
    endpoint: "chat",
  };
  change(value);
  return JSON.stringify(value);
};
// biome-ignore lint/suspicious/noExplicitAny: lines are broken on purpose
type Line = Record<string, any>;

const numbered = (count: number) =>
  Array.from({ length: count }, (_, at) => line(() => {}, `question ${at}`));

test("a cassette broken at line 7 says so and changes nothing", async () => {
  const breaks: (readonly [string | ((value: Line) => void), RegExp])[] = [
    ["{", /^line 7: not valid JSON: it ends too early$/],
    ['{"askonce":1,}', /^line 7: not valid JSON: column 14, at "}"$/],
    ['{"askonce":1 "request":{}}', /^line 7: not valid JSON: column 14, at "\\"request\\":\{\}\}"$/],
    ["[1]", /^line 7: not a JSON object$/],
    ["{}", /^line 7: "askonce":1 is missing/],
    [(value) => (value.askonce = 2), /^line 7: version 2 of the format is not known here/],
    [(value) => (value.response.status = "200"), /^line 7: response\.status: .*number/],
    [(value) => (value.respones = {}), /^line 7: respones: is not known here$/],
    [(value) => (value.request.josn = {}), /^line 7: request\.josn: is not known here$/],
    [(value) => delete value.response, /^line 7: response: /],
    [(value) => delete value.response.json, /^line 7: response: needs one of json, text and base64$/],
    [(value) => (value.response.text = ""), /^line 7: response: needs one of json, text and base64$/],
    [(value) => delete value.request.json, /^line 7: request: needs one of json, text, fields and sha256/],
    [(value) => (value.request.method = "GET"), /^line 7: request: needs one of/],
    [(value) => (value.request.method = "PUT"), /^line 7: request\.method: /],
    [(value) => (value.request.path = "v1"), /^line 7: request\.path: must begin with \/$/],
    [
      (value) => (value.response.headers["set-cookie"] = "a"),
      /^line 7: response\.headers.*none of the headers/,
    ],
    [
      (value) => (value.response.headers["content-type"] = "a\r\nx: y"),
      /^line 7: response\.headers\.content-type: /,
    ],
    [(value) => (value.response = { status: 200, base64: "*" }), /^line 7: response\.base64: is not base64$/],
    [(value) => (value.response = { status: 200, text: "\ud800" }), /^line 7: response\.text: holds half/],
    [
      (value) => (value.redacted = ["request.messages"]),
      /^line 7: its request is redacted .*delete the line$/,
    ],
    ['{"askonce":1,"request":{},"askonce":1}', /^line 7: request\.provider: /],
    [numbered(3)[2] as string, /^line 7: it answers the same request as line 3$/],
  ];
  for (const [wrong, message] of breaks) {
    const here = deck();
    const lines = numbered(9);
    lines[6] = typeof wrong === "string" ? wrong : line((value) => void wrong(value));
    await assert.rejects(here.import(lines.join("\n")), (error: CassetteError) => {
      assert.match(error.message, message);
      assert.deepEqual([error.name, error.code, error.status], ["CassetteError", "invalid_cassette", 400]);
      return true;
    });
    assert.equal(here.entries.size + here.kept.size, 0);
  }
});

test("a body that stands twice in a line is refused", async () => {
  const text = line(() => {}).replace('"json":{"id"', '"json":{},"json":{"id"');
  await assert.rejects(deck().import(text), /^CassetteError: line 1: response\.json is there twice$/);
});

test("any line broken anywhere is refused by its number, or read; never anything else", async () => {
  const whole = line(() => {});
  await fc.assert(
    fc.asyncProperty(fc.nat(whole.length), fc.nat(3), fc.string({ maxLength: 3 }), async (at, cut, put) => {
      const broken = (whole.slice(0, at) + put + whole.slice(at + cut)).replaceAll("\n", " ");
      try {
        assert.ok((await deck().import(`\n${broken}`)).imported <= 1);
      } catch (error) {
        assert.ok(error instanceof CassetteError && error.message.startsWith("line 2: "), String(error));
      }
    }),
    { numRuns: 150 },
  );
});

test("bytes that are no UTF-8, too long a cassette and a full disk are told apart", async () => {
  const bytes = new Blob([`${line(() => {})}\n`, new Uint8Array([0x22, 0xff])]);
  const here = deck();
  await assert.rejects(importLines(here.parts, bytes.stream()), /^CassetteError: line 2: not valid UTF-8$/);
  await assert.rejects(
    here.import(
      line(() => {}),
      { maxBytes: 100 },
    ),
    (error: CassetteError) => error.status === 413,
  );
  const full = deck({ failing: true });
  await assert.rejects(full.import(line(() => {})), StoreFault);
  assert.equal(full.kept.size, 0);
});

test("a cassette of one installation goes to the credential that is named, and to none that is not known", async () => {
  const label = "0123456789ab";
  const here = deck({ scope: "credential", labels: [label] });
  await here.record(chat("Hi"), { bytes: "{}", pool: `${label}${"f".repeat(52)}` });
  const text = await here.export();
  assert.ok(text.includes(`"credential":"${label}"`) && !text.includes("bound"), text);
  const there = deck({ scope: "credential", labels: ["ba9876543210"] });
  await assert.rejects(there.import(text), /^CassetteError: line 1: the label of a credential/);
  await there.import(text, { credential: "ba9876543210" });
  assert.match([...there.entries.values()][0]?.facts.pool ?? "", /^ba9876543210/);
  const shared = deck();
  await shared.import(text);
  assert.equal([...shared.entries.values()][0]?.facts.pool, "all");
});

test("an answer that is bound to its account stays its credential's own under every scope", async () => {
  const label = "0123456789ab";
  const here = deck();
  await here.record(chat("Hi"), { bytes: "{}", pool: `${label}${"f".repeat(52)}` });
  const text = await here.export();
  await assert.rejects(deck().import(text), /^CassetteError: line 1: /);
  const there = deck({ labels: [label] });
  await there.import(text);
  assert.deepEqual(there.asked, [label]);
  assert.equal(await there.export(), text);
});

test("a request that needs a credential's pool goes to the one that its line names, whatever the scope was", async () => {
  const label = "0123456789ab";
  const here = deck({ scope: "credential", labels: [label] });
  await here.record({ ...chat("Hi"), path: "/v1/bound" }, { bytes: "{}", pool: `${label}${"0".repeat(52)}` });
  const text = await here.export();
  const there = deck({ labels: [label] });
  await there.import(text);
  assert.match([...there.entries.values()][0]?.facts.pool ?? "", /^0123456789ab/);
  await assert.rejects(deck().import(text), /^CassetteError: line 1: /);
});

const MARK = "sk-MARKED0123456789abcdefghijkl";

test("no credential is in a cassette, a file of it or a message", async () => {
  const here = deck();
  await here.record(chat("Hi"), {
    bytes: "{}",
    pool: `${"a".repeat(12)}${MARK}`,
    headers: [
      "set-cookie",
      "authorization",
      "x-api-key",
      "openai-organization",
      "x-request-id",
      "content-type",
    ].map((name) => [name, name === "content-type" ? "application/json" : MARK] as const),
  });
  const inBody = chat("Hi", { tools: [{ type: "mcp", authorization: MARK }] });
  await here.record({ ...inBody, masked: ["tools[0].authorization"] }, { bytes: "{}" });
  const text = await here.export({ times: true });
  assert.ok(!text.includes("MARKED"));
  assert.ok(folderFiles(text.split("\n")).every((file) => !`${file.name}${file.text}`.includes("MARKED")));
});

test("what a path names is masked in requests, documents and streams, and the line says which paths", async () => {
  const here = deck();
  await here.record(chat("secret question", { n: 1 }), {
    bytes:
      '{\n  "choices": [\n    {\n      "message": {\n        "content": "secret answer"\n      }\n    }\n  ],\n  "n": 1.0\n}',
  });
  const all = await here.export({
    redact: ["request.messages[*].content", "response.choices[0].message.content", "response.absent"],
  });
  assert.ok(!all.includes("secret"));
  const value = JSON.parse(all);
  assert.deepEqual(value.request.json.messages, [{ role: "user", content: "[redacted]" }]);
  assert.deepEqual(value.redacted, ["request.messages[*].content", "response.choices[0].message.content"]);
  assert.ok(all.includes('"n":1.0'));
  await assert.rejects(deck().import(all), /^CassetteError: line 1: its request is redacted/);

  const streamed = deck();
  const events = ['{"choices":[{"delta":{"content":"secret"}}]}', '{"choices":[],"usage":{"n":1}}', "[DONE]"];
  const bytes = `: comment\n\n${events.map((event) => `event: x\ndata: ${event}\n\n`).join("")}`;
  const key = await streamed.record(chat("plain"), { bytes, chunks: [{ end: bytes.length, atMs: 1 }] });
  const text = await streamed.export({ redact: ["response.**.content"], times: true });
  assert.ok(!text.includes('"chunks"') && text.includes('"duration_ms"'));
  const there = deck();
  await there.import(text);
  assert.equal(there.answer(key), bytes.replace("secret", "[redacted]"));
  assert.equal(there.entries.get(key)?.chunks?.length, 4);
});

test("where answers are masked, one that can't be looked into is masked as a whole", async () => {
  for (const [bytes, chunks] of [
    ["secret words", undefined],
    [new Uint8Array([...new TextEncoder().encode("secret"), 0xff]), undefined],
    ["data: secret {\n\ndata: x\n\n", []],
    [`{"a":"${"secret".repeat(200_000)}"}`, undefined],
    [`${'{"b":'.repeat(3_000)}{"a":"secret"}${"}".repeat(3_000)}`, undefined],
  ] as const) {
    const here = deck();
    await here.record(chat("Hi"), { bytes, chunks });
    const text = await here.export({ redact: ["response.**.a"] });
    assert.ok(!text.includes("secret") && !text.includes(btoa("secret")), text.slice(0, 300));
    assert.equal((await deck().import(text)).imported, 1);
  }
});

test("what stands deeper than any API goes is masked unseen", async () => {
  const here = deck();
  await here.record(chat("Hi"), { bytes: `${'{"b":'.repeat(300)}{"c":"secret"}${"}".repeat(300)}` });
  const text = await here.export({ redact: ["response.**.a"] });
  assert.ok(text.includes("[redacted]") && !text.includes("secret"), text);
});

test("paths reach what they name and nothing else", async () => {
  const body = '{"a":{"b":[1,{"c":2}],"d.e":3},"f":[[4],5]}';
  for (const [path, expected] of [
    ["response.a.b", '{"a":{"b":"[redacted]","d.e":3},"f":[[4],5]}'],
    ["response.a.b[1].c", '{"a":{"b":[1,{"c":"[redacted]"}],"d.e":3},"f":[[4],5]}'],
    ['response.a["d.e"]', '{"a":{"b":[1,{"c":2}],"d.e":"[redacted]"},"f":[[4],5]}'],
    ["response.f[*]", '{"a":{"b":[1,{"c":2}],"d.e":3},"f":["[redacted]","[redacted]"]}'],
    ["response.*.b", '{"a":{"b":"[redacted]","d.e":3},"f":[[4],5]}'],
    ["response.**.c", '{"a":{"b":[1,{"c":"[redacted]"}],"d.e":3},"f":[[4],5]}'],
    ["response.**[0]", '{"a":{"b":["[redacted]",{"c":2}],"d.e":3},"f":["[redacted]",5]}'],
    ["response.a.**.b.**.c", '{"a":{"b":[1,{"c":"[redacted]"}],"d.e":3},"f":[[4],5]}'],
    ["response.b", body],
    ["request.a", body],
  ] as const) {
    const here = deck();
    const key = await here.record(chat("Hi"), { bytes: body });
    const there = deck();
    await there.import(await here.export({ redact: [path] }));
    assert.equal(there.answer(key), expected, path);
  }
  for (const path of [
    "",
    "messages",
    "responses.a",
    "request.",
    "request..a",
    "request[x]",
    "request[1",
    "request.a]",
  ]) {
    assert.throws(
      () => exportLines(deck().parts, { filter: {}, redact: [path] }),
      /^CassetteError: .* is no path to redact/,
    );
  }
});

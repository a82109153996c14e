import assert from "node:assert/strict";
import { test } from "node:test";
import { maskRules } from "../../src/config-masks.ts";
import { canonicalJson } from "../../src/proxy/canonical.ts";
import { type Mask, maskOf } from "../../src/proxy/mask.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

function mask(rules: string): Mask | undefined {
  const parsed = maskRules.parse(rules);
  assert.ok(parsed, rules);
  return maskOf(parsed);
}

async function form(body: unknown, rules: string): Promise<string> {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const found = await canonicalJson(encoder.encode(text), {
    shape: { free: true },
    ignore: new Set(),
    mask: mask(rules),
  });
  assert.ok(found);
  return decoder.decode(found);
}

const says = (content: string) => ({ model: "m", messages: [{ role: "user", content }] });
const uuid = "123e4567-e89b-12d3-a456-426614174000";
const other = "00000000-0000-4000-8000-000000000000";

const part = (part: object) => ({ messages: [{ role: "user", content: [part] }] });
const dated = (day: number) => `https://cdn.example.org/2026-01-0${day}/front.png`;

const MASKED: [rules: string, one: string, other: string][] = [
  ["dates", "Today is 2026-11-23.", "Today is 2025-01-02."],
  ["dates", "at 2026-11-23T10:11:12.123Z sharp", "at 2025-01-02T00:00 sharp"],
  ["dates", "It's November 23, 2026", "It's May 1, 2025"],
  ["dates", "on 11/23/2026", "on 1/2/2025"],
  ["uuids", `run ${uuid} began`, `run ${other} began`],
  ["temp-paths", "in /tmp/run-1/src/a.py", "in /tmp/run-22/src/a.py"],
  ["temp-paths", "/var/folders/ab/cdef/T/x1/a", "/var/folders/zz/y/T/x2/a"],
  ["temp-paths", "C:\\Users\\x\\AppData\\Local\\Temp\\a1\\b", "C:\\Users\\x\\AppData\\Local\\Temp\\a2\\b"],
  [
    "presigned-urls",
    "https://b.s3.amazonaws.com/k?X-Amz-Date=1&X-Amz-Signature=aa&v=1",
    "https://b.s3.amazonaws.com/k?X-Amz-Date=2&X-Amz-Signature=bb&v=1",
  ],
  ["dates", `see ${dated(2)} there`, `see ${dated(3)} there`],
  ["glob:build *;", "build 41; go", "build 5 of 9; go"],
  ["glob:[id=????]", "x [id=abcd] y", "x [id=é😀zz] y"],
  ["glob:since *", "since 4 pm\nnext", "since noon\nnext"],
  ["glob:a\\*b*c", "a*b12c", "a*bc"],
  ["text:secret\\, word", "a secret, word b", "a secret, word b"],
];
for (const [rules, one, two] of MASKED) {
  test(`with key.mask = ${rules}, ${JSON.stringify(one)} and ${JSON.stringify(two)} are one question`, async () => {
    assert.equal(await form(says(one), rules), await form(says(two), rules));
    if (one !== two) assert.notEqual(await form(says(one), ""), await form(says(two), ""));
    assert.notEqual(await form(says(one), rules), await form(says(one), ""));
  });
}

const KEPT: [rules: string, one: unknown, other: unknown][] = [
  ["dates", says("2026-11-23"), says("")],
  ["dates", says("version 1.2026-11-234"), says("version 1.2026-11-235")],
  ["uuids", says(`${uuid}0`), says(`${uuid}1`)],
  ["temp-paths", says("/tmp/x/a.py"), says("/tmp/x/b.py")],
  ["presigned-urls", says("https://h/a?sig=1"), says("https://h/b?sig=1")],
  ["glob:build *;", says("build 1\n;"), says("build 2\n;")],
  ["glob:a?c", says("ac"), says("a-c")],
  ["dates", { ...says("x"), model: "m-2026-11-23" }, { ...says("x"), model: "m-2026-11-24" }],
  ["dates", { messages: [{ "2026-11-23": 1 }] }, { messages: [{ "2026-11-24": 1 }] }],
  ["dates", says("2026-11-23"), says("\u001a")],
  ["uuids", part({ file_id: uuid }), part({ file_id: other })],
  ["uuids", part({ fileId: uuid }), part({ fileId: other })],
  ["uuids", part({ file: { id: uuid } }), part({ file: { id: other } })],
  [
    "uuids",
    part({ text: "x", file_ids: ["a", { text: "y" }, uuid] }),
    part({ text: "x", file_ids: ["a", { text: "y" }, other] }),
  ],
  ["dates", part({ image_url: { url: dated(2) } }), part({ image_url: { url: dated(3) } })],
  ["dates", part({ image_url: dated(2) }), part({ image_url: dated(3) })],
  [
    "dates",
    part({ fileData: { fileUri: "files/2026-01-02" } }),
    part({ fileData: { fileUri: "files/2026-01-03" } }),
  ],
  ["dates", part({ document: dated(2) }), part({ document: dated(3) })],
];
for (const [rules, one, two] of KEPT) {
  test(`with key.mask = ${rules}, ${JSON.stringify(one)} and ${JSON.stringify(two)} are two questions`, async () => {
    assert.notEqual(await form(one, rules), await form(two, rules));
  });
}

test("the billing line of an agent's system prompt does not count, and nowhere else", async () => {
  const line = (hash: string) => `x-anthropic-billing-header: cc_version=2.1.${hash}; cch=${hash};`;
  const asked = (hash: string, rest = "You are an agent.") => ({
    system: [
      { type: "text", text: line(hash) },
      { type: "text", text: rest },
    ],
    messages: [],
  });
  const rules = "billing-header";
  assert.equal(await form(asked("aa"), rules), await form(asked("b1"), rules));
  assert.equal(
    await form({ system: `${line("aa")}\nDo.` }, rules),
    await form({ system: `${line("b1")}\nDo.` }, rules),
  );
  assert.notEqual(await form(asked("aa"), rules), await form(asked("aa", "You are another."), rules));
  assert.notEqual(
    await form({ system: `${line("a")}\nDo.` }, rules),
    await form({ system: `${line("a")}\nUndo.` }, rules),
  );
  assert.notEqual(await form(says(line("aa")), rules), await form(says(line("b1")), rules));
});

test("a text with a part that does not count keeps every escape that it needs", async () => {
  const text = 'say "2026-11-23"\n\\ \u0001 é 😀 \ud800';
  assert.equal(
    await form({ input: text }, "dates"),
    `{"input":"say \\"${"\u001a"}\\"\\n\\\\ \\u0001 é 😀 \\ud800"}`,
  );
});

test("patterns of key.mask that would match everything, or name no preset, are refused", () => {
  for (const text of ["date", "glob:*", "glob:*x", "text:", "regex:a+", "dates,", `text:${"x".repeat(600)}`])
    assert.equal(maskRules.parse(text), null, text);
  for (const text of ["", "dates, uuids", "text:a\\,b, glob:x*y"]) {
    const rules = maskRules.parse(text);
    assert.ok(rules);
    assert.deepEqual(maskRules.parse(maskRules.format(rules)), rules);
  }
});

test("a mask goes through a text of 900 KB in linear time, whatever it holds", () => {
  const traps: [rules: string, unit: string][] = [
    ["glob:a*b*c", "a"],
    ["glob:a*b*c", "ab"],
    ["glob:a*bb", "ab\n"],
    ["glob:a??????c", "a"],
    ["dates", "2026-11-2"],
    ["dates", "1/1/"],
    ["uuids", "123e4567-e89b-12d3-"],
    ["temp-paths", "/var/folders/a/"],
    ["temp-paths", "/tmp/"],
    ["presigned-urls", "?sig="],
  ];
  for (const [rules, unit] of traps) {
    const text = unit.repeat(900_000 / unit.length);
    const began = performance.now();
    mask(rules)?.pieces(text, { member: "messages", name: "content" });
    const ms = performance.now() - began;
    assert.ok(ms < 2000, `${rules} over ${JSON.stringify(unit)}: ${ms} ms`);
  }
});

test("what is chosen by one's own pattern, and what signs an address, is left out of addresses and ids as well", async () => {
  const signed = (signature: string) =>
    part({ image_url: { url: `https://b.example.org/k?X-Amz-Signature=${signature}` } });
  assert.equal(await form(signed("a"), "presigned-urls"), await form(signed("b"), "presigned-urls"));
  const id = (number: string) => part({ file_id: `run-${number};x` });
  assert.equal(await form(id("1"), "glob:run-*;"), await form(id("2"), "glob:run-*;"));
});

test("a member beside an id or an address is looked through, also after a list", async () => {
  const after = (day: string) =>
    part({ file_ids: ["x"], text: `on 2026-01-0${day}`, list: [{ id: "1" }, `on 2026-01-0${day}`] });
  assert.equal(await form(after("2"), "dates"), await form(after("3"), "dates"));
});

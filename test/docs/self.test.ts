/** What the runner of the pages' commands would miss, it must not miss. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { blocksOf, typedIn } from "./blocks.ts";
import { isWhole } from "./shell.ts";
import { difference } from "./shown.ts";

test("a key, a time, a size and a duration may be others, of the same kind only", () => {
  const shown = 'key="9ea2d0c9f5b1…" 2026-11-23 18:28:07, 61.2 MiB, 2h 10m';
  const came = `key="${"a1".repeat(32)}" 2027-01-02 03:04:05, 3 KiB, 41 ms`;
  assert.equal(difference(shown, came), undefined);
  for (const [from, to] of [
    [/key="\w+"/, 'key="none"'],
    ["2027-01-02", "yesterday"],
    ["3 KiB", "3 entries"],
    ["41 ms", "41"],
  ] as const)
    assert.notEqual(difference(shown, came.replace(from, to)), undefined, to);
});

test("words, counts and money count as they stand, and so does a line too many or too few", () => {
  const shown = "askonce: 3 hits · 0 misses · saved 36 tokens, $0.000056 and 41 ms";
  assert.equal(difference(shown, shown.replace("41 ms", "2.5 s")), undefined);
  for (const [from, to] of [
    ["3 hits", "2 hits"],
    ["36", "37"],
    ["0.000056", "0.000057"],
    ["saved", "spent"],
  ] as const)
    assert.notEqual(difference(shown, shown.replace(from, to)), undefined, to);
  assert.notEqual(difference(shown, `${shown}\nmore`), undefined);
  assert.notEqual(difference(`${shown}\nmore`, shown), undefined);
  assert.notEqual(difference("", shown), undefined);
});

test("a line of … stands for any lines, but for none of those around it", () => {
  assert.equal(difference("first\n…\nlast", "first\na\nb\nlast"), undefined);
  assert.equal(difference("first\n…\nlast", "first\nlast"), undefined);
  assert.notEqual(difference("first\n…\nlast", "first\na\nb"), undefined);
});

test("a comment without a reason is seen, and so is one with", () => {
  const page = (mark: string) => `text\n\n${mark}\n\`\`\`sh\nreboot\n\`\`\`\n`;
  assert.equal(blocksOf(page("<!-- not run -->"))[0]?.notRun, "");
  assert.equal(blocksOf(page("<!-- not run: needs root -->"))[0]?.notRun, "needs root");
  assert.equal(blocksOf(page("<!-- something else -->"))[0]?.notRun, undefined);
});

test("commands are split where a shell would, with what is shown below each", () => {
  const [block] = blocksOf("```console\n$ one \\\n> more\nout\n$ f() { a\n> b; }\n$ two\n```\n");
  assert.deepEqual(typedIn(block!, isWhole), [
    { command: "one \\\nmore", shown: "out" },
    { command: "f() { a\nb; }", shown: "" },
    { command: "two", shown: "" },
  ]);
  const [script] = blocksOf("```sh\na 'b\nc'\n\nd | e\n```\n");
  assert.deepEqual(
    typedIn(script!, isWhole).map(({ command }) => command),
    ["a 'b\nc'", "d | e"],
  );
});

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { commands } from "../../src/cli/commands.ts";
import { bashScript } from "../../src/cli/completion-scripts.ts";
import { readCurl, shellWords } from "../../src/cli/curl.ts";
import { columnsOf, fitted, line, lines, wrapped } from "../../src/cli/display.ts";
import { bytes, count, duration, percent, short, usd } from "../../src/cli/readable.ts";
import { clientVariables } from "../../src/cli/variables.ts";
import { UsageError } from "../../src/errors.ts";
import { providersFor } from "../../src/providers/table.ts";

test("control and direction characters are spelled out, and lines stay lines", () => {
  assert.equal(line("a\u001b[31m\tb\r\n c\u0007\u202ed\u009b"), "a\\x1b[31m b c\\x07\\u202ed\\x9b");
  assert.equal(lines("a\tb\r\nc\u0000\n"), "a  b\nc\\x00\n");
  assert.equal(line("\ud800x"), "\\ud800x");
  assert.equal(line("👩‍👩‍👧"), "👩‍👩‍👧");
});

test("a text takes the columns that a terminal gives it, and is cut to fewer", () => {
  for (const [text, columns] of [
    ["abc", 3],
    ["日本語", 6],
    ["リリース「、」", 14],
    ["ｶﾅ·", 3],
    ["ｆｕｌｌ", 8],
    ["🙂🇩🇪", 4],
    ["👩‍👩‍👧", 2],
    ["é", 1],
    ["한글", 4],
    ["…–", 2],
  ] as const) {
    assert.equal(columnsOf(text), columns, text);
  }
  assert.equal(fitted("日本語", 5), "日本…");
  assert.equal(fitted("日本語", 4), "日…");
  assert.equal(fitted("abcdef", 4), "abc…");
  assert.equal(fitted("abcd", 4), "abcd");
  assert.deepEqual(wrapped("one two three", 7), ["one two", "three"]);
});

test("figures are short, and none that counts reads as zero", () => {
  assert.deepEqual([4812, 1234567, 0].map(count), ["4,812", "1,234,567", "0"]);
  assert.deepEqual([812, 999, 1000, 34_100, 999_949, 999_950, 1_204_512].map(short), [
    ...["812", "999", "1k", "34.1k", "999.9k", "1M", "1.2M"],
  ]);
  assert.deepEqual([61.2, 0.1, 0.0031, 0.02, 0, 0.000_000_001, 1234.5].map(usd), [
    ...["$61.20", "$0.10", "$0.0031", "$0.02", "$0.00", "<$0.000001", "$1,234.50"],
  ]);
  assert.deepEqual([usd(null), usd(undefined)], ["price unknown", "price unknown"]);
  assert.deepEqual([0.4, 850, 2400, 130_000, 7_800_000, 273_600_000, 60_000].map(duration), [
    ...["0.4 ms", "850 ms", "2.4 s", "2m 10s", "2h 10m", "3d 4h", "1m"],
  ]);
  assert.deepEqual([0, 1023, 1024, 64_172_851, 2 ** 40].map(bytes), [
    "0 B",
    "1023 B",
    "1 KiB",
    "61.2 MiB",
    "1 TiB",
  ]);
  assert.deepEqual([percent(1, 3), percent(0, 0)], ["33.3%", "–"]);
});

test("a command line is split as a shell does, and an open quote is refused", () => {
  for (const [text, words] of [
    [`curl -d '{"a": "b c"}' \\\n  "http://x/\\"y\\""`, ["curl", "-d", '{"a": "b c"}', 'http://x/"y"']],
    ["a\\ b c$'\\n\\u00e9\\'' \"$HOME\"", ["a b", "c\né'", "$HOME"]],
    ["  ''  x''y ", ["", "xy"]],
    ["", []],
  ] as const) {
    assert.deepEqual(shellWords(text), words, text);
  }
  for (const open of ["curl 'x", 'a "b', "x $'y"]) assert.throws(() => shellWords(open), UsageError);
});

test("a curl command line says what curl would send", async () => {
  const read = async (path: string) => `{"from": "${path}"}\n`;
  const sent = (line: string) => readCurl(shellWords(line), read);
  assert.deepEqual(
    await sent(
      `curl -sSX POST https://api.openai.com/v1/chat/completions -H "Authorization: Bearer sk" -H 'X-A:' --json '{"b":1}' -o out --compressed`,
    ),
    {
      method: "POST",
      url: "https://api.openai.com/v1/chat/completions",
      headers: { authorization: "Bearer sk", "content-type": "application/json" },
      body: '{"b":1}',
    },
  );
  const form = await sent("curl -d a=1 -d @f --url=http://x/y");
  assert.deepEqual([form.method, form.body], ["POST", 'a=1&{"from": "f"}']);
  assert.equal(form.headers["content-type"], "application/x-www-form-urlencoded");
  assert.equal(
    (await sent("curl --data-binary @f -HContent-Type:application/json x/y")).body,
    '{"from": "f"}\n',
  );
  assert.equal((await sent("curl x/y")).method, "GET");
  assert.equal((await sent("curl -G -d q=1 x/y")).url, "x/y?q=1");
  for (const line of ["curl -F a=b x", "curl -d", "curl -H a:b"])
    await assert.rejects(sent(line), UsageError);
});

test("a shared variable goes to its namesake, and NO_PROXY keeps what it held", () => {
  const providers = [...providersFor([]).values()];
  const all = clientVariables("http://h:1", { providers, env: { NO_PROXY: "corp, ::1" } });
  assert.equal(all.OPENAI_BASE_URL, "http://h:1/openai/v1");
  assert.equal(all.OPENAI_API_BASE, "http://h:1/openai/v1");
  assert.equal(all.ANTHROPIC_BASE_URL, "http://h:1/anthropic");
  assert.equal(all.GROQ_BASE_URL, "http://h:1/groq");
  assert.equal(all.NO_PROXY, "corp,::1,localhost,127.0.0.1,h");
  const groq = providers.filter(({ name }) => name === "groq");
  assert.equal(
    clientVariables("http://h:1", { providers: groq, env: {} }).OPENAI_BASE_URL,
    "http://h:1/groq/openai/v1",
  );
});

test("bash completes commands, flags and values, and runs nothing of what stands on the line", () => {
  const lines = [
    ["st"],
    ["stats", "--b"],
    ["stats", "--by", "mo"],
    ["ls", "--sort", "="],
    ["--mode", "re"],
    ["completions", ""],
    ["show", "$(echo ran >&2)"],
  ];
  const calls = lines.map((words) => {
    const quoted = ["askonce", ...words].map((word) => `'${word}'`).join(" ");
    return `COMP_WORDS=(${quoted}); COMP_CWORD=${words.length}; _askonce; echo "\${COMPREPLY[*]}"`;
  });
  const script = `${bashScript(commands)}\n${calls.join("\n")}`;
  const shown = execFileSync("bash", ["--norc"], {
    input: script,
    encoding: "utf8",
    stdio: ["pipe", "pipe", "pipe"],
  });
  assert.deepEqual(shown.trimEnd().split("\n"), [
    "stats",
    "--by",
    "model",
    "newest oldest used hits size",
    "replay refresh",
    "bash zsh fish",
  ]);
});

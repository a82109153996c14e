import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { columnsOf } from "../../src/cli/display.ts";
import { root } from "../support/askonce.ts";
import { DATA, type Ran, ran, type ScriptedRun } from "../support/cli.ts";
import { api, CASSETTE, KEYS } from "../support/cli-answers.ts";

const FOLDER = join(root, "test/fixtures/cli");
const REQUEST = JSON.stringify({ path: "/openai/v1/chat/completions", body: { seed: 1 } });
const files = { "/cwd/request.json": REQUEST, "/cwd/tape.ndjson": `${CASSETTE.join("\n")}\n` };

/** Each command's output as text and as JSON; a file of its own each under test/fixtures/cli. */
const GOLDEN: readonly (readonly [name: string, args: readonly string[]])[] = [
  ["stats", ["stats", "--since", "30d"]],
  ["stats-by", ["stats", "--by", "model"]],
  ["ls", ["ls"]],
  ["show", ["show", "3fa2b1c09d44f"]],
  ["show-unknown-request", ["show", "77e0"]],
  ["rm", ["rm", "77e0", KEYS[0]]],
  ["purge", ["purge", "--older-than", "30d"]],
  ["purge-dry-run", ["purge", "--all", "--dry-run"]],
  ["forget", ["forget", "--last=2"]],
  ["explain", ["explain", "request.json"]],
  ["explain-last", ["explain", "--last"]],
  ["export", ["export", "out.ndjson"]],
  ["import", ["import", "tape.ndjson"]],
  ["tail", ["tail"]],
  ["env", ["env", "openai", "groq"]],
  ["config", ["config"]],
  ["health", ["health"]],
  ["token", ["token"]],
  ["doctor", ["doctor", "--offline", "--listen", "127.0.0.1:0"]],
];

function steady(text: string): string {
  return text
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z, time zone [\w/+-]+/g, "NOW")
    .replace(/\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\b/g, "2026-11-23 00:00:00")
    .replace(/^\d\d:\d\d:\d\d\b/gm, "00:00:00");
}

/** Compared with the file of that name, which is written anew with UPDATE_GOLDEN=1. */
function assertGolden(name: string, text: string): void {
  const path = join(FOLDER, name);
  if (process.env.UPDATE_GOLDEN) writeFileSync(path, text);
  assert.equal(text, readFileSync(path, "utf8"), name);
}

function text({ code, stdout, stderr }: Ran): string {
  return steady(`${stdout}${stderr === "" ? "" : `--- stderr\n${stderr}`}--- exit ${code}\n`);
}

const runs = (args: readonly string[], more: ScriptedRun = {}) =>
  ran(args, { api, ...more, files: { ...files, ...more.files } });

test("every command's output is what its golden file holds, as text and as JSON", async () => {
  for (const [name, args] of GOLDEN) {
    assertGolden(`${name}.txt`, text(await runs(args)));
    const json = await runs([...args, "--json"]);
    assert.notEqual(json.stdout, "", `${name}: ${json.stderr}`);
    for (const line of name === "tail" ? json.stdout.trimEnd().split("\n") : [json.stdout]) JSON.parse(line);
    assertGolden(`${name}.json`, steady(json.stdout));
  }
});

test("no line of any table is wider than the terminal, and nothing in it drives the terminal", async () => {
  for (const columns of [60, 80, 120]) {
    for (const [name, args] of GOLDEN.filter(([name]) => !/^(config|env)$/.test(name))) {
      const terminal = { stdout: true, columns };
      const { stdout } = await runs([...args, "--no-color"], { terminal });
      for (const line of stdout.split("\n")) {
        // Paths are not cut: they are there to be copied.
        if (/^(askonce|export(ed)?|\/data)/.test(line)) continue;
        assert.ok(columnsOf(line) <= columns, `${name} at ${columns}: ${columnsOf(line)} in ${line}`);
      }
      assert.doesNotMatch(stdout, /(?!\n)[\p{Cc}\u202e]/u, name);
    }
  }
});

test("colors stand on a terminal only, and not with NO_COLOR, --no-color or TERM=dumb", async () => {
  const terminal = { stdout: true, columns: 80 };
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what colors are made of
  const colors = /\x1b\[\d+m/g;
  for (const name of ["ls", "stats", "explain", "tail", "doctor"]) {
    const args = GOLDEN.find(([known]) => known === name)![1];
    const plain = await runs(args);
    const colored = await runs(args, { terminal });
    assert.match(colored.stdout, colors, name);
    assert.equal(steady(colored.stdout.replace(colors, "")), steady(plain.stdout), name);
    for (const more of [
      { env: { NO_COLOR: "1" }, terminal },
      { env: { TERM: "dumb" }, terminal },
    ]) {
      assert.equal(steady((await runs(args, more)).stdout), steady(plain.stdout));
    }
    assert.equal(steady((await runs([...args, "--no-color"], { terminal })).stdout), steady(plain.stdout));
  }
});

test("help of every command fits 80 columns and shows an example", async () => {
  const { commands } = await import("../../src/cli/commands.ts");
  for (const { name } of commands) {
    const { stdout, code } = await runs([name, "--help"]);
    assert.equal(code, 0);
    assert.match(stdout, new RegExp(`^askonce ${name}[\\s\\S]*Examples:\\n {2}\\S`));
    const before = stdout.split("Settings, each")[0]!;
    for (const line of before
      .split("\n")
      .filter((line) => !line.startsWith("  ") || line.startsWith("    "))) {
      assert.ok(columnsOf(line) <= 80, `${name}: ${line}`);
    }
  }
});

test("the running instance is asked with the token of the data folder", async () => {
  const { asked } = await runs(["ls", "-q", "a b&c", "--provider", "x", "--limit", "3"]);
  assert.deepEqual(
    asked.map(({ method, path }) => `${method} ${path}`),
    ["GET /entries?q=a+b%26c&provider=x&limit=3"],
  );
  assert.match(asked[0]!.authorization ?? "", /^Bearer ao_token-of-the-test$/);
});

test("a key that begins several is refused, naming them; one that begins none too", async () => {
  const several = await runs(["show", "3fa2b1c09d44"]);
  assert.equal(several.code, 1);
  for (const key of KEYS.slice(0, 2)) assert.ok(several.stderr.includes(key));
  assert.equal(several.stdout, "");
  const none = await runs(["rm", "77e0", "0000"]);
  assert.deepEqual([none.code, none.asked.some(({ method }) => method === "POST")], [1, false]);
  assert.match((await runs(["show", "xyz"])).stderr, /"xyz" is no key/);
});

test("a wrong or unreadable token, and an error of the API, are said in plain words with exit code 1", async () => {
  const refuses = () => Response.json({ error: { code: "unauthorized", message: "no" } }, { status: 401 });
  const wrong = await ran(["ls"], { api: refuses });
  assert.match(wrong.stderr, /does not accept the token in \/data\/admin-token/);
  const unreadable = await runs(["ls"], { files: { [`${DATA}/admin-token`]: { code: "EACCES" } } });
  assert.match(unreadable.stderr, /run this as the user that runs .* \(EACCES\)/);
  const failing = await ran(["stats"], {
    api: ({ path }) =>
      path === "/status"
        ? undefined
        : Response.json(
            { error: { code: "store_unavailable", message: "The archive is not there." } },
            { status: 503 },
          ),
  });
  assert.match(failing.stderr, /^askonce: The archive is not there\.\n$/);
  assert.deepEqual([wrong.code, unreadable.code, failing.code], [1, 1, 1]);
});

test("purge asks a person and takes yes only, and does not ask a script", async () => {
  const terminal = { stdin: true, stderr: true };
  const kept = await runs(["purge", "--all"], { terminal, stdin: "n\n" });
  assert.deepEqual([kept.code, kept.asked.map(({ body }) => JSON.parse(body).dry_run)], [1, [true]]);
  assert.match(kept.stderr, /remove 1,234 entries\? \[y\/N\]/);
  const gone = await runs(["purge", "--all"], { terminal, stdin: "yes\n" });
  assert.deepEqual([gone.code, gone.asked.at(-1)?.body], [0, '{"all":true}']);
  assert.equal((await runs(["purge", "--all", "-y"], { terminal })).asked.length, 1);
  const nothing = await runs(["purge"]);
  assert.deepEqual([nothing.code, nothing.asked.length], [2, 0]);
});

test("tail needs a running instance, tells each request once and ends with the instance", async () => {
  const { stdout, stderr, code } = await runs(["tail", "--json"]);
  const ids = stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line).request_id);
  assert.deepEqual([ids, code], [["r1", "r2", "r3", "r4"], 0]);
  assert.match(stderr, /has ended/);
});

test("the body of an entry goes out byte for byte, but for control characters on a terminal", async () => {
  assert.equal((await runs(["show", KEYS[0], "--body"])).stdout, '{"answer":"\u001b[31m世界"}');
  const terminal = { stdout: true, columns: 80 };
  assert.equal(
    (await runs(["show", KEYS[0], "--body"], { terminal })).stdout,
    '{"answer":"\\x1b[31m世界"}\n',
  );
});

test("an export to stdout is the cassette alone, and a folder holds one file an entry", async () => {
  const whole = await runs(["export", "--redact", "a.b", "--redact", "c"]);
  assert.equal(whole.stdout.split("\n").slice(0, 2).join("\n"), CASSETTE.join("\n"));
  assert.match(whole.stderr, /2 entries were left out: masked/);
  assert.equal(whole.asked[0]!.path, "/export?redact=a.b%2Cc");
  const old = {
    "/cwd/f/README.md": "mine",
    "/cwd/f/gone.json": '{"askonce":1,"request":{}}',
    "/cwd/f/x.json": "{",
  };
  const folder = await runs(["export", "f/"], { files: old });
  const names = [...folder.files.keys()].filter((path) => path.startsWith("/cwd/f/"));
  assert.equal(names.includes("/cwd/f/gone.json"), false);
  assert.equal(names.length, 4, names.join());
  const back = await runs(["import", "f/"], { files: Object.fromEntries(folder.files) });
  assert.match(back.stderr, /x\.json/);
  assert.equal(back.code, 1);
});

test("a line that an import refuses is named with its file", async () => {
  const refusing = (asked: Parameters<typeof api>[0]) =>
    asked.path === "/import"
      ? Response.json({ error: { code: "invalid", message: "line 2: no request" } }, { status: 400 })
      : api(asked);
  const { code, stderr } = await ran(["import", "tape.ndjson"], { api: refusing, files });
  assert.deepEqual([code, stderr], [1, "askonce: tape.ndjson: line 2: no request\n"]);
  assert.match(
    (await runs(["import", "gone.ndjson"])).stderr,
    /gone\.ndjson cannot be read \(no such file or folder\)/,
  );
});

test("doctor says what is wrong and what to do, and fails where something is", async () => {
  const doctor = async (more: ScriptedRun, ...args: string[]) => {
    const { code, stdout } = await runs(["doctor", "--json", "--listen", "127.0.0.1:0", ...args], more);
    const checks: { name: string; status: string; found: string; todo?: string }[] =
      JSON.parse(stdout).checks;
    return { code, odd: checks.filter(({ status }) => status !== "ok"), checks };
  };
  const open = await doctor({ modes: { [`${DATA}/admin-token`]: 0o644, [DATA]: 0o755 } }, "--offline");
  assert.deepEqual(
    [open.code, open.odd.map(({ name, status, todo }) => [name, status, todo])],
    [
      1,
      [
        ["data folder", "warn", "chmod 700 /data"],
        ["files", "fail", "chmod 600 /data/admin-token"],
      ],
    ],
  );
  const env = {
    OPENAI_BASE_URL: "http://me:secret@elsewhere:1/v1?key=secret",
    ANTHROPIC_BASE_URL: "http://localhost:8181/anthropic",
    HTTP_PROXY: "http://proxy",
    OPENAI_API_KEY: "sk-secret",
    ASKONCE_TLL: "1h",
  };
  const clients = await doctor({ env }, "--offline");
  assert.deepEqual(
    [clients.code, clients.odd.map(({ name, status }) => [name, status])],
    [
      0,
      [
        ["settings", "warn"],
        ["clients", "warn"],
        ["proxy", "warn"],
      ],
    ],
  );
  assert.doesNotMatch(JSON.stringify(clients.checks), /secret/);
  assert.match(JSON.stringify(clients.checks), /set in this shell: OPENAI_API_KEY/);
  const away = await doctor({}, "--provider", "mine=http://127.0.0.1:1");
  const unreached = away.odd.map(({ found }) => found).join("\n");
  assert.match(unreached, /mine cannot be reached at http:\/\/127\.0\.0\.1:1 \(ECONNREFUSED\)/);
  assert.equal(away.code, 1);
  const broken = await doctor({ env: { ASKONCE_TTL: "nonsense" } });
  assert.deepEqual([broken.code, broken.odd.length], [1, 1]);
});

test("of several instances the one started last that answers is asked; without one the folder is read", async () => {
  const instance = (url: string, started_at: string) =>
    JSON.stringify({ pid: 1, url, version: "0", started_at });
  const stale = {
    [`${DATA}/instances/1.json`]: instance("http://127.0.0.1:1", "2026-12-01T00:00:00Z"),
    [`${DATA}/instances/2.json`]: "{",
    [`${DATA}/instances/3.json`]: instance("nonsense", "2027-12-01T00:00:00Z"),
  };
  const { code, asked } = await runs(["ls"], { files: stale });
  assert.deepEqual([code, asked.length], [0, 1]);
  const { stderr, code: none } = await ran(["tail"], { files: stale });
  assert.match(stderr, /start askonce serve first/);
  assert.equal(none, 1);
});

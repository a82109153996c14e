import assert from "node:assert/strict";
import { test } from "node:test";
import { readArguments } from "../../src/cli/arguments.ts";
import { absolute, defaultDataFolder, settingsFiles } from "../../src/cli/folders.ts";
import { loadConfig } from "../../src/cli/load.ts";
import { run } from "../../src/cli/run.ts";
import { ConfigError, UsageError } from "../../src/errors.ts";
import type { Host } from "../../src/host.ts";

type Machine = Parameters<typeof defaultDataFolder>[0];

function machine(env: Record<string, string>, platform: Machine["platform"] = "linux"): Machine {
  return { env, platform, cwd: "/work dir" };
}

interface Scripted {
  args?: readonly string[];
  env?: Record<string, string>;
  files?: Record<string, string>;
}

/** A host that has files, keeps what is written, and can neither listen nor open a database. */
function scriptedHost({ args = [], env = {}, files = {} }: Scripted) {
  const written = { stdout: "", stderr: "" };
  const codes: number[] = [];
  const host = {
    runtime: { name: "bun", version: "0.0.0", compiled: false },
    platform: "linux",
    arch: "x64",
    hostname: "box",
    cwd: "/cwd",
    args,
    env: { HOME: "/home/me", ...env },
    files: {
      async readText(path: string) {
        const text = files[path];
        if (text === undefined) throw Object.assign(new Error("none"), { code: "ENOENT" });
        if (text === "EACCES") throw Object.assign(new Error("forbidden"), { code: "EACCES" });
        return text;
      },
    },
    terminal: { stdin: false, stdout: false, stderr: false, columns: undefined },
    async print(bytes: Uint8Array) {
      written.stdout += new TextDecoder().decode(bytes);
    },
    write(to: "stdout" | "stderr", text: string) {
      written[to] += text;
    },
    async exit(code: number) {
      codes.push(code);
    },
  } as unknown as Host;
  return { host, written, codes };
}

async function ran(args: readonly string[], more: Omit<Scripted, "args"> = {}) {
  const { host, written, codes } = scriptedHost({ args, ...more });
  await run(host);
  return { ...written, code: codes[0], exits: codes.length };
}

test("a command line is read in either form, with the command anywhere", () => {
  const nothing = {
    command: "serve",
    help: false,
    version: false,
    flags: [],
    words: [],
    options: new Map(),
    rest: undefined,
  };
  assert.deepEqual(readArguments([]), nothing);
  const flags = [
    ["--ttl", "4h"],
    ["--log", "json"],
    ["--provider", "a=http://x?=y"],
  ];
  for (const line of [
    ["serve", "--ttl", "4h", "--log=json", "--provider", "a=http://x?=y"],
    ["--ttl=4h", "--log", "json", "serve", "--provider=a=http://x?=y"],
  ]) {
    assert.deepEqual(readArguments(line), { ...nothing, flags }, line.join(" "));
  }
  assert.deepEqual(readArguments(["--data=", "config", "-h"]).flags, [["--data", ""]]);
  assert.deepEqual(readArguments(["--data=--odd"]).flags, [["--data", "--odd"]]);
});

test("a word, a flag or a missing value that cannot be meant is refused, with the nearest known", () => {
  for (const [line, said] of [
    [["sreve"], /"sreve", did you mean "serve"\?/],
    [["confg"], /did you mean "config"/],
    [["stats", "--by"], /--by has no value/],
    [["ls", "--lmit=3"], /no flag --lmit for ls .*did you mean --limit\?/],
    [["stats", "--json=yes"], /--json takes no value/],
    [["show"], /show needs KEY/],
    [["forget", "--last", "3"], /"3" is too much after "forget": write --last=3/],
    [["frobnicate"], /known are serve, .*, config, /],
    [["serve", "config"], /"config" is too much after "serve"/],
    [["--tll", "4h"], /no flag --tll .*did you mean --ttl\?/],
    [["--tll=4h"], /given as "--tll=4h"/],
    [["--versoin"], /did you mean --version\?/],
    [["-x"], /no flag -x/],
    [["--"], /no flag --/],
    [["--constructor=1"], /no flag --constructor/],
    [["--ttl"], /--ttl has no value/],
    [["--ttl", "--log", "json"], /--ttl has no value/],
    [[""], /no command ""/],
  ] as const) {
    assert.throws(
      () => readArguments(line),
      (error) => error instanceof UsageError && said.test(error.message),
      `${line.join(" ")}: ${said}`,
    );
  }
});

test("the data folder is where each system keeps such data", () => {
  const home = { HOME: "/home/me" };
  for (const [at, folder] of [
    [machine(home), "/home/me/.local/share/askonce"],
    [machine({ ...home, XDG_DATA_HOME: "/x" }), "/x/askonce"],
    [machine({ ...home, XDG_DATA_HOME: "relative" }), "/home/me/.local/share/askonce"],
    [machine({ ...home, XDG_DATA_HOME: "" }), "/home/me/.local/share/askonce"],
    [machine({ XDG_DATA_HOME: "/x", STATE_DIRECTORY: "/var/lib/askonce:/var/lib/b" }), "/var/lib/askonce"],
    [machine(home, "darwin"), "/home/me/Library/Application Support/askonce"],
    [machine({ LOCALAPPDATA: "C:\\L" }, "windows"), "C:\\L\\askonce"],
  ] as const) {
    assert.equal(defaultDataFolder(at), folder);
  }
  assert.throws(() => defaultDataFolder(machine({})), ConfigError);
});

test("a path is taken from the working folder, or from home after ~/, and dots go", () => {
  const at = machine({ HOME: "/home/me" });
  for (const [path, whole] of [
    ["a/b", "/work dir/a/b"],
    [".", "/work dir"],
    ["../x//y/", "/x/y"],
    ["/../../etc/./x", "/etc/x"],
    ["~/x", "/home/me/x"],
    ["~", "/work dir/~"],
    ["/", "/"],
  ] as const) {
    assert.equal(absolute(at, path), whole);
  }
});

test("the settings file comes from --config, else the data folder, else the user's settings", async () => {
  const files = {
    "/d/askonce.toml": 'log = "json"',
    "/home/me/.config/askonce/askonce.toml": 'log = "off"',
    "/x/askonce/askonce.toml": 'ttl = "1s"',
    "/cwd/askonce.toml": 'log = "nonsense"',
    "/cwd/mine.toml": 'ttl = "2s"\ndata = "/elsewhere"',
  };
  const load = (flags: [string, string][], env: Record<string, string> = {}) =>
    loadConfig(scriptedHost({ files, env }).host, { flags });
  assert.equal((await load([["--data", "/d"]])).file, "/d/askonce.toml");
  assert.equal((await load([], { ASKONCE_DATA: "/d" })).config.log, "json");
  assert.equal((await load([])).config.log, "off");
  assert.equal((await load([], { XDG_CONFIG_HOME: "/x" })).config.ttlMs, 1000);
  const chosen = await load([["--config", "mine.toml"]], { ASKONCE_CONFIG: "/none" });
  assert.deepEqual(
    [chosen.config.ttlMs, chosen.config.data, chosen.file],
    [2000, "/elsewhere", "/cwd/mine.toml"],
  );
  const none = await loadConfig(scriptedHost({}).host, { flags: [] });
  assert.equal(none.file, undefined);
  assert.deepEqual(settingsFiles(machine({}), "/d"), ["/d/askonce.toml"]);
});

test("a settings file that was named, or is there and cannot be read, stops the start", async () => {
  const files = { "/home/me/.config/askonce/askonce.toml": "EACCES" };
  const error = (args: readonly string[], more: Omit<Scripted, "args"> = {}) =>
    ran(["config", ...args], more);
  const unreadable = await error([], { files });
  assert.equal(unreadable.code, 2);
  assert.match(unreadable.stderr, /askonce\.toml.*EACCES/);
  const missing = await error(["--config", "gone.toml"]);
  assert.match(missing.stderr, /config = "gone\.toml" \(flag --config\).*ENOENT/);
  const variable = await error([], { env: { ASKONCE_CONFIG: "/gone" } });
  assert.match(variable.stderr, /config = "\/gone" \(variable ASKONCE_CONFIG\)/);
  assert.deepEqual([missing.code, variable.code, missing.stdout], [2, 2, ""]);
});

test("help and version go to stdout and end with 0, before any setting is read", async () => {
  const env = { ASKONCE_TTL: "nonsense" };
  for (const [args, said] of [
    [["--version"], /^askonce \d+\.\d+\.\d+ \(bun 0\.0\.0, linux-x64\)\n$/],
    [["--help"], /^askonce: a caching reverse proxy[\s\S]*--provider NAME=URL/],
    [["serve", "-h"], /^askonce serve: answer clients/],
    [
      ["config", "--help"],
      /--upstream-timeout {2}ASKONCE_UPSTREAM_TIMEOUT {2}upstream\.timeout\n.*\n.*Default: 15m/,
    ],
  ] as const) {
    const { stdout, stderr, code, exits } = await ran(args, { env });
    assert.match(stdout, said);
    assert.deepEqual([stderr, code, exits], ["", 0, 1], args.join(" "));
  }
});

test("what is not understood goes to stderr alone and ends with 2", async () => {
  for (const args of [
    ["sreve"],
    ["--tll", "1h"],
    ["--ttl"],
    ["--ttl", "1"],
    ["--listen", ":0"],
    ["--provider", "x"],
  ]) {
    const { stdout, stderr, code, exits } = await ran(args);
    assert.deepEqual([stdout, code, exits], ["", 2, 1], args.join(" "));
    assert.match(stderr, /^askonce: .*\n$/, args.join(" "));
  }
});

test("config prints the settings in effect", async () => {
  const { stdout, stderr, code } = await ran(["config", "--ttl", "90s"], { env: { ASKONCE_TYPO: "x" } });
  assert.equal(code, 0);
  assert.match(stdout, /^ttl = "90s"$/m);
  assert.match(stdout, /^data = "\/home\/me\/\.local\/share\/askonce"$/m);
  assert.match(stderr, /ASKONCE_TYPO/);
});

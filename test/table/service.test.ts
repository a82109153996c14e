import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { ran, type ScriptedRun } from "../support/cli.ts";

const FOLDER = join(import.meta.dirname, "../fixtures/units");

/** Compared with the file of that name, which is written anew with UPDATE_GOLDEN=1. */
function assertGolden(name: string, text: string): void {
  const path = join(FOLDER, name);
  if (process.env.UPDATE_GOLDEN) writeFileSync(path, text);
  assert.equal(text, readFileSync(path, "utf8"), name);
}

const print = (args: readonly string[], options: ScriptedRun = {}) =>
  ran(["service", "install", "--print", "--exec", "/usr/bin/askonce", ...args], options);

test("the unit files are those of the golden files", async () => {
  for (const [name, args] of [
    ["system.service", []],
    ["user.service", ["--user"]],
    [
      "exposed.service",
      [
        ...["--listen", "0.0.0.0:443", "--scope", "credential", "--shutdown-grace", "2m"],
        ...[
          "--access-tokens-file",
          "tokens",
          "--tls-cert",
          "/etc/tls/100%.pem",
          "--tls-key",
          "/etc/tls/key.pem",
        ],
      ],
    ],
  ] as const) {
    const { code, stdout, stderr } = await print(args, { files: { "/cwd/tokens": "sixteen-letters-1\n" } });
    assert.deepEqual([code, stderr], [0, ""], name);
    assertGolden(name, stdout);
  }
});

test("a setting is one word of the service's command line, whatever it holds", async () => {
  const { stdout } = await print(["--config", 'my "own" $HOME %h.toml', "--prices", "a\nUser=root"], {
    files: { '/cwd/my "own" $HOME %h.toml': "" },
  });
  const start = stdout.split("\n").find((line) => line.startsWith("ExecStart="));
  assert.match(
    start ?? "",
    /--config "\/cwd\/my \\"own\\" \$\$HOME %%h\.toml" --prices \/cwd\/a\\nUser=root /,
  );
  assert.doesNotMatch(stdout, /^User=/m);
});

test("what would not start is refused before anything is written", async () => {
  for (const [args, code, said] of [
    [["--ttl", "soon"], 2, /ttl = "soon"/],
    [["--listen", "0.0.0.0:81"], 2, /no scope chosen/],
    [["--access-tokens", "sixteen-letters-1"], 2, /--access-tokens-file/],
  ] as const) {
    const refused = await ran(["service", "install", "--exec", "/usr/bin/askonce", ...args]);
    assert.equal(refused.code, code, refused.stderr);
    assert.match(refused.stderr, said);
    assert.doesNotMatch(refused.stderr, /sixteen/);
    assert.deepEqual([...refused.files], []);
  }
  const fromSource = await ran(["service", "install"]);
  assert.equal(fromSource.code, 1);
  assert.match(fromSource.stderr, /--exec PATH/);
  assert.equal((await ran(["service", "instal"])).code, 2);
});

test("a unit that somebody else wrote is neither overwritten nor taken away", async () => {
  const unit = "/etc/systemd/system/askonce.service";
  const files = { [unit]: "[Service]\nExecStart=/opt/mine\n" };
  for (const args of [["install", "--exec", "/usr/bin/askonce"], ["uninstall"]]) {
    const { code, stderr, files: left } = await ran(["service", ...args], { files });
    assert.equal(code, 1);
    assert.match(stderr, /was not written by askonce/);
    assert.equal(left.get(unit), files[unit]);
  }
  const none = await ran(["service", "uninstall"]);
  assert.deepEqual([none.code, /nothing is installed/.test(none.stderr)], [1, true]);
});

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { runAskonce } from "../support/askonce.ts";
import { tempFolder } from "../support/folder.ts";
import { isAlive, runAsking, runWaiting, toldIn } from "../support/running.ts";
import { OWN_PROCESS } from "../support/session.ts";

const run = (
  command: readonly string[],
  more: { flags?: readonly string[]; stdin?: string; cwd?: string } = {},
) => {
  const { flags = [], ...options } = more;
  const data = join(tempFolder(), "data");
  return runAskonce(["run", "--data", data, ...flags, "--", ...command], { data, ...options });
};
const SUMMARY = /^0 hits · 0 misses · saved 0 tokens, \$0\.00 and 0 ms$/;

test(
  "the command's exit code is the run's: 0, another, 128 + the signal that killed it",
  OWN_PROCESS,
  async () => {
    assert.equal((await runAsking([])).code, 0);
    assert.equal((await runAsking(["exit=1"])).code, 1);
    assert.equal((await runAsking(["exit=77"])).code, 77);
    assert.equal((await run(["sh", "-c", "kill -KILL $$"])).code, 137);
    assert.equal((await run(["sh", "-c", "kill -SEGV $$"])).code, 139);
  },
);

test(
  "a command that is not there is 127, one that cannot be run 126, none at all 2",
  OWN_PROCESS,
  async () => {
    const missing = await run(["no-such-program-here"]);
    assert.deepEqual([missing.code, missing.stdout], [127, ""]);
    assert.match(missing.stderr, /^askonce: no-such-program-here: command not found$/m);
    assert.equal((await run([tempFolder()])).code, 126);
    const none = await runAskonce(["run"]);
    assert.equal(none.code, 2);
    assert.match(none.stderr, /askonce run -- COMMAND/);
  },
);

test("stdin and stdout are the command's alone, the closing line goes to stderr", OWN_PROCESS, async () => {
  const { stdout, stderr, code } = await run(["cat"], { stdin: "one\ntwo\n", flags: ["--log", "text"] });
  assert.deepEqual([stdout, code], ["one\ntwo\n", 0]);
  assert.match(toldIn(stderr).at(-1) ?? "", SUMMARY);
  const large = await run(["sh", "-c", "head -c 3000000 /dev/zero | tr '\\0' x"]);
  assert.equal(large.stdout.length, 3_000_000);
});

test(
  "the request log is written to stderr where it is asked for, and nowhere else",
  OWN_PROCESS,
  async () => {
    const asked = await runAsking(["models"], {
      flags: ["--log", "json", "--mode", "replay"],
      env: { OPENAI_BASE_URL: "http://127.0.0.1:1/v1" },
    });
    assert.match(asked.stderr, /^\{"time".*"detail":"replay_miss"/m);
    const unasked = await runAsking(["models"], {
      flags: ["--mode", "replay"],
      env: { OPENAI_BASE_URL: "http://127.0.0.1:1/v1" },
    });
    assert.doesNotMatch(unasked.stderr + unasked.stdout, /"time"|Cache: /);
  },
);

test(
  "the command runs in the caller's folder, without what the runtime set for itself",
  OWN_PROCESS,
  async () => {
    const cwd = tempFolder();
    const { stdout } = await run(["sh", "-c", "pwd; env"], { cwd });
    assert.equal(stdout.split("\n")[0], cwd);
    assert.doesNotMatch(stdout, /^(BUN_CONFIG_|MALLOC_|DENO_NO_PACKAGE_JSON=)/m);
    assert.match(stdout, /^OPENAI_BASE_URL=http:\/\/127\.0\.0\.1:\d+\/openai\/v1$/m);
    assert.match(stdout, /^no_proxy=.*127\.0\.0\.1/m);
  },
);

test(
  "each signal is passed on, a second SIGINT too, and the command decides when it ends",
  OWN_PROCESS,
  async () => {
    const { askonce, pid, child } = await runWaiting();
    for (const [signal, printed] of [
      ["SIGHUP", /SIGHUP/],
      ["SIGINT", /SIGHUP\nSIGINT/],
    ] as const) {
      process.kill(pid, signal);
      await askonce.printed(({ stdout }) => printed.test(stdout));
    }
    process.kill(pid, "SIGINT");
    const { code, stderr } = await askonce.exited;
    assert.equal(code, 130);
    assert.match(toldIn(stderr).at(-1) ?? "", SUMMARY);
    assert.deepEqual([isAlive(pid), isAlive(child)], [false, false]);
  },
);

test(
  "SIGTERM ends the command as it wishes, a signal that it does not handle by 128 + its number",
  OWN_PROCESS,
  async () => {
    const polite = await runWaiting();
    process.kill(polite.pid, "SIGTERM");
    assert.equal((await polite.askonce.exited).code, 0);
    const killed = await runWaiting();
    process.kill(killed.pid, "SIGQUIT");
    assert.equal((await killed.askonce.exited).code, 131);
    assert.deepEqual([isAlive(killed.pid), isAlive(killed.child)], [false, false]);
  },
);

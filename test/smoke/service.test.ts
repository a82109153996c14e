import assert from "node:assert/strict";
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { root, runAskonce, startAskonce, target } from "../support/askonce.ts";
import { tempFolder } from "../support/folder.ts";
import { ask } from "../support/raw.ts";
import { eventually, OWN_PROCESS } from "../support/session.ts";

/** A program in a folder of its own for PATH, which writes down how it was called. */
function scripted(name: string): { path: string; calls(): string[] } {
  const folder = tempFolder();
  const log = join(folder, "calls");
  writeFileSync(join(folder, name), `#!/bin/sh\necho "$@" >>${log}\n`);
  chmodSync(join(folder, name), 0o755);
  const calls = () => (existsSync(log) ? readFileSync(log, "utf8").trimEnd().split("\n") : []);
  return { path: `${folder}:${process.env.PATH}`, calls };
}

test("the printed unit is the golden one", OWN_PROCESS, async () => {
  const { code, stdout, stderr } = await runAskonce([
    "service",
    "install",
    "--print",
    "--exec",
    "/usr/bin/askonce",
  ]);
  assert.deepEqual([code, stderr], [0, ""]);
  const golden = readFileSync(join(root, "test/fixtures/units/system.service"), "utf8");
  assert.equal(stdout, golden.replace(" --data /data", ""));
});

test(
  "a user's service is installed, installed again and taken away, and its data stay",
  OWN_PROCESS,
  async () => {
    const systemctl = scripted("systemctl");
    const home = tempFolder();
    const env = { PATH: systemctl.path, HOME: home, XDG_CONFIG_HOME: join(home, "config") };
    const unit = join(home, "config/systemd/user/askonce.service");
    const service = (...args: string[]) => runAskonce(["service", ...args, "--user"], { env });
    const installed = await service("install", "--exec", "/usr/bin/askonce", "--ttl", "9d");
    if (target === "deno") {
      // It may start no programs: the task grants no more than serving needs.
      assert.equal(installed.code, 1);
      assert.match(installed.stderr, /systemctl --user daemon-reload cannot be run/);
      return;
    }
    assert.equal(installed.code, 0, installed.stderr);
    assert.match(readFileSync(unit, "utf8"), /^ExecStart=\/usr\/bin\/askonce serve --ttl 9d$/m);
    assert.equal((await service("install", "--exec", "/usr/bin/askonce")).code, 0);
    assert.match(readFileSync(unit, "utf8"), /^ExecStart=\/usr\/bin\/askonce serve$/m);
    const gone = await service("uninstall");
    assert.equal(gone.code, 0, gone.stderr);
    assert.ok(!existsSync(unit));
    const started = ["daemon-reload", "enable askonce.service", "restart askonce.service"];
    const ended = ["disable --now askonce.service", "daemon-reload"];
    assert.deepEqual(
      systemctl.calls(),
      [...started, ...started, ...ended].map((words) => `--user ${words}`),
    );
  },
);

test("where systemd waits for it, it is told once clients are answered", OWN_PROCESS, async (t) => {
  const notify = scripted("systemd-notify");
  const server = await startAskonce({ env: { PATH: notify.path, NOTIFY_SOCKET: "/nowhere/notify" } });
  t.after(() => server.kill());
  if (target === "deno") await server.printed(({ stderr }) => /systemd could not be told/.test(stderr), 5000);
  else await eventually(() => assert.deepEqual(notify.calls(), ["--ready"]));
  assert.equal((await ask(server.port, { path: "/healthz" })).status, 200);
});

test("systemd's folder of settings is looked into first", OWN_PROCESS, async () => {
  const folder = tempFolder();
  writeFileSync(join(folder, "askonce.toml"), 'ttl = "9d"\n');
  const { stdout } = await runAskonce(["config", "--json"], { env: { CONFIGURATION_DIRECTORY: folder } });
  assert.equal(JSON.parse(stdout).ttl, "9d");
});

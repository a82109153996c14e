import assert from "node:assert/strict";
import { appendFileSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { answerWell, openai } from "../support/answers.ts";
import { type Askonce, runAskonce, startAskonce } from "../support/askonce.ts";
import { tempFolder } from "../support/folder.ts";
import { startProvider } from "../support/provider.ts";
import { ask, post, type RawRequest } from "../support/raw.ts";
import { fresh, OWN_PROCESS } from "../support/session.ts";

const tokenOf = (server: Askonce) => readFileSync(join(server.data, "admin-token"), "utf8").trim();

function admin(
  port: number,
  path: string,
  options: Omit<RawRequest, "path"> & { token?: string | undefined } = {},
) {
  const { token, headers, ...rest } = options;
  const type = rest.body === undefined ? {} : { "content-type": "application/json" };
  const bearer = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return ask(port, { method: "GET", ...rest, path, headers: { ...type, ...bearer, ...headers } });
}

test(
  "the admin API needs its token, changes the mode, follows requests, and ends with the process",
  OWN_PROCESS,
  async (t) => {
    const provider = await startProvider(answerWell);
    const config = join(tempFolder(), "askonce.toml");
    writeFileSync(config, "");
    const server = await startAskonce({
      flags: ["--provider", `openai=${provider.url}`, "--config", config],
    });
    t.after(async () => {
      await server.kill();
      await provider.close();
    });
    const { port, data, pid } = server;
    const token = tokenOf(server);
    assert.equal(statSync(join(data, "admin-token")).mode & 0o777, 0o600);

    const document = (await admin(port, "/admin/api/openapi.json")).json as { paths: Record<string, object> };
    assert.equal((await admin(port, "/admin/api/docs")).status, 200);
    const open = new Set(["/admin/api/openapi.json", "/admin/api/docs"]);
    const guarded = Object.entries(document.paths).filter(([path]) => !open.has(path));
    assert.ok(guarded.length >= 15);
    for (const [path, methods] of guarded) {
      for (const method of Object.keys(methods)) {
        for (const wrong of [undefined, "ao_wrong"]) {
          const at = path.replace("{key}", "a".repeat(64));
          const answer = await admin(port, at, { method: method.toUpperCase(), token: wrong });
          assert.deepEqual([answer.status, Object.keys(answer.json)], [401, ["error"]], `${method} ${path}`);
        }
      }
    }

    const status = (await admin(port, "/admin/api/status", { token })).json;
    assert.deepEqual([status.pid, status.store.ok], [pid, true]);
    const instance = join(data, "instances", `${pid}.json`);
    assert.equal(JSON.parse(readFileSync(instance, "utf8")).url, server.url);
    assert.equal(statSync(instance).mode & 0o777, 0o600);
    assert.equal((await admin(port, "/metrics")).status, 200);
    assert.equal((await admin(port, "/metrics", { headers: { "x-forwarded-for": "9.9.9.9" } })).status, 401);
    const foreign = { origin: "https://evil.example", "access-control-request-method": "POST" };
    const preflight = await admin(port, "/admin/api/purge", { method: "OPTIONS", headers: foreign, token });
    assert.equal(preflight.status, 403);
    const local = { ...foreign, origin: "http://localhost:3000" };
    const near = await admin(port, "/admin/api/purge", { method: "OPTIONS", headers: local, token });
    assert.deepEqual([near.status, near.header("access-control-allow-origin")], [403, undefined]);
    assert.equal(
      (await admin(port, "/admin/api/status", { token, headers: { host: "evil.example" } })).status,
      421,
    );
    const form = { "content-type": "text/plain" };
    const purge = { method: "POST", token, headers: form, body: '{"all":true}' };
    assert.equal((await admin(port, "/admin/api/purge", purge)).status, 415);

    const events = await fetch(`${server.url}/admin/api/events`, {
      headers: { authorization: `Bearer ${token}` },
    });
    const reader = events.body!.pipeThrough(new TextDecoderStream()).getReader();
    assert.match((await reader.read()).value ?? "", /^:/);
    const mode = { method: "PATCH", token, body: '{"mode":"replay"}' };
    assert.equal((await admin(port, "/admin/api/config", mode)).json.settings.mode, "replay");
    const missed = await post(port, openai.path, { body: openai.request(fresh(), false) });
    assert.equal(missed.status, 424);
    assert.match((await reader.read()).value ?? "", /"status":424/);
    writeFileSync(config, "admin = false\n");
    server.signal("SIGHUP");
    await server.printed(({ stderr }) => stderr.includes("were read again"), 5_000);
    assert.equal((await admin(port, "/admin/api/status", { token })).status, 404);
    assert.equal((await admin(port, "/metrics")).status, 404);
    assert.equal((await post(port, openai.path, { body: openai.request(fresh(), false) })).status, 424);
    writeFileSync(config, "admin = true\n");
    server.signal("SIGHUP");
    await server.printed(({ stderr }) => stderr.split("were read again").length === 3, 5_000);

    const rotated = (await admin(port, "/admin/api/token", { method: "POST", token, body: "{}" })).json
      .token as string;
    assert.equal(tokenOf(server), rotated);
    assert.equal((await admin(port, "/admin/api/status", { token })).status, 401);
    assert.equal((await admin(port, "/admin/api/status", { token: rotated })).status, 200);
    rmSync(join(data, "admin-token"));
    assert.equal((await admin(port, "/admin/api/status", { token: rotated })).status, 401);
    assert.notEqual(tokenOf(server), rotated);

    const stopped = server.stop();
    while (!(await reader.read()).done);
    assert.equal((await stopped).code, 0);
    assert.ok(!existsSync(instance));
    assert.ok(!(server.stdout + server.stderr).includes(token.slice(3)));
  },
);

test(
  "with admin_listen the admin API is there and nowhere else, and no provider is there",
  OWN_PROCESS,
  async (t) => {
    const server = await startAskonce({ flags: ["--admin-listen", "127.0.0.1:0"] });
    t.after(() => server.kill());
    const token = tokenOf(server);
    const { url } = JSON.parse(
      readFileSync(join(server.data, "instances", `${server.pid}.json`), "utf8"),
    ) as { url: string };
    const port = Number(new URL(url).port);
    assert.notEqual(port, server.port);
    for (const path of ["/admin/api/status", "/admin/api/docs", "/metrics"]) {
      assert.equal((await admin(port, path, { token })).status, 200, path);
      assert.equal((await admin(server.port, path, { token })).status, 404, path);
    }
    for (const path of ["/healthz", "/readyz"]) {
      assert.equal((await admin(port, path)).status, 200, path);
      assert.equal((await admin(server.port, path)).status, 200, path);
    }
    const asked = await post(port, openai.path, { body: openai.request(fresh(), false) });
    assert.deepEqual([asked.status, asked.json.error.code], [404, "not_found"]);
    assert.equal((await server.stop()).code, 0);
  },
);

test(
  "an instance without an admin API is found all the same: by health, and by commands that say what it lacks",
  OWN_PROCESS,
  async (t) => {
    const server = await startAskonce({ flags: ["--admin", "false"] });
    t.after(() => server.kill());
    const run = (...args: string[]) => runAskonce([...args, "--data", server.data]);
    const health = await run("health");
    assert.deepEqual(
      [health.code, health.stdout],
      [0, `ready at http://127.0.0.1:${server.port}\n`],
      health.stderr,
    );
    assert.equal((await run("ls")).code, 0);
    const events = await run("tail");
    assert.equal(events.code, 1);
    assert.match(events.stderr, /restart it with --admin true/);
    await server.stop();
    assert.equal((await run("health")).code, 1);
  },
);

test("a token file that holds more than its token is named by commands", OWN_PROCESS, async (t) => {
  const server = await startAskonce();
  t.after(() => server.kill());
  appendFileSync(join(server.data, "admin-token"), "# a note\n");
  const { code, stderr } = await runAskonce(["ls", "--data", server.data]);
  assert.equal(code, 1);
  assert.match(stderr, /admin-token is not one token alone on a line/);
  assert.doesNotMatch(stderr, /TypeError|\n\s+at /);
});

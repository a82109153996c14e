import assert from "node:assert/strict";
import { copyFileSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { answerWell, openai } from "../support/answers.ts";
import { type Askonce, runAskonce, startAskonce } from "../support/askonce.ts";
import { tempFolder } from "../support/folder.ts";
import { startProvider } from "../support/provider.ts";
import { ask, post } from "../support/raw.ts";
import { askSecure, openSecure, pem, pemFile } from "../support/secure.ts";
import { assertHit, assertMiss, eventually, fresh, OWN_PROCESS } from "../support/session.ts";

const sse = { headers: { "Content-Type": "text/event-stream" } };

/** A folder with a certificate in it, and the flags that name it. */
function certificate(): { flags: string[]; put(name: string): void; folder: string } {
  const folder = tempFolder();
  const place = (from: string, to: string) => {
    copyFileSync(pemFile(from), join(folder, `${to}.new`));
    renameSync(join(folder, `${to}.new`), join(folder, to));
  };
  const put = (name: string) => {
    place(`${name}.key`, "key.pem");
    place(`${name}.pem`, "cert.pem");
  };
  put("one");
  return {
    folder,
    put,
    flags: ["--tls-cert", join(folder, "cert.pem"), "--tls-key", join(folder, "key.pem")],
  };
}

const shown = async (server: Askonce) => {
  const { connection, certificate } = await openSecure(server.port);
  connection.destroy();
  return certificate;
};

test(
  "with a certificate it speaks TLS and nothing else, streams as they come and logs who asks",
  OWN_PROCESS,
  async (t) => {
    const provider = await startProvider(answerWell);
    const server = await startAskonce({
      flags: ["--provider", `openai=${provider.url}`, ...certificate().flags],
    });
    t.after(async () => {
      await server.kill();
      await provider.close();
    });
    assert.match(server.stderr, /listens on https:\/\/127\.0\.0\.1/);
    assert.match(server.stderr, /OPENAI_BASE_URL=https:\/\/127\.0\.0\.1:\d+\/openai\/v1/);
    const body = openai.request(fresh(), false);
    const request = { path: openai.path, body: JSON.stringify(body) };
    const first = await askSecure(server.port, request);
    assertMiss(first);
    assertHit(await askSecure(server.port, request), first);
    const plain = await post(server.port, openai.path, { body }).catch(() => undefined);
    assert.notEqual(plain?.status, 200);
    assert.match(server.log.join("\n"), /^127\.0\.0\.1 - - .* Cache: HIT$/m);

    provider.handler = () => {};
    provider.forget();
    const { connection, send } = await openSecure(server.port);
    await send({ path: openai.path, body: JSON.stringify(openai.request(fresh(), true)) });
    const call = await provider.next();
    await call.head(sse);
    const [event = "", ...rest] = openai.events("tls");
    await call.chunk(event);
    await connection.until((answer) => answer.text === event);
    for (const one of rest) await call.chunk(one);
    await call.end();
    assert.deepEqual([(await connection.answer()).ending, provider.count], ["complete", 1]);
  },
);

test("this machine's commands reach an instance that speaks TLS, and clients do not reach that door", {
  timeout: 60_000,
}, async (t) => {
  const server = await startAskonce({ flags: certificate().flags });
  t.after(() => server.kill());
  const cli = (args: readonly string[]) => runAskonce([...args, "--data", server.data]);
  const stats = await cli(["stats", "--json"]);
  assert.equal(stats.code, 0, stats.stderr);
  const folder = join(server.data, "instances");
  const [file = ""] = readdirSync(folder);
  const { url } = JSON.parse(readFileSync(join(folder, file), "utf8"));
  const own = Number(new URL(url).port);
  assert.match(url, /^http:\/\/127\.0\.0\.1:\d+$/);
  assert.notEqual(own, server.port);
  assert.equal((await ask(own, { path: "/healthz" })).status, 200);
  assert.equal((await ask(own, { path: "/openai/v1/models" })).status, 404);
  assert.equal((await ask(own, { path: "/admin/api/stats" })).status, 401);
  const doctor = await cli([
    "doctor",
    "--offline",
    "--json",
    "--listen",
    `127.0.0.1:${server.port}`,
    ...certificate().flags,
  ]);
  assert.doesNotMatch(doctor.stdout, /"fail"/);
});

test("a changed certificate is served to new connections, while streams of the old one go on", {
  timeout: 60_000,
}, async (t) => {
  const provider = await startProvider(() => {});
  const files = certificate();
  const server = await startAskonce({ flags: ["--provider", `openai=${provider.url}`, ...files.flags] });
  t.after(async () => {
    await server.kill();
    await provider.close();
  });
  assert.equal(await shown(server), "one");
  const { connection, send } = await openSecure(server.port);
  await send({ path: openai.path, body: JSON.stringify(openai.request(fresh(), true)) });
  const call = await provider.next();
  await call.head(sse);
  const events = openai.events("kept");
  await call.chunk(events[0] ?? "");
  await connection.until((answer) => answer.parts.length > 0);

  writeFileSync(join(files.folder, "cert.pem"), pem("two.pem"));
  await server.printed(({ stderr }) => stderr.includes("the certificate stays as it was"), 8000);
  assert.equal(await shown(server), "one");
  files.put("two");
  server.signal("SIGHUP");
  await server.printed(({ stderr }) => stderr.includes("new connections get the new certificate"), 8000);
  await eventually(async () => assert.equal(await shown(server), "two"));
  // By date alone, without a signal.
  files.put("one");
  await server.printed(({ stderr }) => stderr.split("new connections get the new").length === 3, 8000);
  assert.equal(await shown(server), "one");

  for (const event of events.slice(1)) await call.chunk(event);
  await call.end();
  const answer = await connection.answer();
  assert.deepEqual([answer.text, answer.ending], [events.join(""), "complete"]);
  const exited = await server.stop();
  assert.deepEqual([exited.code, exited.signal], [0, null], exited.stderr);
});

test("a certificate that cannot be served stops the start with exit code 2 and says what is wrong", {
  timeout: 60_000,
}, async () => {
  const { folder, flags } = certificate();
  const [, cert = "", , key = ""] = flags;
  const refused = async (args: readonly string[], said: RegExp) => {
    const exited = await runAskonce(["--listen", "127.0.0.1:0", ...args]);
    assert.equal(exited.code, 2, exited.stderr);
    assert.match(exited.stderr, said);
    assert.doesNotMatch(exited.stderr, /PRIVATE KEY|\n\s+at /);
  };
  await refused(["--tls-cert", cert], /tls\.key.*tls\.cert is set/);
  await refused(["--tls-key", key], /tls\.cert.*tls\.key is set/);
  await refused(["--tls-cert", join(folder, "none.pem"), "--tls-key", key], /tls\.cert.*none\.pem.*ENOENT/);
  await refused(["--tls-cert", cert, "--tls-key", pemFile("two.key")], /tls\.cert/);
  await refused(["--tls-cert", key, "--tls-key", key], /tls\.cert/);
});

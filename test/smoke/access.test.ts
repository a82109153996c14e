import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { answerWell, openai } from "../support/answers.ts";
import { type Askonce, runAskonce, startAskonce } from "../support/askonce.ts";
import { tempFolder } from "../support/folder.ts";
import { startProvider } from "../support/provider.ts";
import { ask, post, type RawAnswer, send } from "../support/raw.ts";
import { assertHit, assertMiss, eventually, fresh, OWN_PROCESS, sameBytes } from "../support/session.ts";
import { Marks, readable } from "../support/traces.ts";

const HEADER = "x-askonce-token";
const token = (about: string) => new Marks().secret(about).slice(0, 40);
const admin = async (server: Askonce, path: string) => {
  const own = (await runAskonce(["token", "--data", server.data])).stdout.trim();
  const { readFileSync } = await import("node:fs");
  return ask(server.port, { path, headers: { authorization: `Bearer ${readFileSync(own, "utf8").trim()}` } });
};

function assertRefused(answer: RawAnswer): void {
  assert.deepEqual([answer.status, answer.header("x-should-retry")], [401, "false"], answer.text);
  assert.match(answer.header("cache-status") ?? "", /detail=unauthorized/);
  assert.ok(answer.header("www-authenticate"));
  assert.match(answer.text, /X-Askonce-Token/);
}

test("with access tokens nothing reaches a provider or the cache without one", OWN_PROCESS, async (t) => {
  const provider = await startProvider(answerWell);
  const [plain, hashed, inFile] = [token("plain"), token("hashed"), token("file")];
  const file = join(tempFolder(), "tokens");
  writeFileSync(file, `# clients\n${inFile}\n`);
  const digest = createHash("sha256").update(hashed).digest("hex");
  const server = await startAskonce({
    flags: [
      ...["--provider", `openai=${provider.url}`, "--provider", `anthropic=${provider.url}`],
      ...["--access-tokens", `${plain}, sha256:${digest}`, "--access-tokens-file", file],
    ],
  });
  t.after(async () => {
    await server.kill();
    await provider.close();
  });
  const body = openai.request(fresh(), false);
  assertRefused(await post(server.port, openai.path, { body }));
  const wrong = [`${plain}x`, plain.slice(0, -1), "", `sha256:${digest}`, digest, token("other")];
  for (const given of wrong) {
    assertRefused(await post(server.port, openai.path, { body, headers: { [HEADER]: given } }));
    assertRefused(await post(server.port, `/~${given}${openai.path}`, { body }));
  }
  for (const path of [
    "/",
    "/v1/models",
    "/openai/v1/models",
    "/admin-x",
    "/healthz/x",
    "//admin",
    "/~/healthzz",
  ]) {
    assertRefused(await ask(server.port, { path }));
  }
  assert.match((await post(server.port, "/anthropic/v1/messages", { body: {} })).json.type, /^error$/);
  assert.equal(provider.count, 0);

  const first = await post(server.port, openai.path, { body, headers: { [HEADER]: plain } });
  assertMiss(first);
  assertHit(await post(server.port, `/~${plain}${openai.path}`, { body }), first);
  assertHit(await post(server.port, `/%7E${hashed}${openai.path}`, { body }), first);
  assertHit(await post(server.port, openai.path, { body, headers: { [HEADER]: inFile } }), first);
  const namespace = await post(server.port, `/~${plain}/@exp-1;ttl=1h${openai.path}`, { body });
  assertMiss(namespace);
  const listed = await ask(server.port, { path: `/~${plain}/openai/v1/models?limit=3` });
  assert.equal(listed.status, 200);
  for (const call of provider.calls) {
    assert.doesNotMatch(call.rawHead, /SECRET|askonce-token/i);
    assert.doesNotMatch(call.target, /~/);
  }
  assert.equal(provider.calls.at(-1)?.target, "/v1/models?limit=3");
  assert.match((await ask(server.port, { path: `/~${plain}` })).text, /^askonce /);
});

test("bodies pass unchanged behind a token in the path, whole, streamed and larger than is kept", {
  timeout: 60_000,
}, async (t) => {
  const provider = await startProvider(async (call) => {
    await call.body;
    await call.reply({ headers: { "Content-Type": "application/json" }, body: `"${call.sha256()}"` });
  });
  const own = token("path");
  const server = await startAskonce({
    flags: ["--provider", `openai=${provider.url}`, "--access-tokens", own],
  });
  t.after(async () => {
    await server.kill();
    await provider.close();
  });
  for (const size of [0, 1, 70_000, 12_000_000]) {
    const body = new Uint8Array(size).map((_, at) => (at * 7) & 0xff);
    const answer = await ask(server.port, { method: "POST", path: `/~${own}/openai/v1/files`, body });
    assert.equal(answer.json, createHash("sha256").update(body).digest("hex"), `${size} bytes`);
  }
  provider.handler = () => {};
  provider.forget();
  const events = openai.events("live");
  const request = JSON.stringify(openai.request(fresh(), true));
  const client = await send(server.port, { path: `/~${own}${openai.path}`, body: request });
  const call = await provider.next();
  sameBytes(await call.body, new TextEncoder().encode(request));
  await call.head({ headers: { "Content-Type": "text/event-stream" } });
  await call.chunk(events[0] ?? "");
  await client.until((answer) => answer.text === events[0]);
  client.destroy();
});

test("what has a guard of its own, or says nothing, needs no access token; a page may ask what it may send", {
  timeout: 60_000,
}, async (t) => {
  const server = await startAskonce({ flags: ["--access-tokens", token("own")] });
  t.after(() => server.kill());
  for (const path of ["/healthz", "/readyz", "/metrics", "/admin/api/docs"]) {
    assert.equal((await ask(server.port, { path })).status, 200, path);
  }
  assert.equal((await ask(server.port, { path: "/admin/api/stats" })).json.error.code, "unauthorized");
  const preflight = (origin: string) =>
    ask(server.port, {
      method: "OPTIONS",
      path: "/openai/v1/chat/completions",
      headers: { Origin: origin, "Access-Control-Request-Method": "POST" },
    });
  const allowed = await preflight("http://localhost:3000");
  assert.equal(allowed.status, 204);
  assert.match(allowed.header("access-control-allow-headers") ?? "", /X-Askonce-Token/);
  assertRefused(await preflight("https://evil.example"));
});

for (const log of ["text", "json"]) {
  test(`an access token is found neither in the data folder nor in what is printed: log ${log}`, {
    timeout: 60_000,
  }, async (t) => {
    const marks = new Marks();
    const provider = await startProvider(answerWell);
    const known = marks.secret("known");
    const file = join(tempFolder(), "askonce.toml");
    writeFileSync(file, `access_tokens = ["${known}"]\n`);
    const server = await startAskonce({
      flags: ["--provider", `openai=${provider.url}`, "--config", file, "--log", log],
    });
    t.after(() => server.kill());
    const unknown = marks.secret("unknown");
    for (const one of [known, unknown]) {
      const body = openai.request(fresh(), false);
      await post(server.port, openai.path, { body, headers: { [HEADER]: one } });
      await post(server.port, `/~${one}${openai.path}`, { body });
      await post(server.port, `/~${one}/nobody/x?y=1`, { body });
      await ask(server.port, { path: `/~${one}/openai/v1/models`, headers: { [HEADER]: one } });
      const referer = `http://127.0.0.1:${server.port}/~${one}/`;
      await ask(server.port, { path: `/~${one}/openai/v1/models`, headers: { Referer: referer } });
      await ask(server.port, { path: `/~${one}/x`, headers: { Host: "evil.example" } });
      await ask(server.port, { path: `/~${one}/x`, headers: { Host: "evil.example", Referer: referer } });
    }
    const stray = [
      `/@ns/~${known}${openai.path}`,
      `/openai/~${known}/v1/chat/completions`,
      `/${known}${openai.path}`,
      `//~${known}${openai.path}`,
      `/~${known}/~${known}${openai.path}`,
      `${openai.path}?x=/~${known}`,
      `${openai.path}?x=%7E${known}&y=1`,
    ];
    for (const path of stray) {
      const body = openai.request(fresh(), false);
      await post(server.port, path, { body });
      await post(server.port, path, { body, headers: { [HEADER]: known } });
    }
    for (const call of provider.calls) assert.ok(!call.target.includes(known), call.target);
    const config = await admin(server, "/admin/api/config");
    assert.equal(config.json.settings.access_tokens, "***");
    const printed = await Promise.all([
      runAskonce(["config", "--config", file]),
      runAskonce(["export", "--data", server.data]),
      runAskonce(["doctor", "--offline", "--config", file, "--data", server.data]),
    ]);
    await provider.close();
    const running = readable(server.data);
    const exited = await server.stop();
    const places: [string, Buffer][] = [
      ...running,
      ...readable(server.data),
      ...[exited, ...printed].map(({ stdout, stderr }): [string, Buffer] => [
        "printed",
        Buffer.from(stdout + stderr),
      ]),
      ["admin", Buffer.from(config.text)],
    ];
    assert.ok(exited.stdout.split("\n").length > 12, "the log has lines");
    assert.match(exited.stdout, /\/nobody\/x\?y=/);
    assert.deepEqual(marks.foundIn(places), []);
  });
}

test(
  "a file of tokens without any lets nobody in: the start is refused, and what was in force stays",
  OWN_PROCESS,
  async (t) => {
    const file = join(tempFolder(), "tokens");
    const flags = ["--access-tokens-file", file];
    for (const text of ["", "\n \n", "# nobody yet\n"]) {
      writeFileSync(file, text);
      const { code, stderr } = await runAskonce([
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--data",
        tempFolder(),
        ...flags,
      ]);
      assert.equal(code, 2, stderr);
      assert.match(stderr, /access_tokens_file = ".*" \(has no token\)/);
    }
    const own = token("own");
    writeFileSync(file, `${own}\n`);
    const server = await startAskonce({ flags });
    t.after(() => server.kill());
    const asks = async (headers = {}) => (await ask(server.port, { path: "/nobody/x", headers })).status;
    assert.deepEqual([await asks(), await asks({ [HEADER]: own })], [401, 404]);
    writeFileSync(file, "");
    server.signal("SIGHUP");
    await server.printed(({ stderr }) => stderr.includes("has no token"), 5000);
    assert.deepEqual([await asks(), await asks({ [HEADER]: own })], [401, 404]);
  },
);

test("tokens that are added and taken away count from the next SIGHUP", OWN_PROCESS, async (t) => {
  const provider = await startProvider(answerWell);
  const [old, next] = [token("old"), token("next")];
  const config = join(tempFolder(), "askonce.toml");
  writeFileSync(config, `access_tokens = ["${old}"]\n`);
  const server = await startAskonce({ flags: ["--config", config, "--provider", `openai=${provider.url}`] });
  t.after(async () => {
    await server.kill();
    await provider.close();
  });
  const asks = async (one: string) =>
    (await ask(server.port, { path: "/openai/v1/models", headers: { [HEADER]: one } })).status;
  assert.deepEqual([await asks(old), await asks(next)], [200, 401]);
  // Hits of which the whole request is remembered are no way around it either.
  const body = openai.request(fresh(), false);
  const hits = async (one: string) => {
    const inHeader = await post(server.port, openai.path, { body, headers: { [HEADER]: one } });
    const inPath = await post(server.port, `/~${one}${openai.path}`, { body });
    return [inHeader.cache, inPath.cache];
  };
  for (let i = 0; i < 3; i++) await hits(old);
  assert.deepEqual(await hits(old), ["HIT", "HIT"]);
  writeFileSync(config, `access_tokens = ["${next}"]\n`);
  server.signal("SIGHUP");
  await eventually(async () => assert.deepEqual([await asks(old), await asks(next)], [401, 200]));
  assert.deepEqual(await hits(old), ["BYPASS", "BYPASS"]);
  assert.deepEqual(await hits(next), ["HIT", "HIT"]);
});

test("a named proxy is believed about who asks, and nobody else is", OWN_PROCESS, async (t) => {
  const provider = await startProvider(answerWell);
  const flags = ["--provider", `openai=${provider.url}`];
  const [without, named] = await Promise.all([
    startAskonce({ flags }),
    startAskonce({ flags: [...flags, "--trusted-proxies", "127.0.0.0/8, 10.0.0.0/8"] }),
  ]);
  t.after(async () => {
    await without.kill();
    await named.kill();
    await provider.close();
  });
  const asks = async (server: Askonce, headers: Record<string, string>, path = "/openai/v1/models") => {
    const before = server.log.length;
    const { status } = await ask(server.port, { path, headers });
    if (path !== "/openai/v1/models") return status;
    await server.printed(({ log }) => log.length > before, 5000);
    return server.log[before]?.split(" ")[0];
  };
  const list = { "X-Forwarded-For": "1.2.3.4, 203.0.113.9, 10.0.0.7" };
  assert.equal(await asks(without, list), "127.0.0.1");
  assert.equal(await asks(named, list), "203.0.113.9");
  assert.equal(await asks(named, { Forwarded: 'for="[2001:db8::7]:4711"' }), "2001:db8::7");
  assert.equal(await asks(named, { "X-Forwarded-For": "nonsense" }), "127.0.0.1");
  assert.equal(await asks(named, {}), "127.0.0.1");
  // The same again and again, of which the answer is remembered whole.
  const body = openai.request(fresh(), false);
  for (const server of [without, named]) {
    const asked = () => server.log.filter((line) => line.includes('"POST '));
    for (let i = 0; i < 4; i++) await post(server.port, openai.path, { body, headers: list });
    await server.printed(() => asked().length === 4, 5000);
    const own = server === named ? "203.0.113.9" : "127.0.0.1";
    assert.deepEqual([...new Set(asked().map((line) => line.split(" ")[0]))], [own]);
  }
  // Who comes through a proxy is not this machine itself, whatever the header says.
  assert.equal(await asks(without, {}, "/metrics"), 200);
  assert.equal(await asks(named, {}, "/metrics"), 401);
  assert.equal(await asks(named, { "X-Forwarded-For": "127.0.0.1" }, "/metrics"), 401);
  const welcome = await ask(named.port, { path: "/", headers: { "X-Forwarded-Proto": "https" } });
  assert.match(welcome.text, /OPENAI_BASE_URL=https:\/\/127/);
});

test("beyond loopback a model server that asks for no key is served only where the settings name it", {
  timeout: 60_000,
}, async (t) => {
  const provider = await startProvider(answerWell);
  const flags = ["--scope", "shared", "--provider", `vllm=${provider.url}`];
  const open = await startAskonce({ listen: "0.0.0.0:0", flags });
  const guarded = await startAskonce({
    listen: "0.0.0.0:0",
    flags: [...flags, "--access-tokens", token("lan")],
  });
  t.after(async () => {
    await open.kill();
    await guarded.kill();
    await provider.close();
  });
  assert.match(open.stderr, /use vllm without a key: set access_tokens/);
  assert.match(open.stderr, /ollama, lmstudio, llamacpp .*not served/);
  assert.doesNotMatch(guarded.stderr, /without a key|not served/);
  const withheld = await post(open.port, "/ollama/api/chat", { body: { model: "m", messages: [] } });
  assert.deepEqual([withheld.status, withheld.header("x-cache-status")], [404, "BYPASS"]);
  assert.match(withheld.text, /--provider ollama=URL/);
  assert.equal((await ask(open.port, { path: "/vllm/v1/models" })).status, 200);
  assert.doesNotMatch((await ask(open.port, { path: "/" })).text, /ollama/);
});

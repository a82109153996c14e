import assert from "node:assert/strict";
import { test } from "node:test";
import { embedding, families, openai } from "../support/answers.ts";
import { runAskonce, startAskonce } from "../support/askonce.ts";
import { ask, post } from "../support/raw.ts";
import { assertHit, assertMiss, fresh, OWN_PROCESS, session } from "../support/session.ts";

const run = session({ flags: ["--ttl", "4d"] });

/** nginx's line with the seed's last field. */
const LINE =
  /^127\.0\.0\.1 - - \[\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] "POST \/openai\/v1\/chat\/completions HTTP\/1\.1" 200 (\d+) "-" "agent\/1" Cache: (HIT|MISS)$/;

test("the same request twice is MISS then HIT with the same bytes and one provider call", async () => {
  const body = openai.request(fresh(), false);
  const provider = run.providers.named("openai");
  const before = provider.count;
  const first = await post(run.port, openai.path, { body, headers: openai.headers });
  const second = await post(run.port, openai.path, { body, headers: openai.headers });
  assertMiss(first);
  assertHit(second, first);
  assert.equal(provider.count, before + 1);
});

test("the log says MISS then HIT in nginx's format, with the bytes of the body", async () => {
  // The lines of earlier requests may come late: this agent is in these two only.
  const mine = () => run.server.log.filter((line) => line.includes("agent/1"));
  const body = openai.request(fresh(), false);
  const first = await post(run.port, openai.path, { body, headers: { "user-agent": "agent/1" } });
  await post(run.port, openai.path, { body, headers: { "user-agent": "agent/1" } });
  await run.server.printed(() => mine().length >= 2, 5000);
  const lines = mine().map((line) => LINE.exec(line) ?? assert.fail(`log line: ${line}`));
  assert.deepEqual(
    lines.map((match) => [match[1], match[2]]),
    [
      [String(first.body.byteLength), "MISS"],
      [String(first.body.byteLength), "HIT"],
    ],
  );
});

test("a hit carries Age, X-Cache-Key and Cache-Status; a miss the same key", async () => {
  const body = openai.request(fresh(), false);
  const first = await post(run.port, openai.path, { body });
  const second = await post(run.port, openai.path, { body });
  assert.match(first.header("x-cache-key") ?? "", /^[0-9a-f]{64}$/);
  assert.equal(second.header("x-cache-key"), first.header("x-cache-key"));
  assert.match(first.header("cache-status") ?? "", /^askonce; ?fwd=uri-miss/);
  assert.match(second.header("cache-status") ?? "", /^askonce; ?hit; ?ttl=3[0-9]{5}\b/);
  assert.match(second.header("age") ?? "", /^[0-5]$/);
});

test("every answer carries an X-Request-Id, its own on a hit, and the provider's where there is one", async () => {
  const body = openai.request(fresh(), false);
  const first = await post(run.port, openai.path, { body });
  const second = await post(run.port, openai.path, { body });
  assert.match(first.header("x-request-id") ?? "", /./);
  assert.match(second.header("x-request-id") ?? "", /./);
  assert.notEqual(first.header("x-request-id"), second.header("x-request-id"));
  run.script("openai", (call) =>
    call.reply({ headers: { "X-Request-Id": "req_theirs", "Content-Type": "application/json" }, body: "{}" }),
  );
  const theirs = await ask(run.port, { path: "/openai/v1/models", method: "GET" });
  assert.deepEqual(theirs.all("x-request-id"), ["req_theirs"]);
});

for (const family of families) {
  for (const stream of [false, true]) {
    test(`${family.name}, ${stream ? "streamed" : "one document"}: MISS, then HIT with the same bytes`, async () => {
      const path = stream ? family.streamPath : family.path;
      const body = family.request(fresh(), stream);
      const provider = run.script(family.provider, run.providers.named("xai").handler);
      const first = await post(run.port, path, { body, headers: family.headers });
      const second = await post(run.port, path, { body, headers: family.headers });
      assertMiss(first);
      assertHit(second, first);
      assert.equal(provider.count, 1);
    });
  }
}

test("embeddings are kept too", async () => {
  const provider = run.script("openai", run.providers.named("xai").handler);
  const body = embedding.request(fresh());
  const first = await post(run.port, embedding.path, { body });
  assertMiss(first);
  assertHit(await post(run.port, embedding.path, { body }), first);
  assert.equal(provider.count, 1);
});

test("two requests that differ in one digit, in the model or in the namespace never share an answer", async () => {
  const marker = fresh();
  const asked = [
    openai.request(`${marker} 1`, false),
    openai.request(`${marker} 2`, false),
    { ...openai.request(`${marker} 1`, false), model: "m-2" },
    { ...openai.request(`${marker} 1`, false), seed: 1234567890 },
  ];
  const long = JSON.stringify(asked[3]).replace("1234567890", "12345678901234567890");
  const bodies = [...asked.map((body) => JSON.stringify(body)), long, long.replace("7890}", "7891}")];
  const keys = new Set<string | undefined>();
  for (const body of bodies) keys.add((await post(run.port, openai.path, { body })).header("x-cache-key"));
  keys.add((await post(run.port, `/@exp-7${openai.path}`, { body: bodies[0] })).header("x-cache-key"));
  assert.equal(keys.size, 7);
});

test("a namespace keeps its own answers, and both root and provider path can follow it", async () => {
  const body = openai.request(fresh(), false);
  const plain = await post(run.port, openai.path, { body });
  const named = await post(run.port, `/@exp-7${openai.path}`, { body });
  assert.deepEqual([plain.cache, named.cache], ["MISS", "MISS"]);
  assertHit(await post(run.port, "/@exp-7/v1/chat/completions", { body }), named);
  assert.equal(
    (await post(run.port, "/@exp 7/v1/chat/completions".replace(" ", "%20"), { body })).status,
    400,
  );
});

test("an unknown provider is a 404 that lists the known ones and calls nobody", async () => {
  run.providers.forget();
  for (const name of ["nobody", "constructor", "__proto__", "toString"]) {
    const answer = await post(run.port, `/${name}/v1/chat/completions`, { body: "{}" });
    assert.equal(answer.status, 404, name);
    assert.match(answer.text, /unknown_provider/);
    for (const known of ["openai", "anthropic", "llamacpp"]) assert.ok(answer.text.includes(known), known);
    assert.match(answer.header("cache-status") ?? "", /detail="?unknown_provider/);
    assert.ok(answer.header("x-cache-status"));
  }
  assert.equal(run.calls, 0);
});

test("GET / says where to point a client; health and readiness answer 200", async () => {
  const home = await ask(run.port, { path: "/" });
  assert.equal(home.status, 200);
  assert.match(home.text, /askonce/i);
  assert.match(home.text, /OPENAI_BASE_URL/);
  for (const path of ["/healthz", "/readyz"]) assert.equal((await ask(run.port, { path })).status, 200, path);
});

test("the start prints the address and a base URL to paste, on stderr; stdout holds log lines only", () => {
  assert.match(run.server.stderr, new RegExp(`http://127\\.0\\.0\\.1:${run.port}\\b`));
  assert.match(run.server.stderr, /OPENAI_BASE_URL=http:\/\/127\.0\.0\.1:\d+\/openai\/v1/);
  for (const line of run.server.log) assert.match(line, / Cache: (HIT|MISS|BYPASS|-)$/);
});

test(
  "--version prints version, runtime and platform, --help the settings, both with exit code 0",
  OWN_PROCESS,
  async () => {
    const version = await runAskonce(["--version"]);
    assert.equal(version.code, 0);
    const platform = `${process.platform === "win32" ? "windows" : process.platform}-${process.arch}`;
    assert.match(
      version.stdout,
      new RegExp(`^askonce \\d+\\.\\d+\\.\\d+ \\(.*(?:bun|deno) [\\d.]+, ${platform}\\)\n$`),
    );
    const help = await runAskonce(["--help"]);
    assert.equal(help.code, 0);
    for (const word of ["serve", "--listen", "--provider"]) assert.ok(help.stdout.includes(word), word);
  },
);

test("--log json gives one JSON object a request, --log off none", OWN_PROCESS, async (t) => {
  const flags = run.providers.flags;
  const json = await startAskonce({ flags: [...flags, "--log", "json"] });
  t.after(() => json.kill());
  const body = openai.request(fresh(), false);
  await post(json.port, openai.path, { body });
  await post(json.port, openai.path, { body });
  await json.printed((server) => server.log.length >= 2, 5000);
  const lines = json.log.map((line) => JSON.parse(line));
  assert.deepEqual(
    lines.map((line) => Object.values(line).find((value) => value === "MISS" || value === "HIT")),
    ["MISS", "HIT"],
  );
  const off = await startAskonce({ flags: [...flags, "--log", "off"] });
  t.after(() => off.kill());
  await post(off.port, openai.path, { body });
  const exited = await off.stop();
  assert.deepEqual([exited.code, exited.stdout], [0, ""]);
});

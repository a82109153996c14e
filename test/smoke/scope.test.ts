import assert from "node:assert/strict";
import { test } from "node:test";
import { answerWell, openai } from "../support/answers.ts";
import { runAskonce, startAskonce } from "../support/askonce.ts";
import { startProvider } from "../support/provider.ts";
import { ask, post } from "../support/raw.ts";
import { assertHit, assertMiss, fresh, OWN_PROCESS, session } from "../support/session.ts";

const pools = session({
  flags: [
    "--scope",
    "credential",
    "--allowed-hosts",
    "box.example.org",
    "--allowed-origins",
    "https://app.example.org",
  ],
});
const keyA = { authorization: "Bearer sk-a" };
const keyB = { authorization: "Bearer sk-b" };

test("under scope credential each key has its own pool", async () => {
  const body = openai.request(fresh(), false);
  const a = await post(pools.port, openai.path, { body, headers: keyA });
  const b = await post(pools.port, openai.path, { body, headers: keyB });
  assertMiss(a);
  assertMiss(b);
  assert.notEqual(a.text, b.text);
  assertHit(await post(pools.port, openai.path, { body, headers: keyA }), a);
  assertHit(await post(pools.port, openai.path, { body, headers: keyB }), b);
});

test("the same key is the same credential in whatever header or query it travels", async () => {
  const path = "/google/v1beta/models/m-1:generateContent";
  const body = openai.request(fresh(), false);
  const first = await post(pools.port, path, { body, headers: { "x-goog-api-key": "one" } });
  assertMiss(first);
  assertHit(await post(pools.port, `${path}?key=one`, { body }), first);
  assertHit(await post(pools.port, path, { body, headers: { authorization: "Bearer one" } }), first);
  assert.equal((await post(pools.port, `${path}?key=two`, { body })).cache, "MISS");
  const both = { authorization: "Bearer one", "x-goog-api-key": "two" };
  assert.equal((await post(pools.port, path, { body, headers: both })).cache, "MISS");
});

test("under scope credential a request without one is BYPASS, but not towards a provider that needs none", async () => {
  const body = { ...openai.request(fresh(), false), stream: false };
  for (const _ of [1, 2]) assert.equal((await post(pools.port, openai.path, { body })).cache, "BYPASS");
  for (const path of ["/ollama/api/chat", "/vllm/v1/chat/completions"]) {
    const first = await post(pools.port, path, { body });
    assertMiss(first);
    assertHit(await post(pools.port, path, { body }), first);
  }
});

const hosts = (name: string) => ({ path: "/healthz", headers: { Host: name } });

test("a Host that a rebound name could carry is a 421 that names the setting, and calls nobody", async () => {
  pools.providers.forget();
  for (const name of [
    "evil.example",
    "evil.example:8181",
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "a.b.c",
    "internal.evil.example",
  ]) {
    const body = JSON.stringify(openai.request(fresh(), false));
    const answer = await ask(pools.port, { path: openai.path, headers: { Host: name, ...keyA }, body });
    assert.equal(answer.status, 421, name);
    assert.match(answer.text, /allowed_hosts/);
    assert.match(answer.text, /forbidden_host/);
  }
  assert.equal(pools.calls, 0);
});

test("IP addresses, names without a dot, local names and allowed hosts are served", async () => {
  const names = [
    "127.0.0.1",
    "10.1.2.3:99",
    "[::1]",
    "[::1]:8181",
    "localhost",
    "LOCALHOST:1",
    "app.localhost",
    "box",
    "printer.local",
  ];
  for (const name of [...names, "llm.corp.internal", "box.example.org", "Box.Example.Org:443"]) {
    assert.equal((await ask(pools.port, hosts(name))).status, 200, name);
  }
});

test("a page of another site never gets a hit, its request is forwarded each time; loopback and allowed pages do", async () => {
  const body = openai.request(fresh(), false);
  const first = await post(pools.port, openai.path, { body, headers: keyA });
  for (const origin of [
    "https://evil.example",
    "null",
    "http://localhost.evil.example",
    "https://app.example.org.evil.example",
  ]) {
    pools.providers.forget();
    const answer = await post(pools.port, openai.path, { body, headers: { ...keyA, Origin: origin } });
    assert.deepEqual([answer.status, answer.cache === "HIT", pools.calls], [200, false, 1], origin);
    assert.notEqual(answer.text, first.text, origin);
  }
  for (const origin of [
    "http://localhost:3000",
    "http://127.0.0.1",
    "https://[::1]:5",
    "https://app.example.org",
  ]) {
    const answer = await post(pools.port, openai.path, { body, headers: { ...keyA, Origin: origin } });
    assert.equal(answer.cache, "HIT", origin);
    assert.match(answer.header("access-control-allow-origin") ?? "", /./, origin);
    assert.match(answer.header("access-control-expose-headers") ?? "", /x-cache-status/i);
  }
});

test("a preflight allows askonce's headers and the method, and calls nobody", async () => {
  pools.providers.forget();
  const answer = await ask(pools.port, {
    method: "OPTIONS",
    path: openai.path,
    headers: {
      Origin: "http://localhost:3000",
      "Access-Control-Request-Method": "POST",
      "Access-Control-Request-Headers": "authorization,content-type,x-cache-ttl,x-stainless-os",
    },
  });
  assert.ok(answer.status === 200 || answer.status === 204);
  assert.match(answer.header("access-control-allow-headers") ?? "", /x-cache-ttl|\*/i);
  assert.match(answer.header("access-control-allow-headers") ?? "", /authorization/i);
  assert.match(answer.header("access-control-allow-methods") ?? "", /POST|\*/);
  assert.equal(pools.calls, 0);
});

test(
  "under scope shared two keys share an answer, but not one that is bound to an account",
  OWN_PROCESS,
  async (t) => {
    const provider = await startProvider(answerWell);
    const names = ["openai", "anthropic", "google"];
    const server = await startAskonce({
      flags: names.flatMap((name) => ["--provider", `${name}=${provider.url}`]),
    });
    t.after(async () => {
      await server.kill();
      await provider.close();
    });
    const shared = openai.request(fresh(), false);
    const first = await post(server.port, openai.path, { body: shared, headers: keyA });
    assertHit(await post(server.port, openai.path, { body: shared, headers: keyB }), first);

    const file = (type: string) => [
      { role: "user", content: [{ type, file_id: "file-1", file: { file_id: "file-1" } }] },
    ];
    const bound: [string, object][] = [
      ["/openai/v1/responses", { model: "m", input: fresh() }],
      ["/openai/v1/responses", { model: "m", input: fresh(), store: true }],
      [
        "/openai/v1/responses",
        { model: "m", input: fresh(), store: false, include: ["reasoning.encrypted_content"] },
      ],
      ["/openai/v1/responses", { model: "m", store: false, input: file("input_file"), user_text: fresh() }],
      ["/openai/v1/chat/completions", { model: "m", messages: file("file"), seed: 7 }],
    ];
    for (const [path, body] of bound) {
      const what = JSON.stringify(body);
      const a = await post(server.port, path, { body, headers: keyA });
      assertMiss(a);
      assert.equal((await post(server.port, path, { body, headers: keyB })).cache, "MISS", what);
      assertHit(await post(server.port, path, { body, headers: keyA }), a);
    }
    const open = { model: "m", input: fresh(), store: false };
    const a = await post(server.port, "/openai/v1/responses", { body: open, headers: keyA });
    assertHit(await post(server.port, "/openai/v1/responses", { body: open, headers: keyB }), a);
  },
);

test("a 404 of one key is no answer for another", OWN_PROCESS, async (t) => {
  const provider = await startProvider((call) =>
    call.reply({ status: 404, body: '{"error":{"message":"no"}}' }),
  );
  const server = await startAskonce({ flags: ["--provider", `openai=${provider.url}`] });
  t.after(async () => {
    await server.kill();
    await provider.close();
  });
  const body = openai.request(fresh(), false);
  await post(server.port, openai.path, { body, headers: keyA });
  assert.equal((await post(server.port, openai.path, { body, headers: keyA })).cache, "HIT");
  assert.equal((await post(server.port, openai.path, { body, headers: keyB })).cache, "MISS");
});

for (const listen of ["0.0.0.0:0", "[::]:0", ":0"]) {
  test(
    `--listen ${listen} refuses to start where nobody chose a scope, and names the choices`,
    OWN_PROCESS,
    async () => {
      const exited = await runAskonce(["--listen", listen]);
      assert.equal(exited.code, 2);
      for (const choice of ["scope", "shared", "verified", "credential"])
        assert.ok(exited.stderr.includes(choice), choice);
    },
  );
}

test("beyond loopback with a chosen scope it serves", OWN_PROCESS, async (t) => {
  const server = await startAskonce({
    listen: null,
    flags: ["--listen", "0.0.0.0:0", "--scope", "credential"],
  }).catch((fault) => assert.fail(String(fault)));
  t.after(() => server.kill());
  assert.equal((await ask(server.port, { path: "/healthz" })).status, 200);
});

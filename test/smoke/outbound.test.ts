import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { type TestContext, test } from "node:test";
import { answerWell, openai } from "../support/answers.ts";
import { startAskonce, target } from "../support/askonce.ts";
import { type CorporateProxy, startProxy, startTls } from "../support/corporate.ts";
import { startProvider } from "../support/provider.ts";
import { ask, post } from "../support/raw.ts";
import { pemFile } from "../support/secure.ts";
import { assertHit, assertMiss, fresh } from "../support/session.ts";

const LONG = { timeout: 90_000 };
const CA = { NODE_EXTRA_CA_CERTS: pemFile("ca.pem") };
/** Never asked for by name: nothing answers to it. */
const FAR = "https://provider.example";

/** A provider behind TLS and a proxy that leads there, whatever it is asked for. */
async function company(t: TestContext) {
  const provider = await startProvider(answerWell);
  const tls = await startTls(provider.port);
  const proxy = await startProxy(tls.port);
  t.after(async () => {
    await proxy.close();
    await tls.close();
    await provider.close();
  });
  const start = async (url: string, env: Record<string, string>) => {
    const server = await startAskonce({ flags: ["--provider", `openai=${url}`], env });
    t.after(() => server.kill());
    return server;
  };
  return { provider, tls, proxy, start };
}

function connects(proxy: CorporateProxy): string[] {
  return [...new Set(proxy.lines)];
}

test(
  "calls to providers go through HTTPS_PROXY, whatever they carry, with its credentials and no provider's",
  LONG,
  async (t) => {
    const { provider, proxy, start } = await company(t);
    const env = { ...CA, HTTPS_PROXY: `http://user:p%40ss@127.0.0.1:${proxy.port}` };
    const server = await start(FAR, env);
    const headers = { authorization: "Bearer sk-of-the-provider" };
    for (const stream of [false, true]) {
      const body = openai.request(fresh(), stream);
      const first = await post(server.port, openai.path, { body, headers });
      assertMiss(first);
      assertHit(await post(server.port, openai.path, { body, headers }), first);
    }
    assert.equal((await ask(server.port, { path: "/openai/v1/models", headers })).status, 200);
    provider.handler = async (call) => {
      await call.body;
      await call.reply({ headers: { "Content-Type": "application/json" }, body: `"${call.sha256()}"` });
    };
    // Not cached, so streamed up; with its length, for which Deno has another client.
    const body = new Uint8Array(3_000_000).map((_, at) => (at * 13) & 0xff);
    const uploaded = await ask(server.port, { method: "POST", path: "/openai/v1/files", body, headers });
    assert.equal(uploaded.json, createHash("sha256").update(body).digest("hex"));
    assert.equal(provider.count, 4);
    assert.deepEqual(connects(proxy), ["CONNECT provider.example:443 HTTP/1.1"]);
    const own = `Basic ${Buffer.from("user:p@ss").toString("base64")}`;
    assert.deepEqual([...new Set(proxy.credentials)], [own]);
    // Deno's own client repeats them inside the tunnel, whatever it is told: docs/exposure.md says so.
    if (target !== "deno") for (const call of provider.calls) assert.doesNotMatch(call.rawHead, /proxy-/i);
    assert.doesNotMatch(server.stderr + server.stdout, /p%40ss|p@ss/);
  },
);

test("what NO_PROXY names, and this machine, is called directly", LONG, async (t) => {
  const { provider, tls, proxy, start } = await company(t);
  const through = { ...CA, HTTPS_PROXY: `http://127.0.0.1:${proxy.port}` };
  const near = await start(`https://127.0.0.1:${tls.port}`, through);
  assertMiss(await post(near.port, openai.path, { body: openai.request(fresh(), false) }));
  const body = new Uint8Array(100_000);
  assert.equal((await ask(near.port, { method: "POST", path: "/openai/v1/files", body })).status, 200);
  assert.deepEqual([proxy.lines, provider.count], [[], 2]);
  for (const names of ["provider.example", "a.b,.example"]) {
    const direct = await start(FAR, { ...through, NO_PROXY: names });
    const answer = await post(direct.port, openai.path, { body: openai.request(fresh(), false) });
    assert.deepEqual([answer.status, answer.json.error.code], [502, "upstream_unreachable"], names);
    await direct.kill();
  }
  assert.deepEqual(proxy.lines, []);
});

test(
  "a proxy that refuses, or is not there, is an error of askonce's and is not asked twice for one call",
  LONG,
  async (t) => {
    const { provider, proxy, start } = await company(t);
    const server = await start(FAR, { ...CA, https_proxy: `http://127.0.0.1:${proxy.port}` });
    proxy.refuses = "407 Proxy Authentication Required";
    const refused = await post(server.port, openai.path, { body: openai.request(fresh(), false) });
    assert.deepEqual([refused.status, refused.json.error.code], [502, "upstream_unreachable"], refused.text);
    proxy.refuses = undefined;
    assertMiss(await post(server.port, openai.path, { body: openai.request(fresh(), false) }));
    assert.equal(provider.count, 1);
    await proxy.close();
    const gone = await post(server.port, openai.path, { body: openai.request(fresh(), false) });
    assert.deepEqual([gone.status, gone.json.error.code], [502, "upstream_unreachable"]);
  },
);

test(
  "a private authority is believed where the environment names its certificate, and nowhere else",
  LONG,
  async (t) => {
    const { provider, tls, start } = await company(t);
    const url = `https://127.0.0.1:${tls.port}`;
    const upload = { method: "POST", path: "/openai/v1/files", body: new Uint8Array(100_000) };
    const without = await start(url, { NODE_EXTRA_CA_CERTS: "", SSL_CERT_FILE: "", SSL_CERT_DIR: "" });
    for (const answer of [
      await post(without.port, openai.path, { body: openai.request(fresh(), false) }),
      await ask(without.port, upload),
    ]) {
      assert.deepEqual([answer.status, answer.json.error.code], [502, "upstream_unreachable"]);
    }
    assert.equal(provider.count, 0);
    const system = {
      SSL_CERT_FILE: pemFile("ca.pem"),
      ...(target === "deno" && { DENO_TLS_CA_STORE: "system" }),
    };
    for (const env of [CA, { NODE_EXTRA_CA_CERTS: "", ...system }]) {
      const server = await start(url, env);
      assertMiss(await post(server.port, openai.path, { body: openai.request(fresh(), false) }));
      assert.equal((await ask(server.port, upload)).status, 200, JSON.stringify(Object.keys(env)));
      await server.kill();
    }
    assert.equal(provider.count, 4);
  },
);

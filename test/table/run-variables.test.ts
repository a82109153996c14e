import assert from "node:assert/strict";
import { test } from "node:test";
import { commandEnvironment } from "../../src/cli/run-environment.ts";
import { upstreamsIn } from "../../src/cli/upstreams.ts";
import { clientVariablesOf } from "../../src/providers/client-variables.ts";
import { builtinNames, providersFor } from "../../src/providers/table.ts";

const BASE = "http://127.0.0.1:1234";

function told(env: Readonly<Record<string, string>>, offline = false) {
  const upstreams = upstreamsIn(env, []);
  const settings = upstreams.map(({ setting }) => setting);
  const providers = [...providersFor(settings).values()];
  const environment = commandEnvironment({ env }, { base: BASE, providers, upstreams, offline });
  return { upstreams, environment };
}

test("every variable of the table is set, each with the path that its clients begin with", () => {
  const { environment } = told({});
  for (const provider of builtinNames)
    for (const { name, path } of clientVariablesOf(provider))
      assert.equal(environment[name], `${BASE}/${provider}${path}`, name);
  assert.equal(environment.AZURE_OPENAI_ENDPOINT, undefined);
});

test("no variable stands for two providers, and each ends where a path of its provider can begin", () => {
  const seen = new Set<string>();
  const providers = providersFor([]);
  for (const provider of builtinNames) {
    const { upstreamPath } = providers.get(provider)!;
    for (const { name, path } of clientVariablesOf(provider)) {
      assert.equal(seen.has(name), false, name);
      seen.add(name);
      // Both forms are known, the one with the path and the short one.
      if (path !== "")
        assert.equal(upstreamPath(`${path}/chat/completions`), upstreamPath("/chat/completions"), name);
    }
  }
});

test("addresses in the environment become providers, the first variable of each counts", () => {
  const urls = (env: Readonly<Record<string, string>>) =>
    told(env).upstreams.map(({ setting: { name, url } }) => `${name}=${url}`);
  assert.deepEqual(urls({ OPENAI_BASE_URL: "http://a/v1", OPENAI_API_BASE: "http://b/v1" }), [
    "openai=http://a/v1",
  ]);
  assert.deepEqual(urls({ OPENAI_BASE_URL: "", OPENAI_API_BASE: "http://b/v1/" }), ["openai=http://b/v1"]);
  assert.deepEqual(urls({ OPENAI_BASE_URL: "https://open.example/api/paas/v4" }), [
    "openai=https://open.example",
  ]);
  assert.deepEqual(urls({ GROQ_API_BASE: "https://g.example/openai/v1" }), [
    "groq=https://g.example/openai/v1",
  ]);
  for (const [host, url] of [
    ["10.0.0.5", "http://10.0.0.5:11434"],
    ["0.0.0.0:9999", "http://127.0.0.1:9999"],
    [":7000", "http://127.0.0.1:7000"],
    ["https://box.example/ollama", "https://box.example/ollama"],
  ])
    assert.deepEqual(urls({ OLLAMA_HOST: host! }), [`ollama=${url}`]);
  assert.throws(() => urls({ MISTRAL_API_BASE: "localhost" }), /MISTRAL_API_BASE/);
});

test("Azure's address makes it a provider, and its clients find it", () => {
  const { environment, upstreams } = told({ AZURE_OPENAI_ENDPOINT: "https://r.openai.azure.com/" });
  assert.equal(upstreams[0]?.setting.url, "https://r.openai.azure.com");
  assert.equal(environment.AZURE_OPENAI_ENDPOINT, `${BASE}/azure`);
  assert.equal(environment.AZURE_API_BASE, `${BASE}/azure`);
  assert.equal(environment.OPENAI_BASE_URL, `${BASE}/openai/v1`);
});

test("clients of an address with another path are told that path, and only those", () => {
  const { environment } = told({ OPENAI_BASE_URL: "https://x.example/v1beta/openai" });
  assert.equal(environment.OPENAI_BASE_URL, `${BASE}/openai/v1beta/openai`);
  assert.equal(environment.OPENAI_API_BASE, `${BASE}/openai/v1beta/openai`);
  assert.equal(environment.ANTHROPIC_BASE_URL, `${BASE}/anthropic`);
});

test("NO_PROXY and no_proxy keep what either held", () => {
  const { environment } = told({ NO_PROXY: "corp", no_proxy: "local.example" });
  assert.equal(environment.NO_PROXY, "corp,local.example,localhost,127.0.0.1,::1");
  assert.equal(environment.no_proxy, environment.NO_PROXY);
});

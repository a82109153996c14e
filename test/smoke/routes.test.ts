import assert from "node:assert/strict";
import { test } from "node:test";
import { answerWell, openai } from "../support/answers.ts";
import { startAskonce } from "../support/askonce.ts";
import { startProvider } from "../support/provider.ts";
import { ask, post } from "../support/raw.ts";
import { assertHit, assertMiss, fresh, OWN_PROCESS, session } from "../support/session.ts";

const run = session();

const chat = "chat/completions";
const GEMINI = "models/m-1:generateContent";

/** Provider, upstream path, and the forms of it that clients send. */
const TABLE: readonly (readonly [provider: string, upstream: string, ...forms: string[]])[] = [
  ["openai", `/v1/${chat}`, `/openai/v1/${chat}`, `/openai/${chat}`],
  ["openai", "/v1/embeddings", "/openai/v1/embeddings", "/openai/embeddings"],
  ["openai", "/v1/responses", "/openai/v1/responses", "/openai/responses"],
  ["openrouter", `/api/v1/${chat}`, `/openrouter/api/v1/${chat}`, `/openrouter/v1/${chat}`],
  ["openrouter", "/api/v1/messages", "/openrouter/api/v1/messages", "/openrouter/v1/messages"],
  ["anthropic", "/v1/messages", "/anthropic/v1/messages", "/anthropic/messages"],
  [
    "anthropic",
    "/v1/messages/count_tokens",
    "/anthropic/v1/messages/count_tokens",
    "/anthropic/messages/count_tokens",
  ],
  ["groq", `/openai/v1/${chat}`, `/groq/openai/v1/${chat}`, `/groq/v1/${chat}`],
  ["mistral", `/v1/${chat}`, `/mistral/v1/${chat}`, `/mistral/${chat}`],
  ["mistral", "/v1/fim/completions", "/mistral/v1/fim/completions", "/mistral/fim/completions"],
  ["cohere", "/v2/chat", "/cohere/v2/chat"],
  ["cohere", "/v2/rerank", "/cohere/v2/rerank"],
  ["ai21", `/studio/v1/${chat}`, `/ai21/studio/v1/${chat}`, `/ai21/v1/${chat}`],
  ["google", `/v1beta/${GEMINI}`, `/google/v1beta/${GEMINI}`, `/google/${GEMINI}`],
  ["google", `/v1/${GEMINI}`, `/google/v1/${GEMINI}`],
  ["google", `/v1alpha/${GEMINI}`, `/google/v1alpha/${GEMINI}`],
  ["google", `/v1beta/openai/${chat}`, `/google/v1beta/openai/${chat}`],
  ["huggingface", `/v1/${chat}`, `/huggingface/v1/${chat}`],
  ["huggingface", `/together/v1/${chat}`, `/huggingface/together/v1/${chat}`],
  [
    "huggingface",
    "/hf-inference/models/ORG/MODEL",
    "/huggingface/hf-inference/models/ORG/MODEL",
    "/huggingface/ORG/MODEL",
  ],
  ["together", `/v1/${chat}`, `/together/v1/${chat}`, `/together/${chat}`],
  ["xai", `/v1/${chat}`, `/xai/v1/${chat}`, `/xai/${chat}`],
  ["fireworks", `/inference/v1/${chat}`, `/fireworks/inference/v1/${chat}`, `/fireworks/v1/${chat}`],
  ["cerebras", `/v1/${chat}`, `/cerebras/v1/${chat}`, `/cerebras/${chat}`],
  ["nvidia", `/v1/${chat}`, `/nvidia/v1/${chat}`, `/nvidia/${chat}`],
  ["voyage", "/v1/embeddings", "/voyage/v1/embeddings", "/voyage/embeddings"],
  ["jina", "/v1/embeddings", "/jina/v1/embeddings", "/jina/embeddings"],
  ["ollama", "/api/chat", "/ollama/api/chat"],
  ["ollama", `/v1/${chat}`, `/ollama/v1/${chat}`],
  ["lmstudio", `/v1/${chat}`, `/lmstudio/v1/${chat}`, `/lmstudio/${chat}`],
  ["vllm", `/v1/${chat}`, `/vllm/v1/${chat}`, `/vllm/${chat}`],
  ["llamacpp", `/v1/${chat}`, `/llamacpp/v1/${chat}`, `/llamacpp/${chat}`],
];

for (const [name, upstream, ...forms] of TABLE) {
  test(`${forms.join(" and ")} reach ${upstream} of ${name} and share an entry`, async () => {
    run.providers.forget();
    const body = {
      ...openai.request(fresh(), false),
      stream: false,
      input: "x",
      query: "x",
      documents: ["x"],
      inputs: fresh(),
    };
    const [first, ...others] = forms;
    const answer = await post(run.port, first ?? "", { body, headers: { authorization: "Bearer k" } });
    assert.deepEqual(run.providers.called, [name]);
    const call = run.providers.named(name).calls[0];
    assert.equal(call?.target, upstream);
    assert.deepEqual(await call?.json(), body);
    assertMiss(answer);
    for (const form of others) {
      assertHit(await post(run.port, form, { body, headers: { authorization: "Bearer k" } }), answer);
    }
    assert.equal(run.calls, 1);
  });
}

for (const name of ["deepseek", "perplexity"]) {
  test(`/${name}/v1/${chat} and /${name}/${chat} go to one upstream path and share an entry`, async () => {
    const provider = run.providers.named(name);
    provider.forget();
    const body = openai.request(fresh(), false);
    const first = await post(run.port, `/${name}/${chat}`, { body });
    assert.match(provider.calls[0]?.target ?? "", /^(\/v1)?\/chat\/completions$/);
    assertHit(await post(run.port, `/${name}/v1/${chat}`, { body }), first);
    assert.equal(provider.count, 1);
  });
}

test("a path that a known provider does not know is forwarded as it is, query and escapes included", async () => {
  for (const rest of [
    "/v9/new/thing?a=1&b=%2F&a=2",
    "/v1/files/a%2Fb/content",
    "/odd;x=1/%7Etilde/",
    "/v1/a%20b?q=+%2B",
  ]) {
    run.providers.forget();
    const answer = await ask(run.port, { path: `/openai${rest}`, method: "GET" });
    assert.equal(answer.status, 200, rest);
    assert.deepEqual(
      run.providers.named("openai").calls.map((call) => call.target),
      [rest],
    );
  }
});

const ANTHROPIC = { "x-api-key": "sk-ant-1", "anthropic-version": "2023-06-01" };
const KEY_ONLY = { "x-api-key": "sk-ant-1" };
const OAUTH = { authorization: "Bearer sk-ant-oat", "anthropic-version": "2026-10-21" };
const GOOGLE = { "x-goog-api-key": "AIza1" };
const BEARER = { authorization: "Bearer sk-1" };
type Root = readonly [expected: string, method: string, path: string, headers: Record<string, string>];

/** What clients send when one base URL is all they were given. */
const ROOTS: readonly Root[] = [
  ["anthropic", "POST", "/v1/messages", ANTHROPIC],
  ["anthropic", "POST", "/v1/messages", BEARER],
  ["anthropic", "POST", "/v1/messages/count_tokens", ANTHROPIC],
  ["anthropic", "POST", "/v1/messages/batches", ANTHROPIC],
  ["anthropic", "GET", "/v1/models", ANTHROPIC],
  ["anthropic", "GET", "/v1/models", OAUTH],
  ["anthropic", "GET", "/v1/models?limit=5", KEY_ONLY],
  ["anthropic", "POST", "/v1/files", ANTHROPIC],
  ["anthropic", "POST", "/v1/files", OAUTH],
  ["anthropic", "DELETE", "/v1/files/file_1", KEY_ONLY],
  ["anthropic", "POST", "/v1/complete", KEY_ONLY],
  ["anthropic", "POST", "/v1/chat/completions", OAUTH],
  ["anthropic", "GET", "/v1/organizations/x", KEY_ONLY],
  ["anthropic", "POST", "/v1/embeddings", KEY_ONLY],
  ["google", "POST", `/v1beta/${GEMINI}`, GOOGLE],
  ["google", "POST", `/v1beta/${GEMINI}?key=AIza1`, {}],
  ["google", "POST", `/v1/${GEMINI}`, GOOGLE],
  ["google", "POST", `/v1/${GEMINI}`, {}],
  ["google", "POST", `/v1alpha/${GEMINI}`, GOOGLE],
  ["google", "GET", "/v1beta/models", GOOGLE],
  ["google", "GET", "/v1/models", GOOGLE],
  ["google", "GET", "/v1/models?key=AIza1", {}],
  ["google", "POST", "/upload/v1beta/files", GOOGLE],
  ["google", "POST", "/upload/v1beta/files?key=AIza1", {}],
  ["google", "POST", "/v1/files", GOOGLE],
  ["google", "POST", "/v1/chat/completions?key=AIza1", {}],
  ["google", "POST", "/v1beta/cachedContents", GOOGLE],
  ["ollama", "POST", "/api/chat", {}],
  ["ollama", "POST", "/api/generate", BEARER],
  ["ollama", "POST", "/api/embed", BEARER],
  ["ollama", "POST", "/api/embeddings", {}],
  ["ollama", "GET", "/api/tags", BEARER],
  ["ollama", "POST", "/api/show", {}],
  ["cohere", "POST", "/v2/chat", BEARER],
  ["cohere", "POST", "/v2/embed", BEARER],
  ["cohere", "POST", "/v2/rerank", BEARER],
  ["openai", "POST", "/v1/chat/completions", BEARER],
  ["openai", "GET", "/v1/models", BEARER],
  ["openai", "POST", "/v1/files", BEARER],
  ["openai", "POST", "/v1/unheard/of", BEARER],
];

for (const [expected, method, path, headers] of ROOTS) {
  test(`${method} ${path} at the root with ${Object.keys(headers).join(", ") || "no key"} goes to ${expected} only`, async () => {
    run.providers.forget();
    const body = method === "POST" ? JSON.stringify(openai.request(fresh(), false)) : undefined;
    const answer = await ask(run.port, { method, path, headers, ...(body ? { body } : {}) });
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(run.providers.called, [expected]);
    assert.equal(run.providers.named(expected).calls[0]?.target, path);
  });
}

for (const [owner, headers] of [
  ["anthropic", ANTHROPIC],
  ["google", GOOGLE],
  ["ollama", BEARER],
] as const) {
  test(`whatever path a client of ${owner} calls at the root, its key reaches ${owner} or nobody`, async () => {
    const paths = [
      "/api/pull",
      "/api/version",
      "/v3/x",
      "/",
      "/chat/completions",
      "/responses",
      "/messages",
      "/v1",
      "/models",
    ];
    const more =
      owner === "ollama"
        ? ["/api/ps", "/api/delete"]
        : ["/v1/audio/speech", "/v2/chat", "/api/chat", "/v1/x/../y"];
    for (const path of [...paths, ...more]) {
      for (const method of ["GET", "POST"]) {
        run.providers.forget();
        await ask(run.port, { method, path, headers, ...(method === "POST" ? { body: "{}" } : {}) });
        assert.deepEqual(
          run.providers.called.filter((name) => name !== owner),
          [],
          `${method} ${path}`,
        );
      }
    }
  });
}

test("an Azure client at the root never sends its api-key to OpenAI", async () => {
  run.providers.forget();
  const path = `/openai/deployments/d/${chat}?api-version=2024-10-21`;
  const answer = await post(run.port, path, {
    body: openai.request(fresh(), false),
    headers: { "api-key": "azure-1" },
  });
  assert.ok(answer.status >= 400 && answer.status < 500);
  assert.deepEqual(run.providers.called, []);
});

test(
  "providers of one's own: by flag with a base path, by variable, by file, and another default",
  OWN_PROCESS,
  async (t) => {
    const provider = await startProvider(answerWell);
    const server = await startAskonce({
      flags: [
        "--provider",
        `mine=${provider.url}/v1`,
        "--provider",
        `azure=${provider.url}/openai`,
        "--default-provider",
        "mine",
      ],
      env: {
        ASKONCE_PROVIDER_GROQ: `${provider.url}/openai/v1`,
        ASKONCE_PROVIDER_DEEP: `${provider.url}/a/b/`,
      },
    });
    t.after(async () => {
      await server.kill();
      await provider.close();
    });
    const forms = [
      [`/mine/v1/${chat}`, `/v1/${chat}`],
      [`/v1/${chat}`, `/v1/${chat}`],
      [`/groq/openai/v1/${chat}`, `/openai/v1/${chat}`],
      [`/groq/v1/${chat}`, `/openai/v1/${chat}`],
      [`/deep/v1/${chat}`, `/a/b/v1/${chat}`],
      [`/azure/deployments/d/${chat}?api-version=1`, `/openai/deployments/d/${chat}?api-version=1`],
    ] as const;
    for (const [path, upstream] of forms) {
      provider.forget();
      await post(server.port, path, { body: openai.request(fresh(), false) });
      assert.deepEqual(
        provider.calls.map((call) => call.target),
        [upstream],
        path,
      );
    }
  },
);

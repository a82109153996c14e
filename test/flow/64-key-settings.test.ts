import assert from "node:assert/strict";
import { test } from "node:test";
import type { CacheKey } from "../../src/cache/entry.ts";
import { Keyed } from "../support/keyed.ts";

const CHAT = "/openai/v1/chat/completions";

async function keyOf(
  body: Record<string, unknown>,
  options: { flags?: [string, string][]; headers?: Record<string, string>; path?: string } = {},
): Promise<CacheKey | undefined> {
  const { flags = [], headers = {}, path = CHAT } = options;
  return (await new Keyed(flags).ask({ path, headers, body: JSON.stringify(body) })).key;
}

const asked = { model: "m", messages: [{ role: "user", content: "q" }] };

test("key.ignore leaves members out at the top level only, key.keep takes them in again", async () => {
  const flags: [string, string][] = [["--key-ignore", "run_id, messages_id"]];
  assert.equal(await keyOf({ ...asked, run_id: 1 }, { flags }), await keyOf(asked, { flags }));
  assert.notEqual(await keyOf({ ...asked, run_id: 1 }), await keyOf(asked));
  const inTool = { ...asked, tools: [{ run_id: 1 }] };
  assert.notEqual(await keyOf(inTool, { flags }), await keyOf({ ...asked, tools: [{}] }, { flags }));

  assert.equal(await keyOf({ ...asked, user: "u" }), await keyOf(asked));
  const keep: [string, string][] = [["--key-keep", "user"]];
  assert.notEqual(await keyOf({ ...asked, user: "u" }, { flags: keep }), await keyOf(asked, { flags: keep }));
  const both: [string, string][] = [...keep, ["--key-ignore", "user"]];
  assert.notEqual(await keyOf({ ...asked, user: "u" }, { flags: both }), await keyOf(asked, { flags: both }));
});

test("key.headers takes headers into the key and out of it, and never a credential", async () => {
  const spoken = { headers: { "accept-language": "de", authorization: "Bearer sk-1" } };
  assert.equal(await keyOf(asked, spoken), await keyOf(asked));
  const flags: [string, string][] = [["--key-headers", "accept-*, authorization, a*"]];
  assert.notEqual(await keyOf(asked, { ...spoken, flags }), await keyOf(asked, { flags }));
  const other = { headers: { ...spoken.headers, authorization: "Bearer sk-2" } };
  assert.equal(await keyOf(asked, { ...spoken, flags }), await keyOf(asked, { ...other, flags }));

  const beta = { headers: { "openai-beta": "x=1" } };
  assert.notEqual(await keyOf(asked, beta), await keyOf(asked));
  const without: [string, string][] = [["--key-headers", "-openai-beta"]];
  assert.equal(await keyOf(asked, { ...beta, flags: without }), await keyOf(asked, { flags: without }));
});

test("an unknown header with the provider's own prefix counts, one that names the account or the client does not", async () => {
  const rows: [path: string, header: string, counts: boolean][] = [
    [CHAT, "openai-new-thing", true],
    [CHAT, "openai-organization", false],
    [CHAT, "x-stainless-retry-count", false],
    [CHAT, "groq-model-version", false],
    ["/groq/openai/v1/chat/completions", "groq-model-version", true],
    ["/huggingface/v1/chat/completions", "x-hf-new", true],
    ["/huggingface/v1/chat/completions", "x-hf-bill-to", false],
    ["/nvidia/v1/chat/completions", "nvcf-input-asset-references", true],
    ["/nvidia/v1/chat/completions", "nvcf-poll-seconds", false],
    ["/anthropic/v1/messages", "anthropic-beta", true],
    ["/anthropic/v1/messages", "anthropic-workspace-id", false],
  ];
  for (const [path, header, counts] of rows) {
    const plain = await keyOf(asked, { path });
    const more = await keyOf(asked, { path, headers: { [header]: "x" } });
    assert.ok(plain);
    assert.equal(plain !== more, counts, `${path} ${header}`);
  }
});

test("of a provider under a new name its own prefix counts, and that of the one whose ways it has", async () => {
  const flags = ["acme", "my_own", "user"].map((name): [string, string] => [
    "--provider",
    `${name}=http://127.0.0.1:9`,
  ]);
  const rows: [provider: string, header: string, counts: boolean][] = [
    ["acme", "x-acme-mode", true],
    ["acme", "acme-mode", true],
    ["acme", "openai-new-thing", true],
    ["acme", "x-acmes-mode", false],
    ["acme", "x-acme-api-key", false],
    ["acme", "acme-max-tokens", true],
    ["acme", "groq-mode", false],
    ["my_own", "x-my-own-mode", true],
    ["my_own", "my_own-mode", true],
    ["user", "user-agent", false],
    ["openai", "x-acme-mode", false],
  ];
  const wished = { path: "/acme/v1/chat/completions", headers: { "x-acme-api-key": "x" } };
  const wish: [string, string] = ["--key-headers", "x-acme-*"];
  assert.notEqual(
    await keyOf(asked, { ...wished, flags: [...flags, wish] }),
    await keyOf(asked, { ...wished, flags }),
  );
  for (const [provider, header, counts] of rows) {
    const path = `/${provider}/v1/chat/completions`;
    const plain = await keyOf(asked, { path, flags });
    assert.ok(plain);
    const more = await keyOf(asked, { path, flags, headers: { [header]: "x" } });
    assert.equal(plain !== more, counts, `${provider} ${header}`);
  }
});

test("Accept counts where the provider goes by it, and nowhere else", async () => {
  const flags: [string, string][] = [
    ["--provider", "bedrock=http://127.0.0.1:9"],
    ["--provider", "mine=http://127.0.0.1:9"],
  ];
  const rows: [path: string, header: string, counts: boolean][] = [
    ["/huggingface/hf-inference/models/black-forest-labs/FLUX.1-dev", "accept", true],
    ["/huggingface/hf-inference/models/a/b/pipeline/text-to-image", "accept", true],
    ["/huggingface/v1/chat/completions", "accept", false],
    ["/bedrock/model/stability.sd3/invoke", "accept", true],
    ["/bedrock/model/stability.sd3/invoke", "x-amzn-bedrock-accept", true],
    ["/bedrock/model/stability.sd3/invoke-with-response-stream", "accept", true],
    ["/bedrock/model/m/converse", "accept", false],
    ["/mine/v1/chat/completions", "accept", false],
    [CHAT, "accept", false],
  ];
  for (const [path, header, counts] of rows) {
    const key = (value: string, more: [string, string][] = []) =>
      keyOf(asked, { path, flags: [...flags, ...more], headers: { [header]: value } });
    const image = await key("image/png;q=1, text/plain");
    assert.ok(image, path);
    assert.equal(image !== (await key("application/json")), counts, `${path} ${header}`);
    assert.equal(await key("Image/PNG ; q=1,text/plain "), image);
    assert.equal(image !== (await key("text/plain, image/png;q=1")), counts, `${path} ${header}`);
    const out: [string, string][] = [["--key-headers", `-${header}`]];
    assert.equal(await key("image/png", out), await key("application/json", out));
  }
});

test("a name with a byte order mark before it is another name", async () => {
  assert.notEqual(await keyOf({ ...asked, "\ufeffuser": "u" }), await keyOf(asked));
});

test("the responses endpoint echoes its labels, so there they count", async () => {
  const path = "/openai/v1/responses";
  for (const name of ["user", "metadata", "store", "prompt_cache_key", "safety_identifier"]) {
    const body = { model: "m", input: "q", store: false };
    const keys = await Promise.all([keyOf(body, { path }), keyOf({ ...body, [name]: null }, { path })]);
    assert.notEqual(keys[0], keys[1], name);
  }
});

test("key.mask is for the key only: by default the billing line, and what is chosen instead of it", async () => {
  const path = "/anthropic/v1/messages";
  const agent = (line: string, day: string) => ({
    model: "m",
    system: [{ type: "text", text: `x-anthropic-billing-header: ${line}` }],
    messages: [{ role: "user", content: `Today is ${day}` }],
  });
  const [a, b, c] = [agent("1", "2026-11-23"), agent("2", "2026-11-23"), agent("1", "2026-11-24")];
  assert.equal(await keyOf(a, { path }), await keyOf(b, { path }));
  assert.notEqual(await keyOf(a, { path }), await keyOf(c, { path }));
  const dates = { path, flags: [["--key-mask", "dates"]] as [string, string][] };
  assert.notEqual(await keyOf(a, dates), await keyOf(b, dates));
  assert.equal(await keyOf(a, dates), await keyOf(c, dates));
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { calcPrice, findProvider } from "@pydantic/genai-prices";
import { createPricing, type PricingOptions } from "../../src/journal/pricing.ts";
import type { Usage } from "../../src/providers/provider.ts";
import { anthropicUsage, googleUsage, openaiUsage } from "../../src/providers/usage.ts";
import { spentOn } from "../../src/proxy/spent.ts";
import { testClock } from "../support/store.ts";

function pricing(more: Partial<PricingOptions> = {}) {
  const reports: string[] = [];
  const looked = createPricing({
    file: async () => undefined,
    report: (message) => reports.push(message),
    clock: testClock(Date.UTC(2026, 5, 1)),
    ...more,
  });
  const price = (name: string, usage: Usage | undefined) => {
    const slash = name.indexOf("/");
    return looked.price({ provider: name.slice(0, slash), model: name.slice(slash + 1), usage });
  };
  return { price, reports, reload: looked.reload };
}

const withFile = (text: string) => pricing({ file: async () => text });

/** A million of what is named. */
const M = 1_000_000;
const close = (actual: number | undefined, expected: number | undefined, about: string) =>
  actual === undefined || expected === undefined
    ? assert.equal(actual, expected, about)
    : assert.ok(Math.abs(actual - expected) < 1e-12, `${about}: ${actual}, not ${expected}`);

const builtIn: readonly [string, Usage | undefined, number | undefined][] = [
  ["openai/gpt-5-mini", { inputTokens: M, outputTokens: M }, 2.25],
  ["openai/gpt-5-mini-2025-08-07", { inputTokens: M }, 0.25],
  ["openai/GPT-5-mini", { inputTokens: M }, 0.25],
  // OpenAI's prompt tokens hold the cached ones.
  [
    "openai/gpt-5-mini",
    openaiUsage({
      prompt_tokens: M,
      completion_tokens: 0,
      prompt_tokens_details: { cached_tokens: 400_000 },
    }),
    0.6 * 0.25 + 0.4 * 0.025,
  ],
  // Anthropic's input tokens leave out what was read from and written to its cache.
  [
    "anthropic/claude-sonnet-4-20250514",
    anthropicUsage({
      input_tokens: 100_000,
      cache_read_input_tokens: 200_000,
      cache_creation_input_tokens: 300_000,
      output_tokens: 10_000,
    }),
    0.1 * 3 + 0.2 * 0.3 + 0.3 * 3.75 + 0.01 * 15,
  ],
  // Google counts thoughts beside the candidates' tokens.
  [
    "google/gemini-2.5-flash",
    googleUsage({
      promptTokenCount: 100_000,
      cachedContentTokenCount: 40_000,
      candidatesTokenCount: 10_000,
      thoughtsTokenCount: 20_000,
    }),
    0.06 * 0.3 + 0.04 * 0.03 + 0.03 * 2.5,
  ],
  ["google/models/gemini-2.5-flash", { inputTokens: M }, 0.3],
  ["google/publishers/google/models/gemini-2.5-flash", { inputTokens: M }, 0.3],
  ["openai/text-embedding-3-small", { inputTokens: M }, 0.02],
  ["voyage/voyage-3.5", { inputTokens: M }, 0.06],
  ["cohere/embed-v4.0", { inputTokens: M }, 0.12],
  ["openai/omni-moderation-latest", { inputTokens: M }, 0],
  ["openrouter/deepseek/deepseek-r1:free", { inputTokens: M }, 0],
  ["bedrock/us.anthropic.claude-sonnet-4-20250514-v1:0", { inputTokens: M }, 3],
  ["azure/gpt-4o", { inputTokens: M }, 2.5],
  // More cached tokens than tokens: no more than all of them are cached.
  ["openai/gpt-5-mini", { inputTokens: M, cacheReadTokens: 2 * M }, 0.025],
  ["openai/no-such-model", { inputTokens: M }, undefined],
  ["unknown/gpt-5-mini", { inputTokens: M }, undefined],
  ["jina/jina-embeddings-v3", { inputTokens: M }, undefined],
  ["cohere/rerank-v3.5", undefined, undefined],
  // Priced by the hour of audio: tokens say nothing.
  ["openai/whisper-1", { inputTokens: M, outputTokens: M }, undefined],
  // The table has the model, and no price.
  ["cerebras/qwen-3-coder-480b", { inputTokens: M }, undefined],
  ["openai/gpt-5-mini", undefined, undefined],
  ["openai/gpt-5-mini", { outputTokens: M }, undefined],
  ["ollama/llama3.2", { outputTokens: M }, 0],
  ["vllm/anything", undefined, 0],
  // What the provider says it charged.
  ["openrouter/no-such-model", { inputTokens: M, costUsd: 0.125 }, 0.125],
  ["openai/gpt-5-mini", { inputTokens: M, costUsd: 0 }, 0],
];

test("a call costs what its provider's price list says, and what is not known has no price", async () => {
  const { price } = pricing();
  for (const [name, usage, usd] of builtIn)
    close(await price(name, usage), usd, `${name} ${JSON.stringify(usage)}`);
});

test("a price per token is the one that the library works out, for every model it knows by tokens", async () => {
  const clock = testClock(Date.UTC(2026, 5, 1, 12));
  const { price } = pricing({ clock });
  const usages: Usage[] = [
    {
      inputTokens: 1000,
      outputTokens: 500,
      cacheReadTokens: 300,
      cacheWriteTokens: 200,
      reasoningTokens: 100,
    },
    { inputTokens: 300_001, outputTokens: 10, cacheReadTokens: 250_000 },
  ];
  let compared = 0;
  for (const [ours, theirs] of [
    ["openai", "openai"],
    ["anthropic", "anthropic"],
    ["google", "google"],
    ["xai", "x-ai"],
    ["deepseek", "deepseek"],
    ["perplexity", "perplexity"],
  ] as const) {
    for (const { id } of findProvider({ providerId: theirs })!.models) {
      for (const usage of usages) {
        const found = calcPrice(
          {
            input_tokens: usage.inputTokens,
            output_tokens: usage.outputTokens,
            cache_read_tokens: usage.cacheReadTokens,
            cache_write_tokens: usage.cacheWriteTokens,
            output_reasoning_tokens: usage.reasoningTokens,
          },
          id,
          { providerId: theirs, timestamp: new Date(clock.wall) },
        );
        const mine = await price(`${ours}/${id}`, usage);
        if (mine === undefined) continue;
        close(mine, found?.total_price, id);
        compared++;
      }
    }
  }
  assert.ok(compared > 300, String(compared));
});

test("a provider of another name is known by its address, and one's own server costs nothing", async () => {
  const providers = () =>
    new Map([
      ["mine", { baseUrl: "https://api.openai.com", local: false }],
      ["box", { baseUrl: "http://10.0.0.7:8000", local: true }],
      ["openai", { baseUrl: "http://127.0.0.1:9", local: false }],
    ]);
  const { price } = pricing({ providers });
  assert.equal(await price("mine/gpt-5-mini", { inputTokens: M }), 0.25);
  assert.equal(await price("box/gpt-5-mini", { inputTokens: M }), 0);
  assert.equal(await price("openai/gpt-5-mini", { inputTokens: M }), 0.25);
});

const TOML = `
["openai/gpt-5-mini"]
input_usd_per_million = 1
output_usd_per_million = 2
cached_input_usd_per_million = 0.5

["openai/gpt-*"]
input_usd_per_million = 4
["openai/gpt-5-*"]
input_usd_per_million = 3

["*/rerank-*"]
usd_per_call = 0.002
["ollama/*"]
input_usd_per_million = 0.01
output_usd_per_million = 0.01
`;
const JSON_TEXT = JSON.stringify({
  "openai/gpt-5-mini": {
    input_usd_per_million: 1,
    output_usd_per_million: 2,
    cached_input_usd_per_million: 0.5,
  },
  "openai/gpt-5-*": { input_usd_per_million: 3 },
  "openai/gpt-*": { input_usd_per_million: 4 },
  "*/rerank-*": { usd_per_call: 0.002 },
  "ollama/*": { input_usd_per_million: 0.01, output_usd_per_million: 0.01 },
});

for (const [form, text] of [
  ["TOML", TOML],
  ["JSON", JSON_TEXT],
] as const)
  test(`the operator's ${form} outranks the table, its exact names its longer patterns, those the shorter`, async () => {
    const { price, reports } = withFile(text);
    const cached = { inputTokens: M, cacheReadTokens: M / 2, outputTokens: M };
    assert.equal(await price("openai/gpt-5-mini", cached), 0.5 + 0.25 + 2);
    assert.equal(await price("openai/gpt-5-nano", { inputTokens: M }), 3);
    assert.equal(await price("openai/gpt-4o", { inputTokens: M }), 4);
    assert.equal(await price("cohere/rerank-v3.5", undefined), 0.002);
    assert.equal(await price("ollama/llama3.2", { inputTokens: M, outputTokens: M }), 0.02);
    assert.equal(await price("anthropic/claude-sonnet-4-20250514", { inputTokens: M }), 3);
    assert.deepEqual(reports, []);
  });

const broken: readonly [string, string, RegExp][] = [
  ["is no TOML", '["openai/x"]\ninput = = 3', /line 2: it is no TOML/],
  ["is no JSON", "{ nonsense", /it is no JSON/],
  [
    "has a member that is no price",
    '["openai/x"]\n\ninput_usd = 3',
    /line 3: "input_usd" is no price; valid are input_usd/,
  ],
  [
    "has a price below zero",
    '["openai/x"]\ninput_usd_per_million = -1',
    /line 2: input_usd_per_million is not a/,
  ],
  [
    "has a price in quotes",
    '["openai/x"]\noutput_usd_per_million = "3"',
    /line 2: .*is not a number of US dollars/,
  ],
  ["names no provider", '\n["gpt-5"]\ninput_usd_per_million = 1', /line 2: "gpt-5" names no model; valid is/],
  ["has a star inside", '["openai/g*t"]\ninput_usd_per_million = 1', /line 1: "openai\/g\*t" names no model/],
  ["has no table", '"openai/x" = 3', /line 1: "openai\/x" is no table/],
];

for (const [what, text, message] of broken)
  test(`a price file that ${what} is said once and ignored`, async () => {
    const { price, reports } = withFile(text);
    assert.equal(await price("openai/gpt-5-mini", { inputTokens: M }), 0.25);
    assert.equal(await price("openai/gpt-4o", { inputTokens: M }), 2.5);
    assert.equal(reports.length, 1);
    assert.match(reports[0]!, message);
  });

test("a price file that cannot be read is said once, and a reload reads it again", async () => {
  let text: string | undefined;
  const { price, reports, reload } = pricing({
    file: async () => {
      if (text === undefined) throw new Error("ENOENT: no such file");
      return text;
    },
  });
  assert.equal(await price("openai/gpt-5-mini", { inputTokens: M }), 0.25);
  assert.deepEqual(reports, ["prices: the file is ignored, ENOENT: no such file"]);
  text = TOML;
  assert.equal(await price("openai/gpt-5-mini", { inputTokens: M }), 0.25);
  reload();
  assert.equal(await price("openai/gpt-5-mini", { inputTokens: M }), 1);
  assert.equal(reports.length, 1);
});

test("a price by the call counts for an answer that says nothing of tokens", async () => {
  const pricing = { price: async () => 0.002 };
  const call = { provider: "openai", models: ["whisper-1"], usage: undefined };
  assert.deepEqual(await spentOn({ pricing, report: assert.fail }, call), { costUsd: 0.002 });
  const unknown = { price: async () => undefined };
  assert.equal(await spentOn({ pricing: unknown, report: assert.fail }, call), undefined);
});

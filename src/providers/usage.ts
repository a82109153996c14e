import { at, countAt, isObject } from "./json.ts";
import type { Usage } from "./provider.ts";

type Counts = { readonly [K in keyof Usage]: number | undefined };

/** Only what was reported; undefined where nothing was. */
function usageOf(counts: Counts): Usage | undefined {
  const reported: { -readonly [K in keyof Usage]: number } = {};
  let some = false;
  for (const name of Object.keys(counts) as (keyof Usage)[]) {
    const count = counts[name];
    if (count === undefined) continue;
    reported[name] = count;
    some = true;
  }
  return some ? reported : undefined;
}

/** In a stream the last value of each field wins: counts are running totals, never to be summed. */
export function lastUsage(before: Usage | undefined, later: Usage | undefined): Usage | undefined {
  return before && later ? { ...before, ...later } : (later ?? before);
}

function sum(...counts: readonly (number | undefined)[]): number | undefined {
  const known = counts.filter((count) => count !== undefined);
  return known.length === 0 ? undefined : known.reduce((total, count) => total + count, 0);
}

/** 1 USD in xAI's `cost_in_usd_ticks`. */
const TICKS_PER_USD = 1e10;

/** OpenAI's `usage` and that of its clones, chat and Responses alike. `reasoningApart`: xAI counts it beside. */
export function openaiUsage(usage: unknown, options: { reasoningApart?: boolean } = {}): Usage | undefined {
  if (!isObject(usage)) return undefined;
  const total = countAt(usage, "total_tokens");
  const prompt = countAt(usage, "prompt_tokens") ?? countAt(usage, "input_tokens");
  const completion = countAt(usage, "completion_tokens") ?? countAt(usage, "output_tokens");
  const inputDetails = at(usage, "prompt_tokens_details") ?? at(usage, "input_tokens_details");
  const outputDetails = at(usage, "completion_tokens_details") ?? at(usage, "output_tokens_details");
  const reasoning = countAt(outputDetails, "reasoning_tokens") ?? countAt(usage, "reasoning_tokens");
  const cacheRead = countAt(inputDetails, "cached_tokens") ?? countAt(usage, "prompt_cache_hit_tokens");
  // Voyage and Jina report a total and nothing else: all of it went in.
  const onlyTotal = prompt === undefined && completion === undefined;
  const apart = options.reasoningApart && completion !== undefined && total !== sum(prompt, completion);
  // xAI's cached tokens may exceed its prompt tokens, and then are not part of them.
  const cachedApart = options.reasoningApart && (cacheRead ?? 0) > (prompt ?? Number.POSITIVE_INFINITY);
  const ticks = countAt(usage, "cost_in_usd_ticks");
  return usageOf({
    inputTokens: onlyTotal ? total : cachedApart ? sum(prompt, cacheRead) : prompt,
    outputTokens: apart ? sum(completion, reasoning) : completion,
    cacheReadTokens: cacheRead,
    cacheWriteTokens: countAt(inputDetails, "cache_write_tokens"),
    reasoningTokens: reasoning,
    costUsd:
      countAt(usage, "cost") ??
      countAt(usage, "cost", "total_cost") ??
      (ticks === undefined ? undefined : ticks / TICKS_PER_USD),
  });
}

/** Anthropic's `input_tokens` leaves out what its prompt cache took: the true input is the sum of three. */
export function anthropicUsage(usage: unknown): Usage | undefined {
  const read = countAt(usage, "cache_read_input_tokens");
  const write = countAt(usage, "cache_creation_input_tokens");
  const input = countAt(usage, "input_tokens");
  return usageOf({
    inputTokens: input === undefined ? undefined : sum(input, read, write),
    outputTokens: countAt(usage, "output_tokens"),
    cacheReadTokens: read,
    cacheWriteTokens: write,
    reasoningTokens: countAt(usage, "output_tokens_details", "thinking_tokens"),
    costUsd: countAt(usage, "cost"),
  });
}

/** Google counts thoughts beside the candidates' tokens, and what tools fed back beside the prompt's. */
export function googleUsage(usage: unknown): Usage | undefined {
  const thoughts = countAt(usage, "thoughtsTokenCount");
  return usageOf({
    inputTokens: sum(countAt(usage, "promptTokenCount"), countAt(usage, "toolUsePromptTokenCount")),
    outputTokens: sum(countAt(usage, "candidatesTokenCount"), thoughts),
    cacheReadTokens: countAt(usage, "cachedContentTokenCount"),
    reasoningTokens: thoughts,
  });
}

/** Cohere's v2 `usage` and v1 `meta`: tokens where told, else those billed. */
export function cohereUsage(usage: unknown): Usage | undefined {
  return usageOf({
    inputTokens: countAt(usage, "tokens", "input_tokens") ?? countAt(usage, "billed_units", "input_tokens"),
    outputTokens:
      countAt(usage, "tokens", "output_tokens") ?? countAt(usage, "billed_units", "output_tokens"),
    cacheReadTokens: countAt(usage, "cached_tokens"),
  });
}

/** Ollama leaves the prompt's count out where its own prompt cache held it: then nothing is known of it. */
export function ollamaUsage(answer: unknown): Usage | undefined {
  return usageOf({
    inputTokens: countAt(answer, "prompt_eval_count"),
    outputTokens: countAt(answer, "eval_count"),
  });
}

export function bedrockUsage(usage: unknown): Usage | undefined {
  const read = countAt(usage, "cacheReadInputTokens");
  const write = countAt(usage, "cacheWriteInputTokens");
  const input = countAt(usage, "inputTokens");
  return usageOf({
    inputTokens: input === undefined ? undefined : sum(input, read, write),
    outputTokens: countAt(usage, "outputTokens"),
    cacheReadTokens: read,
    cacheWriteTokens: write,
  });
}

/** What Bedrock appends to the last event of an invoked model's stream. */
export function invocationMetrics(metrics: unknown): Usage | undefined {
  return usageOf({
    inputTokens: countAt(metrics, "inputTokenCount"),
    outputTokens: countAt(metrics, "outputTokenCount"),
    cacheReadTokens: countAt(metrics, "cacheReadInputTokenCount"),
    cacheWriteTokens: countAt(metrics, "cacheWriteInputTokenCount"),
  });
}

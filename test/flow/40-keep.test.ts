import assert from "node:assert/strict";
import { test } from "node:test";
import { journey, json } from "../support/journey.ts";

const choice = (finish: string, message: object) =>
  JSON.stringify({
    id: "c",
    model: "m",
    choices: [{ index: 0, finish_reason: finish, message: { role: "assistant", ...message } }],
  });
const claude = (stop: string) =>
  JSON.stringify({ id: "msg_1", type: "message", content: [{ type: "text", text: "x" }], stop_reason: stop });
const gemini = (finish: string) =>
  JSON.stringify({ candidates: [{ index: 0, finishReason: finish, content: { parts: [{ text: "x" }] } }] });
const GEMINI = "/google/v1beta/models/m:generateContent";
const broken = { tool_calls: [{ id: "t", type: "function", function: { name: "f", arguments: '{"a":' } }] };

const cases: [what: string, word: string, path: string, body: string][] = [
  ["OpenAI length", "length", "/openai/v1/chat/completions", choice("length", { content: "x" })],
  ["OpenAI filter", "filter", "/openai/v1/chat/completions", choice("content_filter", { content: "x" })],
  [
    "OpenAI refusal",
    "refusal",
    "/openai/v1/chat/completions",
    choice("stop", { content: null, refusal: "no" }),
  ],
  ["OpenAI empty", "empty", "/openai/v1/chat/completions", choice("stop", { content: "" })],
  ["OpenAI arguments", "bad-tool-arguments", "/openai/v1/chat/completions", choice("tool_calls", broken)],
  ["Anthropic length", "length", "/anthropic/v1/messages", claude("max_tokens")],
  ["Anthropic refusal", "refusal", "/anthropic/v1/messages", claude("refusal")],
  ["Gemini length", "length", GEMINI, gemini("MAX_TOKENS")],
  ["Gemini filter", "filter", GEMINI, gemini("SAFETY")],
  ["Gemini blocked prompt", "filter", GEMINI, JSON.stringify({ promptFeedback: { blockReason: "SAFETY" } })],
];

async function words(flags: [string, string][], path: string, body: string): Promise<(string | null)[]> {
  const run = journey({ flags, provider: () => json(body) });
  const said: (string | null)[] = [];
  for (const _ of [1, 2]) {
    const answer = await run.ask({ path, headers: { "anthropic-version": "2023-06-01" } });
    assert.equal(await answer.text(), body);
    said.push(
      answer.headers.get("x-cache-status"),
      /detail=([\w-]+)/.exec(answer.headers.get("cache-status") ?? "")?.[1] ?? null,
    );
  }
  return said;
}

for (const [what, word, path, body] of cases) {
  test(`${what}: kept or not as the setting keep says, and the reason is told`, async () => {
    const byDefault = ["length", "filter", "refusal"].includes(word);
    const kept = ["MISS", null, "HIT", null];
    const refused = ["MISS", word, "MISS", word];
    assert.deepEqual(await words([], path, body), byDefault ? kept : refused);
    assert.deepEqual(await words([["--keep", word]], path, body), kept);
    const others = ["length", "filter", "refusal", "empty", "bad-tool-arguments"].filter(
      (one) => one !== word,
    );
    assert.deepEqual(await words([["--keep", others.join(",")]], path, body), refused);
  });
}

import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { expect, test } from "vitest";

const hello = [{ role: "user" as const, content: "Say hello" }];

test("OpenAI answers", async () => {
  const answer = await new OpenAI().chat.completions.create({ model: "gpt-5-mini", messages: hello });
  expect(answer.choices[0]?.message.content).toContain("Answer");
});

test("Anthropic answers", async () => {
  const asked = { model: "claude-haiku-4-5", max_tokens: 64, messages: hello };
  const answer = await new Anthropic().messages.create(asked);
  expect(answer.content[0]).toMatchObject({ type: "text" });
});

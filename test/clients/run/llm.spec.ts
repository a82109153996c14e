/** What a user's suite looks like: clients without any configuration of their own. Run by vitest, under `askonce run`. */
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { expect, test } from "vitest";

const PROMPT = process.env.PROMPT ?? "Say hello to the world";

test("OpenAI's SDK gets an answer", async () => {
  const answer = await new OpenAI().chat.completions.create({
    model: "gpt-5-mini",
    messages: [{ role: "user", content: PROMPT }],
  });
  expect(answer.choices[0]?.message.content).toContain("Answer");
});

test("OpenAI's SDK gets a stream", async () => {
  const stream = await new OpenAI().chat.completions.create({
    model: "gpt-5-mini",
    messages: [{ role: "user", content: PROMPT }],
    stream: true,
  });
  let text = "";
  for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? "";
  expect(text).toContain("Answer");
});

test("Anthropic's SDK gets an answer", async () => {
  const answer = await new Anthropic().messages.create({
    model: "claude-haiku-4-5",
    max_tokens: 64,
    messages: [{ role: "user", content: PROMPT }],
  });
  expect(answer.content[0]).toMatchObject({ type: "text" });
});

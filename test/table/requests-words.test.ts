import assert from "node:assert/strict";
import { test } from "node:test";
import type { KeptBody } from "../../src/requests/kept.ts";
import { promptOf, textsOf } from "../../src/requests/words.ts";

const json = (value: unknown): KeptBody => ({ form: "json", text: JSON.stringify(value) });
const user = (content: unknown) => ({ role: "user", content });

const PROMPTS: readonly (readonly [words: string, body: unknown, prompt: string | undefined])[] = [
  [
    "the last user message",
    { messages: [user("one"), { role: "assistant", content: "two" }, user("three")] },
    "three",
  ],
  [
    "a user's message before the model's own",
    { messages: [user("one"), { role: "assistant", content: "two" }] },
    "one",
  ],
  [
    "text among parts",
    {
      messages: [
        user([
          { type: "image_url", image_url: { url: "https://x" } },
          { type: "text", text: "what is it?" },
        ]),
      ],
    },
    "what is it?",
  ],
  [
    "Gemini's contents",
    {
      contents: [{ role: "user", parts: [{ text: "hello" }] }],
      systemInstruction: { parts: [{ text: "sys" }] },
    },
    "hello",
  ],
  ["a text as input", { input: "embed me", model: "m" }, "embed me"],
  ["several inputs", { input: ["first", "second"] }, "second"],
  ["tokens as input", { input: [[1, 2], [3]] }, undefined],
  ["a prompt", { prompt: "once  upon\na time" }, "once upon a time"],
  ["a query to rank by", { query: "which?", documents: ["a", "b"] }, "which?"],
  ["the model's options alone", { model: "m", temperature: 1 }, undefined],
  ["a system message alone", { messages: [{ role: "system", content: "be nice" }] }, "be nice"],
  [
    "encoded data",
    { messages: [user([{ type: "text", text: `data:image/png;base64,${"A".repeat(400)}` }])] },
    undefined,
  ],
];

for (const [words, body, prompt] of PROMPTS) {
  test(`shown of a request: ${words}`, () => assert.equal(promptOf(json(body)), prompt));
}

test("what is shown has at most 200 characters, and no half of one", () => {
  const shown = promptOf(json({ prompt: `${"a".repeat(198)}😀 more` }));
  assert.equal(shown, `${"a".repeat(198)}…`);
  assert.equal(promptOf(json({ prompt: "b".repeat(200) })), "b".repeat(200));
});

test("texts come newest first, then instructions, and the bound cuts the old ones", () => {
  const body = json({
    system: "instructions",
    messages: [user("old"), { role: "assistant", content: "middle" }, user("new")],
    tools: [{ name: "t", description: "described" }],
    metadata: { user_id: "u" },
  });
  assert.equal(textsOf(body, 1000), "new\nmiddle\nold\ninstructions");
  assert.equal(textsOf(body, 12), "new\nmiddle\no");
  assert.equal(textsOf(json({ prompt: "äöü" }), 4), "äö");
});

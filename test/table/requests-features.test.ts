import assert from "node:assert/strict";
import { test } from "node:test";
import { featuresOf } from "../../src/requests/features.ts";
import type { KeptRequest } from "../../src/requests/kept.ts";
import { sha256 } from "../../src/storage/archive-requests.ts";

function asked(...contents: readonly string[]): KeptRequest {
  const messages = contents.map((content, at) => ({ role: at % 2 === 0 ? "user" : "assistant", content }));
  return {
    head: {
      method: "POST",
      provider: "openai",
      endpoint: "chat",
      model: "m",
      namespace: "",
      sample: 0,
      path: "/v1/chat/completions",
      query: "",
      headers: [],
      contentType: "application/json",
      digest: "json:00",
    },
    body: { form: "json", text: JSON.stringify({ model: "m", messages }) },
    masked: [],
  };
}

const words = Array.from({ length: 400 }, (_, n) => `wort${(n * n) % 251} Größe${n} 日本`).join(", ");

// They lie in every archive: worked out in another way, what was remembered before would be near to nothing new.
const golden: readonly (readonly [name: string, request: KeptRequest, marks: readonly number[]])[] = [
  [
    "one question",
    asked("How large is a byte?"),
    [
      159904430044685, 17875211855860, 166822503945334, 228094637498959, 24334278563104, 235784174234818,
      176504037943736, 264526645083323,
    ],
  ],
  ["a text without words", asked("... --- !!!"), [159904430044685, 232496311774331]],
  [
    "a long text",
    asked(words),
    [
      159904430044685, 228519645064056, 223154675468155, 164329746202583, 109812934969348, 139612078932847,
      152118765160442, 269747758266317,
    ],
  ],
  [
    "a long text of ASCII alone, cut at its bound",
    asked(Array.from({ length: 6000 }, (_, n) => `Wort${(n * n) % 251}-x_${n}`).join(",\n")),
    [
      159904430044685, 96509392314169, 43785901257633, 84253287528568, 255162490249757, 7418750892230,
      243609907846838, 11845859542705,
    ],
  ],
  [
    "a conversation",
    asked("Hello!", "Hello, how are you?", words, "I see.", "Once more?", "Yes.", words.slice(0, 2000)),
    [
      159904430044685, 172376796588896, 248838583037324, 79768009763695, 79741965824659, 5009887393998,
      233829453937160, 118115194052909, 223154675468155, 197251157493204, 122579879110817, 209240902879168,
      269461012385003,
    ],
  ],
];

for (const [name, request, marks] of golden)
  test(`the marks of ${name} stay what they are in archives that exist`, () => {
    assert.deepEqual(
      featuresOf(request, sha256).map(({ value }) => value),
      marks,
    );
  });

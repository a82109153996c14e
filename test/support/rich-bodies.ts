/** Rich bodies and parts of them, with every object of the API's own marked as free. */
import { Digits, free } from "./json-tree.ts";

/** What a model reads: every order in it counts. */
export const schema = {
  type: "object",
  properties: {
    name: { type: "string", description: 'A "name"\nwith é, 😀 and \\' },
    user: { type: "string" },
    at: { anyOf: [{ type: "number", minimum: new Digits("0.10") }, { type: "null" }] },
  },
  required: ["name", "user"],
  additionalProperties: false,
};
export const args = { b: 1, a: { d: [1, 2], c: "x" }, user: "u" };
export const unknown = { z: 1, a: { y: true, b: null } };
export const cache = () => free({ type: "ephemeral", ttl: "5m" });
export const tool = () =>
  free({
    type: "function",
    function: free({ name: "f", description: "Does é", parameters: schema, strict: true }),
  });
export const format = () =>
  free({ type: "json_schema", json_schema: free({ name: "n", schema, strict: true }) });
export const labels: Readonly<Record<string, readonly unknown[]>> = {
  user: ["a", "b", { x: 1 }],
  safety_identifier: ["s", "t"],
  metadata: [{ a: "1", b: "2" }, { b: "2" }, null],
  prompt_cache_key: ["k", "l"],
  prompt_cache_retention: ["24h"],
  prompt_cache_options: [{ mode: "x" }],
};

export const chatMessages = () => [
  free({ role: "system", content: "You are terse.\tÄ / \u2028 ok", name: "s" }),
  free({
    role: "user",
    content: [
      free({ type: "text", text: "What is 2 + 2?", cache_control: cache() }),
      free({ type: "image_url", image_url: free({ url: "data:image/png;base64,AAAA", detail: "low" }) }),
      free({ type: "input_audio", input_audio: free({ data: "AAAA", format: "wav" }) }),
      free({ type: "file", file: free({ filename: "a.pdf", file_data: "AAAA" }) }),
      free({ type: "never_seen", payload: unknown }),
    ],
  }),
  free({
    role: "assistant",
    content: null,
    tool_calls: [
      free({ id: "c1", type: "function", function: free({ name: "f", arguments: '{"b":1,"a":2}' }) }),
    ],
    unheard: unknown,
  }),
  free({ role: "tool", tool_call_id: "c1", content: "4" }),
];

export const chat = {
  model: "m-1",
  messages: chatMessages(),
  tools: [tool()],
  tool_choice: free({ type: "function", function: free({ name: "f" }) }),
  response_format: format(),
  stream: true,
  stream_options: free({ include_usage: true, include_obfuscation: false }),
  temperature: new Digits("0.70"),
  seed: new Digits("12345678901234567890"),
  logit_bias: free({ "50256": -100, "11": 1 }),
  prediction: free({ type: "content", content: [free({ type: "text", text: "p" })] }),
  reasoning_effort: "low",
  chat_template_kwargs: unknown,
};

export const anthropicBody = {
  model: "m-1",
  max_tokens: 64,
  system: [free({ type: "text", text: "Be brief.", cache_control: cache() })],
  messages: [
    free({
      role: "user",
      content: [
        free({ type: "text", text: "Q é" }),
        free({ type: "image", source: free({ type: "base64", media_type: "image/png", data: "AAAA" }) }),
        free({
          type: "document",
          source: free({ type: "text", data: "d" }),
          citations: free({ enabled: true, x: 1 }),
        }),
      ],
    }),
    free({ role: "assistant", content: [free({ type: "tool_use", id: "t1", name: "f", input: args })] }),
    free({
      role: "user",
      content: [
        free({
          type: "tool_result",
          tool_use_id: "t1",
          content: [
            free({ type: "text", text: "r" }),
            free({ type: "image", source: free({ type: "url", url: "u" }) }),
          ],
        }),
      ],
    }),
  ],
  tools: [free({ name: "f", description: "d", input_schema: schema, cache_control: cache() })],
  tool_choice: free({ type: "tool", name: "f" }),
  thinking: free({ type: "enabled", budget_tokens: 1024 }),
  output_config: free({ effort: "low", format: free({ type: "json_schema", schema }) }),
  context_management: free({
    edits: [
      free({
        type: "clear_tool_uses",
        trigger: free({ type: "input_tokens", value: 9 }),
        keep: free({ type: "x", value: 1 }),
      }),
    ],
  }),
  unheard: unknown,
};

export const googlePart = (text: string) => free({ text });
export const gemini = {
  systemInstruction: free({ role: "user", parts: [googlePart("Be brief."), googlePart("é")] }),
  contents: [
    free({
      role: "user",
      parts: [
        googlePart("Q"),
        free({
          inlineData: free({ mimeType: "image/png", data: "AAAA" }),
          videoMetadata: free({ fps: 1, startOffset: "1s" }),
        }),
      ],
    }),
    free({
      role: "model",
      parts: [free({ functionCall: free({ name: "f", args }), thoughtSignature: "s" })],
    }),
    free({ role: "user", parts: [free({ functionResponse: free({ name: "f", response: args }) })] }),
  ],
  tools: [
    free({
      functionDeclarations: [free({ name: "f", description: "d", parameters: schema })],
      other: unknown,
    }),
  ],
  toolConfig: free({ functionCallingConfig: free({ mode: "ANY", allowedFunctionNames: ["f", "g"] }) }),
  safetySettings: [free({ category: "A", threshold: "B" }), free({ category: "C", threshold: "D" })],
  generationConfig: free({
    temperature: new Digits("1.0"),
    responseMimeType: "application/json",
    responseSchema: schema,
    thinkingConfig: free({ includeThoughts: true, thinkingBudget: 0 }),
    speechConfig: free({
      voiceConfig: free({ prebuiltVoiceConfig: free({ voiceName: "v", x: 1 }) }),
      languageCode: "en",
    }),
    imageConfig: free({ aspectRatio: "1:1", imageSize: "1K" }),
  }),
};

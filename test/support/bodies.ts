/** One rich request body per family, with what is free in it said by hand: what the code's own table is held to. */
import { Digits, free } from "./json-tree.ts";

export interface Sample {
  readonly family: string;
  /** As a client sends it. */
  readonly path: string;
  readonly body: unknown;
  /** Members that don't count, with values to vary. */
  readonly ignored: Readonly<Record<string, readonly unknown[]>>;
}

/** What a model reads: every order in it counts. */
const schema = {
  type: "object",
  properties: {
    name: { type: "string", description: 'A "name"\nwith é, 😀 and \\' },
    user: { type: "string" },
    at: { anyOf: [{ type: "number", minimum: new Digits("0.10") }, { type: "null" }] },
  },
  required: ["name", "user"],
  additionalProperties: false,
};
const args = { b: 1, a: { d: [1, 2], c: "x" }, user: "u" };
const unknown = { z: 1, a: { y: true, b: null } };
const cache = () => free({ type: "ephemeral", ttl: "5m" });
const tool = () =>
  free({
    type: "function",
    function: free({ name: "f", description: "Does é", parameters: schema, strict: true }),
  });
const format = () => free({ type: "json_schema", json_schema: free({ name: "n", schema, strict: true }) });
const labels: Readonly<Record<string, readonly unknown[]>> = {
  user: ["a", "b", { x: 1 }],
  safety_identifier: ["s", "t"],
  metadata: [{ a: "1", b: "2" }, { b: "2" }, null],
  prompt_cache_key: ["k", "l"],
  prompt_cache_retention: ["24h"],
  prompt_cache_options: [{ mode: "x" }],
};

const chatMessages = () => [
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

const chat = {
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

const anthropicBody = {
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

const googlePart = (text: string) => free({ text });
const gemini = {
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

export const samples: readonly Sample[] = [
  { family: "openai chat", path: "/openai/v1/chat/completions", body: chat, ignored: labels },
  {
    family: "openai completions",
    path: "/openai/v1/completions",
    body: {
      model: "m",
      prompt: ["a é", "b"],
      suffix: "s",
      logit_bias: free({ "1": 2, "3": 4 }),
      stream: false,
      x: unknown,
    },
    ignored: labels,
  },
  {
    family: "openai responses",
    path: "/openai/v1/responses",
    body: {
      model: "m",
      store: false,
      user: "counts here: it is echoed",
      metadata: { a: "1", b: "2" },
      input: [
        free({ type: "message", role: "user", content: [free({ type: "input_text", text: "Q é" })] }),
        free({ type: "function_call", call_id: "c", name: "f", arguments: "{}" }),
        free({
          type: "function_call_output",
          call_id: "c",
          output: [free({ type: "input_text", text: "o" })],
        }),
        free({ type: "reasoning", id: "r", summary: [free({ type: "summary_text", text: "t" })] }),
      ],
      tools: [free({ type: "function", name: "f", parameters: schema, strict: true })],
      tool_choice: free({ type: "function", name: "f" }),
      reasoning: free({ effort: "low", summary: "auto" }),
      text: free({ verbosity: "low", format: free({ type: "json_schema", name: "n", schema }) }),
      prompt: free({ id: "p", version: "1", variables: args }),
    },
    ignored: {},
  },
  {
    family: "openai embeddings",
    path: "/openai/v1/embeddings",
    body: { model: "m", input: ["a é", "b", "a"], encoding_format: "base64", dimensions: 8, x: unknown },
    ignored: { user: ["a", "b"] },
  },
  {
    family: "openai moderations",
    path: "/openai/v1/moderations",
    body: {
      model: "m",
      input: [
        free({ type: "text", text: "a" }),
        free({ type: "image_url", image_url: free({ url: "u", x: 1 }) }),
      ],
    },
    ignored: {},
  },
  {
    family: "openrouter chat",
    path: "/openrouter/api/v1/chat/completions",
    body: {
      ...chat,
      models: ["a", "b"],
      provider: free({ order: ["x", "y"], sort: "price", max_price: { prompt: 1, completion: 2 } }),
      reasoning: free({ effort: "low", exclude: true }),
      usage: free({ include: true, x: 1 }),
    },
    ignored: { ...labels, session_id: ["1", "2"], trace: [{ a: 1 }] },
  },
  {
    family: "mistral chat",
    path: "/mistral/v1/chat/completions",
    body: { ...chat, random_seed: 7, safe_prompt: true, user: "counts here" },
    ignored: { metadata: [{ a: 1 }, {}], prompt_cache_key: ["a", "b"] },
  },
  {
    family: "perplexity chat",
    path: "/perplexity/chat/completions",
    body: { model: "m", messages: chatMessages(), user: "counts", metadata: { a: 1, b: 2 } },
    ignored: {},
  },
  {
    family: "anthropic messages",
    path: "/anthropic/v1/messages",
    body: anthropicBody,
    ignored: { metadata: [{ user_id: "a" }, { user_id: "b" }], billing_policy: ["x"] },
  },
  {
    family: "google generate",
    path: "/google/v1beta/models/m:generateContent",
    body: gemini,
    ignored: { labels: [{ a: "1", b: "2" }, {}] },
  },
  {
    family: "google embed batch",
    path: "/google/v1beta/models/m:batchEmbedContents",
    body: {
      requests: [
        free({
          model: "m",
          content: free({ role: "user", parts: [googlePart("a"), googlePart("b")] }),
          taskType: "X",
        }),
      ],
    },
    ignored: { labels: [{}] },
  },
  {
    family: "cohere v2 chat",
    path: "/cohere/v2/chat",
    body: {
      model: "m",
      messages: [
        free({
          role: "user",
          content: [free({ type: "text", text: "Q" }), free({ type: "document", document: { data: args } })],
        }),
      ],
      documents: [{ id: "d", data: args }],
      tools: [tool()],
      response_format: free({ type: "json_object", json_schema: schema }),
      citation_options: free({ mode: "fast", x: 1 }),
      thinking: free({ type: "enabled", token_budget: 1 }),
      strict_tools: true,
    },
    ignored: { priority: [0, 1, 999] },
  },
  {
    family: "ollama chat",
    path: "/ollama/api/chat",
    body: {
      model: "m",
      messages: [
        free({ role: "user", content: "Q é", images: ["AAAA"] }),
        free({
          role: "assistant",
          content: "",
          tool_calls: [free({ function: free({ name: "f", arguments: args }) })],
        }),
      ],
      tools: [tool()],
      format: schema,
      options: free({ num_ctx: 4096, temperature: new Digits("0.0"), stop: ["a", "b"] }),
      stream: false,
    },
    ignored: { keep_alive: ["5m", 0, -1] },
  },
  {
    family: "ollama chat, OpenAI's form",
    path: "/ollama/v1/chat/completions",
    body: { model: "m", messages: chatMessages() },
    ignored: labels,
  },
  {
    family: "vllm chat",
    path: "/vllm/v1/chat/completions",
    body: { ...chat, structured_outputs: { json: schema }, guided_json: schema },
    ignored: { ...labels, priority: [1, 2], request_id: ["a", "b"], cache_salt: ["s"] },
  },
  {
    family: "huggingface task",
    path: "/huggingface/hf-inference/models/org/model",
    body: {
      inputs: "Q é",
      parameters: free({ max_new_tokens: 8, grammar: { type: "json", value: schema } }),
      options: free({ use_cache: false, wait_for_model: true }),
      user: "counts here",
    },
    ignored: {},
  },
  {
    family: "rerank",
    path: "/jina/v1/rerank",
    body: { model: "m", query: "q", documents: [{ text: "a", title: "b" }, "c"], top_n: 2 },
    ignored: {},
  },
  {
    family: "image generation",
    path: "/openai/v1/images/generations",
    body: { model: "m", prompt: "a é cat", n: 1, size: "1024x1024", x: unknown },
    ignored: { user: ["a", "b"] },
  },
];

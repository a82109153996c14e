/** One rich request body per family, with what is free in it said by hand: what the code's own table is held to. */
import { Digits, free } from "./json-tree.ts";
import {
  anthropicBody,
  args,
  chat,
  chatMessages,
  gemini,
  googlePart,
  labels,
  schema,
  tool,
  unknown,
} from "./rich-bodies.ts";

export interface Sample {
  readonly family: string;
  /** As a client sends it. */
  readonly path: string;
  readonly body: unknown;
  /** Members that don't count, with values to vary. */
  readonly ignored: Readonly<Record<string, readonly unknown[]>>;
}

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

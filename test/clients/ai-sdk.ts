/** Vercel's `ai` with its provider packages. */
import { createAnthropic } from "@ai-sdk/anthropic";
import { createGoogleGenerativeAI } from "@ai-sdk/google";
import { createOpenAI } from "@ai-sdk/openai";
import { generateText, jsonSchema, type LanguageModel, streamText, tool } from "ai";
import { type Asks, all, type Client, MODEL, versionOf, WEATHER, withVariable } from "./client.ts";

Object.assign(globalThis, { AI_SDK_LOG_WARNINGS: false });

const tools = {
  [WEATHER.name]: tool({
    description: WEATHER.description,
    inputSchema: jsonSchema({ ...WEATHER.parameters, required: [...WEATHER.parameters.required] }),
  }),
};

/** Its results hold times, headers and ids of its own beside the answer: the parts that were parsed from it. */
function asks(model: LanguageModel, retries: boolean, prefix = ""): Asks {
  const options = { model, maxOutputTokens: 64, ...(retries ? {} : { maxRetries: 0 }) };
  const generated = async (more: object) => {
    const { text, toolCalls, finishReason, usage, response } = await generateText({
      ...options,
      ...more,
    } as never);
    // Google gives no id: then the library makes one up.
    const id = response.id.startsWith("aitxt-") ? undefined : response.id;
    return { text, toolCalls, finishReason, usage, id, model: response.modelId };
  };
  const streamed = async (more: object) => {
    let fault: unknown;
    const result = streamText({
      ...options,
      ...more,
      onError: ({ error }: { error: unknown }) => {
        fault = error;
      },
    } as never);
    const parts = await all(result.fullStream);
    if (fault !== undefined) throw fault;
    return parts.filter(({ type }) => /^(text|tool)-/.test(type));
  };
  const named: Asks = {
    text: (prompt) => generated({ prompt }),
    "text stream": (prompt) => streamed({ prompt }),
    tools: (prompt) => generated({ prompt, tools }),
    "tools stream": (prompt) => streamed({ prompt, tools }),
  };
  return Object.fromEntries(Object.entries(named).map(([name, ask]) => [prefix + name, ask]));
}

const CALL_ERROR = "AI_APICallError";
const common = {
  errors: { 400: CALL_ERROR, 404: CALL_ERROR, 424: CALL_ERROR, 429: CALL_ERROR, 502: "AI_RetryError" },
} as const;
const version = (name: string) => `${versionOf(name)} (ai ${versionOf("ai")})`;

export const aiSdk: readonly Client[] = [
  {
    ...common,
    name: "@ai-sdk/openai",
    version: version("@ai-sdk/openai"),
    provider: "openai",
    bases: ["/openai/v1", "/v1"],
    direct: "/v1",
    connect(base, { retries }) {
      const openai = withVariable("OPENAI_BASE_URL", base, () => createOpenAI({ apiKey: "sk-test" }));
      return { ...asks(openai.chat(MODEL), retries, "chat "), ...asks(openai(MODEL), retries, "responses ") };
    },
  },
  {
    ...common,
    name: "@ai-sdk/anthropic",
    version: version("@ai-sdk/anthropic"),
    provider: "anthropic",
    bases: ["/anthropic", "/anthropic/v1", ""],
    direct: "/v1",
    connect(base, { retries }) {
      const anthropic = withVariable("ANTHROPIC_BASE_URL", base, () =>
        createAnthropic({ apiKey: "sk-ant-test" }),
      );
      return asks(anthropic(MODEL), retries);
    },
  },
  {
    ...common,
    name: "@ai-sdk/google",
    version: version("@ai-sdk/google"),
    provider: "google",
    bases: ["/google", "/google/v1beta", "/v1beta"],
    direct: "/v1beta",
    connect(base, { retries }) {
      const google = createGoogleGenerativeAI({
        apiKey: "AIza-test",
        baseURL: base,
        // Google names no tool calls: the library makes names up.
        generateId: () => "call_1",
      });
      return asks(google(MODEL), retries);
    },
  },
];

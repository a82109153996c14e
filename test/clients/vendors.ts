/** Clients of the vendors whose APIs are their own: Anthropic, Google, Cohere, Ollama. */
import Anthropic from "@anthropic-ai/sdk";
import { GoogleGenAI } from "@google/genai";
import { CohereClientV2 } from "cohere-ai";
import { Ollama } from "ollama";
import { all, type Client, MODEL, versionOf, WEATHER, withVariable } from "./client.ts";
import { STAINLESS } from "./openai-like.ts";

const user = (content: string) => [{ role: "user" as const, content }];

const anthropic: Client = {
  name: "@anthropic-ai/sdk",
  version: versionOf("@anthropic-ai/sdk"),
  provider: "anthropic",
  bases: ["/anthropic", ""],
  direct: "",
  errors: STAINLESS,
  connect(base, { retries }) {
    const options = { apiKey: "sk-ant-test", ...(retries ? {} : { maxRetries: 0 }) };
    const client = withVariable("ANTHROPIC_BASE_URL", base, () => new Anthropic(options));
    const { parameters, ...named } = WEATHER;
    const tools = [
      { ...named, input_schema: { ...parameters, required: [...parameters.required] } },
    ] as Anthropic.Tool[];
    const body = (question: string) => ({ model: MODEL, max_tokens: 64, messages: user(question) });
    return {
      messages: (question) => client.messages.create(body(question)),
      "messages stream": async (question) =>
        all(await client.messages.create({ ...body(question), stream: true })),
      "messages tools": (question) => client.messages.create({ ...body(question), tools }),
      "messages tools stream": (question) =>
        client.messages.stream({ ...body(question), tools }).finalMessage(),
    };
  },
};

const google: Client = {
  name: "@google/genai",
  version: versionOf("@google/genai"),
  provider: "google",
  bases: ["/google", ""],
  direct: "",
  errors: { 400: "ApiError", 404: "ApiError", 424: "ApiError", 429: "ApiError", 502: "ApiError" },
  connect(base) {
    const client = withVariable(
      "GOOGLE_GEMINI_BASE_URL",
      base,
      () => new GoogleGenAI({ apiKey: "AIza-test" }),
    );
    const { parameters, ...named } = WEATHER;
    const tools = [{ functionDeclarations: [{ ...named, parametersJsonSchema: parameters }] }];
    const body = (contents: string, config = {}) => ({ model: MODEL, contents, config });
    // What it adds of the exchange itself is no part of the answer.
    const bare = <T extends { sdkHttpResponse?: unknown }>({ sdkHttpResponse: _, ...answer }: T) => answer;
    const stream = async (question: string, config = {}) =>
      (await all(await client.models.generateContentStream(body(question, config)))).map(bare);
    return {
      generate: async (question) => bare(await client.models.generateContent(body(question))),
      "generate stream": (question) => stream(question),
      "generate tools": async (question) =>
        bare(await client.models.generateContent(body(question, { tools }))),
      "generate tools stream": (question) => stream(question, { tools }),
    };
  },
};

const cohere: Client = {
  name: "cohere-ai",
  version: versionOf("cohere-ai"),
  provider: "cohere",
  bases: ["/cohere", ""],
  direct: "",
  errors: {
    400: "BadRequestError",
    404: "NotFoundError",
    424: "CohereError",
    429: "TooManyRequestsError",
    502: "CohereError",
  },
  connect(base, { retries }) {
    const client = new CohereClientV2({
      token: "co-test",
      baseUrl: base,
      ...(retries ? {} : { maxRetries: 0 }),
    });
    const tools = [{ type: "function" as const, function: WEATHER }];
    const body = (question: string) => ({ model: MODEL, messages: user(question) });
    return {
      chat: (question) => client.chat(body(question)),
      "chat stream": async (question) => all(await client.chatStream(body(question))),
      "chat tools": (question) => client.chat({ ...body(question), tools }),
      "chat tools stream": async (question) => all(await client.chatStream({ ...body(question), tools })),
    };
  },
};

const RESPONSE_ERROR = "ResponseError";
const ollama: Client = {
  name: "ollama",
  version: versionOf("ollama"),
  provider: "ollama",
  bases: ["/ollama", ""],
  direct: "",
  errors: {
    400: RESPONSE_ERROR,
    404: RESPONSE_ERROR,
    424: RESPONSE_ERROR,
    429: RESPONSE_ERROR,
    502: RESPONSE_ERROR,
  },
  connect(base) {
    const client = new Ollama({ host: base });
    const { parameters, ...named } = WEATHER;
    const tools = [
      {
        type: "function",
        function: { ...named, parameters: { ...parameters, required: [...parameters.required] } },
      },
    ];
    const body = (question: string) => ({ model: MODEL, messages: user(question) });
    return {
      chat: (question) => client.chat(body(question)),
      "chat stream": async (question) => all(await client.chat({ ...body(question), stream: true })),
      "chat tools": (question) => client.chat({ ...body(question), tools }),
      "chat tools stream": async (question) =>
        all(await client.chat({ ...body(question), tools, stream: true })),
    };
  },
};

export const vendors: readonly Client[] = [anthropic, google, cohere, ollama];

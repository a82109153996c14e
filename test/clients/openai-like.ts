/** Clients that speak OpenAI's chat completions: a library each, one way to ask them. */
import { InferenceClient } from "@huggingface/inference";
import { Mistral } from "@mistralai/mistralai";
import { OpenRouter } from "@openrouter/sdk";
import Groq from "groq-sdk";
import OpenAI from "openai";
import OpenAI6 from "openai-6";
import Together from "together-ai";
import { type Asks, all, type Client, MODEL, versionOf, WEATHER, withVariable } from "./client.ts";

type Create = (body: Record<string, unknown>) => PromiseLike<unknown>;

const user = (content: string) => [{ role: "user", content }];
const tools = [{ type: "function", function: WEATHER }];
const streamed = async (answer: PromiseLike<unknown>) => all((await answer) as AsyncIterable<unknown>);

function chatAsks(create: Create): Asks {
  const body = (question: string, more: object = {}) => ({ model: MODEL, messages: user(question), ...more });
  return {
    chat: async (question) => create(body(question)),
    "chat stream": (question) => streamed(create(body(question, { stream: true }))),
    "chat tools": async (question) => create(body(question, { tools })),
    "chat tools stream": (question) => streamed(create(body(question, { tools, stream: true }))),
  };
}

function responsesAsks(create: Create): Asks {
  const body = (input: string, more: object = {}) => ({ model: MODEL, input, ...more });
  const flat = [{ type: "function", strict: false, ...WEATHER }];
  return {
    responses: async (question) => create(body(question)),
    "responses stream": (question) => streamed(create(body(question, { stream: true }))),
    "responses tools": async (question) => create(body(question, { tools: flat })),
    "responses tools stream": (question) => streamed(create(body(question, { tools: flat, stream: true }))),
  };
}

/** Class names of the libraries that Stainless generates; OpenAI's, Anthropic's, Groq's and Together's are. */
export const STAINLESS = {
  400: "BadRequestError",
  404: "NotFoundError",
  424: "APIError",
  429: "RateLimitError",
  502: "InternalServerError",
} as const;

const key = "sk-test";
const once = (retries: boolean) => (retries ? {} : { maxRetries: 0 });

function openai(name: string, Library: typeof OpenAI): Client {
  return {
    name,
    version: versionOf(name),
    provider: "openai",
    bases: ["/openai/v1", "/v1"],
    direct: "/v1",
    errors: STAINLESS,
    connect(base, { retries }) {
      const client = withVariable(
        "OPENAI_BASE_URL",
        base,
        () => new Library({ apiKey: key, ...once(retries) }),
      );
      return {
        ...chatAsks((body) => client.chat.completions.create(body as never)),
        ...responsesAsks((body) => client.responses.create(body as never)),
        // It asks for base64 by itself and decodes what comes.
        embeddings: (input) => client.embeddings.create({ model: "e-1", input }),
        "embeddings of two": (input) =>
          client.embeddings.create({ model: "e-1", input: [input, `${input}b`] }),
      };
    },
  };
}

const groq: Client = {
  name: "groq-sdk",
  version: versionOf("groq-sdk"),
  provider: "groq",
  bases: ["/groq"],
  direct: "",
  errors: STAINLESS,
  connect(base, { retries }) {
    const client = withVariable("GROQ_BASE_URL", base, () => new Groq({ apiKey: key, ...once(retries) }));
    return chatAsks((body) => client.chat.completions.create(body as never));
  },
};

const together: Client = {
  name: "together-ai",
  version: versionOf("together-ai"),
  provider: "together",
  bases: ["/together/v1"],
  direct: "/v1",
  errors: STAINLESS,
  connect(base, { retries }) {
    const client = withVariable(
      "TOGETHER_BASE_URL",
      base,
      () => new Together({ apiKey: key, ...once(retries) }),
    );
    return {
      ...chatAsks((body) => client.chat.completions.create(body as never)),
      embeddings: (input) => client.embeddings.create({ model: "e-1", input }),
    };
  },
};

const openrouter: Client = {
  name: "@openrouter/sdk",
  version: versionOf("@openrouter/sdk"),
  provider: "openrouter",
  bases: ["/openrouter/api/v1"],
  stubborn: true,
  direct: "/api/v1",
  errors: {
    400: "BadRequestResponseError",
    404: "NotFoundResponseError",
    424: "OpenRouterDefaultError",
    429: "TooManyRequestsResponseError",
    502: "BadGatewayResponseError",
  },
  connect(base, { retries }) {
    const config = retries ? {} : { retryConfig: { strategy: "none" } as const };
    // It reads OPENROUTER_BASE_URL once in a process; these are several clients.
    const client = new OpenRouter({ apiKey: key, serverURL: base, ...config });
    return chatAsks((chatRequest) => client.chat.send({ chatRequest } as never));
  },
};

const mistral: Client = {
  name: "@mistralai/mistralai",
  version: versionOf("@mistralai/mistralai"),
  provider: "mistral",
  bases: ["/mistral"],
  direct: "",
  errors: { 400: "SDKError", 404: "SDKError", 424: "SDKError", 429: "SDKError", 502: "SDKError" },
  connect(base) {
    const client = new Mistral({ apiKey: key, serverURL: base });
    return {
      ...chatAsks(({ stream, ...body }) =>
        stream ? client.chat.stream(body as never) : client.chat.complete(body as never),
      ),
      embeddings: (inputs) => client.embeddings.create({ model: "e-1", inputs }),
    };
  },
};

const API_ERROR = "InferenceClientProviderApiError";
const huggingface: Client = {
  name: "@huggingface/inference",
  version: versionOf("@huggingface/inference"),
  provider: "huggingface",
  bases: ["/huggingface/v1"],
  direct: "/v1",
  errors: { 400: API_ERROR, 404: API_ERROR, 424: API_ERROR, 429: API_ERROR, 502: API_ERROR },
  connect(base) {
    const client = new InferenceClient("hf_test", { endpointUrl: base });
    return chatAsks(async ({ stream, ...body }) =>
      stream ? client.chatCompletionStream(body as never) : client.chatCompletion(body as never),
    );
  },
};

export const openaiLike: readonly Client[] = [
  openai("openai", OpenAI),
  openai("openai-6", OpenAI6 as unknown as typeof OpenAI),
  groq,
  together,
  openrouter,
  mistral,
  huggingface,
];

/**
 * The one table of environment variables by which clients find a provider: `askonce env`, `run`, `doctor` and the
 * documentation go by it. Each was read in the published package of the client that it names.
 */
export interface ClientVariable {
  readonly name: string;
  /** What follows `http://host:port/<provider>` in its value. */
  readonly path: string;
  /** Clients that read it. */
  readonly readBy: string;
}

const OFFICIAL = "its SDKs";

/** By provider; the first is the one to tell people. */
const VARIABLES: Readonly<Record<string, readonly ClientVariable[]>> = {
  openai: [
    variable("OPENAI_BASE_URL", "/v1", `${OFFICIAL}, AI SDK, LangChain, LlamaIndex.TS, LiteLLM, promptfoo`),
    variable("OPENAI_API_BASE", "/v1", "LangChain, LlamaIndex, LiteLLM, older SDKs"),
    variable("OPENAI_API_BASE_URL", "/v1", "promptfoo"),
  ],
  openrouter: [
    variable("OPENROUTER_BASE_URL", "/api/v1", OFFICIAL),
    variable("OPENROUTER_API_BASE", "/api/v1", "LangChain, LlamaIndex, LiteLLM"),
  ],
  anthropic: [
    variable("ANTHROPIC_BASE_URL", "", `${OFFICIAL}, Claude Code, AI SDK, LangChain, LiteLLM, promptfoo`),
    variable("ANTHROPIC_API_URL", "", "LangChain"),
    variable("ANTHROPIC_API_BASE", "", "LiteLLM"),
  ],
  groq: [variable("GROQ_BASE_URL", "", OFFICIAL), variable("GROQ_API_BASE", "", "LangChain, LiteLLM")],
  mistral: [
    variable("MISTRAL_BASE_URL", "/v1", "LangChain"),
    variable("MISTRAL_API_BASE", "/v1", "LiteLLM (embeddings, OCR)"),
    variable("MISTRAL_AZURE_API_BASE", "/v1", "LiteLLM (chat)"),
    variable("MISTRAL_ENDPOINT", "", "LlamaIndex"),
  ],
  cohere: [variable("CO_API_URL", "", `${OFFICIAL} (Python)`)],
  ai21: [
    variable("AI21_API_BASE", "/studio/v1", "LiteLLM"),
    variable("AI21_API_HOST", "/studio/v1", `${OFFICIAL} (Python)`),
  ],
  google: [
    variable("GOOGLE_GEMINI_BASE_URL", "", `${OFFICIAL}, Gemini CLI`),
    variable("GEMINI_API_BASE", "", "LiteLLM"),
  ],
  together: [
    variable("TOGETHER_BASE_URL", "/v1", OFFICIAL),
    variable("TOGETHER_API_BASE", "/v1", "LangChain"),
    variable("TOGETHER_AI_API_BASE", "/v1", "LiteLLM"),
  ],
  deepseek: [variable("DEEPSEEK_API_BASE", "/v1", "LangChain, LiteLLM")],
  xai: [variable("XAI_API_BASE", "/v1", "LangChain, LiteLLM")],
  fireworks: [
    variable("FIREWORKS_BASE_URL", "", `${OFFICIAL} (Python)`),
    variable("FIREWORKS_API_BASE", "/inference/v1", "LangChain, LlamaIndex, LiteLLM"),
  ],
  perplexity: [variable("PERPLEXITY_BASE_URL", "", OFFICIAL), variable("PERPLEXITY_API_BASE", "", "LiteLLM")],
  cerebras: [
    variable("CEREBRAS_BASE_URL", "", `${OFFICIAL}, LlamaIndex`),
    variable("CEREBRAS_API_BASE", "/v1", "LangChain, LiteLLM"),
  ],
  nvidia: [
    variable("NVIDIA_BASE_URL", "/v1", "LangChain, LlamaIndex"),
    variable("NVIDIA_NIM_API_BASE", "/v1", "LiteLLM"),
  ],
  ollama: [
    variable("OLLAMA_HOST", "", `${OFFICIAL} (Python), its command`),
    variable("OLLAMA_API_BASE", "", "LiteLLM"),
    variable("OLLAMA_BASE_URL", "", "LangChain.js"),
  ],
  lmstudio: [variable("LM_STUDIO_API_BASE", "/v1", "LiteLLM")],
  vllm: [variable("HOSTED_VLLM_API_BASE", "/v1", "LiteLLM")],
  azure: [
    variable("AZURE_OPENAI_ENDPOINT", "", "OpenAI's SDKs, LangChain, LlamaIndex"),
    variable("AZURE_API_BASE", "", "LiteLLM"),
  ],
  bedrock: [variable("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "", "AWS's SDKs")],
};

/** Variables that hold a provider's key, where they are not `NAME_API_KEY`; the first is its SDKs' own. */
const KEYS: Readonly<Record<string, readonly string[]>> = {
  anthropic: ["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"],
  azure: ["AZURE_OPENAI_API_KEY", "AZURE_API_KEY"],
  bedrock: ["AWS_BEARER_TOKEN_BEDROCK"],
  cohere: ["CO_API_KEY", "COHERE_API_KEY"],
  google: ["GOOGLE_API_KEY", "GEMINI_API_KEY", "GOOGLE_GENERATIVE_AI_API_KEY"],
  huggingface: ["HF_TOKEN"],
  nvidia: ["NVIDIA_API_KEY", "NVIDIA_NIM_API_KEY"],
  perplexity: ["PERPLEXITY_API_KEY", "PPLX_API_KEY", "PERPLEXITYAI_API_KEY"],
  together: ["TOGETHER_API_KEY", "TOGETHERAI_API_KEY"],
};

/** Beside a key these are sent too, and Claude Code complains: no dummy stands in them. */
const NO_DUMMY = new Set(["ANTHROPIC_AUTH_TOKEN"]);

function variable(name: string, path: string, readBy: string): ClientVariable {
  return { name, path, readBy };
}

/** The variables by which clients find a provider of this name; none for one that has none. */
export function clientVariablesOf(provider: string): readonly ClientVariable[] {
  return Object.hasOwn(VARIABLES, provider) ? (VARIABLES[provider] ?? []) : [];
}

/** Variables in which clients look for a provider's key. */
export function keyVariablesOf(provider: string): readonly string[] {
  const found = Object.hasOwn(KEYS, provider) ? KEYS[provider] : undefined;
  return found ?? [`${provider.toUpperCase().replaceAll("-", "_")}_API_KEY`];
}

/** Of these, those that take a dummy where no key is set and none is needed. */
export function dummyVariablesOf(provider: string): readonly string[] {
  return keyVariablesOf(provider).filter((name) => !NO_DUMMY.has(name));
}

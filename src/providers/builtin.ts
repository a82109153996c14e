import { anthropicFamily } from "./anthropic.ts";
import { cohereFamily } from "./cohere.ts";
import { googleFamily } from "./google.ts";
import { huggingfaceFamily } from "./huggingface.ts";
import { llamacppFamily, vllmFamily } from "./local.ts";
import { ollamaFamily } from "./ollama.ts";
import { mistralFamily, openaiFamily } from "./openai.ts";
import { openrouterFamily } from "./openrouter.ts";
import { OPENAI_RESOURCES, type PathForms } from "./paths.ts";
import type { Family } from "./provider.ts";

/** One provider: where it is, how clients write its paths, and who they say they are. */
export interface ProviderRow {
  readonly name: string;
  readonly baseUrl: string;
  readonly family: Family;
  readonly forms: PathForms;
  /** Example of the official SDK's path and of the short one, after `/<provider>`, and what both become. */
  readonly example: { readonly sdk: string; readonly short: string; readonly upstream: string };
  /** How a client says who it is. */
  readonly credential: string;
  readonly auth: "key" | "none";
  readonly local: boolean;
  /** What to give to a client beside the variables of its own (`client-variables.ts`). */
  readonly clientHints: readonly string[];
}

const BEARER = "Authorization: Bearer";

interface Spelled {
  readonly root: string;
  readonly aliases?: readonly string[];
  readonly resources?: readonly string[];
  readonly rewrites?: PathForms["rewrites"];
  readonly family?: Family;
  readonly short?: string;
  readonly credential?: string;
  readonly local?: boolean;
  readonly hints: readonly string[];
}

const openai = openaiFamily();

/** A row of an API like OpenAI's, with what differs spelled out. */
function row(name: string, baseUrl: string, spelled: Spelled): ProviderRow {
  const { root, aliases = [], resources = OPENAI_RESOURCES, rewrites = [], local = false } = spelled;
  const upstream = `${root}/chat/completions`;
  return {
    name,
    baseUrl,
    family: spelled.family ?? openai,
    forms: { root, aliases, resources, rewrites },
    example: { sdk: upstream, short: spelled.short ?? "/chat/completions", upstream },
    credential: spelled.credential ?? (local ? `none, or ${BEARER}` : BEARER),
    auth: local ? "none" : "key",
    local,
    clientHints: spelled.hints,
  };
}

/** Inference providers behind Hugging Face's router that take two segments, as a model's name does. */
const HF_PROVIDERS = /^\/(?:fal-ai|replicate|hf-inference)\//;
const HF_MODEL = /^\/(?!(?:v1|api|fal-ai|replicate|hf-inference|models)\/)([^/]+\/[^/]+)$/;

const google: ProviderRow = {
  name: "google",
  baseUrl: "https://generativelanguage.googleapis.com",
  family: googleFamily,
  forms: {
    root: "/v1beta",
    aliases: [],
    resources: ["models", "tunedModels", "files", "cachedContents", "batches", "corpora", "operations"],
    rewrites: [
      [/^\/(v1|v1alpha|v1beta\d*|upload)\//, "/$1/"],
      [/^\/openai\//, "/v1beta/openai/"],
    ],
  },
  example: {
    sdk: "/v1beta/models/gemini-2.5-flash:generateContent",
    short: "/models/gemini-2.5-flash:generateContent",
    upstream: "/v1beta/models/gemini-2.5-flash:generateContent",
  },
  credential: `x-goog-api-key, ?key= or ${BEARER}`,
  auth: "key",
  local: false,
  clientHints: [],
};

const anthropic: ProviderRow = {
  name: "anthropic",
  baseUrl: "https://api.anthropic.com",
  family: anthropicFamily,
  forms: {
    root: "/v1",
    aliases: [],
    resources: (
      "messages complete models files skills agents sessions environments deployments dreams memory_stores vaults " +
      "tunnels user_profiles organizations"
    ).split(" "),
  },
  example: { sdk: "/v1/messages", short: "/messages", upstream: "/v1/messages" },
  credential: `x-api-key or ${BEARER}`,
  auth: "key",
  local: false,
  clientHints: [],
};

const cohere: ProviderRow = {
  name: "cohere",
  baseUrl: "https://api.cohere.com",
  family: cohereFamily,
  forms: {
    root: "/v1",
    aliases: [],
    resources:
      "generate classify summarize tokenize detokenize models embed-jobs datasets connectors finetuning check-api-key".split(
        " ",
      ),
    rewrites: [
      [/^\/v2\//, "/v2/"],
      [/^\/chat\/completions$/, "/compatibility/v1/chat/completions"],
      [/^\/(chat|embed|rerank)$/, "/v2/$1"],
    ],
  },
  example: { sdk: "/v2/chat", short: "/chat", upstream: "/v2/chat" },
  credential: BEARER,
  auth: "key",
  local: false,
  clientHints: ['baseUrl: "{base}" (JavaScript)'],
};

const ollama: ProviderRow = {
  name: "ollama",
  baseUrl: "http://127.0.0.1:11434",
  family: ollamaFamily,
  forms: {
    root: "/api",
    aliases: [],
    resources: "chat generate embed tags show ps pull push create copy delete blobs version".split(" "),
    rewrites: [
      [/^\/(?:v1\/)?(chat\/completions|completions|responses|messages|models|embeddings)$/, "/v1/$1"],
    ],
  },
  example: { sdk: "/api/chat", short: "/chat", upstream: "/api/chat" },
  credential: "none",
  auth: "none",
  local: true,
  clientHints: ['host: "{base}" (JavaScript)', "OPENAI_BASE_URL={base}/v1"],
};

export const rows: readonly ProviderRow[] = [
  row("openai", "https://api.openai.com", { root: "/v1", hints: [] }),
  row("openrouter", "https://openrouter.ai", {
    root: "/api/v1",
    aliases: ["/v1"],
    family: openrouterFamily,
    hints: ["ANTHROPIC_BASE_URL={base}/api"],
    resources: [...OPENAI_RESOURCES, "interns", "byok", "workspaces", "guardrails", "systemone", "activity"],
  }),
  anthropic,
  row("groq", "https://api.groq.com", {
    root: "/openai/v1",
    aliases: ["/v1"],
    hints: ["OPENAI_BASE_URL={base}/openai/v1"],
  }),
  row("mistral", "https://api.mistral.ai", {
    root: "/v1",
    family: mistralFamily,
    hints: ['serverURL: "{base}" (JavaScript)', 'server_url="{base}" (Python)'],
  }),
  cohere,
  row("ai21", "https://api.ai21.com", {
    root: "/studio/v1",
    aliases: ["/v1"],
    hints: ['baseURL: "{base}/studio/v1"', "OPENAI_BASE_URL={base}/studio/v1"],
    resources: [...OPENAI_RESOURCES, "library", "conversational-rag", "maestro"],
  }),
  google,
  row("huggingface", "https://router.huggingface.co", {
    root: "/v1",
    family: huggingfaceFamily,
    rewrites: [
      [HF_PROVIDERS, "$&"],
      [/^\/(chat\/completions|completions|responses|embeddings)$/, "/v1/$1"],
      [/^\/models\/([^/]+\/[^/]+.*)$/, "/hf-inference/models/$1"],
      [HF_MODEL, "/hf-inference/models/$1"],
    ],
    resources: ["models"],
    hints: [
      "OPENAI_BASE_URL={base}/v1",
      'base_url="{base}/v1" (InferenceClient)',
      'endpointUrl: "{base}/v1" (InferenceClient, JavaScript)',
    ],
  }),
  row("together", "https://api.together.ai", {
    root: "/v1",
    hints: [],
    resources: [...OPENAI_RESOURCES, "evaluation", "tci", "queue", "compute", "deployments"],
  }),
  row("deepseek", "https://api.deepseek.com", {
    root: "",
    rewrites: [
      // Anthropic's Messages live in a folder of their own there, fill-in-the-middle in another.
      [/^\/(?:anthropic\/)?(?:v1\/)?messages(\/count_tokens)?$/, "/anthropic/v1/messages$1"],
      [/^\/beta\/v1\//, "/beta/"],
      [/^\/v1\/(chat\/completions|completions|models|embeddings)$/, "/$1"],
    ],
    short: "/v1/chat/completions",
    hints: ["OPENAI_BASE_URL={base}", "ANTHROPIC_BASE_URL={base}/anthropic"],
  }),
  row("xai", "https://api.x.ai", {
    root: "/v1",
    family: openaiFamily({ reasoningApart: true }),
    hints: ["OPENAI_BASE_URL={base}/v1"],
  }),
  row("fireworks", "https://api.fireworks.ai", {
    root: "/inference/v1",
    rewrites: [[/^\/v1\/accounts(\/|$)/, "/v1/accounts$1"]],
    aliases: ["/v1"],
    hints: ["OPENAI_BASE_URL={base}/inference/v1"],
  }),
  row("perplexity", "https://api.perplexity.ai", {
    root: "",
    family: openaiFamily({ doneOptional: true }),
    rewrites: [
      [/^\/v1\/((?:async\/)?chat\/completions)$/, "/$1"],
      [/^\/(embeddings|contextualizedembeddings)$/, "/v1/$1"],
    ],
    short: "/v1/chat/completions",
    hints: ["OPENAI_BASE_URL={base}"],
  }),
  row("cerebras", "https://api.cerebras.ai", { root: "/v1", hints: [] }),
  row("nvidia", "https://integrate.api.nvidia.com", { root: "/v1", hints: ["OPENAI_BASE_URL={base}/v1"] }),
  embeddingRow("voyage", "https://api.voyageai.com", 'base_url="{base}/v1" (Python)'),
  embeddingRow(
    "jina",
    "https://api.jina.ai",
    "{base}/v1/embeddings in place of https://api.jina.ai/v1/embeddings",
  ),
  ollama,
  row("lmstudio", "http://localhost:1234", {
    root: "/v1",
    local: true,
    hints: ["OPENAI_BASE_URL={base}/v1"],
  }),
  row("vllm", "http://localhost:8000", {
    root: "/v1",
    family: vllmFamily,
    local: true,
    // Those have a home at vLLM's root.
    resources: OPENAI_RESOURCES.filter((name) => !["rerank", "score", "classify"].includes(name)),
    hints: ["OPENAI_BASE_URL={base}/v1", "ANTHROPIC_BASE_URL={base}"],
  }),
  row("llamacpp", "http://127.0.0.1:8080", {
    root: "/v1",
    family: llamacppFamily,
    local: true,
    // Without `/v1` the others are llama.cpp's own endpoints, with answers of another shape.
    resources: ["chat", "responses", "messages", "audio"],
    hints: ["OPENAI_BASE_URL={base}/v1", "ANTHROPIC_BASE_URL={base}"],
  }),
];

function embeddingRow(name: string, baseUrl: string, hint: string): ProviderRow {
  const plain = row(name, baseUrl, {
    root: "/v1",
    resources: [...OPENAI_RESOURCES, "train", "classifiers"],
    hints: [hint],
  });
  return { ...plain, example: { sdk: "/v1/embeddings", short: "/embeddings", upstream: "/v1/embeddings" } };
}

/** Hosts that many have one of, so none is built in: known by their address, or by `family`. */
export const azureForms: PathForms = {
  root: "/openai/v1",
  aliases: ["/v1"],
  resources: OPENAI_RESOURCES,
  rewrites: [
    [/^\/openai\//, "/openai/"],
    [/^\/deployments\//, "/openai/deployments/"],
    [/^\/(?:anthropic\/)?(?:v1\/)?messages(\/count_tokens)?$/, "/anthropic/v1/messages$1"],
  ],
};

export const bedrockForms: PathForms = { root: "", aliases: [], resources: [] };

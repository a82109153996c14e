/**
 * Request headers with a vendor's prefix that do not change an answer: whose account it is (that is the scope's
 * matter), what the client calls itself, and what varies per call. Taken out of `Family.answerHeaders`.
 */
export const notAnswerHeaders: readonly { readonly name: string; readonly reason: string }[] = [
  ...named("whose account it is: part of the credential", [
    "openai-organization",
    "openai-project",
    "anthropic-workspace-id",
    "x-goog-user-project",
    "x-hf-bill-to",
  ]),
  ...named("a credential", ["x-goog-api-key", "x-hf-token", "x-mistral-api-key", "x-jina-api-key"]),
  ...named("what the client is called", [
    "anthropic-dangerous-direct-browser-access",
    "x-goog-api-client",
    "x-openrouter-title",
    "x-openrouter-categories",
    "x-ollama-client",
  ]),
  ...named("varies per call", ["x-goog-request-params", "x-goog-request-id"]),
  ...named("how long to wait for the answer", ["nvcf-poll-seconds"]),
  ...named("a cache's control", ["x-openrouter-cache", "x-openrouter-cache-ttl", "x-openrouter-cache-clear"]),
];

function named(reason: string, names: readonly string[]): { name: string; reason: string }[] {
  return names.map((name) => ({ name, reason }));
}

/**
 * Headers that change the answers of one provider, beside those of its family: its own prefix, known or not. `like` is
 * the built-in provider or kind whose ways it has; its `name` is a prefix too where it is not built in.
 */
export function ownAnswerHeaders({
  name,
  like,
  builtin,
}: {
  name: string;
  like: string;
  builtin: boolean;
}): readonly string[] {
  const known = KNOWN[like] ?? [];
  if (builtin || ANYBODYS.has(name)) return known;
  const prefixes = [name, name.replaceAll("_", "-")].flatMap((prefix) => [`${prefix}-*`, `x-${prefix}-*`]);
  return [...new Set([...known, ...prefixes])];
}

/** What headers that hold a credential are called, of providers that nobody knows. */
export const CREDENTIAL_HEADER =
  /(?:^|[-_])(?:api-?key|key|token|secret|auth|authorization|password|credentials?|jwt|signature)$/;

/** Names with which headers begin that have nothing to do with a provider, and that vary per call or client. */
const ANYBODYS = new Set(
  (
    "x accept access amz amzn cdn cf client cloud content forwarded host http if proxy real request sec server " +
    "trace user"
  ).split(" "),
);

const KNOWN: Readonly<Record<string, readonly string[]>> = {
  groq: ["groq-*", "x-groq-*"],
  mistral: ["mistral-*"],
  cohere: ["cohere-*", "x-cohere-*"],
  ai21: ["ai21-*", "x-ai21-*"],
  // `x-use-cache: 0` asks for an answer of its own.
  huggingface: ["x-hf-*", "x-use-cache"],
  together: ["together-*", "x-together-*"],
  deepseek: ["deepseek-*", "x-deepseek-*"],
  xai: ["xai-*", "x-xai-*"],
  fireworks: ["fireworks-*", "x-fireworks-*"],
  perplexity: ["perplexity-*", "x-perplexity-*"],
  cerebras: ["cerebras-*", "x-cerebras-*"],
  nvidia: ["nvidia-*", "x-nvidia-*", "nvcf-*"],
  voyage: ["voyage-*", "x-voyage-*"],
  jina: ["jina-*", "x-jina-*"],
  ollama: ["ollama-*", "x-ollama-*"],
  vllm: ["vllm-*", "x-vllm-*"],
  llamacpp: ["llamacpp-*", "x-llamacpp-*"],
  lmstudio: ["lmstudio-*", "x-lmstudio-*"],
};

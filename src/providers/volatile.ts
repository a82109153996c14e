import type { EndpointKind } from "./provider.ts";

/**
 * Top-level members that vary per call without changing the answer: they go up, and don't count for the key. A
 * deny-list, never an allow-list: a member that nobody has heard of is in the key.
 */
export interface VolatileField {
  readonly name: string;
  /** Providers by name; "*" for all whose API is OpenAI's or unknown. */
  readonly providers: readonly string[];
  readonly reason: string;
}

const OPENAI_LIKE = ["*"];

export const volatileFields: readonly VolatileField[] = [
  { name: "user", providers: OPENAI_LIKE, reason: "names the caller's end user, for abuse reports" },
  {
    name: "safety_identifier",
    providers: OPENAI_LIKE,
    reason: "names the caller's end user, for abuse reports",
  },
  { name: "metadata", providers: OPENAI_LIKE, reason: "labels for the provider's dashboard" },
  {
    name: "prompt_cache_key",
    providers: OPENAI_LIKE,
    reason: "routes to the provider's prompt cache: price only",
  },
  { name: "prompt_cache_retention", providers: OPENAI_LIKE, reason: "provider's prompt cache: price only" },
  { name: "prompt_cache_options", providers: OPENAI_LIKE, reason: "provider's prompt cache: price only" },
  {
    name: "prompt_cache_isolation_key",
    providers: ["fireworks"],
    reason: "provider's prompt cache: price only",
  },
  { name: "store", providers: OPENAI_LIKE, reason: "whether the provider's dashboard keeps it" },
  { name: "session_id", providers: ["openrouter"], reason: "groups requests in the dashboard" },
  { name: "trace", providers: ["openrouter"], reason: "labels for tracing" },
  { name: "metadata", providers: ["anthropic"], reason: "names the caller's end user" },
  { name: "billing_policy", providers: ["anthropic"], reason: "who is billed, not what is answered" },
  { name: "labels", providers: ["google"], reason: "labels for billing" },
  { name: "metadata", providers: ["mistral"], reason: "labels for the dashboard" },
  { name: "prompt_cache_key", providers: ["mistral"], reason: "provider's prompt cache: price only" },
  { name: "priority", providers: ["cohere", "vllm", "llamacpp"], reason: "place in the queue" },
  { name: "keep_alive", providers: ["ollama"], reason: "how long the model stays in memory" },
  { name: "request_id", providers: ["vllm", "llamacpp"], reason: "names one request" },
  { name: "cache_salt", providers: ["vllm"], reason: "isolates the server's prefix cache" },
  { name: "cache_prompt", providers: ["llamacpp"], reason: "reuse of the server's own prompt cache" },
  { name: "id_slot", providers: ["llamacpp"], reason: "which slot of the server computes" },
];

/** Those to which "*" does not apply: their APIs give the names above no such meaning, or are not OpenAI's. */
const NOT_OPENAI_LIKE = new Set([
  "anthropic",
  "google",
  "cohere",
  "ollama",
  "perplexity",
  "mistral",
  "bedrock",
]);

/** The names that don't count for one provider and endpoint. Responses echo theirs, so there all count. */
export function volatileNames(
  provider: { readonly name: string; readonly family: { readonly name: string } },
  kind: EndpointKind,
): ReadonlySet<string> {
  if (kind === "responses") return NONE;
  const known = REMEMBERED.get(provider);
  if (known !== undefined) return known;
  const { name, family } = provider;
  const likeOpenai = !NOT_OPENAI_LIKE.has(name) && !NOT_OPENAI_LIKE.has(family.name);
  const found = new Set(
    volatileFields
      .filter(({ providers }) =>
        providers === OPENAI_LIKE ? likeOpenai : providers.includes(name) || providers.includes(family.name),
      )
      .map((field) => field.name),
  );
  REMEMBERED.set(provider, found);
  return found;
}

const NONE: ReadonlySet<string> = new Set();
const REMEMBERED = new WeakMap<object, ReadonlySet<string>>();

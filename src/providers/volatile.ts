import { type Dialect, dialectOf } from "./dialect.ts";
import type { EndpointKind } from "./provider.ts";

/**
 * Top-level members (and form fields) that vary per call without changing the answer: they go up, and don't count
 * for the key. A deny-list, never an allow-list: a member that nobody has heard of is in the key. Responses echo
 * theirs in the answer, so there all count.
 */
export interface VolatileField {
  readonly name: string;
  readonly dialects: readonly Dialect[];
  /** Absent: every endpoint of those dialects. */
  readonly kinds?: readonly EndpointKind[];
  /** Absent: every provider but those that define the dialect's members for themselves (`OWN_WORDS`). */
  readonly providers?: readonly string[];
  readonly reason: string;
}

const OPENAI: readonly Dialect[] = ["openai"];
const TEXT: readonly EndpointKind[] = ["chat", "completions"];
const ANY: readonly Dialect[] = ["openai", "anthropic", "cohere", "other"];
const PRICE = "the provider's prompt cache: price only";
const END_USER = "names the caller's end user, for abuse reports";

export const volatileFields: readonly VolatileField[] = [
  { name: "user", dialects: OPENAI, kinds: [...TEXT, "embeddings", "images"], reason: END_USER },
  { name: "safety_identifier", dialects: OPENAI, kinds: TEXT, reason: END_USER },
  { name: "metadata", dialects: OPENAI, kinds: TEXT, reason: "labels for the provider's dashboard" },
  { name: "prompt_cache_key", dialects: OPENAI, kinds: TEXT, reason: PRICE },
  { name: "prompt_cache_retention", dialects: OPENAI, kinds: TEXT, reason: PRICE },
  { name: "prompt_cache_options", dialects: OPENAI, kinds: TEXT, reason: PRICE },
  {
    name: "store",
    dialects: OPENAI,
    kinds: ["chat"],
    reason:
      "whether the provider's dashboard keeps it; where it is true the answer stays the credential's own",
  },
  {
    name: "metadata",
    dialects: OPENAI,
    kinds: [...TEXT, "embeddings"],
    providers: ["mistral"],
    reason: "labels for the dashboard",
  },
  { name: "prompt_cache_key", dialects: OPENAI, kinds: TEXT, providers: ["mistral"], reason: PRICE },
  {
    name: "prompt_cache_isolation_key",
    dialects: OPENAI,
    kinds: TEXT,
    providers: ["fireworks"],
    reason: PRICE,
  },
  {
    name: "session_id",
    dialects: ["openai", "anthropic"],
    providers: ["openrouter"],
    reason: "groups requests in the dashboard",
  },
  {
    name: "trace",
    dialects: ["openai", "anthropic"],
    providers: ["openrouter"],
    reason: "labels for tracing",
  },
  { name: "metadata", dialects: ["anthropic"], reason: "names the caller's end user" },
  { name: "billing_policy", dialects: ["anthropic"], reason: "who is billed, not what is answered" },
  { name: "labels", dialects: ["google"], reason: "labels for billing" },
  { name: "priority", dialects: ["cohere"], reason: "place in the queue" },
  { name: "keep_alive", dialects: ["ollama"], reason: "how long the model stays in memory" },
  { name: "priority", dialects: ANY, providers: ["vllm", "llamacpp"], reason: "place in the queue" },
  { name: "request_id", dialects: ANY, providers: ["vllm", "llamacpp"], reason: "names one request" },
  { name: "cache_salt", dialects: ANY, providers: ["vllm"], reason: "isolates the server's prefix cache" },
  {
    name: "cache_prompt",
    dialects: ANY,
    providers: ["llamacpp"],
    reason: "reuse of the server's own prompt cache",
  },
  {
    name: "id_slot",
    dialects: ANY,
    providers: ["llamacpp"],
    reason: "which slot of the server computes",
  },
];

/** Providers that speak OpenAI's dialect and give its labels no such meaning, or other names. */
const OWN_WORDS = new Set(["perplexity", "mistral"]);

export interface Asking {
  readonly provider: { readonly name: string };
  readonly kind: EndpointKind;
  /** Upstream path. */
  readonly path: string;
}

export function volatileFor({ provider, kind, path }: Asking): readonly VolatileField[] {
  const dialect = dialectOf(kind, path);
  return volatileFields.filter(
    ({ dialects, kinds, providers }) =>
      dialects.includes(dialect) &&
      (kinds === undefined || kinds.includes(kind)) &&
      (providers?.includes(provider.name) ?? !(dialect === "openai" && OWN_WORDS.has(provider.name))),
  );
}

/** The names that don't count for one provider and endpoint. */
export function volatileNames(asking: Asking): ReadonlySet<string> {
  const id = `${asking.provider.name} ${asking.kind} ${dialectOf(asking.kind, asking.path)}`;
  const known = REMEMBERED.get(id);
  if (known !== undefined) return known;
  const found = new Set(volatileFor(asking).map((field) => field.name));
  REMEMBERED.set(id, found);
  return found;
}

/** Few: providers are configured, kinds and dialects are a closed set. */
const REMEMBERED = new Map<string, ReadonlySet<string>>();

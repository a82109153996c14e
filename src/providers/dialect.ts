import type { EndpointKind } from "./provider.ts";
import { remembered } from "./remembered.ts";

/** Whose shapes a request body has. The path gives it away, whichever server it goes to. */
export type Dialect =
  | "openai"
  | "responses"
  | "anthropic"
  | "google"
  | "cohere"
  | "ollama"
  | "converse"
  | "huggingface"
  | "other";

const VERB = /(?:models|tunedModels|endpoints)\/[^/:]+(?::|%3a)([a-z]+)$/i;

const RULES: readonly (readonly [RegExp, Dialect])[] = [
  // Anthropic's models on Vertex.
  [/(?::|%3a)(?:streamR|r)awPredict$/i, "anthropic"],
  [VERB, "google"],
  [/\/api\/(?:chat|generate|embed|embeddings)$/, "ollama"],
  [/\/v2\/(?:chat|embed|rerank)$|^\/v1\/(?:chat|generate|embed|summarize)$/, "cohere"],
  [/\/(?:messages(?:\/count_tokens)?|v1\/complete)$/, "anthropic"],
  [/^\/model\/[^/]+\/converse(?:-stream)?$/, "converse"],
  [/^\/model\//, "other"],
  [/^\/hf-inference\/(?!.*\/v1\/)/, "huggingface"],
  [/\/responses(?:\/input_tokens)?$/, "responses"],
];

export function dialectOf(kind: EndpointKind, path: string): Dialect {
  return byPath(path) ?? (kind === "other" ? "other" : "openai");
}

/** Null where the path says nothing. */
const byPath = remembered((path) => RULES.find(([pattern]) => pattern.test(path))?.[1] ?? null);

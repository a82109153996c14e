/**
 * Request headers with a vendor's prefix that do not change an answer: whose account it is (that is the scope's
 * matter), what the client calls itself, and what varies per call. Taken out of `Family.answerHeaders`.
 */
export const notAnswerHeaders: readonly string[] = [
  "openai-organization",
  "openai-project",
  "anthropic-workspace-id",
  "anthropic-dangerous-direct-browser-access",
  "x-goog-api-key",
  "x-goog-user-project",
  "x-goog-api-client",
  "x-goog-request-params",
  "x-goog-request-id",
  "x-openrouter-title",
  "x-openrouter-categories",
  "x-openrouter-cache",
  "x-openrouter-cache-ttl",
  "x-openrouter-cache-clear",
];

import type { AskonceError, ErrorBody } from "./provider.ts";

/**
 * askonce's own errors in each SDK's shape. The code stands in `error.code` where there is room for it (OpenAI-like
 * and Anthropic), else in `askonce_code` at the top.
 */

function json(value: object): ErrorBody {
  return { contentType: "application/json", text: JSON.stringify(value) };
}

/** SDKs tell errors by status first; these types are what each vendor sends with it. */
function openaiType(status: number): string {
  if (status === 401) return "authentication_error";
  if (status === 403) return "permission_error";
  return status < 500 ? "invalid_request_error" : "api_error";
}

export function openaiError({ status, code, message }: AskonceError): ErrorBody {
  return json({ error: { message, type: openaiType(status), param: null, code } });
}

/** Mistral's is flat; its SDK shows `message`. The nested form serves OpenAI clients pointed at Mistral. */
export function mistralError({ status, code, message }: AskonceError): ErrorBody {
  const facts = { message, type: openaiType(status), param: null, code };
  return json({ object: "error", ...facts, error: facts });
}

const ANTHROPIC_TYPES: Readonly<Record<number, string>> = {
  400: "invalid_request_error",
  401: "authentication_error",
  403: "permission_error",
  404: "not_found_error",
  413: "request_too_large",
  504: "timeout_error",
};

export function anthropicError({ status, code, message }: AskonceError): ErrorBody {
  const type = ANTHROPIC_TYPES[status] ?? (status < 500 ? "invalid_request_error" : "api_error");
  return json({ type: "error", error: { type, message, code } });
}

const GOOGLE_STATUS: Readonly<Record<number, string>> = {
  400: "INVALID_ARGUMENT",
  401: "UNAUTHENTICATED",
  403: "PERMISSION_DENIED",
  404: "NOT_FOUND",
  502: "UNAVAILABLE",
  504: "DEADLINE_EXCEEDED",
};

export function googleError({ status, code, message }: AskonceError): ErrorBody {
  const word = GOOGLE_STATUS[status] ?? (status < 500 ? "FAILED_PRECONDITION" : "INTERNAL");
  return json({ error: { code: status, message, status: word }, askonce_code: code });
}

export function cohereError({ code, message }: AskonceError): ErrorBody {
  return json({ message, askonce_code: code });
}

/** OpenRouter's `code` is the status, and its SDK takes no text there. */
export function openrouterError({ status, code, message }: AskonceError): ErrorBody {
  return json({ error: { code: status, message }, askonce_code: code });
}

/** Ollama's clients show `error` as text. */
export function ollamaError({ code, message }: AskonceError): ErrorBody {
  return json({ error: message, askonce_code: code });
}

export const bedrockError = cohereError;

function unknownError({ code, message }: AskonceError): ErrorBody {
  return json({ error: { message, type: "askonce_error", code } });
}

const PATHS: readonly (readonly [RegExp, (error: AskonceError) => ErrorBody])[] = [
  [/\/messages(?:\/count_tokens)?$/, anthropicError],
  [/(?::|%3A)[A-Za-z]+$/i, googleError],
  [/\/api\/(?:chat|generate|embed|embeddings|tags|show)$/, ollamaError],
  [/\/v2\/(?:chat|embed|rerank)$/, cohereError],
  [/\/api\/v1\/(?:chat\/completions|images)$/, openrouterError],
];

/** For a request to no known provider: its path's end says which shape the client reads. */
export function errorByPath(error: AskonceError, path: string): ErrorBody {
  return (PATHS.find(([shape]) => shape.test(path))?.[1] ?? unknownError)(error);
}

import type { ClientVariable } from "./client-variables.ts";

/** What askonce knows about an API: pure facts and judgements, no I/O. */

/** What an endpoint computes. Anything else has no kind and is never cached. */
export type EndpointKind =
  | "chat"
  | "completions"
  | "responses"
  | "messages"
  | "count_tokens"
  | "embeddings"
  | "rerank"
  | "moderations"
  | "classify"
  | "images"
  | "speech"
  | "transcription"
  | "generate"
  | "other";

export interface Endpoint {
  readonly kind: EndpointKind;
  /** Answer depends on nothing but input and model, for good (embeddings, rerank, count_tokens …): `ttl_pure`. */
  readonly pure: boolean;
  /** Whether a request that does not say `stream` gets a stream (Ollama's native API). */
  readonly streamsByDefault?: boolean;
}

/** How the client of a family says who it is, and where askonce's own errors put their code. */
export interface ErrorBody {
  readonly contentType: string;
  readonly text: string;
}

export interface AskonceError {
  readonly status: number;
  /** For example `upstream_timeout`. */
  readonly code: string;
  readonly message: string;
}

/** Token counts as the provider reported them; absent means not reported, never zero by default. */
export interface Usage {
  /** All input tokens, those read from or written to the provider's prompt cache included. */
  readonly inputTokens?: number;
  /** All output tokens, reasoning included. */
  readonly outputTokens?: number;
  readonly cacheReadTokens?: number;
  readonly cacheWriteTokens?: number;
  readonly reasoningTokens?: number;
  /** US dollars, where the provider itself says what it charged. */
  readonly costUsd?: number;
}

/** Endpoint kinds that answer the same for good: `ttl_pure` applies to them. */
export const PURE_KINDS: ReadonlySet<string> = new Set(["embeddings", "rerank", "count_tokens"]);

/** Endpoint kinds that cost nothing where no price is known. */
export const FREE_KINDS: ReadonlySet<string> = new Set(["other", "count_tokens", "moderations"]);

/** Why a complete-looking answer is not kept. Words of the log, the metrics and `Cache-Status: …; detail=`. */
export type RefusalReason =
  | "status"
  /** The request asked that nothing new is stored. */
  | "read-only"
  | "incomplete"
  | "no-end-marker"
  | "no-finish-reason"
  | "error-body"
  | "error-event"
  | "not-json"
  | "empty"
  | "unfinished"
  | CutShort
  | "bad-tool-arguments"
  | "coding"
  | "too-large"
  | "memory"
  | "purged"
  | "store-fault";

/** Ends of an answer that are neither failures nor what was hoped for. */
export type CutShort = "length" | "filter" | "refusal";

export interface Finding {
  /** Undefined where the answer is whole and worth keeping, as far as its content says. */
  readonly refusal: RefusalReason | undefined;
  /** A limit, a filter or a refusal ended the answer, which is whole all the same. */
  readonly cutShort: CutShort | undefined;
  readonly usage: Usage | undefined;
  /** The model that the answer names. */
  readonly model: string | undefined;
  /** The answer is bound to the account that asked (encrypted reasoning, file or container ids …). */
  readonly accountBound: boolean;
}

/** What of a request decides how its answer is judged. Read once from the body's top level. */
export interface Asked {
  readonly endpoint: Endpoint;
  /** The path sent upstream, without the query. */
  readonly path: string;
  /** The query sent upstream, "" or with its leading "?". */
  readonly query: string;
  /** Top-level members of a JSON body; undefined where the body is no JSON object. Long strings may be shortened. */
  readonly json: Readonly<Record<string, unknown>> | undefined;
  /** How many pictures a form asks for, by its field `n`; absent where it has none. */
  readonly formCount?: number;
}

/**
 * Follows one 200 answer as it arrives. `chunk` takes the provider's bytes, split anywhere; after each call
 * `ended` says whether the family's end marker has been seen, so that the end can be held back until the entry is
 * committed. `finish` is called once, only after a clean end of the transport.
 */
export interface Watcher {
  chunk(bytes: Uint8Array): void;
  readonly ended: boolean;
  /** Where in the last chunk that event begins which ended the answer; without it the chunk counts as one. */
  readonly endsAt?: number;
  /** Whether what came so far is bound to the account that asked. */
  readonly accountBound: boolean;
  finish(): Finding;
}

/** A family of APIs that share shapes (OpenAI's, Anthropic's …). */
export interface Family {
  readonly name: string;
  /** Its endpoints by the names that its paths end with, for documentation: `chat/completions`, `generateContent`. */
  readonly endpointNames: readonly string[];
  /** Whose rules of `stateful-rules.ts` apply at a path; undefined: it is never cached. */
  protocol(path: string): string | undefined;
  /** The endpoint that a POST to `path` computes from its input alone; undefined: forward, never store. */
  endpoint(path: string): Endpoint | undefined;
  /**
   * Why this request must not be cached though its path may be (background responses, server-held conversations …):
   * a short word for `detail=`; undefined where it may.
   */
  stateful(asked: Asked, allowed?: readonly string[]): string | undefined;
  /** Whether the request itself is bound to an account (file ids, stored Responses, encrypted input …). */
  accountBound(asked: Asked): boolean;
  /** Watches a streamed 200 of this content type (lower case, without parameters); undefined: not a stream it knows. */
  watch(asked: Asked, contentType: string): Watcher | undefined;
  /**
   * Judges a whole document. `value` is the parsed JSON. `shortened`: its long strings and lists of numbers were cut
   * (never to nothing), so that text inside it proves nothing by being broken.
   */
  judge(asked: Asked, value: unknown, shortened?: boolean): Finding;
  /** Words an error as the family's SDK expects it; the upstream path decides where one server speaks several shapes. */
  error(error: AskonceError, path?: string): ErrorBody;
  /**
   * Request headers that change the answer; a trailing `*` matches a prefix, less `notAnswerHeaders`
   * (`request-headers.ts`). Lower case.
   */
  readonly answerHeaders: readonly string[];
  /** Whether the provider goes by `Accept` at a path; left out: nowhere. */
  negotiates?(path: string): boolean;
}

export interface Provider {
  readonly name: string;
  readonly family: Family;
  /** Request headers that change its answers beside its family's, as `Family.answerHeaders` has them. */
  readonly answerHeaders: readonly string[];
  /** Where it is, no trailing slash; the upstream path is appended (see `route.ts`). */
  readonly baseUrl: string;
  /** `none`: works without a credential. */
  readonly auth: "key" | "none";
  /** On this machine or network by default: its 404s are not kept. */
  readonly local: boolean;
  /**
   * Maps what follows `/<provider>` (with its leading slash, no query) to the upstream path. Both the official SDK's
   * form and the short form give the same path; a path it does not know comes back as it is.
   */
  upstreamPath(rest: string): string;
  /** What to paste into a client: variables (or an option) with `{base}` for `http://host:port/<provider>`. */
  readonly clientHints: readonly string[];
  /** The variables by which clients of this API find it. */
  readonly variables: readonly ClientVariable[];
}

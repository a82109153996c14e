import type { CacheKey, Spent } from "../cache/entry.ts";
import type { Usage } from "../providers/provider.ts";

/** nginx's words, sent as `X-Cache-Status`; "-" for answers that no provider or store was asked for. */
export type CacheWord = "HIT" | "MISS" | "EXPIRED" | "STALE" | "UPDATING" | "PARTIAL" | "BYPASS" | "-";

/** How a request counts; each counts as one of these. */
export type RequestOutcome =
  /** From the store. */
  | "hit"
  /** Led a provider call. */
  | "miss"
  /** Embeddings of which some were known. */
  | "partial"
  /** Took part in another request's call. */
  | "joined"
  /** Not cacheable: passed on. */
  | "bypassed"
  /** Answered by askonce itself with an error, or left before there was an answer. */
  | "refused";

/** One request, told once its body has ended. */
export interface RequestEvent {
  /** Epoch ms at which it came. */
  readonly at: number;
  readonly remote: string;
  readonly method: string;
  /** Path and query as the client sent them, credentials masked. */
  readonly target: string;
  readonly status: number;
  /** Body bytes sent to the client. */
  readonly bytes: number;
  readonly userAgent: string | undefined;
  readonly referer: string | undefined;
  readonly cache: CacheWord;
  /** The `detail` of `Cache-Status`, or the reason an answer was not kept. */
  readonly detail: string | undefined;
  readonly requestId: string;
  readonly provider: string | undefined;
  readonly endpoint: string | undefined;
  readonly model: string | undefined;
  readonly namespace: string;
  readonly key: CacheKey | undefined;
  /** ms to the first body byte and to the last, as the client saw them. */
  readonly firstByteMs: number | undefined;
  readonly totalMs: number;
  /** What the provider call that it led took; undefined where it led none. */
  readonly usage: Usage | undefined;
  /** US dollars of that call; undefined where the price is not known. */
  readonly costUsd: number | undefined;
  /** Whether that call brought an answer that is paid for; an error costs nothing. */
  readonly paid: boolean;
  /** Whether the client went away before the end. */
  readonly aborted: boolean;
  readonly outcome: RequestOutcome;
  /** Why the answer to the call that it led was not kept. */
  readonly notKept: string | undefined;
  /** Label of its credential (`credentialLabel`), "" for none. */
  readonly credential: string;
  /** What a stored answer made needless, with the provider's time in ms (for a hit or a part of one). */
  readonly saved: (Spent & { readonly ms: number }) | undefined;
  /** What one who joined a call would have paid for one of its own. */
  readonly shared: Spent | undefined;
  /** Whether the call that it led went on after every reader had left. */
  readonly unread: boolean;
}

/** A provider call that no request waited for: a refresh behind a stale answer. */
export interface RefreshEvent {
  readonly at: number;
  readonly provider: string;
  readonly endpoint: string;
  readonly model: string | undefined;
  readonly namespace: string;
  readonly credential: string;
  readonly usage: Usage | undefined;
  readonly costUsd: number | undefined;
  readonly paid: boolean;
  readonly notKept: string | undefined;
}

/** Takes events; never throws, never waits. */
export interface Journal {
  add(event: RequestEvent): void;
  refreshed(event: RefreshEvent): void;
}

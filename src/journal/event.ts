import type { CacheKey } from "../cache/entry.ts";
import type { Usage } from "../providers/provider.ts";

/** nginx's words, sent as `X-Cache-Status`; "-" for answers that no provider or store was asked for. */
export type CacheWord = "HIT" | "MISS" | "EXPIRED" | "STALE" | "UPDATING" | "PARTIAL" | "BYPASS" | "-";

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
  readonly usage: Usage | undefined;
  /** Whether the client went away before the end. */
  readonly aborted: boolean;
}

/** Takes events; never throws, never waits. */
export interface Journal {
  add(event: RequestEvent): void;
}

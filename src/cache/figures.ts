import type { CacheKey } from "./entry.ts";

/** What happened and what it cost: as it is counted, as it is kept and as it is told. */

/** What a group of requests amounts to; every member adds up. */
export interface Tally {
  requests: number;
  /** Answered from the store: HIT, STALE and UPDATING. */
  hits: number;
  /** Led a provider call: MISS and EXPIRED. */
  misses: number;
  partial: number;
  joined: number;
  bypassed: number;
  /** Answered by askonce itself with an error, or never answered. */
  refused: number;
  /** Status 400 and above, whoever said it. */
  errors: number;
  /** The client went away before the end. */
  aborted: number;
  /** Body bytes to clients. */
  bytes: number;
  /** Provider calls, those behind stale answers included. */
  calls: number;
  spentTokens: number;
  spentUsd: number;
  /** Calls, tokens and money of refreshes behind stale answers; part of those above. */
  refreshes: number;
  refreshTokens: number;
  refreshUsd: number;
  /** The same of answers that went on after every reader had left. */
  unread: number;
  unreadTokens: number;
  unreadUsd: number;
  /** What hits would have taken. */
  savedTokens: number;
  savedUsd: number;
  savedMs: number;
  /** What those who joined a call would have paid. */
  joinedTokens: number;
  joinedUsd: number;
  /** Calls that brought an answer, and hits, of which nobody knows what they cost or would have cost. */
  unpriced: number;
}

/** The members of `Tally`, in the order in which they are stored. */
export const TALLY_MEMBERS = [
  "requests",
  "hits",
  "misses",
  "partial",
  "joined",
  "bypassed",
  "refused",
  "errors",
  "aborted",
  "bytes",
  "calls",
  "spentTokens",
  "spentUsd",
  "refreshes",
  "refreshTokens",
  "refreshUsd",
  "unread",
  "unreadTokens",
  "unreadUsd",
  "savedTokens",
  "savedUsd",
  "savedMs",
  "joinedTokens",
  "joinedUsd",
  "unpriced",
] as const satisfies readonly (keyof Tally)[];

/** Nothing happened. */
export function emptyTally(): Tally {
  return {
    requests: 0,
    hits: 0,
    misses: 0,
    partial: 0,
    joined: 0,
    bypassed: 0,
    refused: 0,
    errors: 0,
    aborted: 0,
    bytes: 0,
    calls: 0,
    spentTokens: 0,
    spentUsd: 0,
    refreshes: 0,
    refreshTokens: 0,
    refreshUsd: 0,
    unread: 0,
    unreadTokens: 0,
    unreadUsd: 0,
    savedTokens: 0,
    savedUsd: 0,
    savedMs: 0,
    joinedTokens: 0,
    joinedUsd: 0,
    unpriced: 0,
  };
}

/** Stands for the model, the namespace and the credential of groups beyond what is told apart. */
export const OTHER = "(other)";

export interface Dimensions {
  readonly provider: string;
  readonly endpoint: string;
  readonly model: string;
  readonly namespace: string;
  /** Label of the credential, "" for none. */
  readonly credential: string;
}

/** Upper bounds of the latency bins, ms; the last bin is open. */
export const LATENCY_BINS: readonly number[] = [
  0.25, 0.5, 1, 2, 4, 8, 16, 32, 64, 125, 250, 500, 1000, 2000, 4000, 8000, 16000, 32000, 64000, 128000,
  256000,
];

/** What happened within one minute to one group. */
export interface TallyDelta {
  /** Epoch ms, a whole minute. */
  readonly minute: number;
  readonly dimensions: Dimensions;
  readonly tally: Tally;
  /** Answers not kept, by reason. */
  readonly notKept: Readonly<Record<string, number>>;
  /** Counts by bin of LATENCY_BINS of times to the last byte. */
  readonly hitLatency: readonly number[];
  readonly missLatency: readonly number[];
}

export interface JournalBatch {
  /**
   * Who counted it and the how manieth of its batches it is, from 1: one that was committed already is not added
   * again, so that a batch whose fate is not known can be sent once more.
   */
  readonly origin?: { readonly writer: string; readonly sequence: number };
  readonly deltas: readonly TallyDelta[];
  readonly rows: readonly JournalRow[];
}

/** One request, as it is remembered. */
export interface JournalRow {
  /** Epoch ms. */
  readonly at: number;
  readonly requestId: string;
  readonly method: string;
  readonly target: string;
  readonly status: number;
  readonly cache: string;
  readonly outcome: string;
  readonly detail: string | undefined;
  readonly provider: string | undefined;
  readonly endpoint: string | undefined;
  readonly model: string | undefined;
  readonly namespace: string;
  readonly credential: string;
  readonly key: CacheKey | undefined;
  readonly bytes: number;
  readonly firstByteMs: number | undefined;
  readonly totalMs: number;
  readonly inputTokens: number | undefined;
  readonly outputTokens: number | undefined;
  readonly costUsd: number | undefined;
  readonly savedUsd: number | undefined;
}

export interface RowQuery {
  readonly limit: number;
  /** As `nextBefore` of the page before. */
  readonly before?: number | undefined;
  readonly cache?: string | undefined;
  readonly provider?: string | undefined;
}

export type StatsGroup = "provider" | "model" | "namespace" | "endpoint" | "credential";

export interface StatsQuery {
  /** Epoch ms. Exact to the minute within the last 25 hours, to the hour within 62 days, else to the day. */
  readonly since: number;
  readonly by?: StatsGroup | undefined;
}

export interface StatsFigures extends Tally {
  readonly notKept: Readonly<Record<string, number>>;
  readonly hitLatency: readonly number[];
  readonly missLatency: readonly number[];
}

export interface Stats {
  readonly total: StatsFigures;
  /** Largest first by requests; empty without `by`. A credential is named by its label. */
  readonly groups: readonly (StatsFigures & { readonly name: string })[];
  /** Epoch ms at which each step begins; steps in which nothing happened are left out. */
  readonly series: readonly (StatsFigures & { readonly at: number })[];
  /** ms: a minute, an hour or a day. */
  readonly stepMs: number;
}

export interface CredentialRow {
  /** The first 12 hex digits of its tag: never of the key itself. */
  readonly label: string;
  readonly name: string;
  readonly firstSeen: number;
  readonly lastSeen: number;
}

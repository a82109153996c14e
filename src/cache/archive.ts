import type { Described, Explained, KeptRequest, Near, NewRequest, RequestHead } from "../requests/kept.ts";
import type { CacheKey, EntryFacts } from "./entry.ts";
import type { CredentialRow, JournalBatch, JournalRow, RowQuery, Stats, StatsQuery } from "./figures.ts";
import type { EntryFilter } from "./store.ts";

/**
 * All that is looked at and never served: requests in parts, their words, what happened and what it cost. It lies in a
 * file of its own (`archive.db`) and is read and written in a thread of its own, so that nothing here ever holds the
 * loop, delays an answer or keeps one from being stored.
 *
 * - `keep`, `record` and `spent` queue and return at once. What does not fit into the queue is dropped and counted.
 * - The rest resolves to what was asked, or rejects with `StoreFault` where the archive cannot be used.
 * - A `list`, `find`, `count` or `sorted` sees every entry whose `put` had resolved when it was called.
 */
export interface Archive {
  /**
   * Remembers the request of an entry that was just committed, whose body has so many bytes. Found by `q` within a
   * second. `request` is not called where it would be dropped.
   */
  keep(key: CacheKey, bytes: number, request: () => NewRequest): void;
  list(query: EntryQuery): Promise<EntryPage>;
  /** Facts of these entries, in that order; undefined where there is no such entry. */
  find(keys: readonly CacheKey[]): Promise<readonly (EntryRow | undefined)[]>;
  /** What is remembered of these entries' requests, in that order. */
  requests(keys: readonly CacheKey[]): Promise<readonly (KeptRequest | undefined)[]>;
  /** How many entries `filter` matches. */
  count(filter: EntryFilter): Promise<number>;
  /** Keys of all that match in the order of cassettes: provider, path, namespace, model, digest, sample. */
  sorted(filter: EntryFilter): Promise<readonly CacheKey[]>;
  /** Stored entries of the same endpoint and model that are closest to a request, without `except`. */
  nearest(
    request: NewRequest,
    options: { limit: number; except?: CacheKey | undefined },
  ): Promise<readonly Near[]>;
  /** The same for a stored entry's own request. */
  nearestTo(key: CacheKey, options: { limit: number }): Promise<readonly Near[]>;
  /** Adds what happened since the last time. Resolves once it is committed. */
  record(batch: JournalBatch): Promise<void>;
  stats(query: StatsQuery): Promise<Stats>;
  /** Single requests, the last ones first. */
  rows(
    query: RowQuery,
  ): Promise<{ readonly rows: readonly JournalRow[]; readonly nextBefore: number | undefined }>;
  credentials(): Promise<readonly CredentialRow[]>;
  /** The pool of the credential with that label, where anything is stored in it. */
  poolOf(label: string): Promise<string | undefined>;
  /** Gives a credential a name; resolves to false where the label is not known. "" takes the name away. */
  nameCredential(label: string, name: string): Promise<boolean>;
  state(): ArchiveState;
  /** Resolves once all that was queued has been taken in. */
  settled(): Promise<void>;
  close(): Promise<void>;
}

export interface ArchiveState {
  /** Bytes on disk. */
  readonly bytes: number;
  /** Requests waiting to be taken in. */
  readonly queued: number;
  /** Requests and journal rows that were dropped since the start. */
  readonly dropped: number;
  readonly faults: number;
  /** Why it cannot be used, in words for an operator; undefined where it can. */
  readonly fault: string | undefined;
}

export type EntrySort = "newest" | "oldest" | "used" | "hits" | "size";

export interface EntryQuery {
  readonly filter: EntryFilter;
  /** Plain words that must all stand in the prompt. */
  readonly q?: string | undefined;
  readonly sort: EntrySort;
  readonly limit: number;
  /** As `nextCursor` of the page before; one that does not fit the query rejects with `RangeError`. */
  readonly cursor?: string | undefined;
}

/** `newest` and `oldest` go by when a key was first stored, so that an entry keeps its place when it is refreshed. */
export interface EntryPage {
  readonly entries: readonly EntryRow[];
  readonly nextCursor: string | undefined;
}

export interface EntryRow {
  readonly key: CacheKey;
  readonly provider: string;
  readonly endpoint: string;
  readonly model: string | undefined;
  readonly namespace: string;
  /** "all", or the tag of the credential whose own pool it lies in. */
  readonly pool: string;
  readonly status: number;
  readonly stream: boolean;
  /** Bytes of the body as the client got it. */
  readonly size: number;
  /** Epoch ms. */
  readonly storedAt: number;
  readonly lastUsed: number;
  readonly hits: number;
  /** Its own, set by a request or by the admin API (which outranks it); undefined: today's settings. */
  readonly ttlMs: number | undefined;
  readonly pinned: boolean;
  readonly imported: boolean;
  readonly firstByteMs: number;
  readonly durationMs: number;
  readonly inputTokens: number | undefined;
  readonly outputTokens: number | undefined;
  readonly costUsd: number | undefined;
  /** The beginning of the last thing asked, at most 200 characters; undefined where nothing was remembered. */
  readonly prompt: string | undefined;
}

/** Asked of the proxy by the admin side. */
export interface Explainer {
  explain(request: Described): Promise<Explained>;
}

/** Works out under which key a remembered request's answer belongs here and now. Never rejects for what it is given. */
export type Rekey = (
  request: KeptRequest,
  options: {
    /** Label of the credential whose pool it goes to, where it goes to one. */
    credential?: string | undefined;
    /** It goes to that pool under every scope: its answer is bound to the account. */
    own?: boolean | undefined;
  },
) => Promise<Rekeyed>;

export type Rekeyed =
  | {
      readonly key: CacheKey;
      readonly facts: Omit<EntryFacts, "stream">;
      /** The request as it counts here and now, with its digest. */
      readonly head: RequestHead;
    }
  /** Why no key can be worked out. */
  | { readonly refused: string };

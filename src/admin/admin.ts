import { Hono } from "hono";
import type { Archive, Explainer } from "../cache/archive.ts";
import type { CacheKey, Entry } from "../cache/entry.ts";
import type { EntryFilter, Store } from "../cache/store.ts";
import type { Clock } from "../clock.ts";
import type { Config } from "../config.ts";
import type { LiveJournal } from "../journal/journal.ts";
import type { KeptRequest, RequestHead } from "../requests/kept.ts";

/** What the operator's side needs, put together by `compose.ts`. */
export interface AdminParts {
  readonly config: () => Config;
  /** Settings that change until the restart. */
  readonly change: (change: { mode?: Config["mode"] | undefined; ttlMs?: number | undefined }) => void;
  readonly store: Store;
  readonly archive: Archive;
  readonly journal: LiveJournal;
  readonly explainer: Explainer;
  readonly rekey: Rekey;
  /** Purges the store and what is in flight. */
  readonly purge: (filter: EntryFilter) => Promise<number>;
  readonly token: Token;
  readonly clock: Clock;
  readonly version: string;
  readonly runtime: string;
  readonly report: (message: string) => void;
}

/**
 * Works out under which key a kept request's answer belongs here and now. With the label of a credential it goes into
 * that one's own pool.
 */
export type Rekey = (request: KeptRequest, options: { credential?: string | undefined }) => Promise<Rekeyed>;

/** `credential`: the label of the pool it must go to is needed and not known. Else why no key can be worked out. */
export type Rekeyed =
  | {
      readonly key: CacheKey;
      readonly facts: Omit<Entry["facts"], "stream">;
      /** The request as it counts here and now, its body's digest among it. */
      readonly head: RequestHead;
    }
  | { readonly refused: string };

/** The bearer token, kept in a file that only its owner reads. */
export interface Token {
  /** Whether `given` is the token now; in constant time. */
  accepts(given: string): Promise<boolean>;
  /** Makes a new one; the old one no longer counts. Resolves to it. */
  rotate(): Promise<string>;
}

/** The routes under `/admin/api` and `/metrics`. */
export function createAdmin(_parts: AdminParts): Hono {
  return new Hono();
}

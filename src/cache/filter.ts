import type { CacheKey, EntryFacts } from "./entry.ts";
import type { EntryFilter } from "./store.ts";

/** What of an entry a filter looks at. */
export interface Candidate {
  readonly key: CacheKey;
  readonly facts: Pick<EntryFacts, "provider" | "endpoint" | "model" | "namespace">;
  readonly storedAt: number;
}

/** Whether an entry matches; made once for many. An empty filter matches all. */
export function matcher(filter: EntryFilter): (candidate: Candidate) => boolean {
  const { provider, endpoint, model, namespace, storedBefore = Infinity, storedSince = -Infinity } = filter;
  const keys = filter.keys && new Set(filter.keys);
  const prefix = filter.keyPrefix ?? "";
  return ({ key, facts, storedAt }) =>
    (provider === undefined || facts.provider === provider) &&
    (endpoint === undefined || facts.endpoint === endpoint) &&
    (model === undefined || facts.model === model) &&
    (namespace === undefined || facts.namespace === namespace) &&
    storedAt < storedBefore &&
    storedAt >= storedSince &&
    (keys === undefined || keys.has(key)) &&
    key.startsWith(prefix);
}

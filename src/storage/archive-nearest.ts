import type { CacheKey } from "../cache/entry.ts";
import { diffRequests } from "../requests/diff.ts";
import { featuresOf, likeness } from "../requests/features.ts";
import type { KeptBody, KeptRequest, Near } from "../requests/kept.ts";
import { splitBody } from "../requests/parts.ts";
import { lastAsked, promptOf } from "../requests/words.ts";
import type { Entries } from "./archive-entries.ts";
import { type RequestRow, type RequestTables, sha256 } from "./archive-requests.ts";
import { digestBytes, keyHeadOf, unpackIds } from "./request-rows.ts";

/** Looked at for each mark, newest first; and of all of them, the best. */
const PER_MARK = 40;
const CANDIDATES = 40;
/** Read whole and compared. */
const COMPARED = 8;

interface Candidate {
  readonly id: number;
  readonly row: RequestRow;
  readonly key: CacheKey;
  readonly storedAt: number;
  readonly same: number;
}

/**
 * Stored requests close to one, nearest first: found by the marks that they share, ranked by how much of the bodies is
 * the same. Its work is bounded whatever is stored.
 */
export function nearestOf(
  asked: KeptRequest,
  options: { requests: RequestTables; entries: Entries; limit: number; except?: CacheKey | undefined },
): Near[] {
  const { requests, limit } = options;
  const pieces = piecesOf(asked.body, requests);
  const ranked = candidates(asked, options)
    .map((candidate) => ({ ...candidate, same: roughly(asked, { candidate, pieces }) }))
    .sort(nearer)
    .slice(0, Math.max(limit, COMPARED));
  const near = ranked.map((candidate) => compared(asked, { candidate, requests }));
  return near
    .sort(
      (one, other) => other.same - one.same || countOf(one) - countOf(other) || other.storedAt - one.storedAt,
    )
    .slice(0, limit);
}

const countOf = (near: Near) => near.differences.length + near.more;
const nearer = (one: Candidate, other: Candidate) => other.same - one.same || other.id - one.id;

/** Entries that share marks with the request, those with the weightiest ones. */
function candidates(
  asked: KeptRequest,
  { requests, entries, except }: { requests: RequestTables; entries: Entries; except?: CacheKey | undefined },
): Candidate[] {
  const weights = new Map<number, number>();
  for (const { value, weight } of featuresOf(asked, sha256)) {
    for (const id of requests.sharing(value, PER_MARK)) weights.set(id, (weights.get(id) ?? 0) + weight);
  }
  const best = [...weights].sort(([a, x], [b, y]) => y - x || b - a).slice(0, CANDIDATES);
  const keys = entries.keysOf(best.map(([id]) => id));
  const found: Candidate[] = [];
  for (const [id] of best) {
    const entry = keys.get(id);
    if (entry === undefined || entry.key === except) continue;
    const row = requests.row(id);
    if (row !== undefined && row.keyHead === keyHeadOf(entry.key)) found.push({ id, row, ...entry, same: 0 });
  }
  return found;
}

interface Pieces {
  /** Ids of the asked body's parts that are stored, with their bytes. */
  readonly sizes: ReadonlyMap<number, number>;
  readonly total: number;
  readonly prompt: string;
}

function piecesOf(body: KeptBody | undefined, requests: RequestTables): Pieces {
  if (body === undefined) return { sizes: new Map(), total: 0, prompt: "" };
  const { skeleton, parts } = splitBody(body);
  const sizes = new Map<number, number>();
  for (const part of [skeleton, ...parts]) {
    const id = requests.parts.find(part);
    if (id !== undefined) sizes.set(id, (sizes.get(id) ?? 0) + part.byteLength);
  }
  const total = [skeleton, ...parts].reduce((sum, part) => sum + part.byteLength, 0);
  return { sizes, total, prompt: promptOf(body) ?? "" };
}

/** How much is the same, by the parts that both hold and the beginnings of what was asked. */
function roughly(
  asked: KeptRequest,
  { candidate, pieces }: { candidate: Candidate; pieces: Pieces },
): number {
  const { row } = candidate;
  if (digestBytes(asked.head.digest).equals(row.digest)) return 1;
  let shared = 0;
  for (const id of new Set(unpackIds(row.parts))) shared += pieces.sizes.get(id) ?? 0;
  const share = shared / Math.max(1, pieces.total, row.size);
  return share + (1 - share) * 0.9 * likeness(pieces.prompt, row.prompt ?? "");
}

function compared(
  asked: KeptRequest,
  { candidate, requests }: { candidate: Candidate; requests: RequestTables },
): Near {
  const { row, key, storedAt } = candidate;
  const stored = requests.requestOf(row);
  const equal = asked.head.digest === stored.head.digest;
  let { same } = candidate;
  if (!equal && asked.body !== undefined && stored.body !== undefined) {
    // What was asked, where it is long, says more than its beginning.
    const words = likeness(lastAsked(asked.body) ?? "", lastAsked(stored.body) ?? "");
    same = Math.min(0.999, Math.max(same, words * 0.9));
  }
  const { differences, more } = diffRequests(asked, stored);
  const { namespace, model } = stored.head;
  return { key, storedAt, namespace, model, same: equal ? 1 : same, differences, more };
}

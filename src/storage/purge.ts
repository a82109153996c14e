import { asCacheKey, type CacheKey } from "../cache/entry.ts";
import { matcher } from "../cache/filter.ts";
import type { EntryFilter } from "../cache/store.ts";
import type { Clock } from "../clock.ts";
import type { Transaction } from "./connection.ts";
import type { Generation } from "./generation.ts";
import { groupsMatching } from "./listing-filter.ts";
import type { Room } from "./room.ts";
import { keyBytes, keyOfBytes, keyRange } from "./rows.ts";
import type { Writer } from "./writer.ts";

export interface PurgeParts {
  readonly writer: Writer;
  readonly room: Room;
  readonly generation: Generation;
  readonly clock: Clock;
}

/** How long one slice may hold the loop. */
const SLICE_MS = 4;

/** How far the walk is: which key or group, and after which id or key in it. */
interface Place {
  readonly at: number;
  readonly after?: number | Uint8Array;
}

/** An entry to be judged, and how far the walk is with it. */
interface Stop {
  readonly id: number;
  readonly place: Place;
}

/** The next stops on the shortest way to what may match, and where to look on; undefined after the last ones. */
type Look = (transaction: Transaction, from: Place) => { stops: readonly Stop[]; next: Place | undefined };

/**
 * Drops what matches, slice by slice, each a transaction of its own. What is put after the first one stays: a new entry
 * has a higher id, and one that took the place of an old one began after the purge did. (What began in the future,
 * under a clock that was set back since, goes.)
 */
export async function purge(parts: PurgeParts, filter: EntryFilter): Promise<number> {
  const { writer, room, generation, clock } = parts;
  const began = clock.now();
  const matches = matcher(filter);
  const { look, lastId } = await writer.submit({
    bytes: () => 0,
    run: (transaction) => ({
      look: looker(transaction, filter),
      lastId: transaction.statements.lastId.get()?.id ?? 0,
    }),
  });

  const dropIf = (transaction: Transaction, id: number): number => {
    const row = id <= lastId ? transaction.statements.candidate.get({ id }) : undefined;
    if (row === undefined || (row.startedAt > began && row.startedAt <= clock.now())) return 0;
    const { key, storedAt, bodyId, provider, endpoint, namespace } = row;
    const facts = { provider, endpoint, namespace, model: row.model ?? undefined };
    if (!matches({ key: keyOfBytes(key), facts, storedAt })) return 0;
    room.drop(transaction, { id, bodyId });
    return 1;
  };

  const slice = (transaction: Transaction, from: Place): { dropped: number; next: Place | undefined } => {
    const until = clock.monotonic() + SLICE_MS;
    const enough = () => clock.monotonic() > until || transaction.spent >= room.transactionBytes();
    let dropped = 0;
    let next: Place | undefined = from;
    while (next !== undefined && !enough()) {
      const found = look(transaction, next);
      next = found.next;
      for (const { id, place } of found.stops) {
        dropped += dropIf(transaction, id);
        if (!enough()) continue;
        next = place;
        break;
      }
    }
    if (dropped > 0) generation.advance(transaction);
    return { dropped, next };
  };

  let total = 0;
  for (let place: Place | undefined = { at: 0 }; place !== undefined; ) {
    const from: Place = place;
    const done = await writer.submit({ bytes: () => 0, run: (transaction) => slice(transaction, from) });
    total += done.dropped;
    place = done.next;
  }
  return total;
}

function looker({ db }: Transaction, filter: EntryFilter): Look {
  if (filter.keys !== undefined) return alongKeys([...new Set(filter.keys)].filter((key) => asCacheKey(key)));
  if (filter.keyPrefix !== undefined) return alongPrefix(filter.keyPrefix);
  const groups = groupsMatching(db, filter).map(({ id }) => id);
  return alongGroups(groups, filter);
}

const KEYS_AT_ONCE = 32;

function alongKeys(keys: readonly CacheKey[]): Look {
  return ({ statements }, { at }) => {
    const stops: Stop[] = [];
    const end = Math.min(keys.length, at + KEYS_AT_ONCE);
    for (let n = at; n < end; n++) {
      const id = statements.find.get({ key: keyBytes(keys[n] as CacheKey) })?.id;
      if (id !== undefined) stops.push({ id, place: { at: n + 1 } });
    }
    return { stops, next: end < keys.length ? { at: end } : undefined };
  };
}

const PAGE = 256;

function alongPrefix(prefix: string): Look {
  const { first, last } = keyRange(prefix);
  return ({ statements }, { at, after }) => {
    const rows = statements.pageOfKeys.all({ first: after ?? first, last, limit: PAGE });
    const stops = rows.map(({ id, key }) => ({ id, place: { at, after: keyAfter(key) } }));
    return { stops, next: rows.length === PAGE ? stops.at(-1)?.place : undefined };
  };
}

/** The lowest bytes above a key. */
function keyAfter(key: Uint8Array): Uint8Array {
  return Buffer.concat([key, new Uint8Array(1)]);
}

/** Index cells read at once: those stored at another time are passed over without a look into the table. */
const CELLS = 1000;

function alongGroups(groups: readonly number[], filter: EntryFilter): Look {
  const { storedBefore = Infinity, storedSince = -Infinity } = filter;
  return ({ statements }, { at, after = 0 }) => {
    const groupId = groups[at];
    if (groupId === undefined) return { stops: [], next: undefined };
    const rows = statements.pageOfGroup.all({ groupId, after, limit: CELLS });
    const stops = rows
      .filter(({ storedAt }) => storedAt < storedBefore && storedAt >= storedSince)
      .map(({ id }) => ({ id, place: { at, after: id } }));
    const last = rows.at(-1)?.id;
    return { stops, next: rows.length === CELLS && last ? { at, after: last } : { at: at + 1 } };
  };
}

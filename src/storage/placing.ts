import { type CacheKey, ENTRY_VERSION, type Entry, type EntryFacts } from "../cache/entry.ts";
import type { EntryChange } from "../cache/store.ts";
import type { Transaction } from "./connection.ts";
import type { Generation } from "./generation.ts";
import { type Room, TOUCHED_BYTES } from "./room.ts";
import { askedNumber, keyBytes, type NewAnswer, spentColumns } from "./rows.ts";
import { SEGMENT } from "./schema.ts";
import type { Upkeep } from "./upkeep.ts";

/** An entry and how its answer lies in the database; `body` where that is in slices. */
export interface Placed {
  readonly entry: Entry;
  readonly answer: NewAnswer;
  readonly body?: { readonly id: number; readonly bytes: number } | undefined;
}

/** Puts entries into their rows. */
export class Placing {
  constructor(
    readonly parts: {
      room: Room;
      generation: Generation;
      upkeep: () => Upkeep;
      /** Told of each entry that was placed, once that is committed. */
      placed: (entry: Pick<Entry, "asked" | "place">) => void;
    },
  ) {}

  /**
   * Puts the entry under its key, into the row of the one that stands there, and returns it as `get` now would.
   * Undefined, and nothing changed, where a later-begun one stands, unless `whatever` is set.
   */
  place(
    transaction: Transaction,
    { entry, answer, body }: Placed,
    options: { whatever?: boolean } = {},
  ): Entry | undefined {
    const { statements } = transaction;
    const { room, generation, upkeep } = this.parts;
    const key = keyBytes(entry.key);
    const old = statements.find.get({ key });
    if (old !== undefined && old.startedAt > entry.startedAt && !options.whatever) return undefined;
    const row = {
      version: ENTRY_VERSION,
      groupId: groupOf(transaction, entry.facts),
      stream: entry.facts.stream ? 1 : 0,
      status: entry.status,
      size: entry.body.size,
      startedAt: entry.startedAt,
      storedAt: entry.storedAt,
      ttlMs: entry.ttlMs ?? null,
      firstByteMs: entry.firstByteMs,
      durationMs: entry.durationMs,
      cost: costOf(answer) + (body?.bytes ?? 0),
      bodyId: body?.id ?? null,
      lastUsed: upkeep().useTime(statements),
      imported: entry.imported ? 1 : 0,
      asked: entry.asked === undefined ? null : askedNumber(entry.asked),
      ...spentColumns(entry),
    };
    if (old === undefined) {
      const id = statements.addEntry({ ...row, key });
      statements.addAnswer({ ...answer, id });
      return this.#placed(transaction, { ...entry, place: transaction.opened.placeOf(id) });
    }
    transaction.spent += TOUCHED_BYTES;
    statements.replaceEntry.run({ ...row, id: old.id });
    statements.putAnswer.run({ ...answer, id: old.id, adminTtlMs: old.adminTtlMs });
    if (old.bodyId !== null) room.hideBody(transaction, old.bodyId);
    generation.advance(transaction);
    const place = transaction.opened.placeOf(old.id);
    return this.#placed(transaction, { ...entry, place, ttlMs: old.adminTtlMs ?? entry.ttlMs });
  }

  #placed(transaction: Transaction, entry: Entry): Entry {
    const { asked, place } = entry;
    if (asked !== undefined) transaction.onCommit(() => this.parts.placed({ asked, place }));
    return entry;
  }

  /** False where there is no such entry. */
  change(transaction: Transaction, key: CacheKey, { pinned, ttlMs }: EntryChange): boolean {
    const { statements } = transaction;
    const found = statements.find.get({ key: keyBytes(key) });
    if (found === undefined) return false;
    const { id, hits } = found;
    const unpinned = hits > 0 ? SEGMENT.used : SEGMENT.fresh;
    if (pinned !== undefined) statements.setSegment.run({ id, segment: pinned ? SEGMENT.pinned : unpinned });
    if (ttlMs !== undefined) {
      statements.setAdminTtl.run({ id, ttlMs });
      statements.setAnswerTtl.run({ id, ttlMs });
    }
    this.parts.generation.advance(transaction);
    return true;
  }
}

/** Bytes of its rows: what varies, and a flat sum for the columns and index cells. */
export function costOf(answer: NewAnswer): number {
  return answer.head.length + (answer.chunks?.byteLength ?? 0) + (answer.body?.byteLength ?? 0) + 400;
}

/** Remembered within a transaction alone: empty groups go. */
function groupOf(transaction: Transaction, facts: Omit<EntryFacts, "stream">): number {
  const { statements, group } = transaction;
  const { provider, endpoint, namespace, pool, model } = facts;
  const last = group?.facts;
  if (
    group !== undefined &&
    last?.model === model &&
    last?.pool === pool &&
    last?.namespace === namespace &&
    last?.endpoint === endpoint &&
    last?.provider === provider
  )
    return group.id;
  const name = { provider, endpoint, namespace, pool, model: model ?? null };
  const { id } = statements.findGroup.get(name) ?? statements.addGroup.get(name)!;
  transaction.group = { facts, id };
  return id;
}

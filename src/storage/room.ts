import { victimSegment } from "../cache/segments.ts";
import type { Clock } from "../clock.ts";
import type { Bodies } from "./bodies.ts";
import type { Connection, Transaction } from "./connection.ts";
import type { Opened } from "./file.ts";
import { SEGMENT } from "./schema.ts";

export interface Limits {
  /** Bytes of the data folder, everything counted. */
  readonly maxSize: number;
  /** Of these, what others than the store have taken. */
  readonly besideBytes: number;
  /** ms without a hit after which an entry goes; Infinity: never. */
  readonly inactiveMs: number;
  /** TTL under today's settings of an entry that has none of its own, for all endpoints or for each. */
  readonly ttlMs: number | ((endpoint: string) => number);
}

const KIB = 1024;
const MIB = 1024 * KIB;

/** The index of the WAL, the small files beside the database, the folder itself. */
const BESIDE_BYTES = 128 * KIB;

/** Above the high mark room is made in the background, down to the low one. */
const HIGH_MARK = 0.98;
const LOW_MARK = 0.96;

/** Free pages up to this share are kept for the next entries; more is given back to the disk. */
const SPARE_SHARE = 0.04;
const SPARE_PAGES = 64;

/** Given back in one go after `max_size` shrank: some 5 ms. */
const HASTY_BYTES = 2 * MIB;

/** A page holds somewhat less than its size, and each entry has rows and index cells beside its bytes. */
const FILL = 0.95;
const PAGES_PER_STEP = 6;

/** What an entry added or dropped puts into the WAL beside its bytes: the pages of four trees, some shared. */
export const TOUCHED_BYTES = 8 * KIB;

/** Keeps the database under its size: takes entries, frees their pages, gives pages back. */
export class Room {
  evictions = 0;
  /** Bytes of the budget that are wanted for something else for a while. */
  reserved = 0;

  constructor(
    readonly connection: Connection,
    readonly options: {
      readonly limits: () => Limits;
      readonly bodies: Bodies;
      readonly clock: Clock;
      /** Writes some of the hits noted so far; false where there are none. */
      readonly noteHits: (transaction: Transaction) => boolean;
    },
  ) {}

  /** Bytes at which the WAL is moved into the file. */
  walBytes(): number {
    return clamp(this.options.limits().maxSize / 64, 256 * KIB, 8 * MIB);
  }

  /** Bytes after which a transaction takes no further step. */
  transactionBytes(): number {
    return clamp(this.options.limits().maxSize / 64, 256 * KIB, MIB);
  }

  /** Bytes that entries and their indexes may fill. */
  budget(): number {
    const { maxSize, besideBytes } = this.options.limits();
    const beside = this.walBytes() + 2 * this.transactionBytes() + BESIDE_BYTES;
    return Math.max(0, maxSize - besideBytes - beside - this.reserved);
  }

  /** Whether an entry of that many bytes could ever be kept. */
  fits(bytes: number): boolean {
    return bytes / FILL + 32 * KIB <= this.budget();
  }

  /**
   * Makes room for that many bytes: `made`, `later` where the time was up first (what was freed stays freed), `never`
   * where nothing is left to take.
   */
  make(transaction: Transaction, want: { bytes: number; until: number }): "made" | "later" | "never" {
    const { db } = transaction;
    const pageSize = pageSizeOf(transaction.opened);
    const limit = Math.floor(this.budget() / pageSize);
    const need = Math.ceil(want.bytes / pageSize / FILL) + PAGES_PER_STEP;
    // Counted once a transaction, and again only where what it counted is used up.
    transaction.spare -= need;
    if (transaction.spare >= 0) return "made";
    for (;;) {
      transaction.spare = limit - usedPages(db) - need;
      if (transaction.spare >= 0) return "made";
      if (!this.#evictSome(transaction, want.until)) return "never";
      if (this.#enough(transaction, want.until)) return "later";
    }
  }

  /** Background: brings the database under its low mark once it passed the high one. True while there is more to do. */
  evictAhead(transaction: Transaction, until: number): boolean {
    const { db } = transaction;
    const limit = this.budget() / pageSizeOf(transaction.opened);
    if (usedPages(db) <= limit * HIGH_MARK) return this.options.bodies.freeSome(transaction);
    while (usedPages(db) > limit * LOW_MARK) {
      if (!this.#evictSome(transaction, until)) return false;
      if (this.#enough(transaction, until)) return true;
    }
    return false;
  }

  /** Background: gives free pages back. True while there is more to do. */
  giveBack(transaction: Transaction): boolean {
    const { db } = transaction;
    const limit = this.budget() / pageSizeOf(transaction.opened);
    const free = Number(db.value("PRAGMA freelist_count"));
    const over = Number(db.value("PRAGMA page_count")) > limit;
    if (free === 0 || (!over && free <= SPARE_PAGES + limit * SPARE_SHARE)) return false;
    // Each may be swapped with one from the file's end, which the WAL then holds. Over the limit haste counts more.
    const bytes = over && this.reserved === 0 ? HASTY_BYTES : this.transactionBytes();
    const pages = Math.min(free, Math.ceil(bytes / pageSizeOf(transaction.opened)));
    transaction.spent += pages * pageSizeOf(transaction.opened);
    db.value(`PRAGMA incremental_vacuum(${pages})`);
    return Number(db.value("PRAGMA freelist_count")) < free;
  }

  /** Whether the file takes more than its budget, free pages included. */
  isOver({ db, opened }: Transaction): boolean {
    return Number(db.value("PRAGMA page_count")) * pageSizeOf(opened) > this.budget();
  }

  drop(transaction: Transaction, entry: { id: number; bodyId: number | null }): void {
    const { statements } = transaction;
    transaction.spent += TOUCHED_BYTES;
    statements.dropEntry.run({ id: entry.id });
    statements.dropAnswer.run({ id: entry.id });
    if (entry.bodyId !== null) this.hideBody(transaction, entry.bodyId);
  }

  hideBody(transaction: Transaction, bodyId: number): void {
    this.options.bodies.hide(transaction, bodyId);
  }

  /** Whether a transaction has done its share: of the time, and of the WAL. */
  #enough(transaction: Transaction, until: number): boolean {
    return transaction.spent >= this.transactionBytes() || this.options.clock.monotonic() > until;
  }

  /** Frees some pages or drops some entries; false where nothing is left to take. */
  #evictSome(transaction: Transaction, until: number): boolean {
    if (this.options.bodies.freeSome(transaction)) return true;
    // Hits are written in batches: one that waits must protect its entry all the same.
    if (this.options.noteHits(transaction)) return true;
    const { statements } = transaction;
    const held = { fresh: 0, used: 0 };
    for (const { segment, bytes } of statements.totals.all()) {
      if (segment === SEGMENT.fresh) held.fresh = bytes;
      if (segment === SEGMENT.used) held.used = bytes;
    }
    const first = victimSegment(held.fresh, held.used, this.budget());
    let victims = statements.victims.all({ segment: SEGMENT[first] });
    if (victims.length === 0) {
      victims = statements.victims.all({ segment: SEGMENT[first === "fresh" ? "used" : "fresh"] });
    }
    let dropped = 0;
    for (const victim of victims) {
      this.drop(transaction, victim);
      dropped++;
      // A body in slices gives its room back only step by step, so one is enough for now.
      if (victim.bodyId !== null || this.#enough(transaction, until)) break;
    }
    transaction.onCommit(() => {
      this.evictions += dropped;
    });
    return dropped > 0;
  }
}

const pageSizes = new WeakMap<Opened, number>();

function pageSizeOf(opened: Opened): number {
  let size = pageSizes.get(opened);
  if (size === undefined) {
    size = Number(opened.db.value("PRAGMA page_size"));
    pageSizes.set(opened, size);
  }
  return size;
}

function usedPages(db: Opened["db"]): number {
  return Number(db.value("PRAGMA page_count")) - Number(db.value("PRAGMA freelist_count"));
}

function clamp(value: number, low: number, high: number): number {
  return Math.floor(Math.min(high, Math.max(low, value)));
}

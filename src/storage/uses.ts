import type { CacheKey, Entry } from "../cache/entry.ts";
import type { Clock } from "../clock.ts";
import type { Transaction } from "./connection.ts";
import { TOUCHED_BYTES } from "./room.ts";
import { keyBytes } from "./rows.ts";

interface Use {
  readonly key: CacheKey;
  readonly place: number | undefined;
  hits: number;
  lastUsed: number;
}

/** Keys of which hits wait: from here on they are written before the tick, and beyond the most they are lost. */
const MANY = 64 * 1024;
const MOST = 4 * MANY;
/** Keys noted since the last look from which on answering comes first, and how long they may wait for a quieter time. */
const BUSY = 2_000;
const PATIENCE_MS = 10_000;
/** Up to so many in a round keep their order among themselves. */
const FEW = 200;
/** Of more, so many are written in one statement, with the time of the last; fewer than a page of a sweep. */
const TOGETHER = 64;
/** How long one transaction writes. */
const TURN_MS = 4;
/** Rows of a page of `entries`, roughly: of two places nearer than this the second costs a page of the index at most. */
const NEAR = 24;
const NEAR_BYTES = 1024;

/**
 * Hits of entries, until they are written; a crash loses those of the last seconds. An entry used often is written once a round, and a round goes through the
 * table in its order: of 25,000 hits spread over 100,000 entries each takes a fifth of a page of the WAL, in the order
 * of their coming two pages (8 us a hit, and 26).
 */
export class Uses {
  #noted = new Map<CacheKey, Use>();
  /** A round that is being written: its last one comes next. */
  #round: Use[] = [];
  #isMany = false;
  /** How many were noted at the last look, and when a look first found any of them (monotonic ms). */
  #looked = 0;
  #since: number | undefined;

  /** Notes a hit; true where they are so many that they should be written now. */
  add({ key, place }: Pick<Entry, "key" | "place">, lastUsed: number): boolean {
    const noted = this.#noted.get(key);
    if (noted !== undefined) {
      noted.hits++;
      noted.lastUsed = lastUsed;
      return false;
    }
    if (this.#noted.size === MOST) return false;
    this.#noted.set(key, { key, place, hits: 1, lastUsed });
    return this.#noted.size === MANY;
  }

  /** Whether writing may wait since the processor is wanted for answers; to be asked once a tick. */
  mayWait(now: number): boolean {
    const { size } = this.#noted;
    const added = size - this.#looked;
    this.#looked = size;
    this.#since ??= now;
    return added > BUSY && size < MANY && now - this.#since < PATIENCE_MS;
  }

  /** Begins a round with all that were noted. */
  gather(): void {
    this.#looked = 0;
    this.#since = undefined;
    const uses = [...this.#round, ...this.#noted.values()];
    this.#noted = new Map();
    this.#round = uses.sort((a, b) => (b.place ?? 0) - (a.place ?? 0));
    this.#isMany = uses.length > FEW;
    if (!this.#isMany) return;
    // A second's uses need no order among themselves; ascending with the places they are neighbours in the index too.
    const times = Float64Array.from(uses, ({ lastUsed }) => lastUsed).sort();
    for (const [at, use] of uses.entries()) use.lastUsed = times[times.length - 1 - at] as number;
  }

  /** Whether there is a round to go on with, or cause for the next. */
  get due(): boolean {
    return this.#round.length > 0 || this.#noted.size >= MANY;
  }

  /** Writes some, from the next round where one is over; false where there are none. Rolled back they are lost. */
  write(transaction: Transaction, clock: Clock): boolean {
    if (this.#round.length === 0) this.gather();
    if (this.#round.length === 0) return false;
    const until = clock.monotonic() + TURN_MS;
    do this.#writeSome(transaction);
    while (this.#round.length > 0 && clock.monotonic() <= until);
    return true;
  }

  /** Writes the next one, with those behind it that can go with it in one statement. */
  #writeSome(transaction: Transaction): void {
    const { opened, statements } = transaction;
    const { key, place, hits, lastUsed } = this.#round.pop() as Use;
    let id = opened.idAt(place);
    if (id === undefined) {
      statements.use({ key: keyBytes(key), hits, lastUsed });
      transaction.spent += TOUCHED_BYTES;
      return;
    }
    const ids = [id];
    let latest = lastUsed;
    for (transaction.spent += TOUCHED_BYTES; this.#isMany && ids.length < TOGETHER; ) {
      const next = this.#round.at(-1);
      const nextId = opened.idAt(next?.place);
      if (next === undefined || nextId === undefined || next.hits !== hits) break;
      this.#round.pop();
      ids.push(nextId);
      latest = next.lastUsed;
      transaction.spent += nextId - id < NEAR ? NEAR_BYTES : TOUCHED_BYTES;
      id = nextId;
    }
    const uses = { ids: `[${ids.join()}]`, hits, lastUsed: latest };
    if (statements.useAgain(uses) < ids.length) statements.useFirst(uses);
  }
}

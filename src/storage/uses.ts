import type { CacheKey, Entry } from "../cache/entry.ts";
import type { Clock } from "../clock.ts";
import type { Transaction } from "./connection.ts";
import { TOUCHED_BYTES } from "./room.ts";
import { keyBytes } from "./rows.ts";
import { type UsesInOrder, UseTable } from "./use-table.ts";

/** Entries of which hits wait: from here on they are written before the tick, and beyond the most they are lost. */
const MANY = 128 * 1024;
const MOST = 2 * MANY;
/** Entries noted since the last look from which on answering comes first, and how long they may wait for a quieter time. */
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

interface Use {
  hits: number;
  lastUsed: number;
}

const NOTHING: UsesInOrder = new UseTable().inOrder();

/**
 * Hits of entries, until they are written; a crash loses those of the last seconds, and a file that takes the place of
 * this one those that wait. An entry used often is written once a round, and a round goes through the table in its
 * order: of 25,000 hits spread over 100,000 entries each takes a fifth of a page of the WAL, in the order of their
 * coming two pages (8 us a hit, and 26).
 */
export class Uses {
  #noted = new UseTable();
  /** Those whose place is not known. */
  #unplaced = new Map<CacheKey, Use>();
  /** A round that is being written, from its `#at`th on. */
  #round = NOTHING;
  #at = 0;
  #isMany = false;
  /** How many were noted at the last look, and when a look first found any of them (monotonic ms). */
  #looked = 0;
  #since: number | undefined;

  /** Notes a hit; true where they are so many that they should be written now. `place`: of this opening of the file. */
  add({ key, place }: Pick<Entry, "key" | "place">, lastUsed: number): boolean {
    const { size } = this;
    if (place !== undefined) {
      if (size < MOST || this.#noted.has(place)) this.#noted.add(place, lastUsed);
    } else {
      const known = this.#unplaced.get(key);
      if (known !== undefined) {
        known.hits++;
        known.lastUsed = lastUsed;
      } else if (size < MOST) this.#unplaced.set(key, { hits: 1, lastUsed });
    }
    return this.size > size && this.size === MANY;
  }

  /** Of how many entries hits were noted since the last round began. */
  get size(): number {
    return this.#noted.size + this.#unplaced.size;
  }

  /** Whether writing may wait since the processor is wanted for answers; to be asked once a tick. */
  mayWait(now: number): boolean {
    const { size } = this;
    const added = size - this.#looked;
    this.#looked = size;
    this.#since ??= now;
    return added > BUSY && size < MANY && now - this.#since < PATIENCE_MS;
  }

  /** Begins a round with all that were noted, and what is left of the one before. */
  gather(): void {
    this.#looked = 0;
    this.#since = undefined;
    const { places, hits, times } = this.#round;
    for (let at = this.#at; at < places.length; at++)
      this.#noted.add(places[at] as number, times[at] as number, hits[at]);
    const round = this.#noted.inOrder();
    this.#noted = new UseTable(round.places.length);
    this.#round = round;
    this.#at = 0;
    this.#isMany = round.places.length > FEW;
    // A second's uses need no order among themselves; ascending with the places they are neighbours in the index too.
    if (this.#isMany) round.times.sort();
  }

  /** Whether there is a round to go on with, or cause for the next. */
  get due(): boolean {
    return this.#at < this.#round.places.length || this.#unplaced.size > 0 || this.size >= MANY;
  }

  /** Writes some, from the next round where one is over; false where there are none. Rolled back they are lost. */
  write(transaction: Transaction, clock: Clock): boolean {
    if (this.#at === this.#round.places.length) this.gather();
    const until = clock.monotonic() + TURN_MS;
    let some = false;
    do {
      if (this.#at < this.#round.places.length) this.#writeSome(transaction);
      else if (!this.#writeUnplaced(transaction)) break;
      some = true;
    } while (clock.monotonic() <= until);
    return some;
  }

  /** False where there is none. */
  #writeUnplaced(transaction: Transaction): boolean {
    const [next] = this.#unplaced;
    if (next === undefined) return false;
    const [key, use] = next;
    this.#unplaced.delete(key);
    transaction.statements.use({ key: keyBytes(key), ...use });
    transaction.spent += TOUCHED_BYTES;
    return true;
  }

  /** Writes the next one, with those behind it that can go with it in one statement. */
  #writeSome(transaction: Transaction): void {
    const { opened, statements } = transaction;
    const { places, hits, times } = this.#round;
    const ids: number[] = [];
    const first = this.#at;
    do {
      const id = opened.idAt(places[this.#at]);
      this.#at++;
      // Noted before the file was replaced: the number is another's now, or nobody's.
      if (id === undefined) continue;
      const before = ids.at(-1);
      transaction.spent += before !== undefined && id - before < NEAR ? NEAR_BYTES : TOUCHED_BYTES;
      ids.push(id);
    } while (
      this.#isMany &&
      ids.length < TOGETHER &&
      this.#at < places.length &&
      hits[this.#at] === hits[first]
    );
    if (ids.length === 0) return;
    const uses = {
      ids: `[${ids.join()}]`,
      hits: hits[first] as number,
      lastUsed: times[this.#at - 1] as number,
    };
    if (statements.useAgain(uses) < ids.length) statements.useFirst(uses);
  }
}

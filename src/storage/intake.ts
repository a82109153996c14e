import { clearTimeout, setTimeout } from "node:timers";
import type { CacheKey, Entry } from "../cache/entry.ts";
import type { Transaction } from "./connection.ts";
import { faultKind } from "./faults.ts";
import type { Opened } from "./file.ts";
import { costOf, type Placed, type Placing } from "./placing.ts";
import { entryOf, keyBytes, keyOfBytes } from "./rows.ts";

/** Bytes of a row that lies in one page; a longer one is placed at once. */
const MOST_BYTES = 3500;
/** What some 3 ms place. */
const MOST = 128;
const PLACE_AFTER_MS = 25;
/** How often one is tried that cannot be placed, though the file can be written. */
const TRIES = 3;

export interface IntakeParts {
  readonly placing: () => Placing;
  /** Grows where another process may have deleted or changed entries. */
  readonly foreign: () => number;
  /** Called where what waits should be placed soon. */
  readonly due: () => void;
}

interface Waiting {
  readonly seq: number;
  readonly placed: Placed;
  /** Of `foreign` when it was noted. */
  readonly foreign: number;
  tries: number;
}

/**
 * Where an answer is written down first: one row behind the last, a page or two of the WAL, where its place among the
 * others takes some fifteen. What waits here is placed soon, many at a time, and before anything else is written; the
 * rows outlive the process as any do, and whoever finds another's places them too.
 */
export class Intake {
  readonly #waiting = new Map<CacheKey, Waiting>();
  #left = new Map<CacheKey, number>();
  readonly #parts: IntakeParts;
  /** Of two million ranges of two thousand million numbers this process takes one by chance. */
  readonly #first = Math.floor(Math.random() * 2 ** 21) * 2 ** 31;
  #numbered = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(parts: IntakeParts) {
    this.#parts = parts;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** What waits under a key: noted here, or found at the start and not yet placed. */
  get(key: CacheKey, { statements }: Pick<Opened, "statements">): Entry | undefined {
    const waiting = this.#waiting.get(key);
    if (waiting?.foreign === this.#parts.foreign()) return waiting.placed.entry;
    const seq = waiting?.seq ?? this.#left.get(key);
    if (seq === undefined) return undefined;
    const row = statements.notedAt.get({ seq });
    // Another process placed it, and may have changed or dropped it since.
    if (row === undefined) this.#left.delete(key);
    return row && readBack(key, row);
  }

  /** Finds what other processes noted; whether there is any. */
  find({ statements }: Pick<Opened, "statements">): boolean {
    const rows = statements.notedKeys.all().filter(({ key }) => !this.#waiting.has(keyOfBytes(key)));
    this.#left = new Map(rows.map(({ seq, key }) => [keyOfBytes(key), seq]));
    return rows.length > 0;
  }

  /** Part of a transaction: the entry as `get` gives it; undefined, and nothing changed, where it is to be placed at once. */
  note({ statements, onCommit }: Transaction, { entry, answer }: Placed): Entry | undefined {
    const isSmall = answer.body !== null && costOf(answer) <= MOST_BYTES;
    if (!isSmall || this.#waiting.size >= MOST || this.#waiting.has(entry.key)) return undefined;
    const key = keyBytes(entry.key);
    if (statements.find.get({ key }) !== undefined) return undefined;
    const seq = this.#first + this.#numbered++;
    statements.note({ ...answer, seq, key });
    onCommit(() => {
      this.#waiting.set(entry.key, {
        seq,
        placed: { entry, answer },
        foreign: this.#parts.foreign(),
        tries: 0,
      });
      this.#timer ??= setTimeout(() => {
        this.#timer = undefined;
        this.#parts.due();
      }, PLACE_AFTER_MS);
    });
    return entry;
  }

  /** Part of a transaction: places what waits, and with `others` what other processes noted. */
  place(transaction: Transaction, { others }: { others: boolean }): void {
    const { statements } = transaction;
    const waiting = [...this.#waiting.values()];
    for (const one of waiting) {
      // Whoever found it first placed it, and what became of it since is told there.
      if (statements.unnote.all({ seq: one.seq }).length === 0) continue;
      if (one.tries < TRIES) this.#placeOne(transaction, one);
    }
    if (others) this.#placeOthers(transaction);
    if (waiting.length === 0) return;
    transaction.onCommit(() => {
      for (const { placed } of waiting) this.#waiting.delete(placed.entry.key);
    });
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #placeOne(transaction: Transaction, one: Waiting): void {
    try {
      this.#parts.placing().place(transaction, one.placed);
    } catch (error) {
      // A full disk may have room again; what fails for itself must not keep all others from being written.
      if (faultKind(error) === "other") one.tries++;
      throw error;
    }
  }

  #placeOthers(transaction: Transaction): void {
    const { statements } = transaction;
    for (;;) {
      const rows = statements.noted.all();
      if (rows.length === 0) return;
      for (const { seq, key: bytes, ...answer } of rows) {
        statements.unnote.all({ seq });
        const entry = readBack(keyOfBytes(bytes), answer);
        if (entry !== undefined) this.#parts.placing().place(transaction, { entry, answer });
      }
    }
  }
}

/** Undefined for a row that cannot be served: it is dropped. */
function readBack(key: CacheKey, answer: Placed["answer"]): Entry | undefined {
  try {
    return entryOf(key, { ...answer, id: 0, adminTtlMs: null }, () => {
      throw new Error("a body in slices is never noted");
    });
  } catch {
    return undefined;
  }
}

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
  /** Called where what waits should be placed soon. */
  readonly due: () => void;
}

interface Waiting {
  readonly seq: number;
  readonly placed: Placed;
  /** Of the database when it was noted. */
  readonly version: unknown;
}

/**
 * Where an answer is written down first: one row behind the last, a page or two of the WAL, where its place among the
 * others takes some fifteen. What waits here is placed soon, many at a time, and before anything else is written; the
 * rows outlive the process as any do, and whoever finds another's places them too.
 */
export class Intake {
  readonly #waiting = new Map<CacheKey, Waiting>();
  #others: ReadonlyMap<CacheKey, number> = new Map();
  #looked: { readonly opened: Opened; readonly version: unknown } | undefined;
  readonly #parts: IntakeParts;
  /** Of two million ranges of two thousand million numbers this process takes one by chance. */
  readonly #first = Math.floor(Math.random() * 2 ** 21) * 2 ** 31;
  #numbered = 0;
  /** How often a row could not be placed, by its number. */
  readonly #failed = new Map<number, number>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(parts: IntakeParts) {
    this.#parts = parts;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** What this process noted under a key and did not place yet. */
  get(key: CacheKey, opened: Opened): Entry | undefined {
    const waiting = this.#waiting.get(key);
    if (waiting === undefined) return undefined;
    const sure = waiting.version === opened.reading.version;
    // Another process may have placed it, and changed or dropped it since.
    return sure || opened.statements.notedAt.get({ seq: waiting.seq }) ? waiting.placed.entry : undefined;
  }

  /** What another process noted under a key; to be asked where nothing stands in its place. */
  foreign(key: CacheKey, opened: Opened): Entry | undefined {
    if (this.#looked?.opened !== opened || this.#looked.version !== opened.reading.version)
      this.findOthers(opened);
    const seq = this.#others.get(key);
    const row = seq === undefined ? undefined : opened.statements.notedAt.get({ seq });
    return row && readBack(key, row);
  }

  /** Looks for what other processes noted; whether there is any. */
  findOthers(opened: Opened): boolean {
    // First, since outside a transaction one may be noted in between: then it is looked for again.
    const { version } = opened.reading;
    const rows = opened.statements.notedKeys.all().map(({ seq, key }) => [keyOfBytes(key), seq] as const);
    this.#others = new Map(rows.filter(([key, seq]) => this.#waiting.get(key)?.seq !== seq));
    this.#looked = { opened, version };
    return this.#others.size > 0;
  }

  /** Part of a transaction: the entry as `get` gives it; undefined, and nothing changed, where it is to be placed at once. */
  note({ statements, onCommit, opened }: Transaction, { entry, answer }: Placed): Entry | undefined {
    const isSmall = answer.body !== null && costOf(answer) <= MOST_BYTES;
    if (!isSmall || this.#waiting.size >= MOST || this.#waiting.has(entry.key)) return undefined;
    const key = keyBytes(entry.key);
    if (statements.find.get({ key }) !== undefined) return undefined;
    const seq = this.#first + this.#numbered++;
    statements.note({ ...answer, seq, key });
    const { version } = opened.reading;
    onCommit(() => {
      this.#waiting.set(entry.key, { seq, placed: { entry, answer }, version });
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
      this.#placeOne(transaction, one);
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

  /** What fails for itself must not keep all others from being written; a full disk may have room again. */
  #placeOne(transaction: Transaction, { seq, placed }: Pick<Waiting, "seq" | "placed">): void {
    const failed = this.#failed.get(seq) ?? 0;
    if (failed === TRIES) return;
    try {
      this.#parts.placing().place(transaction, placed);
    } catch (error) {
      if (faultKind(error) === "other") this.#failed.set(seq, failed + 1);
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
        if (entry !== undefined) this.#placeOne(transaction, { seq, placed: { entry, answer } });
      }
    }
  }
}

/** Undefined for a row that cannot be served: it is dropped. */
function readBack(key: CacheKey, answer: Placed["answer"]): Entry | undefined {
  const sliced = () => {
    throw new Error("a body in slices is never noted");
  };
  try {
    const entry = entryOf(key, { ...answer, id: 0, adminTtlMs: null }, { place: 0, sliced });
    // It has none yet.
    return entry && { ...entry, place: undefined };
  } catch {
    return undefined;
  }
}

import { setImmediate as nextTurn } from "node:timers";
import type { Database } from "./database.ts";

/**
 * One read transaction for what is read in one turn of the loop: a SELECT on its own takes and gives back locks, which
 * is most of its time. What another process commits meanwhile is seen a turn later; what this connection commits, at
 * once, since whatever begins on it ends the transaction first.
 */
export class Reading {
  readonly #begin: () => unknown;
  readonly #commit: () => unknown;
  readonly #ask: () => unknown;
  readonly #turned = () => {
    this.#due = false;
    this.end();
  };
  #open = false;
  #due = false;
  /** Asked for once in a transaction, in which it does not change. */
  #version: unknown;

  constructor(readonly db: Database) {
    const begin = db.prepare("BEGIN");
    const commit = db.prepare("COMMIT");
    const version = db.prepare("PRAGMA data_version");
    this.#begin = () => begin.row([]);
    this.#commit = () => commit.row([]);
    this.#ask = () => version.row([])?.[0];
  }

  /** Before a read outside any transaction of writing. */
  begin(): void {
    if (this.#open) return;
    this.#begin();
    this.#open = true;
    if (this.#due) return;
    this.#due = true;
    nextTurn(this.#turned);
  }

  /**
   * Another one where another process, or another connection, wrote since. To be asked within a transaction, be it one of
   * writing: by itself it would begin one, with all its locks.
   */
  get version(): unknown {
    if (!this.#open) return this.#ask();
    this.#version ??= this.#ask();
    return this.#version;
  }

  /** Before anything that has to stand outside a transaction. */
  end(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#version = undefined;
    try {
      this.#commit();
    } catch {
      // Mostly SQLite rolled back, after an error that its statement has told of; where it did not, nothing could begin.
      rollBack(this.db);
    }
  }
}

/** Whatever the state of the connection, outside any transaction after it. */
export function rollBack(db: Database): void {
  try {
    db.exec("ROLLBACK");
  } catch {
    // SQLite had already rolled back.
  }
}

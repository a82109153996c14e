import type { Clock } from "../clock.ts";
import type { Connection, Transaction } from "./connection.ts";
import type { Opened } from "./file.ts";

/** How often the counter in the database is read, at most. */
const LOOK_MS = 200;

/**
 * The counter in the database that grows with every entry deleted or replaced, and what of it is other processes'
 * doing. Evictions do not count: what they take is no less true.
 */
export class Generation {
  #seen: { readonly opened: Opened; readonly value: number } | undefined;
  #foreign = 0;
  #lookedAt = -Infinity;

  constructor(
    readonly connection: Connection,
    readonly clock: Clock,
  ) {}

  /** How often a look found a change by another process, or another file. */
  get foreign(): number {
    const { opened } = this.connection;
    const now = this.clock.monotonic();
    if (opened === undefined || now - this.#lookedAt < LOOK_MS) return this.#foreign;
    this.#lookedAt = now;
    try {
      this.#see(opened, opened.statements.generation.get()?.value ?? 0);
    } catch (error) {
      this.connection.note(error);
    }
    return this.#foreign;
  }

  /** Part of deleting or replacing. Nobody else counts during a transaction, so what moved before it was theirs. */
  advance(transaction: Transaction): void {
    const { statements, opened } = transaction;
    const before = statements.generation.get()?.value ?? 0;
    statements.nextGeneration.run();
    transaction.onCommit(() => {
      this.#see(opened, before);
      this.#seen = { opened, value: before + 1 };
    });
  }

  #see(opened: Opened, value: number): void {
    const seen = this.#seen;
    if (seen?.opened === opened && seen.value >= value) return;
    if (seen !== undefined) this.#foreign++;
    this.#seen = { opened, value };
  }
}

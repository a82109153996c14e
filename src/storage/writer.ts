import { setTimeout as after, setImmediate as nextTurn } from "node:timers";
import type { Clock } from "../clock.ts";
import { StoreFault } from "../errors.ts";
import { BUSY, type Connection, type Transaction } from "./connection.ts";
import type { Intake } from "./intake.ts";
import { type Room, TOUCHED_BYTES } from "./room.ts";

/** One step of writing; short (a row or a few), since steps share a transaction. */
export interface Step<T> {
  /** Bytes that it will add to the database, roughly. */
  bytes(): number;
  /** Work that needs no database, done before the write lock is taken. */
  prepare?(): void;
  run(transaction: Transaction): T;
  /** In place of `run` where it is the only step: makes it last in a quicker way; undefined where it cannot. */
  note?(transaction: Transaction): T | undefined;
  /** Given up at once where another process writes. */
  readonly optional?: boolean;
  /** Whether the WAL is to be moved into the file after it, however short it is, and cut to nothing. */
  readonly checkpoint?: boolean;
}

interface Queued {
  readonly step: Step<unknown>;
  readonly since: number;
  prepared: boolean;
  tries: number;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** How long one turn may hold the loop, and how much of it may go into preparing. */
const TURN_MS = 5;
const PREPARE_MS = 3;

/** Pages that each transaction writes whatever it does: the header, the totals, the last page of each tree. */
const COMMIT_BYTES = 32 * 1024;

/** How long a step waits for another process before it is given up. */
const PATIENCE_MS = 10_000;
const LONGEST_WAIT_MS = 50;

/**
 * The one place that writes. Steps queue; what is queued when a turn begins goes into one transaction, as far as
 * TURN_MS and `Room.transactionBytes` reach, and is told of it after COMMIT. Between transactions the loop turns.
 */
export class Writer {
  readonly #queue: Queued[] = [];
  #draining: Promise<void> | undefined;
  #checkpointAsked = false;
  #unsettled = 0;

  constructor(
    readonly connection: Connection,
    readonly options: {
      readonly clock: Clock;
      readonly room: () => Room;
      /** What was noted takes its place before anything else is written. */
      readonly intake: () => Intake;
    },
  ) {}

  /** Bytes written to the WAL since it was last moved into the file, roughly. */
  get unsettled(): number {
    return this.#unsettled;
  }

  /** Rejects with `StoreFault` where the step could not be committed. */
  submit<T>(step: Step<T>): Promise<T> {
    if (this.connection.resting) return Promise.reject(this.#refusal());
    return new Promise<T>((resolve, reject) => {
      this.#queue.push({
        step,
        since: this.options.clock.monotonic(),
        prepared: step.prepare === undefined,
        tries: 0,
        resolve: resolve as (value: unknown) => void,
        reject,
      });
      this.#draining ??= this.#drain().finally(() => {
        this.#draining = undefined;
      });
    });
  }

  /** Resolves once the queue is empty. */
  async idle(): Promise<void> {
    while (this.#draining !== undefined) await this.#draining;
  }

  async #drain(): Promise<void> {
    let waitMs = 1;
    // A turn first, so that what is put in the same one forms a group.
    for (await turn(); this.#queue.length > 0; await turn()) {
      if (!(await this.connection.writable())) {
        for (const queued of this.#queue.splice(0)) queued.reject(this.#refusal());
        return;
      }
      const outcome = this.#commitGroup();
      if (outcome === BUSY) {
        this.#giveUpOverdue();
        // A foreign transaction lasts some ms; the random part keeps two waiting processes from meeting again.
        await new Promise((resolve) => after(resolve, waitMs * (0.5 + Math.random())));
        waitMs = Math.min(LONGEST_WAIT_MS, waitMs * 1.6);
      } else {
        waitMs = 1;
        await this.#checkpoint();
      }
    }
  }

  /** Writes what it can of the queue's front in one transaction, and tells those concerned. */
  #commitGroup(): typeof BUSY | undefined {
    const { clock } = this.options;
    const room = this.options.room();
    const ready = this.#prepareFront();
    const done: { queued: Queued; value?: unknown; refused?: StoreFault }[] = [];
    let running: Queued | undefined;
    let bytes = 0;
    try {
      const outcome = this.connection.transact((transaction) => {
        const front = this.#queue.slice(0, ready);
        let mayNote = front.length === 1 && front[0]?.step.note !== undefined;
        if (!mayNote) this.#placeNoted(transaction, front);
        const until = clock.monotonic() + TURN_MS;
        for (const queued of front) {
          running = queued;
          const size = queued.step.bytes();
          if (done.length > 0 && transaction.spent + size > room.transactionBytes()) break;
          const verdict = size > 0 ? room.make(transaction, { bytes: size, until }) : "made";
          if (verdict === "later") break;
          if (verdict === "never") done.push({ queued, refused: new StoreFault("there is no room for it") });
          else {
            let value = mayNote ? queued.step.note?.(transaction) : undefined;
            if (value === undefined) {
              if (mayNote) this.#placeNoted(transaction, front);
              mayNote = false;
              value = queued.step.run(transaction);
            }
            done.push({ queued, value });
            bytes += size;
            if (size > 0) transaction.spent += size + TOUCHED_BYTES;
          }
          if (clock.monotonic() > until) break;
        }
        transaction.onCommit(() => {
          this.#unsettled += transaction.spent === 0 ? 0 : transaction.spent + COMMIT_BYTES;
        });
      });
      if (outcome === BUSY) return BUSY;
    } catch (error) {
      this.connection.note(error, bytes + (running?.step.bytes() ?? 0));
      this.#refuse(running, error);
      return undefined;
    }
    this.#queue.splice(0, done.length);
    for (const { queued, value, refused } of done) {
      if (queued.step.checkpoint) this.#checkpointAsked = true;
      if (refused === undefined) queued.resolve(value);
      else queued.reject(refused);
    }
    return undefined;
  }

  #placeNoted(transaction: Transaction, front: readonly Queued[]): void {
    // Whoever deletes or changes must find what others noted, too.
    const others = front.some(({ step }) => step.note === undefined);
    this.options.intake().place(transaction, { others });
  }

  #prepareFront(): number {
    const until = this.options.clock.monotonic() + PREPARE_MS;
    let ready = 0;
    for (const queued of this.#queue) {
      if (!queued.prepared) {
        if (ready > 0 && this.options.clock.monotonic() > until) break;
        try {
          queued.step.prepare?.();
        } catch (error) {
          // Told when its turn comes.
          this.#queue.splice(this.#queue.indexOf(queued), 1);
          queued.reject(new StoreFault("the entry cannot be packed", { cause: error }));
          return ready;
        }
        queued.prepared = true;
      }
      ready++;
    }
    return ready;
  }

  /** The step that failed goes; the others of its group, rolled back with it, stay queued. */
  #refuse(culprit: Queued | undefined, error: unknown): void {
    const queued = culprit ?? this.#queue[0];
    // A fault of the file is not the step's: it gets one more try on the file that follows.
    if (queued === undefined || (!(error instanceof StoreFault) && queued.tries++ === 0)) return;
    this.#queue.splice(this.#queue.indexOf(queued), 1);
    queued.reject(
      error instanceof StoreFault ? error : new StoreFault("it could not be written", { cause: error }),
    );
  }

  #giveUpOverdue(): void {
    const now = this.options.clock.monotonic();
    for (const queued of [...this.#queue]) {
      if (!queued.step.optional && now - queued.since < PATIENCE_MS) continue;
      this.#queue.splice(this.#queue.indexOf(queued), 1);
      queued.reject(new StoreFault("another process keeps the database locked"));
    }
  }

  /** Keeps the WAL short: each process moves about as much as it wrote. */
  async #checkpoint(): Promise<void> {
    const opened = this.connection.opened;
    if (opened === undefined) return;
    const room = this.options.room();
    const cut = this.#checkpointAsked;
    if (this.#unsettled < room.walBytes() && !cut) return;
    this.#checkpointAsked = false;
    this.#unsettled = 0;
    try {
      await opened.checkpoint({ keepBytes: room.walBytes() + room.transactionBytes(), cut });
    } catch (error) {
      this.connection.note(error);
    }
  }

  #refusal(): StoreFault {
    return new StoreFault(this.connection.fault ?? "the database is not open");
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => {
    nextTurn(resolve);
  });
}

import { setTimeout as after, setImmediate as nextTurn } from "node:timers";
import { type Entry, SLICE_BYTES } from "../cache/entry.ts";
import type { Clock } from "../clock.ts";
import { StoreFault } from "../errors.ts";
import type { Bodies } from "./bodies.ts";
import type { Connection, Transaction } from "./connection.ts";
import type { Database, OpenDatabase } from "./database.ts";
import { faultKind } from "./faults.ts";
import type { Opened } from "./file.ts";
import type { Generation } from "./generation.ts";
import { PACK_BESIDE_BYTES, pack, packBeside } from "./packing.ts";
import { costOf, type Placed, type Placing } from "./placing.ts";
import { type Room, TOUCHED_BYTES } from "./room.ts";
import { answerOf } from "./rows.ts";
import { prepareStatements } from "./statements.ts";
import type { Writer } from "./writer.ts";

export interface ImportParts {
  readonly connection: Connection;
  readonly openDatabase: OpenDatabase;
  readonly writer: Writer;
  readonly room: Room;
  readonly bodies: Bodies;
  readonly placing: Placing;
  readonly generation: Generation;
  readonly clock: Clock;
}

/** How long one slice of work may hold the loop. */
const SLICE_MS = 5;
/** Pages in memory before they go to the WAL: what COMMIT is left to write in one go. */
const CACHE_KIB = 2048;
const PATIENCE_MS = 10_000;

type Ready = Placed & { readonly opened?: Opened | undefined };

/**
 * Puts many entries in one transaction, so that SQLite itself sees to all or nothing, be it after SIGKILL. It runs on
 * a connection of its own, open over many turns of the loop; other writes of this process and of others wait for it
 * as they would for another process's, and reads go on seeing what was there before.
 *
 * Order of events: everything is packed, and bodies over SLICE_BYTES are written as for a put; room is made for the
 * rows and for the WAL that will hold them until they are committed; then the transaction, then the WAL goes into the
 * file. Entries that went to make room in advance are gone even where the import then fails.
 */
export class Import {
  #last: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(readonly parts: ImportParts) {}

  /** One after the other. Rejects with `StoreFault`, nothing changed. */
  putAll(entries: readonly Entry[]): Promise<void> {
    const run = this.#last.then(() => this.#run(entries));
    this.#last = run.catch(() => {}).then(() => this.#settle());
    return run;
  }

  /** Gives up what is under way, and resolves once it is taken back. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#last;
  }

  async #run(entries: readonly Entry[]): Promise<void> {
    const { connection, bodies } = this.parts;
    if (entries.length === 0) return;
    if (!(await connection.writable())) throw this.#refusal();
    const ready: Ready[] = [];
    try {
      await this.#pack(entries, ready);
      await this.#makeRoom(ready);
      await this.#transact(ready);
    } catch (error) {
      for (const { body, opened } of ready) {
        if (body !== undefined && opened !== undefined) bodies.giveUp(body.id, opened);
      }
      connection.note(error);
      throw error instanceof StoreFault
        ? error
        : new StoreFault("the entries could not be written", { cause: error });
    }
  }

  /** Until the WAL is in the file it takes room beside it. */
  async #settle(): Promise<void> {
    const { room, writer } = this.parts;
    if (room.reserved === 0) return;
    await writer.submit({ bytes: () => 0, run: () => {}, checkpoint: true }).catch(() => {});
    room.reserved = 0;
  }

  async #pack(entries: readonly Entry[], ready: Ready[]): Promise<void> {
    const pause = this.#pauses();
    for (const entry of entries) {
      await pause();
      const release = entry.body.hold();
      try {
        if (entry.body.size > SLICE_BYTES) {
          const body = await this.parts.bodies.write(entry);
          ready.push({ entry, answer: answerOf(entry, body.id), body, opened: body.opened });
          continue;
        }
        const bytes = entry.body.bytes ?? entry.body.slice(0);
        const beside = bytes.byteLength >= PACK_BESIDE_BYTES;
        ready.push({ entry, answer: answerOf(entry, beside ? await packBeside(bytes) : pack(bytes)) });
      } finally {
        release();
      }
    }
  }

  /** So much that file and WAL together stay under the budget while the transaction is open. */
  async #makeRoom(ready: readonly Ready[]): Promise<void> {
    const { room, writer, clock } = this.parts;
    const rows = ready.reduce((sum, { answer }) => sum + costOf(answer), 0);
    const wal = rows + ready.length * TOUCHED_BYTES;
    if (rows + wal > room.budget()) throw new StoreFault("the entries do not fit under max_size");
    room.reserved = wal;
    const step = (run: (transaction: Transaction) => boolean) => writer.submit({ bytes: () => 0, run });
    if (!(await step((transaction) => room.isOver(transaction)))) return;
    while (await step((transaction) => room.evictAhead(transaction, clock.monotonic() + SLICE_MS))) {}
    while (await step((transaction) => room.giveBack(transaction))) {}
    await writer.submit({ bytes: () => 0, run: () => {}, checkpoint: true });
  }

  async #transact(ready: readonly Ready[]): Promise<void> {
    const { connection, openDatabase } = this.parts;
    const { opened } = connection;
    if (opened === undefined) throw this.#refusal();
    const db = openDatabase(connection.path);
    try {
      // As on the main connection: `checkpoint` sees to the disk.
      db.value("PRAGMA synchronous = OFF");
      db.value("PRAGMA wal_autocheckpoint = 0");
      db.value(`PRAGMA cache_size = -${CACHE_KIB}`);
      const committed: (() => void)[] = [];
      const transaction: Transaction = {
        opened,
        db,
        statements: prepareStatements(db),
        spent: 0,
        spare: 0,
        onCommit: (then) => committed.push(then),
      };
      await this.#begin(db);
      await this.#place(transaction, ready);
      db.exec("COMMIT");
      opened.reading.end();
      for (const then of committed) then();
    } finally {
      // Rolls back what was not committed.
      db.close();
    }
  }

  async #begin(db: Database): Promise<void> {
    const { clock } = this.parts;
    const since = clock.monotonic();
    for (;;) {
      try {
        db.exec("BEGIN IMMEDIATE");
        return;
      } catch (error) {
        if (faultKind(error) !== "busy") throw error;
        if (clock.monotonic() - since > PATIENCE_MS)
          throw new StoreFault("another process keeps the database locked");
        await new Promise((resolve) => after(resolve, 5 + 20 * Math.random()));
      }
    }
  }

  async #place(transaction: Transaction, ready: readonly Ready[]): Promise<void> {
    const { connection, room, bodies, placing, generation, clock } = this.parts;
    const pause = this.#pauses();
    for (const placed of ready) {
      await pause();
      const { entry, answer, body, opened } = placed;
      for (let verdict = "later"; verdict !== "made"; ) {
        if (this.#closed || connection.opened !== transaction.opened) throw this.#refusal();
        transaction.spent = 0;
        verdict = room.make(transaction, { bytes: costOf(answer), until: clock.monotonic() + SLICE_MS });
        if (verdict === "never") throw new StoreFault("there is no room for the entries");
        if (verdict === "later") await turn();
      }
      if (body !== undefined && opened !== undefined) {
        bodies.show(transaction, { id: body.id, opened, slices: Math.ceil(entry.body.size / SLICE_BYTES) });
      }
      placing.place(transaction, placed, { whatever: true });
    }
    generation.advance(transaction);
  }

  /** Lets the loop turn once it was held for SLICE_MS. */
  #pauses(): () => Promise<void> | undefined {
    const { clock } = this.parts;
    let since = clock.monotonic();
    return () => {
      if (clock.monotonic() - since < SLICE_MS) return undefined;
      return turn().then(() => {
        since = clock.monotonic();
      });
    };
  }

  #refusal(): StoreFault {
    return new StoreFault(this.parts.connection.fault ?? "the database was closed");
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => {
    nextTurn(resolve);
  });
}

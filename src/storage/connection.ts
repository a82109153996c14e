import { setTimeout as after } from "node:timers";
import type { EntryFacts } from "../cache/entry.ts";
import type { Clock } from "../clock.ts";
import { StartError, StoreFault } from "../errors.ts";
import type { Files } from "../host.ts";
import type { Database, OpenDatabase } from "./database.ts";
import { faultKind, faultWords } from "./faults.ts";
import { type Opened, openFile, setAside } from "./file.ts";
import { rollBack } from "./reading.ts";
import type { Statements } from "./statements.ts";

export interface ConnectionOptions {
  /** The data folder, absolute. */
  readonly folder: string;
  readonly files: Files;
  readonly openDatabase: OpenDatabase;
  readonly clock: Clock;
  /** A line for the operator's log. */
  readonly report: (message: string) => void;
}

/** One transaction under way. */
export interface Transaction {
  readonly opened: Opened;
  /** The connection that it runs on: that of `opened`, or another one to the same file. */
  readonly db: Database;
  readonly statements: Statements;
  /** Bytes that it puts into the WAL so far, roughly; whoever writes adds to it. */
  spent: number;
  /** Pages that may be filled before room has to be made, as far as that was counted. */
  spare: number;
  /** The group of the entry placed last; unset whenever groups are dropped. */
  group?: { readonly facts: Omit<EntryFacts, "stream">; readonly id: number } | undefined;
  /** For what memory must learn only if the transaction held. */
  onCommit(act: () => void): void;
}

/** Another process writes: try again later. */
export const BUSY = Symbol("busy");

const RETRY_MS = 1000;
const OPEN_PATIENCE_MS = 5000;
/** A full disk counts as recovered once this much, or the bytes that failed, can be written. */
const PROBE_BYTES = 256 * 1024;

/**
 * Databases whose file was moved or removed while they were open. Kept open for the life of the process: when SQLite
 * closes the last connection it deletes the WAL by name, which by now is the WAL of the file that took the place.
 */
const replaced: Opened[] = [];

/**
 * The database file and its weal and woe: opens it, sets it aside when damaged, opens it anew when it was replaced,
 * and remembers why it cannot be written. Tells the operator once at each change.
 */
export class Connection {
  #opened: Opened | undefined;
  #fault: string | undefined;
  #full = 0;
  #damaged = false;
  #triedAt = -Infinity;
  #recovering: Promise<boolean> | undefined;
  #closed = false;
  readonly path: string;

  constructor(readonly options: ConnectionOptions) {
    this.path = `${options.folder}/askonce.db`;
  }

  /** The open database; it may refuse to be written. */
  get opened(): Opened | undefined {
    return this.#damaged ? undefined : this.#opened;
  }

  /** Why the store cannot be written; undefined where it can. */
  get fault(): string | undefined {
    return this.#closed ? "the store is closed" : this.#fault;
  }

  /** The first opening. Rejects with `StartError` for a newer database, and for nothing else. */
  async open(): Promise<void> {
    await this.#reopen().catch((error) => {
      if (error instanceof StartError) throw error;
      this.#fail(faultWords(error));
    });
  }

  /** Resolves to whether the store can be written; after a fault it looks anew, at most once a second. */
  async writable(): Promise<boolean> {
    if (this.#closed) return false;
    if (this.#fault === undefined && this.opened !== undefined) return true;
    const { clock } = this.options;
    if (!this.#damaged && clock.monotonic() - this.#triedAt < RETRY_MS) return false;
    this.#recovering ??= this.#recover().finally(() => {
      this.#recovering = undefined;
      this.#triedAt = clock.monotonic();
    });
    return this.#recovering;
  }

  /** Whether `writable` would at once say no. */
  get resting(): boolean {
    if (this.#closed) return true;
    if (this.#damaged || this.#recovering !== undefined) return false;
    return this.#fault !== undefined && this.options.clock.monotonic() - this.#triedAt < RETRY_MS;
  }

  /** Opens the file anew where another one lies under its path, or none. */
  checkIdentity(): void {
    if (this.#opened === undefined || this.#damaged || this.#closed) return;
    try {
      if (this.#opened.current()) return;
    } catch {
      // Not even to be looked at: the next write says why.
    }
    this.#drop();
    this.#fail("the database file was moved or removed");
    this.#triedAt = -Infinity;
  }

  /**
   * Runs `act` in one transaction, in this turn of the loop. Returns BUSY where another process writes. Throws what
   * `act` throws, after rolling back; a fault of the disk has then been noted.
   */
  transact<T>(act: (transaction: Transaction) => T): T | typeof BUSY {
    const opened = this.opened;
    if (opened === undefined) throw new StoreFault(this.fault ?? "the database is not open");
    const { db, statements, reading } = opened;
    const committed: (() => void)[] = [];
    let begun = false;
    reading.end();
    try {
      db.exec("BEGIN IMMEDIATE");
      begun = true;
      const result = act({
        opened,
        db,
        statements,
        spent: 0,
        spare: 0,
        onCommit: (then) => committed.push(then),
      });
      db.exec("COMMIT");
      for (const then of committed) then();
      return result;
    } catch (error) {
      if (begun) rollBack(db);
      if (faultKind(error) === "busy") return BUSY;
      this.note(error);
      throw error;
    }
  }

  /** Draws the consequences of an error that a statement threw. */
  note(error: unknown, bytes = 0): void {
    const kind = faultKind(error);
    if (this.#closed || error instanceof StoreFault || kind === "busy") return;
    if (kind === "damaged") {
      this.#damaged = true;
    } else if (kind !== "other") {
      if (kind === "full") this.#full = Math.max(PROBE_BYTES, bytes, this.#full);
      this.#fail(faultWords(error));
    }
  }

  close(): void {
    this.#closed = true;
    this.#drop();
  }

  #drop(): void {
    const opened = this.#opened;
    this.#opened = undefined;
    if (opened === undefined) return;
    try {
      if (opened.current()) opened.close();
      else replaced.push(opened);
    } catch {
      // What could not be written back stays in the WAL.
    }
  }

  async #recover(): Promise<boolean> {
    try {
      if (this.#full > 0 && this.opened?.current()) probeWrite(this.opened, this.#full);
      else await this.#reopen();
    } catch (error) {
      if (this.#closed) return false;
      if (faultKind(error) === "damaged") this.#damaged = true;
      this.#fail(error instanceof StartError ? error.message : faultWords(error));
      return false;
    }
    if (this.#closed) {
      this.#drop();
      return false;
    }
    if (this.#fault !== undefined) this.options.report("the cache can be written again");
    this.#fault = undefined;
    this.#full = 0;
    return true;
  }

  async #reopen(): Promise<void> {
    const { folder, files, openDatabase, clock } = this.options;
    if (this.#damaged) await this.#discard();
    this.#drop();
    const since = clock.monotonic();
    for (let tries = 0; ; ) {
      try {
        await files.makePrivateFolder(folder);
        await files.createPrivate(this.path, "");
        const opened = openFile(this.path, openDatabase);
        this.#opened = opened;
        // Before the probe: a database that can only be read is read.
        probeWrite(opened, 0);
        return;
      } catch (error) {
        const kind = faultKind(error);
        if (kind === "busy" && clock.monotonic() - since < OPEN_PATIENCE_MS) {
          await new Promise((resolve) => after(resolve, 5 + Math.random() * 20));
          this.#drop();
        } else if (kind === "damaged" && tries++ === 0) {
          await this.#discard();
        } else {
          throw error;
        }
      }
    }
  }

  /** Sets the damaged file aside, unless another process has done so already. */
  async #discard(): Promise<void> {
    const { files, clock, report } = this.options;
    const own = this.#opened === undefined || this.#opened.current();
    this.#drop();
    this.#damaged = false;
    if (!own) return;
    const aside = await setAside(this.path, files, clock.now());
    report(`the database file is damaged; it was set aside as ${aside}, and the cache begins anew`);
  }

  #fail(words: string): void {
    this.#triedAt = this.options.clock.monotonic();
    if (this.#fault === words) return;
    this.#fault = words;
    this.options.report(
      `the cache cannot be written: ${words}; answers are passed on and not kept until it can`,
    );
  }
}

/**
 * Writes and takes back a row of that many bytes: whether there is room shows only at a commit. That another process
 * is writing proves as much.
 */
function probeWrite(opened: Opened, bytes: number): void {
  const { db, statements, reading } = opened;
  reading.end();
  const acts = [
    () => statements.addSlice.run({ id: -1, coding: 0, crc: 0, bytes: Buffer.alloc(bytes) }),
    () => statements.dropSlice.run({ id: -1 }),
  ];
  for (const act of acts) {
    try {
      db.exec("BEGIN IMMEDIATE");
      act();
      db.exec("COMMIT");
    } catch (error) {
      rollBack(db);
      if (faultKind(error) !== "busy") throw error;
    }
  }
}

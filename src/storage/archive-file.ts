import { closeSync, openSync, readSync, statSync } from "node:fs";
import { rename, stat } from "node:fs/promises";
import type { Clock } from "../clock.ts";
import { StartError, StoreFault } from "../errors.ts";
import { ArchiveJournal } from "./archive-journal.ts";
import { RequestTables } from "./archive-requests.ts";
import { ARCHIVE_ID, STEPS } from "./archive-schema.ts";
import type { Database, OpenDatabase } from "./database.ts";
import { faultKind, faultWords, NotOurs } from "./faults.ts";
import { setAside } from "./file.ts";

export interface ArchiveFileOptions {
  /** The data folder, absolute. */
  readonly folder: string;
  readonly openDatabase: OpenDatabase;
  readonly clock: Clock;
  readonly report: (message: string) => void;
}

export interface OpenArchive {
  readonly db: Database;
  readonly requests: RequestTables;
  readonly journal: ArchiveJournal;
  readonly inode: number;
}

const RETRY_MS = 1000;
/** Other processes write too, a batch at a time. Nobody but this thread waits. */
const BUSY_MS = 10_000;

/** As in connection.ts: closed, they would take along the WAL of the file that took their place. */
const replaced: OpenArchive[] = [];

/** archive.db and its weal and woe: opened when first needed, set aside when damaged, opened anew when replaced. */
export class ArchiveFile {
  readonly path: string;
  faults = 0;
  #opened: OpenArchive | undefined;
  #fault: string | undefined;
  #damaged = false;
  #triedAt = -Infinity;
  #walBytes = 0;
  #walOf: Database | undefined;

  constructor(readonly options: ArchiveFileOptions) {
    this.path = `${options.folder}/archive.db`;
  }

  /** Why it cannot be used; undefined where it can. */
  get fault(): string | undefined {
    return this.#fault;
  }

  /** The open archive. Throws `StoreFault` where there is none. */
  async opened(): Promise<OpenArchive> {
    if (this.#opened !== undefined && inodeOf(this.path) !== this.#opened.inode) this.#drop();
    if (this.#damaged) await this.#discard();
    if (this.#opened !== undefined) return this.#opened;
    this.#pause();
    try {
      try {
        this.#opened = this.#open();
      } catch (error) {
        if (faultKind(error) !== "damaged") throw error;
        await this.#discard();
        this.#opened = this.#open();
      }
      this.#recovered();
      return this.#opened;
    } catch (error) {
      throw this.note(error);
    }
  }

  /** Keeps the WAL about that short. */
  async boundWal(bytes: number): Promise<void> {
    const { db } = await this.opened();
    if (this.#walBytes === bytes && this.#walOf === db) return;
    db.value(`PRAGMA journal_size_limit = ${bytes}`);
    db.value(`PRAGMA wal_autocheckpoint = ${Math.ceil(bytes / Number(db.value("PRAGMA page_size")))}`);
    this.#walBytes = bytes;
    this.#walOf = db;
  }

  /** Runs `act` over the open archive. Throws `StoreFault` for what the disk refused. */
  async read<T>(act: (opened: OpenArchive) => T): Promise<T> {
    const opened = await this.opened();
    try {
      return act(opened);
    } catch (error) {
      throw this.note(error);
    }
  }

  /** Runs `act` in a transaction. Throws `StoreFault`, and nothing is changed, where it could not be committed. */
  async write<T>(act: (opened: OpenArchive) => T): Promise<T> {
    const opened = await this.opened();
    if (this.#fault !== undefined) this.#pause();
    const { db } = opened;
    try {
      db.exec("BEGIN IMMEDIATE");
      const result = act(opened);
      db.exec("COMMIT");
      this.#recovered();
      return result;
    } catch (error) {
      try {
        db.exec("ROLLBACK");
      } catch {
        // SQLite had already rolled back, or nothing was begun.
      }
      throw this.note(error);
    }
  }

  /** Draws the consequences of what a statement threw, and answers what to throw on. */
  note(error: unknown): Error {
    if (error instanceof NewerArchive) this.#fail(error.message);
    if (error instanceof StoreFault || error instanceof RangeError) return error;
    this.faults++;
    const kind = faultKind(error);
    if (kind === "damaged") this.#damaged = true;
    const words = faultWords(error);
    if (kind !== "other" && kind !== "busy") this.#fail(words);
    return new StoreFault(words, { cause: error });
  }

  close(): void {
    if (this.#opened === undefined) return;
    if (inodeOf(this.path) === this.#opened.inode) closeDatabase(this.#opened.db);
    else replaced.push(this.#opened);
    this.#opened = undefined;
  }

  #open(): OpenArchive {
    createPrivately(this.path);
    const db = this.options.openDatabase(this.path);
    try {
      db.value(`PRAGMA busy_timeout = ${BUSY_MS}`);
      // As in file.ts: one that is made just now has nothing to lose.
      if (Number(db.value("PRAGMA user_version")) === 0) db.value("PRAGMA synchronous = OFF");
      migrate(db);
      db.value("PRAGMA synchronous = NORMAL");
      db.value("PRAGMA cache_size = -8192");
      // What a purged entry asked is overwritten, not only let go.
      db.value("PRAGMA secure_delete = ON");
      return {
        db,
        requests: new RequestTables(db),
        journal: new ArchiveJournal(db),
        inode: inodeOf(this.path),
      };
    } catch (error) {
      db.close();
      throw error;
    }
  }

  #drop(): void {
    try {
      this.close();
    } catch {
      // What could not be written back stays in the WAL.
    }
    this.#opened = undefined;
  }

  async #discard(): Promise<void> {
    const own = this.#opened === undefined || inodeOf(this.path) === this.#opened.inode;
    this.#drop();
    this.#damaged = false;
    if (!own) return;
    const aside = await setAside(this.path, { size, rename }, this.options.clock.now());
    this.options.report(
      `the archive's file is damaged; it was set aside as ${aside}, and the archive begins anew`,
    );
  }

  /** After a fault it is tried anew at most once a second. */
  #pause(): void {
    if (this.#fault === undefined) return;
    const now = this.options.clock.monotonic();
    if (now - this.#triedAt < RETRY_MS) throw new StoreFault(`the archive cannot be used: ${this.#fault}`);
    this.#triedAt = now;
  }

  #fail(words: string): void {
    this.#triedAt = this.options.clock.monotonic();
    if (this.#fault === words) return;
    this.#fault = words;
    this.options.report(`the archive cannot be used: ${words}; answers are not affected`);
  }

  #recovered(): void {
    if (this.#fault !== undefined) this.options.report("the archive can be used again");
    this.#fault = undefined;
  }
}

/** Gives back what is free first; of very many pages only some, since the process waits. */
function closeDatabase(db: Database): void {
  try {
    db.value("PRAGMA incremental_vacuum(1000)");
  } catch {
    // A disk that refuses, or another process that writes: they stay free.
  }
  db.close();
}

/**
 * Throws `StartError` where `folder` holds the archive of a newer program, which is only looked at. One that cannot be
 * read is left to the thread, which says what is wrong with it.
 */
export function refuseNewerArchive(folder: string): void {
  let version = 0;
  try {
    const file = openSync(`${folder}/archive.db`, "r");
    try {
      const header = Buffer.alloc(100);
      if (readSync(file, header) === 100 && header.readUInt32BE(68) === ARCHIVE_ID)
        version = header.readUInt32BE(60);
    } finally {
      closeSync(file);
    }
  } catch {
    return;
  }
  if (version <= STEPS.length) return;
  throw new StartError(
    `use a newer askonce, or another data folder: this one's archive.db has version ${version}, ` +
      `and this program knows versions up to ${STEPS.length} (it was left as it was)`,
  );
}

class NewerArchive extends StoreFault {}

/** Brings an open archive to the version that this program writes. Throws `NewerArchive` for a newer one. */
function migrate(db: Database): void {
  const newest = STEPS.length;
  const version = () => Number(db.value("PRAGMA user_version"));
  if (Number(db.value("SELECT count(*) FROM sqlite_master")) > 0) {
    if (Number(db.value("PRAGMA application_id")) !== ARCHIVE_ID) throw new NotOurs();
    if (version() === newest) return;
  }
  // Before the first page is written, or they have no effect.
  db.value("PRAGMA auto_vacuum = INCREMENTAL");
  db.value("PRAGMA journal_mode = WAL");
  db.exec("BEGIN IMMEDIATE");
  try {
    const from = version();
    if (from > newest) throw new NewerArchive("it was written by a newer askonce, and is left as it is");
    for (const step of STEPS.slice(from)) db.exec(step);
    db.exec(`PRAGMA application_id = ${ARCHIVE_ID}`);
    db.exec(`PRAGMA user_version = ${newest}`);
    db.exec("COMMIT");
  } catch (error) {
    try {
      db.exec("ROLLBACK");
    } catch {
      // SQLite had already rolled back.
    }
    throw error;
  }
}

/**
 * For its owner alone from the first byte; SQLite gives the files beside it the same mode. A file that is there is not
 * even opened: closing it would drop this process's locks on it.
 */
function createPrivately(path: string): void {
  try {
    closeSync(openSync(path, "wx", 0o600));
  } catch {
    // It is there, or SQLite says better what is wrong.
  }
}

async function size(path: string): Promise<number | undefined> {
  return (await stat(path).catch(() => undefined))?.size;
}

export function inodeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.ino ?? -1;
}

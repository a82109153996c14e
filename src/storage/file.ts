import { closeSync, fdatasync, openSync, readSync, statSync } from "node:fs";
import { open } from "node:fs/promises";
import { promisify } from "node:util";
import type { Files } from "../host.ts";
import type { Database, OpenDatabase } from "./database.ts";
import { faultKind, NotOurs } from "./faults.ts";
import { APPLICATION_ID, migrate, refuseNewer } from "./migrations.ts";
import { Reading } from "./reading.ts";
import { prepareStatements, type Statements } from "./statements.ts";

const syncData = promisify(fdatasync);

/** What SQLite keeps beside a database: moved with it, counted with it. */
const SIDE_FILES = ["-wal", "-shm"] as const;

/** Places are whole numbers below 2^53: so many ids, and openings told apart. */
const IDS = 2 ** 40;
const OPENINGS = 2 ** 12;
let openings = 0;

/** An open database of ours, migrated, with its statements. */
export interface Opened {
  readonly db: Database;
  readonly statements: Statements;
  readonly reading: Reading;
  /** Where an entry lies: its id, and in which opening of a file, since ids begin anew in another one. */
  placeOf(id: number): number;
  /** The id at a place; undefined where it is of another opening. */
  idAt(place: number | undefined): number | undefined;
  /** Whether the file is still the one under its path. */
  current(): boolean;
  /**
   * Moves what it can of the WAL into the file, and both to the disk; then cuts the WAL to nothing where `cut` is set.
   * From then on the WAL's file is cut back to `keepBytes` when it grew beyond. No write may begin meanwhile.
   */
  checkpoint(options: { keepBytes: number; cut: boolean }): Promise<void>;
  close(): void;
}

/**
 * Opens the file, which exists (it may be empty). Throws `StartError` for a newer database, `NotOurs` for another
 * program's, else what SQLite or the system says. A database that is refused is not touched.
 *
 * SQLite would fsync inside COMMIT, on the loop: one was measured at 1.5 s on a busy disk, 14 ms are usual. So
 * `synchronous` is OFF, and `checkpoint` does what NORMAL does, in its order, beside the loop: the WAL to the disk,
 * then its pages into the file, then the file to the disk, before the next write begins the WAL anew.
 */
export function openFile(path: string, openDatabase: OpenDatabase): Opened {
  readHeader(path);
  // Closed only after SQLite has closed: closing any descriptor of the file drops the process's POSIX locks on it.
  const descriptor = openDescriptor(path);
  let db: Database | undefined;
  try {
    db = openDatabase(path);
    const version = Number(db.value("PRAGMA user_version"));
    refuseNewer(version);
    const tables = Number(db.value("SELECT count(*) FROM sqlite_master"));
    if (tables > 0 && Number(db.value("PRAGMA application_id")) !== APPLICATION_ID) throw new NotOurs();
    // Of a file that is made just now there is nothing to lose, and making it would wait for the disk eleven times (4 to 40 ms).
    if (version === 0) db.value("PRAGMA synchronous = OFF");
    migrate(db);
    db.value("PRAGMA synchronous = OFF");
    db.value("PRAGMA wal_autocheckpoint = 0");
    return opened(path, db, descriptor);
  } catch (error) {
    db?.close();
    closeSync(descriptor);
    throw error;
  }
}

function opened(path: string, db: Database, descriptor: number): Opened {
  const inode = inodeOf(path);
  const reading = new Reading(db);
  openings = (openings + 1) % OPENINGS;
  const first = openings * IDS;
  let kept = -1;
  return {
    db,
    statements: prepareStatements(db),
    reading,
    placeOf: (id) => first + id,
    idAt: (place = -1) => (place >= first && place < first + IDS ? place - first : undefined),
    current: () => inodeOf(path) === inode,
    async checkpoint({ keepBytes, cut }) {
      // Not 0: cutting the file at each turn made some COMMITs wait for the disk.
      if (keepBytes !== kept) db.value(`PRAGMA journal_size_limit = ${keepBytes}`);
      kept = keepBytes;
      const wal = await open(`${path}-wal`, "r+");
      try {
        await wal.datasync();
      } finally {
        await wal.close();
      }
      // Inside a transaction SQLite refuses to.
      reading.end();
      db.value("PRAGMA wal_checkpoint(PASSIVE)");
      await syncData(descriptor);
      if (!cut) return;
      reading.end();
      db.value("PRAGMA wal_checkpoint(TRUNCATE)");
    },
    close() {
      reading.end();
      db.close();
      closeSync(descriptor);
    },
  };
}

/** Bytes that the database takes on disk with all beside it. */
export function bytesOnDisk(path: string): number {
  let bytes = 0;
  for (const name of [path, ...SIDE_FILES.map((side) => path + side)]) {
    bytes += statSync(name, { throwIfNoEntry: false })?.size ?? 0;
  }
  return bytes;
}

/** Renames the file and what lies beside it. The files must be closed. Resolves to the new name of the file. */
export async function setAside(
  path: string,
  files: Pick<Files, "size" | "rename">,
  nowMs: number,
): Promise<string> {
  const stamp = new Date(nowMs).toISOString().replace(/[-:]/g, "").replace(".", "");
  const aside = `${path}.damaged-${stamp}`;
  // The side files first: a WAL left behind would be played into the new database.
  for (const side of SIDE_FILES) {
    if ((await files.size(path + side)) !== undefined) await files.rename(path + side, aside + side);
  }
  await files.rename(path, aside);
  return aside;
}

/**
 * Reads the version without SQLite, which would create files beside a database only by looking at it.
 * https://sqlite.org/fileformat.html#the_database_header
 */
function readHeader(path: string): void {
  const bytes = new Uint8Array(100);
  const descriptor = openSync(path, "r");
  let length: number;
  try {
    length = readSync(descriptor, bytes, 0, bytes.byteLength, 0);
  } finally {
    closeSync(descriptor);
  }
  if (length === 0) return;
  const magic = new TextDecoder().decode(bytes.subarray(0, 16));
  if (length < 100 || magic !== "SQLite format 3\0") throw new NotOurs();
  refuseNewer(new DataView(bytes.buffer).getUint32(60));
}

function openDescriptor(path: string): number {
  try {
    // Windows flushes only what is open for writing.
    return openSync(path, "r+");
  } catch (error) {
    if (faultKind(error) !== "unwritable") throw error;
    return openSync(path, "r");
  }
}

function inodeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.ino ?? -1;
}

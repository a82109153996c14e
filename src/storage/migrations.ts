import { StartError } from "../errors.ts";
import type { Database } from "./database.ts";

/** "ask1": tells the file from any other SQLite database. */
export const APPLICATION_ID = 0x61736b31;

/** Step n takes a database from version n to n + 1. Published steps are never edited. */
export const STEPS: readonly string[] = [
  `
  CREATE TABLE entries (
    id INTEGER PRIMARY KEY,
    key BLOB NOT NULL UNIQUE,
    version INTEGER NOT NULL,
    provider TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    model TEXT,
    namespace TEXT NOT NULL,
    stream INTEGER NOT NULL,
    status INTEGER NOT NULL,
    size INTEGER NOT NULL,
    started_at REAL NOT NULL,
    stored_at REAL NOT NULL,
    ttl_ms REAL,
    first_byte_ms REAL NOT NULL,
    duration_ms REAL NOT NULL,
    cost INTEGER NOT NULL,
    body_id INTEGER,
    segment INTEGER NOT NULL,
    last_used REAL NOT NULL,
    hits INTEGER NOT NULL,
    admin_ttl_ms REAL
  ) STRICT;
  CREATE INDEX entries_by_use ON entries (segment, last_used);
  CREATE TABLE answers (
    id INTEGER PRIMARY KEY,
    head TEXT NOT NULL,
    chunks BLOB,
    crc INTEGER NOT NULL,
    coding INTEGER NOT NULL,
    body BLOB
  ) STRICT;
  CREATE TABLE bodies (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    state INTEGER NOT NULL,
    slices INTEGER NOT NULL,
    busy_at REAL NOT NULL
  ) STRICT;
  CREATE INDEX bodies_by_state ON bodies (state);
  CREATE TABLE slices (
    id INTEGER PRIMARY KEY,
    coding INTEGER NOT NULL,
    crc INTEGER NOT NULL,
    bytes BLOB NOT NULL
  ) STRICT;
  CREATE TABLE totals (
    segment INTEGER PRIMARY KEY,
    entries INTEGER NOT NULL,
    bytes INTEGER NOT NULL
  ) STRICT;
  INSERT INTO totals VALUES (0, 0, 0), (1, 0, 0), (2, 0, 0);
  CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  INSERT INTO meta VALUES ('generation', 0);
  CREATE TRIGGER entry_added AFTER INSERT ON entries BEGIN
    UPDATE totals SET entries = entries + 1, bytes = bytes + new.cost WHERE segment = new.segment;
  END;
  CREATE TRIGGER entry_removed AFTER DELETE ON entries BEGIN
    UPDATE totals SET entries = entries - 1, bytes = bytes - old.cost WHERE segment = old.segment;
  END;
  CREATE TRIGGER entry_moved AFTER UPDATE OF segment ON entries WHEN old.segment <> new.segment BEGIN
    UPDATE totals SET entries = entries - 1, bytes = bytes - old.cost WHERE segment = old.segment;
    UPDATE totals SET entries = entries + 1, bytes = bytes + new.cost WHERE segment = new.segment;
  END;
  `,
  // Pools stand in the entry's head alone; one that cannot be read is a miss anyway, whatever its group.
  `
  DROP TRIGGER entry_added;
  DROP TRIGGER entry_removed;
  DROP TRIGGER entry_moved;
  DROP INDEX entries_by_use;
  ALTER TABLE entries RENAME TO entries_1;
  CREATE TABLE pools_1 (id INTEGER PRIMARY KEY, pool TEXT NOT NULL) STRICT;
  INSERT INTO pools_1
    SELECT e.id,
      coalesce(CASE WHEN json_valid(a.head) THEN CAST(json_extract(a.head, '$[16]') AS TEXT) END, 'all')
    FROM entries_1 e LEFT JOIN answers a ON a.id = e.id;
  CREATE TABLE groups (
    id INTEGER PRIMARY KEY,
    provider TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    model TEXT,
    namespace TEXT NOT NULL,
    pool TEXT NOT NULL,
    entries INTEGER NOT NULL,
    bytes INTEGER NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX groups_by_name ON groups (namespace, pool, provider, endpoint, model);
  INSERT INTO groups (provider, endpoint, model, namespace, pool, entries, bytes)
    SELECT provider, endpoint, model, namespace, pool, count(*), sum(cost)
    FROM entries_1 JOIN pools_1 USING (id) GROUP BY 1, 2, 3, 4, 5;
  CREATE TABLE entries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key BLOB NOT NULL UNIQUE,
    version INTEGER NOT NULL,
    group_id INTEGER NOT NULL,
    stream INTEGER NOT NULL,
    status INTEGER NOT NULL,
    size INTEGER NOT NULL,
    started_at REAL NOT NULL,
    stored_at REAL NOT NULL,
    ttl_ms REAL,
    first_byte_ms REAL NOT NULL,
    duration_ms REAL NOT NULL,
    cost INTEGER NOT NULL,
    body_id INTEGER,
    segment INTEGER NOT NULL,
    last_used REAL NOT NULL,
    hits INTEGER NOT NULL,
    admin_ttl_ms REAL,
    imported INTEGER NOT NULL,
    input_tokens INTEGER,
    output_tokens INTEGER,
    cost_usd REAL
  ) STRICT;
  INSERT INTO entries
    SELECT e.id, e.key, e.version, g.id, e.stream, e.status, e.size, e.started_at, e.stored_at, e.ttl_ms,
      e.first_byte_ms, e.duration_ms, e.cost, e.body_id, e.segment, e.last_used, e.hits, e.admin_ttl_ms,
      0, NULL, NULL, NULL
    FROM entries_1 e CROSS JOIN pools_1 p ON p.id = e.id CROSS JOIN groups g ON
      g.namespace = e.namespace AND g.pool = p.pool AND g.provider = e.provider
      AND g.endpoint = e.endpoint AND g.model IS e.model
    ORDER BY e.id;
  DROP TABLE entries_1;
  DROP TABLE pools_1;
  CREATE INDEX entries_by_use ON entries (segment, last_used, group_id, hits, size, stored_at);
  CREATE INDEX entries_by_group ON entries (group_id, id, stored_at);
  CREATE TABLE gone (seq INTEGER PRIMARY KEY AUTOINCREMENT, id INTEGER NOT NULL) STRICT;
  CREATE TRIGGER entry_added AFTER INSERT ON entries BEGIN
    UPDATE totals SET entries = entries + 1, bytes = bytes + new.cost WHERE segment = new.segment;
    UPDATE groups SET entries = entries + 1, bytes = bytes + new.cost WHERE id = new.group_id;
  END;
  CREATE TRIGGER entry_removed AFTER DELETE ON entries BEGIN
    UPDATE totals SET entries = entries - 1, bytes = bytes - old.cost WHERE segment = old.segment;
    UPDATE groups SET entries = entries - 1, bytes = bytes - old.cost WHERE id = old.group_id;
    INSERT INTO gone (id) VALUES (old.id);
  END;
  CREATE TRIGGER entry_moved AFTER UPDATE OF segment, cost ON entries
    WHEN old.segment <> new.segment OR old.cost <> new.cost BEGIN
    UPDATE totals SET entries = entries - 1, bytes = bytes - old.cost WHERE segment = old.segment;
    UPDATE totals SET entries = entries + 1, bytes = bytes + new.cost WHERE segment = new.segment;
  END;
  CREATE TRIGGER entry_regrouped AFTER UPDATE OF group_id, cost ON entries
    WHEN old.group_id <> new.group_id OR old.cost <> new.cost BEGIN
    UPDATE groups SET entries = entries - 1, bytes = bytes - old.cost WHERE id = old.group_id;
    UPDATE groups SET entries = entries + 1, bytes = bytes + new.cost WHERE id = new.group_id;
  END;
  `,
  `
  ALTER TABLE answers ADD COLUMN admin_ttl_ms REAL;
  UPDATE answers SET admin_ttl_ms = (SELECT e.admin_ttl_ms FROM entries e WHERE e.id = answers.id)
    WHERE id IN (SELECT id FROM entries WHERE admin_ttl_ms IS NOT NULL);
  `,
  `
  CREATE TABLE intake (
    seq INTEGER PRIMARY KEY,
    key BLOB NOT NULL,
    head TEXT NOT NULL,
    chunks BLOB,
    crc INTEGER NOT NULL,
    coding INTEGER NOT NULL,
    body BLOB
  ) STRICT;
  `,
  `
  ALTER TABLE entries ADD COLUMN asked INTEGER;
  `,
];

/** The version that this program writes. */
export const SCHEMA_VERSION = STEPS.length;

/** Throws `StartError` where `version` is beyond this program's. */
export function refuseNewer(version: number): void {
  if (version <= SCHEMA_VERSION) return;
  throw new StartError(
    `use a newer askonce, or another data folder: this one's database has version ${version}, ` +
      `and this program knows versions up to ${SCHEMA_VERSION} (the database was left as it is)`,
  );
}

/**
 * Brings an open database to SCHEMA_VERSION, all steps in one transaction. Throws what SQLite says: busy where another
 * process is doing the same, in which case the caller tries again.
 */
export function migrate(db: Database): void {
  // First, so that a start beside a writing process, or on a disk that cannot be written, asks for no lock.
  if (Number(db.value("PRAGMA user_version")) === SCHEMA_VERSION) return;
  // Before the first page is written, or they have no effect.
  db.value("PRAGMA auto_vacuum = INCREMENTAL");
  db.value("PRAGMA journal_mode = WAL");
  db.exec("BEGIN IMMEDIATE");
  try {
    // Read again under the lock: another process may have migrated meanwhile.
    const version = Number(db.value("PRAGMA user_version"));
    refuseNewer(version);
    for (const step of STEPS.slice(version)) db.exec(step);
    db.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
    db.exec(`PRAGMA user_version = ${SCHEMA_VERSION}`);
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

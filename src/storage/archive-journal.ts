import type {
  CredentialRow,
  JournalBatch,
  JournalRow,
  RowQuery,
  Stats,
  StatsQuery,
} from "../cache/archive.ts";
import { StoreFault } from "../errors.ts";
import type { Database } from "./database.ts";

/** Tables of what happened and what it cost. */
export const JOURNAL_TABLES = "";

/** What happened and what it cost, over the archive's open database. */
export class ArchiveJournal {
  constructor(readonly db: Database) {}

  record(_batch: JournalBatch): void {}

  stats(_query: StatsQuery, _now: number): Stats {
    throw new StoreFault("not yet");
  }

  rows(_query: RowQuery): {
    readonly rows: readonly JournalRow[];
    readonly nextBefore: number | undefined;
  } {
    throw new StoreFault("not yet");
  }

  credentials(): readonly CredentialRow[] {
    return [];
  }

  nameCredential(_label: string, _name: string): boolean {
    return false;
  }

  /** True where there is more to do. */
  tend(_settings: { readonly journalKeepMs: number; readonly journalSize: number }, _now: number): boolean {
    return false;
  }
}

import type { Archive } from "../cache/archive.ts";
import type { Clock } from "../clock.ts";
import { StoreFault } from "../errors.ts";
import type { Files, Host } from "../host.ts";

export interface ArchiveOptions {
  /** The data folder, absolute. */
  readonly folder: string;
  readonly files: Files;
  readonly startThread: Host["startThread"];
  readonly clock: Clock;
  readonly settings: () => ArchiveSettings;
  /** A line for the operator's log. */
  readonly report: (message: string) => void;
}

export interface ArchiveSettings {
  readonly requests: "full" | "hash" | "off";
  /** Bytes of each request's texts that are indexed; 0: none. */
  readonly searchText: number;
  readonly journalKeepMs: number;
  readonly journalSize: number;
  /** Bytes that store and archive may take together. */
  readonly maxSize: number;
}

/** Opens `folder/archive.db` in a thread of its own. Never rejects: an archive that cannot be used says so in `state`. */
export function openArchive(_options: ArchiveOptions): Archive {
  const refuse = () => Promise.reject(new StoreFault("the archive is not there"));
  return {
    keep: () => {},
    list: refuse,
    find: refuse,
    requests: refuse,
    count: refuse,
    sorted: refuse,
    nearest: refuse,
    nearestTo: refuse,
    record: () => Promise.resolve(),
    stats: refuse,
    rows: refuse,
    credentials: refuse,
    nameCredential: refuse,
    state: () => ({ bytes: 0, queued: 0, dropped: 0, faults: 0, fault: "the archive is not there" }),
    settled: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
}

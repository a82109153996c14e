import type { Clock } from "../clock.ts";
import type { ArchiveSettings } from "./archive.ts";
import type { Entries } from "./archive-entries.ts";
import type { ArchiveFile, OpenArchive } from "./archive-file.ts";
import { archiveFileBytes, archiveShare } from "./archive-room.ts";
import { keyHeadOf } from "./request-rows.ts";

/** Above it the oldest texts go, down to LOW. */
const HIGH = 0.96;
const LOW = 0.92;
/** Forgotten in one transaction. */
const STEP = 200;
/** One round; calls wait that long. */
const ROUND_MS = 50;
/** How far the wall clock may run from the monotonic one. */
const JUMP_MS = 3_600_000;
/** Looked at in one round for entries that are not there. */
const SWEPT = 256;
/** Kept for what comes next, or a twentieth of the file where that is more. */
const PAGES_KEPT_FREE = 16;

export interface TendParts {
  readonly file: ArchiveFile;
  /** Over the main database; undefined where it can't be read. */
  readonly entries: () => Entries | undefined;
  readonly clock: Clock;
}

/** What is forgotten, bounded and given back, a little at a time. */
export class Tending {
  /** Up to where in `gone` all is forgotten. */
  #goneTo = 0;
  #sweptTo = 0;
  #droppedTo = 0;
  #unmerged = false;
  readonly #start: { wall: number; monotonic: number };

  constructor(readonly parts: TendParts) {
    const { clock } = parts;
    this.#start = { wall: clock.now(), monotonic: clock.monotonic() };
  }

  /** The main database is another one now. */
  anew(): void {
    this.#goneTo = 0;
    this.#sweptTo = 0;
  }

  /** One round. */
  async run(settings: ArchiveSettings): Promise<{ forgottenTo: number | undefined; more: boolean }> {
    const until = this.parts.clock.monotonic() + ROUND_MS;
    const inTime = () => this.parts.clock.monotonic() < until;
    const before = this.#goneTo;
    let more = true;
    while (more && inTime()) more = await this.#forgetGone();
    if (!more) await this.#sweep();
    more = (await this.bound(settings, inTime)) || more;
    if (!more && this.#unmerged && inTime()) {
      this.#unmerged = await this.parts.file.write(({ requests }) => requests.words.merge());
      more = this.#unmerged;
    }
    if (inTime()) more = (await this.#giveBack(settings)) || more;
    more = (await this.#tendJournal(settings)) || more;
    return { forgottenTo: this.#goneTo > before ? this.#goneTo : undefined, more };
  }

  /** Drops the oldest texts, then the oldest requests, while the archive takes more than its share. True: go on. */
  async bound(settings: ArchiveSettings, inTime: () => boolean): Promise<boolean> {
    const limit = archiveFileBytes(settings);
    const { db } = await this.parts.file.opened();
    if (usedBytes(db) <= limit * HIGH) return false;
    while (usedBytes(db) > limit * LOW) {
      if (!inTime()) return true;
      if (!(await this.#dropOldest())) return false;
    }
    return false;
  }

  #dropOldest(): Promise<boolean> {
    return this.parts.file.write(({ requests }) => {
      this.#unmerged = true;
      const held = requests.ids(this.#droppedTo, { limit: STEP / 4, held: true });
      for (const { entryId } of held) requests.dropTexts(entryId);
      this.#droppedTo = held.at(-1)?.entryId ?? 0;
      if (held.length > 0) return true;
      // Those whose entries were refreshed lie before: from the start again, then whole requests.
      if (requests.ids(0, { limit: 1, held: true }).length > 0) return true;
      const oldest = requests.ids(0, { limit: STEP });
      for (const { entryId } of oldest) requests.drop(entryId);
      return oldest.length > 0;
    });
  }

  /** True while there is more to forget. */
  async #forgetGone(): Promise<boolean> {
    const entries = this.parts.entries();
    if (entries === undefined) return false;
    const { ids, upTo } = entries.gone(this.#goneTo, STEP);
    if (ids.length === 0) return false;
    await this.parts.file.write(({ requests }) => {
      // Asked within the transaction: what is kept for an entry stored since then comes after it.
      if (entries.empty()) requests.clear();
      else for (const id of ids) requests.drop(id);
    });
    this.#unmerged = true;
    this.#goneTo = upTo;
    return ids.length === STEP;
  }

  /** Forgets some requests whose entries are not there: another database's, or let go while nobody looked. */
  async #sweep(): Promise<void> {
    const entries = this.parts.entries();
    if (entries === undefined) return;
    const rows = await this.parts.file.read(({ requests }) => requests.ids(this.#sweptTo, { limit: SWEPT }));
    this.#sweptTo = rows.at(-1)?.entryId ?? 0;
    const keys = entries.keysOf(rows.map(({ entryId }) => entryId));
    const lost = rows.filter(({ entryId, keyHead }) => {
      const key = keys.get(entryId)?.key;
      return key === undefined || keyHeadOf(key) !== keyHead;
    });
    if (lost.length === 0) return;
    this.#unmerged = true;
    await this.parts.file.write(({ requests }) => {
      for (const { entryId, keyHead } of lost) {
        // It may have been kept for another entry meanwhile.
        if (requests.row(entryId)?.keyHead === keyHead) requests.drop(entryId);
      }
    });
  }

  /** Nothing is dropped by its age while the wall clock has run apart from the monotonic one. */
  async #tendJournal(settings: ArchiveSettings): Promise<boolean> {
    const { clock, file } = this.parts;
    const now = clock.now();
    const drift = now - this.#start.wall - (clock.monotonic() - this.#start.monotonic);
    if (Math.abs(drift) > JUMP_MS) return false;
    const journalSize = Math.min(settings.journalSize, archiveShare(settings) / 4);
    return file.read(({ journal }) => journal.tend({ ...settings, journalSize }, now));
  }

  /** Gives free pages back to the disk. True while there is more to give. */
  async #giveBack(settings: ArchiveSettings): Promise<boolean> {
    const { db } = await this.parts.file.opened();
    const free = Number(db.value("PRAGMA freelist_count"));
    const pages = Number(db.value("PRAGMA page_count"));
    const over = pages * Number(db.value("PRAGMA page_size")) > archiveFileBytes(settings);
    if (free <= (over ? 0 : Math.max(PAGES_KEPT_FREE, pages / 20))) return false;
    await this.parts.file.read((opened) => opened.db.value(`PRAGMA incremental_vacuum(${STEP * 4})`));
    return Number(db.value("PRAGMA freelist_count")) < free;
  }
}

export function usedBytes(db: OpenArchive["db"]): number {
  const used = Number(db.value("PRAGMA page_count")) - Number(db.value("PRAGMA freelist_count"));
  return used * Number(db.value("PRAGMA page_size"));
}

import { statSync } from "node:fs";
import type { EntryPage, EntryQuery, EntryRow } from "../cache/archive.ts";
import type { CacheKey } from "../cache/entry.ts";
import type { Clock } from "../clock.ts";
import { StoreFault } from "../errors.ts";
import type { KeptRequest, Near, NewRequest } from "../requests/kept.ts";
import { concat } from "../requests/parts.ts";
import { keptOf } from "../requests/remember.ts";
import type { ArchiveSettings } from "./archive.ts";
import { Entries } from "./archive-entries.ts";
import { ArchiveFile, inodeOf, type OpenArchive } from "./archive-file.ts";
import { nearestOf } from "./archive-nearest.ts";
import { sha256 } from "./archive-requests.ts";
import { searched } from "./archive-search.ts";
import type { OpenDatabase } from "./database.ts";
import { type Keepable, unpackBatch } from "./desk-batch.ts";
import type { CallMessage, DeskCalls, DeskMessage, Tended } from "./desk-calls.ts";
import { keepBatch } from "./desk-keep.ts";
import { Tending } from "./desk-tend.ts";
import { faultWords } from "./faults.ts";
import { bytesOnDisk } from "./file.ts";
import type { StoredRow } from "./listing.ts";
import { keyHeadOf } from "./request-rows.ts";

export interface DeskOptions {
  readonly openDatabase: OpenDatabase;
  readonly clock: Clock;
  readonly report: (message: string) => void;
}

/**
 * What runs in the archive's thread: takes one call after the other, in their order. It writes archive.db, and reads
 * askonce.db over a connection of its own.
 */
export class Desk {
  #parts: DeskParts | undefined;
  #pieces: Uint8Array[] = [];
  #last: Promise<unknown> = Promise.resolve();

  constructor(readonly options: DeskOptions) {}

  /** Answers one message; never rejects. */
  take({ id, name, args }: CallMessage): Promise<DeskMessage> {
    const turn = this.#last.then(() => this.#answer(name, args));
    const message = turn.then(
      (value) => ({ id, value }),
      (error: unknown) => {
        const range = error instanceof RangeError;
        const said = range || error instanceof StoreFault;
        return { id, error: { range, message: said ? (error as Error).message : faultWords(error) } };
      },
    );
    this.#last = message;
    return message;
  }

  async #answer(name: keyof DeskCalls, args: readonly unknown[]): Promise<unknown> {
    if (name === "open") {
      const [folder, settings] = args as Parameters<DeskCalls["open"]>;
      this.#parts = new DeskParts({ ...this.options, folder }, settings);
      return undefined;
    }
    if (name === "piece") {
      this.#pieces.push((args as Parameters<DeskCalls["piece"]>)[0]);
      return undefined;
    }
    if (this.#parts === undefined) throw new StoreFault("the archive is closed");
    if (name === "keep") {
      const [batch] = args as Parameters<DeskCalls["keep"]>;
      const pieces = this.#pieces;
      this.#pieces = [];
      return this.#parts.keep(unpackBatch(batch, (count) => concat(pieces.splice(0, count))));
    }
    const parts = this.#parts;
    if (name === "close") this.#parts = undefined;
    return await (parts[name] as (...given: unknown[]) => unknown).apply(parts, [...args]);
  }
}

type Answers = { [Name in keyof DeskCalls]: DeskCalls[Name] };

class DeskParts implements Omit<Answers, "open" | "piece" | "keep"> {
  readonly #file: ArchiveFile;
  readonly #tending: Tending;
  readonly #mainPath: string;
  #entries: { readonly entries: Entries; readonly inode: number } | undefined;

  constructor(
    readonly options: DeskOptions & { readonly folder: string },
    private settings: ArchiveSettings,
  ) {
    this.#file = new ArchiveFile(options);
    this.#mainPath = `${options.folder}/askonce.db`;
    this.#tending = new Tending({
      file: this.#file,
      entries: () => this.#main(),
      clock: options.clock,
    });
  }

  keep(batch: readonly Keepable[]): Promise<number> {
    const parts = { file: this.#file, tending: this.#tending, settings: this.settings };
    return keepBatch(batch, { ...parts, entries: () => this.#need() });
  }

  async list(query: EntryQuery): Promise<EntryPage> {
    const entries = this.#need();
    if (query.q === undefined || query.q.trim() === "") {
      const { rows, nextCursor } = this.#try(() => entries.list(query));
      return { entries: await this.#withPrompts(rows), nextCursor };
    }
    const { rows, nextCursor } = await this.#file.read(({ requests }) =>
      searched({ ...query, q: query.q ?? "" }, { words: requests.words, entries }),
    );
    return { entries: await this.#withPrompts(rows), nextCursor };
  }

  async find(keys: readonly CacheKey[]): Promise<readonly (EntryRow | undefined)[]> {
    const found = this.#try(() => this.#need().find(keys));
    const rows = await this.#withPrompts(found.filter((one) => one !== undefined));
    let at = 0;
    return found.map((one) => (one === undefined ? undefined : rows[at++]));
  }

  async requests(keys: readonly CacheKey[]): Promise<readonly (KeptRequest | undefined)[]> {
    const entries = this.#need();
    const found: (KeptRequest | undefined)[] = [];
    for (const key of keys) found.push(await this.#requestOf(key, entries));
    return found;
  }

  async count(filter: EntryQuery["filter"]): Promise<number> {
    return this.#try(() => this.#need().count(filter));
  }

  /** Within a model: by the body's digest, then the sample; what is not remembered comes first, in order of age. */
  async sorted(filter: EntryQuery["filter"]): Promise<readonly CacheKey[]> {
    const found = this.#try(() => this.#need().keys(filter));
    const seen = new Map<number, string>();
    const ordered = await this.#file.read(({ requests }) =>
      found.map(({ id, key }) => {
        const row = requests.place(id);
        if (row === undefined || row.keyHead !== keyHeadOf(key)) return { key, order: undefined };
        const { provider, path, namespace, model, digest, sample } = requests.headOf(row, seen);
        return { key, order: [provider, path, namespace, model ?? "", digest, sample] as const };
      }),
    );
    return ordered.sort((one, other) => compare(one.order, other.order)).map(({ key }) => key);
  }

  async nearest(request: NewRequest, { limit, except }: Parameters<DeskCalls["nearest"]>[1]) {
    const asked = await keptOf(request, sha256);
    const entries = this.#need();
    return this.#file.read(({ requests }) => nearestOf(asked, { requests, entries, limit, except }));
  }

  async nearestTo(key: CacheKey, { limit }: { limit: number }): Promise<readonly Near[]> {
    const entries = this.#need();
    const asked = await this.#requestOf(key, entries);
    if (asked === undefined) return [];
    return this.#file.read(({ requests }) => nearestOf(asked, { requests, entries, limit, except: key }));
  }

  record(batch: Parameters<DeskCalls["record"]>[0]) {
    return this.#journal((journal) => journal.record(batch));
  }

  stats(query: Parameters<DeskCalls["stats"]>[0]) {
    return this.#journal((journal) => journal.stats(query, this.options.clock.now()));
  }

  rows(query: Parameters<DeskCalls["rows"]>[0]) {
    return this.#journal((journal) => journal.rows(query));
  }

  credentials() {
    return this.#journal((journal) => journal.credentials());
  }

  nameCredential(label: string, name: string) {
    return this.#journal((journal) => journal.nameCredential(label, name));
  }

  async poolOf(label: string): Promise<string | undefined> {
    return this.#try(() => this.#need().poolOf(label));
  }

  async tend(settings: ArchiveSettings): Promise<Tended> {
    this.settings = settings;
    let forgottenTo: number | undefined;
    let more = false;
    try {
      ({ forgottenTo, more } = await this.#tending.run(settings));
    } catch (error) {
      this.#file.note(error);
    }
    const { faults, fault, path } = this.#file;
    return { bytes: bytesOnDisk(path), faults, fault, forgottenTo, more };
  }

  async close(): Promise<void> {
    this.#file.close();
    this.#closeMain();
  }

  /** The journal opens transactions of its own. */
  #journal<T>(act: (journal: OpenArchive["journal"]) => T): Promise<T> {
    return this.#file.read(({ journal }) => act(journal));
  }

  async #requestOf(key: CacheKey, entries: Entries): Promise<KeptRequest | undefined> {
    const id = this.#try(() => entries.idOf(key));
    if (id === undefined) return undefined;
    return this.#file.read(({ requests }) => {
      const row = requests.row(id);
      return row === undefined || row.keyHead !== keyHeadOf(key) ? undefined : requests.requestOf(row);
    });
  }

  /** A listing does without prompts where the archive cannot be read. */
  async #withPrompts(rows: readonly StoredRow[]): Promise<EntryRow[]> {
    const prompts = await this.#file
      .read(({ requests }) => requests.prompts(rows))
      .catch(() => new Map<number, string>());
    return rows.map(({ id, ...row }) => ({ ...row, prompt: prompts.get(id) }));
  }

  #need(): Entries {
    const entries = this.#main();
    if (entries === undefined) throw new StoreFault("the cache's database cannot be read");
    return entries;
  }

  /** The main database, opened anew where another file lies under its path. It is never created here. */
  #main(): Entries | undefined {
    const inode = inodeOf(this.#mainPath);
    if (this.#entries !== undefined && this.#entries.inode === inode) return this.#entries.entries;
    this.#closeMain();
    if (inode < 0 || (statSync(this.#mainPath, { throwIfNoEntry: false })?.size ?? 0) === 0) return undefined;
    try {
      const db = this.options.openDatabase(this.#mainPath);
      db.value("PRAGMA query_only = ON");
      db.value("PRAGMA busy_timeout = 2000");
      this.#entries = { entries: new Entries(db), inode };
      this.#tending.anew();
      return this.#entries.entries;
    } catch {
      return undefined;
    }
  }

  #closeMain(): void {
    try {
      // One that was replaced is left open: see `replaced` in connection.ts.
      if (this.#entries?.inode === inodeOf(this.#mainPath)) this.#entries.entries.db.close();
    } catch {
      // It was only read.
    }
    this.#entries = undefined;
  }

  /** What the main database refuses is a fault of the call, not of the archive. */
  #try<T>(act: () => T): T {
    try {
      return act();
    } catch (error) {
      if (error instanceof RangeError || error instanceof StoreFault) throw error;
      throw new StoreFault(faultWords(error), { cause: error });
    }
  }
}

type Order = readonly (string | number)[];

function compare(one: Order | undefined, other: Order | undefined): number {
  if (one === undefined || other === undefined) return one === other ? 0 : one === undefined ? -1 : 1;
  for (const [at, value] of one.entries()) {
    const against = other[at] as string | number;
    if (value !== against) return value < against ? -1 : 1;
  }
  return 0;
}

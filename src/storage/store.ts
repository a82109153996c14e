import { type CacheKey, type Entry, SLICE_BYTES } from "../cache/entry.ts";
import type { EntryChange, EntryFilter, PutOptions, StoreHealth, StoreStats } from "../cache/store.ts";
import type { SharedStore } from "../cache/tiered.ts";
import { StoreFault } from "../errors.ts";
import { Answers } from "./answers.ts";
import { Bodies } from "./bodies.ts";
import { Connection, type ConnectionOptions } from "./connection.ts";
import { bytesOnDisk } from "./file.ts";
import { Generation } from "./generation.ts";
import { Import } from "./import.ts";
import { Intake } from "./intake.ts";
import { Placing } from "./placing.ts";
import { purge } from "./purge.ts";
import { Puts } from "./puts.ts";
import { type Limits, Room } from "./room.ts";
import { keyBytes } from "./rows.ts";
import { Upkeep } from "./upkeep.ts";
import { Writer } from "./writer.ts";

export interface StoreOptions extends ConnectionOptions {
  /** Read at each use, since settings change. */
  readonly limits: () => Limits;
  /** Whether this process is the one of several that evicts, sweeps and gives back beside requests; true unless told. */
  readonly tends?: (() => boolean) | undefined;
}

/**
 * Opens the durable store in `folder/askonce.db`, making folder and file where missing. Rejects with `StartError` for
 * a database of a newer program, which is left as it is, and for nothing else: a damaged file is set aside and told of;
 * a folder that cannot be used gives a store that misses, refuses, says why in `health`, and recovers by itself.
 */
export async function openStore(options: StoreOptions): Promise<SharedStore> {
  const connection = new Connection(options);
  await connection.open();
  return new Entries(connection, options);
}

class Entries implements SharedStore {
  readonly #writer: Writer;
  readonly #room: Room;
  readonly #bodies: Bodies;
  readonly #upkeep: Upkeep;
  readonly #placing: Placing;
  readonly #import: Import;
  readonly #intake: Intake;
  readonly #puts: Puts;
  readonly #answers: Answers;
  #faults = 0;
  #counted: Pick<StoreStats, "entries" | "bytes"> = { entries: 0, bytes: 0 };
  readonly #generation: Generation;

  constructor(
    readonly connection: Connection,
    readonly options: StoreOptions,
  ) {
    const { clock, limits } = options;
    this.#generation = new Generation(connection, clock);
    this.#writer = new Writer(connection, { clock, room: () => this.#room, intake: () => this.#intake });
    this.#intake = new Intake({
      placing: () => this.#placing,
      due: () => void this.settled(),
    });
    this.#bodies = new Bodies(connection, {
      writer: this.#writer,
      clock,
      onDamage: (damaged, error) => this.#damaged(damaged, error),
    });
    this.#room = new Room(connection, {
      limits,
      bodies: this.#bodies,
      clock,
      noteHits: (transaction) => this.#upkeep.noteHits(transaction),
    });
    this.#upkeep = new Upkeep({
      connection,
      writer: this.#writer,
      room: this.#room,
      bodies: this.#bodies,
      clock,
      limits,
      tends: options.tends ?? (() => true),
      placeLeft: () => this.#placeNoted({ optional: true }),
    });
    this.#answers = new Answers({
      connection,
      bodies: this.#bodies,
      intake: () => this.#intake,
      onDamage: (damaged, error) => this.#damaged(damaged, error),
      onFault: (error) => {
        this.#faults++;
        if (error !== undefined) connection.note(error);
      },
    });
    this.#placing = new Placing({
      placed: (entry) => this.#answers.placed(entry),
      room: this.#room,
      generation: this.#generation,
      upkeep: () => this.#upkeep,
    });
    this.#puts = new Puts({
      writer: this.#writer,
      bodies: this.#bodies,
      placing: this.#placing,
      intake: this.#intake,
    });
    this.#import = new Import({
      connection,
      openDatabase: options.openDatabase,
      writer: this.#writer,
      room: this.#room,
      bodies: this.#bodies,
      placing: this.#placing,
      generation: this.#generation,
      clock,
    });
    // What a process that was killed noted is found where it lies until it is placed.
    void this.#placeNoted({ optional: true });
  }

  get(key: CacheKey): Entry | undefined {
    return this.#answers.get(key);
  }

  find(asked: string): Entry | undefined {
    return this.#answers.find(asked);
  }

  async put(entry: Entry, options?: PutOptions): Promise<void> {
    await this.commit(entry, options);
  }

  async commit(entry: Entry, options: PutOptions = {}): Promise<Entry | undefined> {
    // Before any packing, so that a store that cannot write costs nothing.
    if (this.connection.resting)
      throw this.#count(new StoreFault(this.connection.fault ?? "the store is closed"));
    if (!this.#room.fits(entry.body.size)) {
      throw this.#count(new StoreFault(`the entry's ${entry.body.size} bytes do not fit under max_size`));
    }
    try {
      return entry.body.size > SLICE_BYTES
        ? await this.#puts.large(entry, options)
        : await this.#puts.small(entry, options);
    } catch (error) {
      throw this.#count(error);
    }
  }

  async delete(key: CacheKey): Promise<boolean> {
    return this.#writer.submit({
      bytes: () => 0,
      run: (transaction) => {
        const old = transaction.statements.find.get({ key: keyBytes(key) });
        if (old === undefined) return false;
        this.#room.drop(transaction, old);
        this.#generation.advance(transaction);
        return true;
      },
    });
  }

  async change(key: CacheKey, change: EntryChange): Promise<boolean> {
    return this.#writer.submit({
      bytes: () => 0,
      run: (transaction) => this.#placing.change(transaction, key, change),
    });
  }

  purge(filter: EntryFilter): Promise<number> {
    const { clock } = this.options;
    return purge({ writer: this.#writer, room: this.#room, generation: this.#generation, clock }, filter);
  }

  async putAll(entries: readonly Entry[]): Promise<void> {
    try {
      await this.#import.putAll(entries);
    } catch (error) {
      throw this.#count(error);
    }
  }

  async forgotten(upTo: number): Promise<void> {
    const some = () =>
      this.#writer.submit({
        bytes: () => 0,
        run: ({ statements }) => statements.forget.all({ upTo }).length,
      });
    while ((await some()) > 0) {}
  }

  async settled(): Promise<void> {
    await this.#placeNoted({ optional: false });
  }

  /** Whatever is written places what was noted first. */
  async #placeNoted({ optional }: { optional: boolean }): Promise<void> {
    const { opened } = this.connection;
    try {
      // What was read in this turn shows nothing of what others noted since.
      opened?.reading.end();
      if (opened === undefined || (this.#intake.size === 0 && !this.#intake.findOthers(opened))) return;
    } catch (error) {
      // Locked for a moment, it may still hold some: whoever writes waits for that.
      this.connection.note(error);
    }
    await this.#writer.submit({ bytes: () => 0, run: () => {}, optional }).catch(() => {});
  }

  touch(entry: Pick<Entry, "key" | "place">): void {
    try {
      this.#upkeep.touch(entry);
    } catch (error) {
      this.connection.note(error);
    }
  }

  stats(): StoreStats {
    const { opened, path } = this.connection;
    let { entries, bytes } = this.#counted;
    try {
      if (opened !== undefined)
        entries = opened.statements.totals.all().reduce((sum, row) => sum + row.entries, this.#intake.size);
    } catch (error) {
      this.connection.note(error);
    }
    try {
      bytes = bytesOnDisk(path);
    } catch {
      // A folder that cannot be looked at: the next write says why.
    }
    this.#counted = { entries, bytes };
    return { entries, bytes, evictions: this.#room.evictions, faults: this.#faults };
  }

  health(): StoreHealth {
    const { fault } = this.connection;
    return fault === undefined ? { ok: true, reasons: [] } : { ok: false, reasons: [`cache: ${fault}`] };
  }

  generation(): number {
    return this.#generation.foreign;
  }

  async close(): Promise<void> {
    await this.#import.close();
    await this.#upkeep.close();
    await this.settled();
    this.#intake.close();
    this.#answers.close();
    await this.#writer.idle();
    // SQLite moves the WAL into the file when it closes, without making sure of either.
    await this.connection.opened?.checkpoint({ keepBytes: 0, cut: false }).catch(() => {});
    this.connection.close();
  }

  /**
   * A row that cannot be served is dropped, so that the next answer takes its place whatever its times say. By then
   * another answer may stand in it.
   */
  #damaged({ entryId, crc, bodyId }: Damaged, error: unknown): void {
    this.#faults++;
    this.connection.note(error);
    const opened = this.connection.opened;
    if (error instanceof StoreFault && opened === undefined) return;
    this.#writer
      .submit({
        bytes: () => 0,
        optional: true,
        run: (transaction) => {
          if (transaction.opened !== opened) return;
          const now = transaction.statements.answerOf.get({ id: entryId });
          if (now === undefined || (crc !== undefined && now.crc !== crc)) return;
          if (bodyId !== undefined && now.bodyId !== bodyId) return;
          this.#room.drop(transaction, { id: entryId, bodyId: now.bodyId });
        },
      })
      // It stays a miss.
      .catch(() => {});
  }

  #count<T>(error: T): T {
    this.#faults++;
    return error;
  }
}

/** Which answer cannot be served: the one with this checksum, or with this body. */
interface Damaged {
  readonly entryId: number;
  readonly crc?: number;
  readonly bodyId?: number;
}

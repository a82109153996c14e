import { type CacheKey, ENTRY_VERSION, type Entry, SLICE_BYTES } from "../cache/entry.ts";
import type { StoreHealth, StoreStats } from "../cache/store.ts";
import type { SharedStore } from "../cache/tiered.ts";
import { StoreFault } from "../errors.ts";
import { Bodies } from "./bodies.ts";
import { Connection, type ConnectionOptions, type Transaction } from "./connection.ts";
import { bytesOnDisk, type Opened } from "./file.ts";
import { Generation } from "./generation.ts";
import { PACK_BESIDE_BYTES, type Packed, pack, packBeside } from "./packing.ts";
import { type Limits, Room } from "./room.ts";
import { answerOf, entryOf, keyBytes, type NewAnswer } from "./rows.ts";
import { SEGMENT } from "./schema.ts";
import { Upkeep } from "./upkeep.ts";
import { Writer } from "./writer.ts";

export interface StoreOptions extends ConnectionOptions {
  /** Read at each use, since settings change. */
  readonly limits: () => Limits;
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
  #faults = 0;
  #counted: Pick<StoreStats, "entries" | "bytes"> = { entries: 0, bytes: 0 };
  readonly #generation: Generation;

  constructor(
    readonly connection: Connection,
    readonly options: StoreOptions,
  ) {
    const { clock, limits } = options;
    this.#generation = new Generation(connection, clock);
    this.#writer = new Writer(connection, { clock, room: () => this.#room });
    this.#bodies = new Bodies(connection, {
      writer: this.#writer,
      clock,
      onDamage: (entryId, error) => this.#damaged(entryId, error),
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
    });
  }

  get(key: CacheKey): Entry | undefined {
    const opened = this.connection.opened;
    if (opened === undefined) return undefined;
    let row: ReturnType<Opened["statements"]["read"]["get"]>;
    try {
      row = opened.statements.read.get({ key: keyBytes(key) });
    } catch (error) {
      this.#faults++;
      this.connection.note(error);
      return undefined;
    }
    if (row === undefined) return undefined;
    const { id } = row;
    try {
      const entry = entryOf(key, row, (bodyId, size) =>
        this.#bodies.open(opened, { id: bodyId, size, entryId: id }),
      );
      if (entry === undefined) this.#faults++;
      return entry;
    } catch (error) {
      this.#damaged(id, error);
      return undefined;
    }
  }

  async put(entry: Entry): Promise<void> {
    await this.commit(entry);
  }

  async commit(entry: Entry): Promise<boolean> {
    // Before any packing, so that a store that cannot write costs nothing.
    if (this.connection.resting)
      throw this.#count(new StoreFault(this.connection.fault ?? "the store is closed"));
    if (!this.#room.fits(entry.body.size)) {
      throw this.#count(new StoreFault(`the entry's ${entry.body.size} bytes do not fit under max_size`));
    }
    try {
      return entry.body.size > SLICE_BYTES ? await this.#putLarge(entry) : await this.#putSmall(entry);
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

  change(): Promise<boolean> {
    return Promise.reject(new StoreFault("not yet"));
  }

  purge(): Promise<number> {
    return Promise.reject(new StoreFault("not yet"));
  }

  putAll(): Promise<void> {
    return Promise.reject(new StoreFault("not yet"));
  }

  touch(key: CacheKey): void {
    try {
      this.#upkeep.touch(key, () => keyBytes(key));
    } catch (error) {
      this.connection.note(error);
    }
  }

  stats(): StoreStats {
    const { opened, path } = this.connection;
    let { entries, bytes } = this.#counted;
    try {
      if (opened !== undefined)
        entries = opened.statements.totals.all().reduce((sum, row) => sum + row.entries, 0);
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
    await this.#upkeep.close();
    await this.#writer.idle();
    // SQLite moves the WAL into the file when it closes, without making sure of either.
    await this.connection.opened?.checkpoint({ keepBytes: 0, cut: false }).catch(() => {});
    this.connection.close();
  }

  async #putSmall(entry: Entry): Promise<boolean> {
    const bytes = entry.body.bytes ?? entry.body.slice(0);
    let packed: Packed | undefined;
    if (bytes.byteLength >= PACK_BESIDE_BYTES) packed = await packBeside(bytes);
    let answer: NewAnswer | undefined;
    return this.#writer.submit({
      prepare: () => {
        packed ??= bytes.byteLength === 0 ? { coding: 0, bytes } : pack(bytes);
        answer = answerOf(entry, packed);
      },
      bytes: () => (answer === undefined ? bytes.byteLength : costOf(answer)),
      run: (transaction) => this.#replace(transaction, entry, { answer: answer as NewAnswer }),
    });
  }

  async #putLarge(entry: Entry): Promise<boolean> {
    const release = entry.body.hold();
    let body: Awaited<ReturnType<Bodies["write"]>> | undefined;
    let stored = false;
    try {
      const written = await this.#bodies.write(entry);
      body = written;
      const answer = answerOf(entry, written.id);
      const slices = Math.ceil(entry.body.size / SLICE_BYTES);
      stored = await this.#writer.submit({
        bytes: () => costOf(answer),
        run: (transaction) => {
          this.#bodies.show(transaction, { id: written.id, opened: written.opened, slices });
          return this.#replace(transaction, entry, { answer, body: written });
        },
      });
      return stored;
    } finally {
      if (body !== undefined && !stored) this.#bodies.giveUp(body.id, body.opened);
      release();
    }
  }

  /** Puts the entry in the place of an older one. False, and nothing changed, where a later-begun one stands. */
  #replace(
    transaction: Transaction,
    entry: Entry,
    row: { answer: NewAnswer; body?: { id: number; bytes: number } },
  ): boolean {
    const { statements } = transaction;
    const key = keyBytes(entry.key);
    const old = statements.find.get({ key });
    if (old !== undefined) {
      if (old.startedAt > entry.startedAt) return false;
      this.#room.drop(transaction, old);
      this.#generation.advance(transaction);
    }
    const { facts } = entry;
    const added = statements.addEntry.get({
      key,
      version: ENTRY_VERSION,
      provider: facts.provider,
      endpoint: facts.endpoint,
      model: facts.model ?? null,
      namespace: facts.namespace,
      stream: facts.stream ? 1 : 0,
      status: entry.status,
      size: entry.body.size,
      startedAt: entry.startedAt,
      storedAt: entry.storedAt,
      ttlMs: entry.ttlMs ?? null,
      firstByteMs: entry.firstByteMs,
      durationMs: entry.durationMs,
      cost: costOf(row.answer) + (row.body?.bytes ?? 0),
      bodyId: row.body?.id ?? null,
      segment: old?.segment ?? SEGMENT.fresh,
      lastUsed: this.#upkeep.useTime(statements),
      hits: old?.hits ?? 0,
      adminTtlMs: old?.adminTtlMs ?? null,
    });
    statements.addAnswer.run({ id: added!.id, ...row.answer });
    return true;
  }

  /** A row that cannot be served is dropped, so that the next answer takes its place whatever its times say. */
  #damaged(entryId: number, error: unknown): void {
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
          const bodyId = transaction.statements.bodyOf.get({ id: entryId })?.bodyId;
          if (bodyId === undefined) return;
          this.#room.drop(transaction, { id: entryId, bodyId });
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

/** Bytes of its rows: what varies, and a flat sum for the columns and index cells. */
function costOf(answer: NewAnswer): number {
  return answer.head.length + (answer.chunks?.byteLength ?? 0) + (answer.body?.byteLength ?? 0) + 400;
}

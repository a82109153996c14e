import { LRUCache } from "lru-cache";
import { type Body, type Entry, SLICE_BYTES } from "../cache/entry.ts";
import type { Clock } from "../clock.ts";
import { StoreFault } from "../errors.ts";
import type { Connection, Transaction } from "./connection.ts";
import type { Opened } from "./file.ts";
import { checksum, packBeside, unpack } from "./packing.ts";
import { BODY_STATE, sliceId } from "./schema.ts";
import type { Writer } from "./writer.ts";

/** Slices of one body that are packed or queued at a time. */
const IN_FLIGHT = 8;

/** 4 MiB at most. */
const RECENT_SLICES = 16;

/** What freeing 16 slices puts into the WAL: the free list's pages and the map of who points where. */
const FREED_BYTES = 64 * 1024;

/** A body whose process has not said for this long that it is busy with it was left behind by a crash. */
const ABANDONED_MS = 10 * 60_000;

/**
 * Bodies over SLICE_BYTES. Order of events: the body's row as busy, its slices in transactions of their own, then,
 * in one transaction, the body shown and the entry that names it. A crash before that leaves slices that no entry
 * names, freed once nobody has been busy with them for ABANDONED_MS. Dropping an entry hides its body in the same
 * transaction; the slices are freed a few at a time after it, unless a reader of this process holds the body: then
 * it stays busy until the last one lets go.
 */
export class Bodies {
  readonly #holds = new Map<number, number>();
  /** Hidden while held: to be let go of with the last hold. */
  readonly #hidden = new Set<number>();
  #boundTo: Opened | undefined;
  /** Slices lately read, so that many readers of one body unpack each once, and stalled ones share it. */
  readonly #slices = new LRUCache<number, Uint8Array>({ max: RECENT_SLICES });
  #recentFrom: Opened | undefined;

  constructor(
    readonly connection: Connection,
    readonly options: {
      writer: Writer;
      clock: Clock;
      onDamage: (damaged: { entryId: number; bodyId: number }, error: unknown) => void;
    },
  ) {}

  /** Writes the slices. Resolves to the body's id and its packed size; `show` in the entry's transaction completes it. */
  async write(entry: Entry): Promise<{ id: number; bytes: number; opened: Opened }> {
    const { writer, clock } = this.options;
    const count = Math.ceil(entry.body.size / SLICE_BYTES);
    const { id, opened } = await writer.submit({
      bytes: () => 0,
      run: ({ statements, opened }) => ({
        id: statements.addBody.get({ slices: count, busyAt: clock.now() })!.id,
        opened,
      }),
    });
    let total = 0;
    const queued = new Set<Promise<void>>();
    try {
      for (let n = 0; n < count; n++) {
        const plain = gather(entry.body, n * SLICE_BYTES);
        const packed = await packBeside(plain);
        const row = { id: sliceId(id, n), ...packed, crc: checksum(sliceId(id, n), plain) };
        total += packed.bytes.byteLength;
        const put = writer
          .submit({
            bytes: () => packed.bytes.byteLength,
            run: ({ statements, opened: now }) => {
              if (now !== opened) throw new StoreFault("the database was begun anew");
              statements.addSlice.run(row);
              if (n % 64 === 0) statements.stillBusy.run({ bodyId: id, busyAt: clock.now() });
            },
          })
          .finally(() => queued.delete(put));
        // Told by the race or by `all` below.
        put.catch(() => {});
        queued.add(put);
        if (queued.size >= IN_FLIGHT) await Promise.race(queued);
      }
      await Promise.all(queued);
    } catch (error) {
      await Promise.allSettled(queued);
      this.giveUp(id, opened);
      throw error;
    }
    return { id, bytes: total, opened };
  }

  /** Shows a body that `write` wrote. Throws where slices of it are gone, or the database is another one. */
  show(transaction: Transaction, body: { id: number; opened: Opened; slices: number }): void {
    const { statements, opened } = transaction;
    if (opened !== body.opened) throw new StoreFault("the database was begun anew");
    if (statements.countSlices.get({ bodyId: body.id })?.n !== body.slices) {
      throw new StoreFault("slices of the body are gone");
    }
    this.#setState(transaction, body.id, BODY_STATE.shown);
  }

  /** Frees what `write` wrote and nobody will show. */
  giveUp(id: number, opened: Opened): void {
    this.options.writer
      .submit({
        bytes: () => 0,
        run: (transaction) => {
          if (transaction.opened === opened) this.#setState(transaction, id, BODY_STATE.hidden);
        },
      })
      // Left to the search for abandoned bodies.
      .catch(() => {});
  }

  /** Part of dropping an entry. */
  hide(transaction: Transaction, id: number): void {
    const held = transaction.opened === this.#boundTo && this.#holds.has(id);
    this.#setState(transaction, id, held ? BODY_STATE.busy : BODY_STATE.hidden);
    if (held) transaction.onCommit(() => this.#hidden.add(id));
  }

  /** Frees up to 4 MiB of hidden bodies; false where there was none. */
  freeSome(transaction: Transaction): boolean {
    const { statements } = transaction;
    const body = statements.toFree.get();
    if (body === undefined) return false;
    transaction.spent += FREED_BYTES;
    statements.freeSlices.run({ bodyId: body.id });
    if (statements.hasSlice.get({ bodyId: body.id }) === undefined)
      statements.dropBody.run({ bodyId: body.id });
    return true;
  }

  /** Says that this process still reads what it holds, and hides what a dead one left. */
  tend({ statements, opened }: Transaction): void {
    const now = this.options.clock.now();
    if (opened === this.#boundTo) {
      for (const id of this.#holds.keys()) statements.stillBusy.run({ bodyId: id, busyAt: now });
    }
    statements.hideAbandoned.run({ now, patienceMs: ABANDONED_MS });
  }

  /** A stored body, its first slice read and checked; throws where that fails. */
  open(opened: Opened, body: { id: number; size: number; entryId: number }): Body {
    const { id, size, entryId } = body;
    const read = (n: number): Uint8Array => {
      // Ids begin anew in another database, so one opened later may hold other bytes under them.
      if (this.connection.opened !== opened) throw new StoreFault("the database was closed");
      const recent = this.#recent(opened).get(sliceId(id, n));
      if (recent !== undefined) return recent;
      const row = opened.statements.readSlice.get({ id: sliceId(id, n) });
      if (row === undefined) throw new StoreFault("a slice of the body is gone");
      const bytes = unpack(row, Math.min(SLICE_BYTES, size - n * SLICE_BYTES));
      if (checksum(sliceId(id, n), bytes) !== row.crc) throw new StoreFault("a slice fails its checksum");
      this.#recent(opened).set(sliceId(id, n), bytes);
      return bytes;
    };
    read(0);
    return {
      size,
      bytes: undefined,
      slice: (offset) => {
        const n = Math.floor(offset / SLICE_BYTES);
        try {
          return read(n).subarray(offset - n * SLICE_BYTES);
        } catch (error) {
          this.options.onDamage({ entryId, bodyId: id }, error);
          if (error instanceof StoreFault) throw error;
          throw new StoreFault("a slice of the body cannot be read", { cause: error });
        }
      },
      hold: () => this.#hold(id, opened),
    };
  }

  #recent(opened: Opened): LRUCache<number, Uint8Array> {
    if (this.#recentFrom !== opened) this.#slices.clear();
    this.#recentFrom = opened;
    return this.#slices;
  }

  #hold(id: number, opened: Opened): () => void {
    if (this.#boundTo !== opened) {
      this.#holds.clear();
      this.#hidden.clear();
      this.#boundTo = opened;
    }
    this.#holds.set(id, (this.#holds.get(id) ?? 0) + 1);
    let released = false;
    return () => {
      if (released || this.#boundTo !== opened) return;
      released = true;
      const left = (this.#holds.get(id) ?? 1) - 1;
      if (left > 0) this.#holds.set(id, left);
      else {
        this.#holds.delete(id);
        if (this.#hidden.delete(id)) this.#letGo(id, opened);
      }
    };
  }

  #letGo(id: number, opened: Opened): void {
    this.options.writer
      .submit({
        bytes: () => 0,
        run: (transaction) => {
          if (transaction.opened !== opened) return;
          transaction.statements.letGo.run({ bodyId: id });
        },
      })
      .catch(() => {});
  }

  #setState({ statements }: Transaction, bodyId: number, state: number): void {
    statements.setBodyState.run({ bodyId, state, busyAt: this.options.clock.now() });
  }
}

/** SLICE_BYTES from `offset` on, or what is left, in one piece. */
function gather(body: Body, offset: number): Uint8Array {
  const length = Math.min(SLICE_BYTES, body.size - offset);
  const first = body.slice(offset);
  if (first.byteLength >= length) return first.subarray(0, length);
  const whole = new Uint8Array(length);
  let filled = 0;
  while (filled < length) {
    const part = filled === 0 ? first : body.slice(offset + filled);
    whole.set(part.subarray(0, length - filled), filled);
    filled += part.byteLength;
  }
  return whole;
}

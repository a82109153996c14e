import { hash } from "node:crypto";
import { eq, sql } from "drizzle-orm";
import { parts } from "./archive-schema.ts";
import type { Database } from "./database.ts";
import { hot, hotInsert, hotUpdate } from "./hot.ts";
import { pack, unpack } from "./packing.ts";

const arg = sql.placeholder;

/** Pieces of requests, each stored once and counted. Every call is part of a transaction. */
export class PartTable {
  readonly #statements: ReturnType<typeof prepare>;
  /** Held in this transaction: by their hashes, with how often more than their rows say. */
  readonly #held = new Map<string, { readonly id: number; by: number }>();

  constructor(readonly db: Database) {
    this.#statements = prepare(db);
  }

  /**
   * Notes that the piece stands in one more request; answers its id. `digestOnly` keeps nothing to read it by. Counts
   * are written by `counted`: requests of one conversation have nearly all their parts in common.
   */
  hold(bytes: Uint8Array, { digestOnly = false } = {}): number {
    const { add, find } = this.#statements;
    const hash = hashOf(bytes, digestOnly);
    const name = hash.toString("latin1");
    const held = this.#held.get(name);
    if (held !== undefined) {
      held.by++;
      return held.id;
    }
    const found = find.get({ hash })?.id;
    if (found !== undefined) {
      this.#held.set(name, { id: found, by: 1 });
      return found;
    }
    const packed = digestOnly ? { coding: 0, bytes: null } : pack(bytes);
    const id = add({ hash, size: bytes.byteLength, ...packed });
    this.#held.set(name, { id, by: 0 });
    return id;
  }

  /** Writes how often parts were held. Before the transaction's end, and before anything is released. */
  counted(): void {
    for (const { id, by } of this.#held.values()) if (by > 0) this.#statements.more({ id, by });
    this.#held.clear();
  }

  /** The transaction is not to be: what was held in it is not. */
  undone(): void {
    this.#held.clear();
  }

  /** The id of a piece that is there; undefined where none is. */
  find(bytes: Uint8Array): number | undefined {
    return this.#statements.find.get({ hash: hashOf(bytes, false) })?.id;
  }

  /** Throws where the piece is gone or damaged. */
  read(id: number): Uint8Array {
    const row = this.#statements.read.get({ id });
    if (row === undefined || row.bytes === null) throw new Error("a part is gone");
    return unpack({ coding: row.coding, bytes: row.bytes }, row.size);
  }

  /** It stands in one request less each time it is named; the last one takes it along. */
  release(ids: readonly number[]): void {
    this.counted();
    const { more, dropUnheld } = this.#statements;
    for (const id of ids) {
      more({ id, by: -1 });
      dropUnheld.run({ id });
    }
  }
}

function hashOf(bytes: Uint8Array, digestOnly: boolean): Buffer {
  const hashed = digestOnly ? Buffer.concat([DIGEST_ONLY, bytes]) : bytes;
  return (hash("sha256", hashed, "buffer") as Buffer).subarray(0, 16);
}

const DIGEST_ONLY = Buffer.from("digest only\n");

function prepare(db: Database) {
  const { orm } = db;
  return {
    find: hot(
      db,
      orm
        .select({ id: parts.id })
        .from(parts)
        .where(eq(parts.hash, arg("hash"))),
      ["id"],
    ),
    more: hotUpdate(
      db,
      orm
        .update(parts)
        .set({ refs: sql`${parts.refs} + ${arg("by")}` })
        .where(eq(parts.id, arg("id"))),
    ),
    add: hotInsert(
      db,
      orm.insert(parts).values({
        hash: arg("hash"),
        refs: 1,
        size: arg("size"),
        coding: arg("coding"),
        bytes: arg("bytes"),
      }),
    ),
    read: orm
      .select({ size: parts.size, coding: parts.coding, bytes: parts.bytes })
      .from(parts)
      .where(eq(parts.id, arg("id")))
      .prepare(),
    dropUnheld: orm
      .delete(parts)
      .where(sql`${parts.id} = ${arg("id")} AND ${parts.refs} <= 0`)
      .prepare(),
  };
}

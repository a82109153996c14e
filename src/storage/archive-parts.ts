import { createHash } from "node:crypto";
import { eq, sql } from "drizzle-orm";
import { parts } from "./archive-schema.ts";
import type { Database } from "./database.ts";
import { pack, unpack } from "./packing.ts";

const arg = sql.placeholder;

/** Pieces of requests, each stored once and counted. Every call is part of a transaction. */
export class PartTable {
  readonly #statements: ReturnType<typeof prepare>;

  constructor(readonly db: Database) {
    this.#statements = prepare(db);
  }

  /** Notes that the piece stands in one more request; answers its id. `digestOnly` keeps nothing to read it by. */
  hold(bytes: Uint8Array, { digestOnly = false } = {}): number {
    const { add, find, more } = this.#statements;
    const hash = hashOf(bytes, digestOnly);
    const found = find.get({ hash })?.id;
    if (found !== undefined) {
      more.run({ id: found, by: 1 });
      return found;
    }
    const packed = digestOnly ? { coding: 0, bytes: null } : pack(bytes);
    return (add.get({ hash, size: bytes.byteLength, ...packed }) as { id: number }).id;
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
    const { more, dropUnheld } = this.#statements;
    for (const id of ids) {
      more.run({ id, by: -1 });
      dropUnheld.run({ id });
    }
  }
}

function hashOf(bytes: Uint8Array, digestOnly: boolean): Buffer {
  const hash = createHash("sha256");
  if (digestOnly) hash.update("digest only\n");
  return Buffer.from(hash.update(bytes).digest().subarray(0, 16));
}

function prepare({ orm }: Database) {
  return {
    find: orm
      .select({ id: parts.id })
      .from(parts)
      .where(eq(parts.hash, arg("hash")))
      .prepare(),
    more: orm
      .update(parts)
      .set({ refs: sql`${parts.refs} + ${arg("by")}` })
      .where(eq(parts.id, arg("id")))
      .prepare(),
    add: orm
      .insert(parts)
      .values({ hash: arg("hash"), refs: 1, size: arg("size"), coding: arg("coding"), bytes: arg("bytes") })
      .returning({ id: parts.id })
      .prepare(),
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

import { asc, eq, sql } from "drizzle-orm";
import type { Database } from "./database.ts";
import { hotInsert } from "./hot.ts";
import { intake } from "./schema.ts";

const arg = sql.placeholder;

/** Statements on what is written down and not yet placed; part of `statements.ts`. */
export function onIntake(db: Database) {
  const { orm } = db;
  return {
    note: hotInsert(
      db,
      orm.insert(intake).values({
        seq: arg("seq"),
        key: arg("key"),
        head: arg("head"),
        chunks: arg("chunks"),
        crc: arg("crc"),
        coding: arg("coding"),
        body: arg("body"),
      }),
    ),
    unnote: orm
      .delete(intake)
      .where(eq(intake.seq, arg("seq")))
      .returning({ seq: intake.seq })
      .prepare(),
    notedAt: orm
      .select()
      .from(intake)
      .where(eq(intake.seq, arg("seq")))
      .prepare(),
    notedKeys: orm.select({ seq: intake.seq, key: intake.key }).from(intake).prepare(),
    noted: orm.select().from(intake).orderBy(asc(intake.seq)).limit(64).prepare(),
  };
}

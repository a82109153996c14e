import { desc, eq, lt, sql } from "drizzle-orm";
import type { Database } from "./database.ts";
import { hot } from "./hot.ts";
import { answers, entries } from "./schema.ts";

const arg = sql.placeholder;

/** Statements by which answers are found; part of `statements.ts`. */
export function onAnswers(db: Database) {
  const { orm } = db;
  const answer = {
    id: answers.id,
    head: answers.head,
    chunks: answers.chunks,
    crc: answers.crc,
    coding: answers.coding,
    body: answers.body,
    adminTtlMs: answers.adminTtlMs,
  };
  const columns = ["id", "head", "chunks", "crc", "coding", "body", "adminTtlMs"] as const;
  return {
    /** The answer under a key: an index tells the id, and the answer's own row all the rest. */
    answer: hot(
      db,
      orm
        .select(answer)
        .from(answers)
        .where(
          eq(
            answers.id,
            orm
              .select({ id: entries.id })
              .from(entries)
              .where(eq(entries.key, arg("key"))),
          ),
        ),
      columns,
    ),
    answerAt: hot(
      db,
      orm
        .select(answer)
        .from(answers)
        .where(eq(answers.id, arg("id"))),
      columns,
    ),
    /** By which requests entries were fetched, the last ones first: some ms' worth. */
    askedBelow: orm
      .select({ id: entries.id, asked: entries.asked })
      .from(entries)
      .where(lt(entries.id, arg("below")))
      .orderBy(desc(entries.id))
      .limit(500)
      .prepare(),
  };
}

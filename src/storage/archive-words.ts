import { createHash } from "node:crypto";
import { eq, sql } from "drizzle-orm";
import type { EntryFilter } from "../cache/store.ts";
import type { RequestHead } from "../requests/kept.ts";
import { words } from "./archive-schema.ts";
import type { Database } from "./database.ts";
import { hotInsert } from "./hot.ts";

const arg = sql.placeholder;

/**
 * The words of requests by entry id. Provider, endpoint, model and namespace are words too, made up so that nobody
 * writes them: so a search within a rare model among many requests costs no more than one for a rare word.
 */
export class WordTable {
  readonly #statements: ReturnType<typeof prepare>;
  readonly #marks = new Map<string, string>();

  constructor(readonly db: Database) {
    this.#statements = prepare(db);
  }

  add(entryId: number, { head, texts }: { head: RequestHead; texts: string }): void {
    const marks = MARKED.map((name) => this.#markOf(name, head[name] ?? "")).join(" ");
    this.#statements.add({ rowid: entryId, texts: `${spaced(texts)}\n${marks}` });
  }

  #markOf(name: string, value: string): string {
    const words = `${name} ${value}`;
    const known = this.#marks.get(words);
    if (known !== undefined) return known;
    if (this.#marks.size >= MARKS_REMEMBERED) this.#marks.clear();
    const mark = markOf(name, value);
    this.#marks.set(words, mark);
    return mark;
  }

  drop(entryId: number): void {
    this.#statements.drop.run({ rowid: entryId });
  }

  /**
   * Ids of entries that hold every word of `q`, in order of id, beyond `after`. Empty where `q` has no word at all.
   * Parts of `filter` that are no words are not looked at.
   */
  search(
    q: string,
    options: { filter: EntryFilter; after: number; order: "newest" | "oldest"; limit: number },
  ): number[] {
    const { filter, after, order, limit } = options;
    const asked = wordsOf(q);
    if (asked.length === 0) return [];
    const marks = MARKED.filter((name) => filter[name] !== undefined).map((name) =>
      markOf(name, filter[name] as string),
    );
    const match = [...asked, ...marks].map((word) => `"${word}"`).join(" AND ");
    const statement = order === "newest" ? this.#statements.before : this.#statements.beyond;
    try {
      return statement.all({ match, after, limit }).map(({ rowid }) => rowid);
    } catch (error) {
      // A character that SQLite takes for no letter divides a word into a phrase, which it then refuses.
      if (/phrase|syntax/i.test(String((error as { cause?: unknown }).cause ?? error))) return [];
      throw error;
    }
  }

  /** Moves some of the index together, words of dropped requests out of it. True while there is more to do. */
  merge(): boolean {
    const before = Number(this.db.value("SELECT total_changes()"));
    this.db.exec(`INSERT INTO words (words, rank) VALUES ('merge', ${MERGE_PAGES})`);
    return Number(this.db.value("SELECT total_changes()")) - before > 1;
  }

  clear(): void {
    this.db.exec("INSERT INTO words (words) VALUES ('delete-all')");
  }
}

const MERGE_PAGES = 250;
const MARKED = ["provider", "endpoint", "model", "namespace"] as const;
const MOST_WORDS = 32;
const MARKS_REMEMBERED = 1_000;

/** The words of a search, as the index divides a text into them. */
function wordsOf(q: string): string[] {
  const found = spaced(q.normalize("NFC")).match(/[\p{L}\p{N}\p{M}\p{Co}]+/gu) ?? [];
  return [...new Set(found)].slice(0, MOST_WORDS);
}

/** A word's mark alone: not to be guessed, and never met in a text but by copying it from here. */
function markOf(name: string, value: string): string {
  return `qz${createHash("sha256").update(`${name} ${value}`).digest("hex").slice(0, 14)}`;
}

/** Scripts that put no space between words: each character is one. */
function spaced(text: string): string {
  // Thai is the first of them; most texts hold nothing so far up, which is quickly seen.
  if (!/[\u0e00-\uffff]/.test(text)) return text;
  return text.replaceAll(/[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]/gu, " $& ");
}

function prepare(db: Database) {
  const { orm } = db;
  const search = (beyond: "<" | ">", order: "DESC" | "ASC") =>
    orm
      .select({ rowid: words.rowid })
      .from(words)
      .where(sql`words MATCH ${arg("match")} AND ${words.rowid} ${sql.raw(beyond)} ${arg("after")}`)
      .orderBy(sql`${words.rowid} ${sql.raw(order)}`)
      .limit(sql`${arg("limit")}` as unknown as number)
      .prepare();
  return {
    add: hotInsert(db, orm.insert(words).values({ rowid: arg("rowid"), texts: arg("texts") })),
    drop: orm
      .delete(words)
      .where(eq(words.rowid, arg("rowid")))
      .prepare(),
    before: search("<", "DESC"),
    beyond: search(">", "ASC"),
  };
}

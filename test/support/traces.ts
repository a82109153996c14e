/** Credentials that are found wherever they turn up, and a look into every place of a data folder. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { inflateSync, zstdDecompressSync } from "node:zlib";
import { filesBelow } from "./folder.ts";

/** Makes credentials, another one each time, and remembers them. */
export class Marks {
  readonly made: string[] = [];

  secret(where: string): string {
    const mark = `sk-SECRET${where}${Math.random().toString(36).slice(2)}${Math.random().toString(36).slice(2)}`;
    this.made.push(mark);
    return mark;
  }

  /** What of the credentials was found, and where: empty where all is well. */
  foundIn(places: readonly (readonly [where: string, bytes: Uint8Array])[]): string[] {
    // One search through all at once; only what is found is looked for place by place.
    const all = Buffer.concat(places.flatMap(([, bytes]) => [bytes, BETWEEN]));
    const found: string[] = [];
    for (const mark of this.made) {
      for (const [form, bytes] of Object.entries(tracesOf(mark))) {
        if (!all.includes(bytes)) continue;
        const where = places.filter(([, content]) => Buffer.from(content).includes(bytes));
        found.push(...where.map(([place]) => `${form} of ${mark.slice(0, 18)} in ${place}`));
      }
    }
    return [...new Set(found)];
  }
}

const BETWEEN = Buffer.from("\n--\n");

/** What must not be found: the credential itself, and what it turns into without a secret of the installation. */
function tracesOf(mark: string): Record<string, Buffer> {
  const hash = (name: string) => Buffer.from(createHash(name).update(mark).digest());
  const bearer = Buffer.from(createHash("sha256").update(`Bearer ${mark}`).digest());
  return {
    clear: Buffer.from(mark),
    "word of a search index": Buffer.from(mark.replace(/^sk-/, "").toLowerCase()),
    base64: Buffer.from(Buffer.from(mark).toString("base64").replace(/=+$/, "")),
    sha256: hash("sha256"),
    "sha256 in hex": Buffer.from(hash("sha256").toString("hex")),
    "sha256 of the header": bearer,
    "sha256 of the header in hex": Buffer.from(bearer.toString("hex")),
    md5: Buffer.from(hash("md5").toString("hex")),
  };
}

/** Everything that can be read out of a data folder: files as they are, and each value with its compression undone. */
export function readable(folder: string): [where: string, bytes: Buffer][] {
  const found: [string, Buffer][] = [];
  for (const file of filesBelow(folder)) {
    const bytes = readFileSync(file);
    found.push([file, bytes]);
    if (bytes.subarray(0, 15).toString() === "SQLite format 3") found.push(...valuesOf(file));
  }
  return found;
}

function valuesOf(file: string): [string, Buffer][] {
  const database = new DatabaseSync(file, { readOnly: true });
  const found: [string, Buffer][] = [];
  const tables = database.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all() as {
    name: string;
  }[];
  for (const { name } of tables) {
    for (const row of database.prepare(`SELECT * FROM "${name}"`).all() as Record<string, unknown>[]) {
      for (const [column, value] of Object.entries(row)) {
        const bytes = value instanceof Uint8Array ? Buffer.from(value) : Buffer.from(String(value));
        found.push([`${name}.${column}`, bytes]);
        const inside = unpacked(bytes);
        if (inside !== undefined) found.push([`${name}.${column} unpacked`, inside]);
      }
    }
  }
  database.close();
  return found;
}

/** How often the search indexes of a data folder know this word: their own tables store words in pieces. */
export function indexed(folder: string, word: string): number {
  let count = 0;
  for (const file of filesBelow(folder).filter((path) => path.endsWith(".db"))) {
    const database = new DatabaseSync(file, { readOnly: true });
    const tables = database
      .prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE '%fts5%'")
      .all() as { name: string }[];
    for (const { name } of tables) {
      const found = database
        .prepare(`SELECT count(*) AS n FROM "${name}" WHERE "${name}" MATCH ?`)
        .get(`"${word.replaceAll('"', '""')}"`) as { n: number };
      count += found.n;
    }
    database.close();
  }
  return count;
}

function unpacked(bytes: Buffer): Buffer | undefined {
  for (const unpack of [zstdDecompressSync, inflateSync]) {
    try {
      return unpack(bytes);
    } catch {
      // Not packed this way.
    }
  }
  return undefined;
}

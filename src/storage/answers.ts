import { clearTimeout, setTimeout } from "node:timers";
import type { CacheKey, Entry } from "../cache/entry.ts";
import { AskedPlaces } from "./asked-places.ts";
import type { Bodies } from "./bodies.ts";
import type { Connection } from "./connection.ts";
import type { Opened } from "./file.ts";
import type { Intake } from "./intake.ts";
import { type AnswerRow, askedNumber, entryOf, keyBytes } from "./rows.ts";

/** Between two pages of what was asked. */
const PAUSE_MS = 2;
/** So many of the last entries are known by what was asked. */
const ASKED = 250_000;

export interface AnswersParts {
  readonly connection: Connection;
  readonly bodies: Bodies;
  readonly intake: () => Intake;
  /** Told of a row that cannot be served. */
  readonly onDamage: (damaged: { entryId: number; crc: number }, error: unknown) => void;
  /** Told that one could not be read, or is of another version; counted. */
  readonly onFault: (error?: unknown) => void;
}

/**
 * Finds answers: by their keys, or by what was asked, which spares reading the request and looking for its key. By what
 * the last 250,000 entries were asked for is read from the file beside the requests, once the first one is looked for.
 */
export class Answers {
  #asked = new AskedPlaces();
  #askedOf: Opened | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(readonly parts: AnswersParts) {}

  get(key: CacheKey): Entry | undefined {
    const { connection, intake, onFault } = this.parts;
    const opened = connection.opened;
    if (opened === undefined) return undefined;
    let row: AnswerRow | undefined;
    try {
      opened.reading.begin();
      const noted = intake().get(key, opened);
      if (noted !== undefined) return noted;
      row = opened.statements.answer.get({ key: keyBytes(key) });
      if (row === undefined) return intake().foreign(key, opened);
    } catch (error) {
      onFault(error);
      return undefined;
    }
    return this.#entryIn(row, opened, key);
  }

  /** The entry that was put with this `asked`; undefined where it is not known by it, or no more. */
  find(asked: string): Entry | undefined {
    const { connection, intake, onFault } = this.parts;
    const opened = connection.opened;
    if (opened === undefined) return undefined;
    // A file that cannot be written is opened again each second: it would be read over and over.
    if (this.#askedOf !== opened && connection.fault === undefined) this.#readAsked(opened);
    const id = opened.idAt(this.#asked.find(askedNumber(asked)));
    if (id === undefined) return undefined;
    try {
      opened.reading.begin();
      const row = opened.statements.answerAt.get({ id });
      const entry = row && this.#entryIn(row, opened);
      if (entry?.asked !== asked) return undefined;
      return intake().get(entry.key, opened) ?? entry;
    } catch (error) {
      onFault(error);
      return undefined;
    }
  }

  /** Notes where an entry lies that was just committed. */
  placed({ asked, place }: Pick<Entry, "asked" | "place">): void {
    if (asked !== undefined && place !== undefined && this.#askedOf !== undefined)
      this.#asked.add(askedNumber(asked), place);
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #entryIn(row: AnswerRow, opened: Opened, key?: CacheKey): Entry | undefined {
    const { bodies, onDamage, onFault } = this.parts;
    const { id, crc } = row;
    try {
      const entry = entryOf(key, row, {
        place: opened.placeOf(id),
        sliced: (bodyId, size) => bodies.open(opened, { id: bodyId, size, entryId: id }),
      });
      if (entry === undefined) onFault();
      return entry;
    } catch (error) {
      onDamage({ entryId: id, crc }, error);
      return undefined;
    }
  }

  #readAsked(opened: Opened): void {
    this.#askedOf = opened;
    this.#asked = new AskedPlaces();
    clearTimeout(this.#timer);
    let left = ASKED;
    let below = Number.MAX_SAFE_INTEGER;
    const page = () => {
      if (this.parts.connection.opened !== opened) return;
      try {
        opened.reading.begin();
        const rows = opened.statements.askedBelow.all({ below });
        for (const { id, asked } of rows) if (asked !== null) this.#asked.add(asked, opened.placeOf(id));
        left -= rows.length;
        below = rows.at(-1)?.id ?? 0;
      } catch (error) {
        this.parts.onFault(error);
        return;
      }
      if (below > 1 && left > 0) this.#timer = setTimeout(page, PAUSE_MS).unref();
    };
    this.#timer = setTimeout(page, 0).unref();
  }
}

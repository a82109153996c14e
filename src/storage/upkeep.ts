import { clearInterval, setInterval } from "node:timers";
import type { Entry } from "../cache/entry.ts";
import type { Clock } from "../clock.ts";
import type { Bodies } from "./bodies.ts";
import type { Connection, Transaction } from "./connection.ts";
import type { Limits, Room } from "./room.ts";
import { SEGMENT } from "./schema.ts";
import type { Statements } from "./statements.ts";
import { Uses } from "./uses.ts";
import type { Writer } from "./writer.ts";

const TICK_MS = 1000;
const TURN_MS = 5;
const TEND_MS = 60_000;
const LONGEST_SWEEP_MS = 10 * 60_000;
/** How far the wall clock may run from the monotonic one before nothing is deleted by age. */
const JUMP_MS = 3_600_000;
const BEHIND_MS = 1000;
/** Ids of dropped entries that are kept at most, and one for so many bytes of the store: some 1% of it. */
const MANY_GONE = 1_000_000;
const GONE_SHARE_BYTES = 1024;

export interface UpkeepParts {
  readonly connection: Connection;
  readonly writer: Writer;
  readonly room: Room;
  readonly bodies: Bodies;
  readonly clock: Clock;
  readonly limits: () => Limits;
  /** Of several processes one does what has to be done once; each writes the hits that it gave. */
  readonly tends: () => boolean;
  /** Places what other processes wrote down and did not live to place. */
  readonly placeLeft: () => Promise<void>;
}

/** What happens beside requests: hits written, entries unused for long dropped, space given back, faults recovered. */
export class Upkeep {
  readonly #uses = new Uses();
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #start: { wall: number; monotonic: number };
  #latestUse = 0;
  #unsettled = 0;
  #sweptAt = -Infinity;
  #tendedAt = -Infinity;
  #running: Promise<void> | undefined;
  #closed = false;

  constructor(readonly parts: UpkeepParts) {
    const { clock } = parts;
    this.#start = { wall: clock.now(), monotonic: clock.monotonic() };
    this.#timer = setInterval(() => void this.run(), TICK_MS);
    this.#timer.unref();
  }

  /** A time for `last_used`: now, but later than any given before, so that order survives a clock set back. */
  useTime(statements: Statements): number {
    if (this.#latestUse === 0) this.#latestUse = latestUse(statements);
    this.#latestUse = Math.max(this.parts.clock.now(), this.#latestUse + 0.001);
    return this.#latestUse;
  }

  touch({ key, place }: Pick<Entry, "key" | "place">): void {
    const { opened, fault } = this.parts.connection;
    if (opened === undefined || this.#closed) return;
    // Before it can be written the file is opened again, and places are another's then.
    const lasts = fault === undefined && opened.idAt(place) !== undefined;
    const use = { key, place: lasts ? place : undefined };
    if (this.#uses.add(use, this.useTime(opened.statements))) void this.run();
  }

  /** One round of all that is due; a call during a round gets that round's end. Never rejects. */
  run(): Promise<void> {
    this.#running ??= this.#round()
      // A busy or broken database: the next round tries again.
      .catch(() => {})
      .finally(() => {
        this.#running = undefined;
      });
    return this.#running;
  }

  /** Stops the timer and writes the hits noted so far. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#running;
    this.#closed = true;
    await this.#flush().catch(() => {});
  }

  async #round(): Promise<void> {
    const { connection, clock } = this.parts;
    connection.checkIdentity();
    if (!(await connection.writable())) return;
    if (!this.#uses.mayWait(clock.monotonic())) await this.#flush();
    if (this.parts.tends()) await this.#tend(clock.monotonic());
    await this.#settle();
  }

  async #tend(now: number): Promise<void> {
    const { limits } = this.parts;
    await this.parts.placeLeft();
    if (now - this.#tendedAt >= TEND_MS) {
      this.#tendedAt = now;
      await this.#step((transaction) => this.parts.bodies.tend(transaction));
      await this.#step((transaction) => {
        transaction.group = undefined;
        transaction.statements.dropEmptyGroups.run();
      });
      while (await this.#step((transaction) => this.#forgetGone(transaction))) {}
    }
    const sweepMs = Math.min(LONGEST_SWEEP_MS, Math.max(TICK_MS, limits().inactiveMs / 10));
    if (now - this.#sweptAt >= sweepMs) {
      this.#sweptAt = now;
      await this.#flush();
      await this.#sweep();
    }
    while (await this.#step((transaction) => this.parts.room.evictAhead(transaction, this.#until()))) {}
    while (await this.#step((transaction) => this.parts.room.giveBack(transaction))) {}
  }

  /** Once a whole round passed without a write, the WAL goes into the file, which shrinks by what was given back. */
  async #settle(): Promise<void> {
    const { unsettled } = this.parts.writer;
    const quiet = unsettled > 0 && unsettled === this.#unsettled;
    this.#unsettled = unsettled;
    if (quiet) await this.#step(() => undefined, { checkpoint: true });
  }

  /** Part of a transaction: writes some of the hits noted so far; false where there are none. */
  noteHits(transaction: Transaction): boolean {
    return this.#uses.write(transaction, this.parts.clock);
  }

  /** Ids that nobody came to fetch must not fill the store. True while there is more to do. */
  #forgetGone({ statements }: Transaction): boolean {
    const { maxSize } = this.parts.limits();
    const kept = Math.floor(Math.min(MANY_GONE, maxSize / GONE_SHARE_BYTES));
    const upTo = (statements.lastGone.get()?.seq ?? 0) - kept;
    return upTo > 0 && statements.forget.all({ upTo }).length > 0;
  }

  async #flush(): Promise<void> {
    this.#uses.gather();
    while (this.#uses.due) await this.#step((transaction) => this.noteHits(transaction));
  }

  /** Drops what nobody used for `inactiveMs`, or for its TTL if that is longer. Pages of 256, each its own step. */
  async #sweep(): Promise<void> {
    for (const segment of [SEGMENT.fresh, SEGMENT.used]) {
      let after: number | undefined = -Infinity;
      while (after !== undefined) {
        const from: number = after;
        after = await this.#step((transaction) => this.#sweepPage(transaction, { segment, after: from }));
      }
    }
  }

  /** Returns where the next page begins; undefined after the last one. */
  #sweepPage(transaction: Transaction, page: { segment: number; after: number }): number | undefined {
    const { statements } = transaction;
    const { room, clock, limits } = this.parts;
    const { inactiveMs, ttlMs } = limits();
    if (inactiveMs === Infinity || this.#clockSuspect(statements)) return undefined;
    const now = clock.now();
    const until = this.#until();
    const rows = statements.unused.all({ ...page, before: now - inactiveMs });
    let dropped = 0;
    let next: number | undefined = rows.length === 256 ? rows.at(-1)?.lastUsed : undefined;
    for (const row of rows) {
      if (clock.monotonic() > until) {
        next = row.lastUsed;
        break;
      }
      if (row.imported) continue;
      const today = typeof ttlMs === "number" ? ttlMs : ttlMs(row.endpoint ?? "");
      const ttl = row.adminTtlMs ?? row.ttlMs ?? today;
      if (now - row.lastUsed <= Math.max(inactiveMs, ttl)) continue;
      room.drop(transaction, row);
      dropped++;
    }
    transaction.onCommit(() => {
      room.evictions += dropped;
    });
    // A full page of equal times in which nothing was dropped would come again for ever.
    if (next === page.after && dropped === 0) return next + 0.001;
    return next;
  }

  /** Whether age cannot be trusted: the clock jumped since the start, or stands before the newest use. */
  #clockSuspect(statements: Statements): boolean {
    const { clock } = this.parts;
    const now = clock.now();
    const drift = now - this.#start.wall - (clock.monotonic() - this.#start.monotonic);
    return Math.abs(drift) > JUMP_MS || now < latestUse(statements) - BEHIND_MS;
  }

  #step<T>(run: (transaction: Transaction) => T, { checkpoint = false } = {}): Promise<T> {
    return this.parts.writer.submit({ bytes: () => 0, run, optional: true, checkpoint });
  }

  #until(): number {
    return this.parts.clock.monotonic() + TURN_MS;
  }
}

function latestUse(statements: Statements): number {
  let latest = 0;
  for (const segment of Object.values(SEGMENT)) {
    latest = Math.max(latest, statements.newest.get({ segment })?.lastUsed ?? 0);
  }
  return latest;
}

import { clearInterval, clearTimeout, setInterval, setTimeout } from "node:timers";
import type { Archive, ArchiveState } from "../cache/archive.ts";
import type { CacheKey } from "../cache/entry.ts";
import type { Clock } from "../clock.ts";
import { StoreFault } from "../errors.ts";
import type { Host } from "../host.ts";
import type { NewRequest } from "../requests/kept.ts";
import { Pace } from "./archive-pace.ts";
import { KeepQueue, type Queued } from "./archive-queue.ts";
import { DeskThread } from "./archive-thread.ts";
import { packBatch } from "./desk-batch.ts";
import type { DeskCalls, Tended } from "./desk-calls.ts";

export interface ArchiveOptions {
  /** The data folder, absolute. */
  readonly folder: string;
  readonly startThread: Host["startThread"];
  readonly clock: Clock;
  readonly settings: () => ArchiveSettings;
  /** A line for the operator's log. */
  readonly report: (message: string) => void;
  /** Told that all ids in `gone` up to this `seq` are forgotten: the store may drop those rows. */
  readonly forgotten?: (upTo: number) => void;
  /** Resolves once the database has all that was put by now, which the thread reads there. */
  readonly stored?: () => Promise<void>;
  /** Told when no body is held any more: the bytes of the most that were. */
  readonly emptied?: (peak: number) => void;
  /** How often it is looked for what to forget and to bound; 1,000 unless told. */
  readonly tendMs?: number;
  /** How long a question may take; 10,000 unless told. */
  readonly answerMs?: number;
}

export interface ArchiveSettings {
  readonly requests: "full" | "hash" | "off";
  /** Bytes of each request's texts that are indexed; 0: none. */
  readonly searchText: number;
  readonly journalKeepMs: number;
  readonly journalSize: number;
  /** Bytes that store and archive may take together. */
  readonly maxSize: number;
}

/** Opens `folder/archive.db` in a thread of its own. Never rejects: an archive that cannot be used says so in `state`. */
export function openArchive(options: ArchiveOptions): Archive {
  return new ArchiveClient(options);
}

/** Waited for more requests before a batch goes to the thread, unless somebody asks: each has a price of its own. */
const GATHER_MS = 100;
const TEND_ON_MS = 20;
const TEND_MS = 1000;
/** A call sees what was queued before it, but waits no longer for it than this. */
const PATIENCE_MS = 800;
const ANSWER_MS = 10_000;
const CLOSE_MS = 2500;
/** A larger body is copied to the thread in pieces, a turn of the loop each: 64 MiB at once held it for 100 ms. */
const PIECE_BYTES = 1024 * 1024;

class ArchiveClient implements Archive {
  readonly #queue = new KeepQueue();
  readonly #pace: Pace;
  readonly #thread: DeskThread;
  readonly #timer: ReturnType<typeof setInterval>;
  #taking: Promise<void> | undefined;
  #tending: Promise<void> | undefined;
  #tended: Tended = { bytes: 0, faults: 0, fault: undefined, forgottenTo: undefined, more: false };
  #closed = false;

  constructor(readonly options: ArchiveOptions) {
    const { folder, startThread, report, settings, clock } = options;
    this.#pace = new Pace({ clock, wait: after });
    this.#thread = new DeskThread({ startThread, report, opening: () => [folder, plain(settings())] });
    this.#timer = setInterval(() => this.#tend(), options.tendMs ?? TEND_MS);
    this.#timer.unref();
    this.#tend();
  }

  keep(key: CacheKey, bytes: number, request: () => NewRequest): void {
    if (this.#closed || this.options.settings().requests === "off") return;
    if (!this.#queue.hasRoom(bytes)) return;
    this.#queue.add(key, request());
    this.#take();
  }

  async list(query: Parameters<Archive["list"]>[0]) {
    await this.#caughtUp();
    return this.#ask("list", [query]);
  }

  async find(keys: readonly CacheKey[]) {
    await this.#caughtUp();
    return this.#ask("find", [keys]);
  }

  async requests(keys: readonly CacheKey[]) {
    await this.#caughtUp();
    return this.#ask("requests", [keys]);
  }

  async count(filter: Parameters<Archive["count"]>[0]) {
    await this.options.stored?.();
    return this.#thread.call("count", [filter]);
  }

  async sorted(filter: Parameters<Archive["sorted"]>[0]) {
    await this.#caughtUp();
    return this.#thread.call("sorted", [filter]);
  }

  async nearest(request: NewRequest, options: Parameters<Archive["nearest"]>[1]) {
    await this.#caughtUp();
    const body = await apart(request.body);
    return this.#ask("nearest", [{ ...request, body }, options], [body.buffer as ArrayBuffer]);
  }

  async nearestTo(key: CacheKey, options: Parameters<Archive["nearestTo"]>[1]) {
    await this.#caughtUp();
    return this.#ask("nearestTo", [key, options]);
  }

  record(batch: Parameters<Archive["record"]>[0]) {
    return this.#thread.call("record", [batch]);
  }

  stats(query: Parameters<Archive["stats"]>[0]) {
    return this.#ask("stats", [query]);
  }

  rows(query: Parameters<Archive["rows"]>[0]) {
    return this.#ask("rows", [query]);
  }

  credentials() {
    return this.#ask("credentials", []);
  }

  nameCredential(label: string, name: string) {
    return this.#ask("nameCredential", [label, name]);
  }

  poolOf(label: string) {
    return this.#ask("poolOf", [label]);
  }

  state(): ArchiveState {
    const { bytes, faults, fault } = this.#tended;
    return {
      bytes,
      queued: this.#queue.size,
      dropped: this.#queue.dropped,
      faults: faults + this.#thread.faults,
      fault: this.#thread.fault ?? fault,
    };
  }

  settled(): Promise<void> {
    return this.#queue.settled();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#timer);
    const patience = Math.min(CLOSE_MS, this.options.answerMs ?? CLOSE_MS);
    await within(patience, this.settled());
    await within(patience, this.#thread.call("close", []));
    this.#thread.close();
  }

  /** A thread that is held up, by another process's lock for example, holds nobody else up for longer than this. */
  async #ask<Name extends keyof DeskCalls>(
    name: Name,
    args: Parameters<DeskCalls[Name]>,
    transfer: readonly ArrayBuffer[] = [],
  ): Promise<Awaited<ReturnType<DeskCalls[Name]>>> {
    const answer = this.#thread.call(name, args, transfer) as Promise<Awaited<ReturnType<DeskCalls[Name]>>>;
    const given = this.options.answerMs ?? ANSWER_MS;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => reject(new StoreFault(`the archive did not answer within ${given} ms`)),
        given,
      );
    });
    return Promise.race([answer, late]).finally(() => clearTimeout(timer));
  }

  async #caughtUp(): Promise<void> {
    await within(PATIENCE_MS, Promise.all([this.options.stored?.(), this.settled()]));
  }

  /** One batch after the other, so that what waits, waits here, where it is bounded. */
  #take(): void {
    this.#taking ??= this.#pace
      .gather(GATHER_MS, this.#queue)
      .then(async () => {
        for (let took = await this.#next(); took !== undefined; took = await this.#next()) {
          await this.#pace.rest(took, this.#queue);
        }
      })
      .finally(() => {
        this.#taking = undefined;
        if (this.#queue.size > 0) this.#take();
      });
  }

  /** Hands the next batch over: the ms that it took, undefined where none waits. What rests behind it holds no body. */
  async #next(): Promise<number | undefined> {
    const batch = this.#queue.take();
    if (batch.length === 0) return undefined;
    const began = this.options.clock.monotonic();
    // One that ended the thread is not sent again.
    const dropped = await this.#send(batch).catch(() => batch.length);
    this.#queue.done(batch, dropped);
    if (this.#queue.size === 0) this.options.emptied?.(this.#queue.takePeak());
    return this.options.clock.monotonic() - began;
  }

  async #send(batch: readonly Queued[]): Promise<number> {
    const ahead = new Map<Queued, number>();
    for (const queued of batch) {
      const { body } = queued.request;
      if (body.byteLength <= PIECE_BYTES) continue;
      for (let at = 0; at < body.byteLength; at += PIECE_BYTES) {
        const piece = new Uint8Array(body.subarray(at, at + PIECE_BYTES));
        await this.#thread.call("piece", [piece], [piece.buffer]);
        ahead.set(queued, (ahead.get(queued) ?? 0) + 1);
      }
    }
    await this.options.stored?.();
    const packed = packBatch(batch, (queued) => ahead.get(queued) ?? 0);
    return this.#thread.call("keep", [packed], [packed.bodies.buffer]);
  }

  #tend(): void {
    if (this.#closed) return;
    this.#tending ??= this.#thread
      .call("tend", [plain(this.options.settings())])
      .then(
        (tended) => {
          this.#tended = tended;
          if (tended.forgottenTo !== undefined) this.options.forgotten?.(tended.forgottenTo);
        },
        // `state` says what is wrong.
        () => {},
      )
      .finally(() => {
        this.#tending = undefined;
        if (this.#tended.more) this.#tendSoon();
      });
  }

  #tendSoon(): void {
    setTimeout(() => this.#tend(), TEND_ON_MS).unref();
  }
}

/** A copy to be handed to the thread, made a piece each turn of the loop. */
async function apart(bytes: Uint8Array): Promise<Uint8Array> {
  const copy = new Uint8Array(bytes.byteLength);
  for (let at = 0; at < bytes.byteLength; at += PIECE_BYTES) {
    if (at > 0) await after(0);
    copy.set(bytes.subarray(at, at + PIECE_BYTES), at);
  }
  return copy;
}

/** Of all the settings only those that the desk reads: the rest need not be copied, nor be there. */
function plain({
  requests,
  searchText,
  journalKeepMs,
  journalSize,
  maxSize,
}: ArchiveSettings): ArchiveSettings {
  return { requests, searchText, journalKeepMs, journalSize, maxSize };
}

function after(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Resolves when the promise settles, whatever it says, or when the time is up. */
function within(ms: number, promise: Promise<unknown>): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    const done = () => {
      clearTimeout(timer);
      resolve();
    };
    promise.then(done, done);
  });
}

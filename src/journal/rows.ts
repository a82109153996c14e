import type { JournalRow } from "../cache/figures.ts";
import type { RequestEvent } from "./event.ts";

const MOST_QUEUED = 5_000;
/** Rows that go in one batch. */
const MOST_AT_ONCE = 1_000;
/** Hits written down in a second. */
const HITS_PER_SECOND = 100;
const SECOND_MS = 1_000;

/** Single requests on their way to the archive: all but hits, and of those some. */
export class Rows {
  #queue: JournalRow[] = [];
  #hitsLeft = 0;
  #secondAt = Number.NEGATIVE_INFINITY;
  /** Requests not written down: hits past the rate, and what the queue had no room for. */
  readonly skipped = { hits: 0, queue: 0 };

  get empty(): boolean {
    return this.#queue.length === 0;
  }

  add(event: RequestEvent): void {
    if (event.outcome === "hit") {
      if (this.#hitsLeft === 0 && !this.#newSecond(event.at)) {
        this.skipped.hits++;
        return;
      }
      this.#hitsLeft--;
    }
    if (this.#queue.length >= MOST_QUEUED) this.skipped.queue++;
    else this.#queue.push(rowOf(event));
  }

  take(): JournalRow[] {
    return this.#queue.splice(0, MOST_AT_ONCE);
  }

  /** Requests that took long come late, so a second counts from its first hit; a clock set back begins a new one. */
  #newSecond(at: number): boolean {
    if (at - this.#secondAt < SECOND_MS && this.#secondAt - at < SECOND_MS) return false;
    this.#secondAt = at;
    this.#hitsLeft = HITS_PER_SECOND;
    return true;
  }
}

function rowOf(event: RequestEvent): JournalRow {
  return {
    at: event.at,
    requestId: event.requestId,
    method: event.method,
    target: event.target,
    status: event.status,
    cache: event.cache,
    outcome: event.outcome,
    detail: event.notKept ?? event.detail,
    provider: event.provider,
    endpoint: event.endpoint,
    model: event.model,
    namespace: event.namespace,
    credential: event.credential,
    key: event.key,
    bytes: event.bytes,
    firstByteMs: event.firstByteMs,
    totalMs: event.totalMs,
    inputTokens: event.usage?.inputTokens ?? event.saved?.inputTokens,
    outputTokens: event.usage?.outputTokens ?? event.saved?.outputTokens,
    costUsd: event.costUsd,
    savedUsd: event.saved?.costUsd,
  };
}

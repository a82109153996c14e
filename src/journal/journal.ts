import type { Archive } from "../cache/archive.ts";
import type { Clock } from "../clock.ts";
import { Counters } from "./counters.ts";
import { Delivery } from "./delivery.ts";
import type { Journal, RequestEvent } from "./event.ts";
import { exposition, type Shown } from "./exposition.ts";
import { jsonLine, textLine } from "./lines.ts";
import { LoopLag } from "./loop-lag.ts";
import { Rows } from "./rows.ts";
import { Totals } from "./totals.ts";

/** A journal that can be watched. */
export interface LiveJournal extends Journal {
  /**
   * Calls `listener` with each request as it ends, and `missed` with how many it could not be told of; returns how to
   * stop.
   */
  follow(listener: (event: RequestEvent) => void, missed?: (events: number) => void): () => void;
  /** Resolves once all that was counted so far stands in the archive. Never rejects. */
  flush(): Promise<void>;
  /** Prometheus text (exposition format 0.0.4). */
  metrics(): Promise<string>;
  /** What that text is made from. */
  shown(): Shown;
  /** Flushes and stops its timers. */
  close(): Promise<void>;
}

export interface JournalOptions {
  readonly form: () => "text" | "json" | "off";
  readonly write: (text: string) => void;
  /** Whether requests are counted and written down. */
  readonly enabled: () => boolean;
  readonly archive: Pick<Archive, "record">;
  readonly clock: Clock;
  /** What /metrics shows beside what was counted. */
  readonly gauges: () => Gauges;
}

export interface Gauges {
  readonly inFlight: number;
  readonly unread: number;
  readonly storeEntries: number;
  readonly storeBytes: number;
  readonly storeEvictions: number;
  readonly storeFaults: number;
  readonly storeOk: boolean;
  readonly archiveBytes: number;
  readonly archiveQueued: number;
  readonly archiveDropped: number;
  readonly bufferedBytes: number;
  /** How many processes these figures are of, where there are several. */
  readonly workers?: number | undefined;
  /** What the process takes, where the runtime tells; `startedAt` is epoch ms. */
  readonly process?: {
    readonly cpuSeconds: number;
    readonly residentBytes: number;
    readonly startedAt: number;
  };
  readonly build?: { readonly version: string; readonly runtime: string };
}

export function createJournal(options: JournalOptions): LiveJournal {
  const followers = new Set<(event: RequestEvent) => void>();
  const log = createLog(options);
  const totals = new Totals();
  const counters = new Counters();
  const rows = new Rows();
  const delivery = new Delivery({ archive: options.archive, counters, rows });
  const lag = new LoopLag(options.clock);
  const shown = (): Shown => ({
    totals,
    gauges: options.gauges(),
    lag: lag.read(),
    rowsSkipped: rows.skipped,
    recordFailures: delivery.failures,
  });
  return {
    add(event) {
      totals.add(event);
      if (options.enabled()) {
        counters.add(event);
        rows.add(event);
        delivery.wake();
      }
      log(event);
      for (const follower of followers) tellFollower(follower, event);
    },
    refreshed(event) {
      totals.refreshed(event);
      if (!options.enabled()) return;
      counters.refreshed(event);
      delivery.wake();
    },
    follow(listener) {
      followers.add(listener);
      return () => followers.delete(listener);
    },
    flush: () => delivery.flush(),
    metrics: () => exposition(shown()),
    shown,
    close() {
      lag.stop();
      return delivery.close();
    },
  };
}

/** A follower's fault is its own. */
function tellFollower(follower: (event: RequestEvent) => void, event: RequestEvent): void {
  try {
    follower(event);
  } catch {
    // It has no one to tell.
  }
}

/** Lines of one turn of the loop go out in one write. */
function createLog({ form, write }: Pick<JournalOptions, "form" | "write">): (event: RequestEvent) => void {
  let pending = "";
  const flush = () => {
    const text = pending;
    pending = "";
    write(text);
  };
  return (event) => {
    const asked = form();
    if (asked === "off") return;
    if (pending === "") queueMicrotask(flush);
    pending += asked === "json" ? jsonLine(event) : textLine(event);
  };
}

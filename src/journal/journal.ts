import type { Archive } from "../cache/archive.ts";
import type { Clock } from "../clock.ts";
import type { Journal, RequestEvent } from "./event.ts";
import { jsonLine, textLine } from "./lines.ts";

/** A journal that can be watched. */
export interface LiveJournal extends Journal {
  /** Calls `listener` with each request as it ends; returns how to stop. */
  follow(listener: (event: RequestEvent) => void): () => void;
  /** Resolves once all that was counted so far stands in the archive. Never rejects. */
  flush(): Promise<void>;
  /** Prometheus text (exposition format 0.0.4). */
  metrics(): Promise<string>;
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
}

export function createJournal(options: JournalOptions): LiveJournal {
  const listeners = new Set<(event: RequestEvent) => void>();
  let pending = "";
  // Lines of one turn of the loop go out in one write.
  const flushLog = () => {
    const text = pending;
    pending = "";
    options.write(text);
  };
  return {
    add(event) {
      for (const listener of listeners) listener(event);
      const form = options.form();
      if (form === "off") return;
      if (pending === "") queueMicrotask(flushLog);
      pending += form === "json" ? jsonLine(event) : textLine(event);
    },
    refreshed() {},
    follow(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    flush: () => Promise.resolve(),
    metrics: () => Promise.resolve(""),
    close: () => Promise.resolve(),
  };
}

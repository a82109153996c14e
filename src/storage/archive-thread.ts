import { clearTimeout, setTimeout } from "node:timers";
import { StoreFault } from "../errors.ts";
import type { Host, Thread } from "../host.ts";
import type { DeskCalls, DeskMessage } from "./desk-calls.ts";

const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 60_000;

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

export interface DeskThreadOptions {
  readonly startThread: Host["startThread"];
  /** The first call to a thread that was just started. */
  readonly opening: () => Parameters<DeskCalls["open"]>;
  readonly report: (message: string) => void;
}

/** Calls to the desk in its thread, which is started anew, after a pause, when it ended by a fault of its own. */
export class DeskThread {
  /** Why there is no thread now; undefined where there is one. */
  fault: string | undefined;
  faults = 0;
  readonly #pending = new Map<number, Pending>();
  #thread: Thread | undefined;
  #calls = 0;
  #pauseMs = FIRST_PAUSE_MS;
  #restart: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  constructor(readonly options: DeskThreadOptions) {
    this.#start();
  }

  /** Rejects with `StoreFault` where the archive cannot be used, with `RangeError` where the call does not fit it. */
  call<Name extends keyof DeskCalls>(
    name: Name,
    args: Parameters<DeskCalls[Name]>,
    transfer: readonly ArrayBuffer[] = [],
  ): ReturnType<DeskCalls[Name]> {
    const answer = new Promise((resolve, reject) => {
      const thread = this.#thread;
      if (thread === undefined) {
        reject(new StoreFault(this.fault ?? "the archive is closed"));
        return;
      }
      const id = ++this.#calls;
      this.#pending.set(id, { resolve, reject });
      try {
        thread.post({ id, name, args }, transfer);
      } catch (error) {
        this.#pending.delete(id);
        reject(new StoreFault("the archive could not be asked", { cause: error }));
      }
    });
    return answer as ReturnType<DeskCalls[Name]>;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#restart);
    this.#thread?.stop();
    this.#thread = undefined;
    this.#rejectAll("the archive is closed");
  }

  #start(): void {
    let thread: Thread;
    try {
      thread = this.options.startThread();
    } catch (error) {
      this.#failed((error as Error).message);
      return;
    }
    this.#thread = thread;
    this.fault = undefined;
    thread.onMessage((message) => {
      if (this.#thread === thread) this.#take(message as DeskMessage);
    });
    thread.onFault((why) => {
      if (this.#thread === thread) this.#failed(why);
    });
    this.call("open", this.options.opening()).then(
      () => {},
      () => {},
    );
  }

  #take(message: DeskMessage): void {
    if ("report" in message) {
      this.options.report(message.report);
      return;
    }
    const pending = this.#pending.get(message.id);
    this.#pending.delete(message.id);
    if (pending === undefined) return;
    if ("value" in message) {
      this.#pauseMs = FIRST_PAUSE_MS;
      pending.resolve(message.value);
      return;
    }
    const { range, message: words } = message.error;
    pending.reject(range ? new RangeError(words) : new StoreFault(words));
  }

  #failed(why: string): void {
    this.faults++;
    this.#thread?.stop();
    this.#thread = undefined;
    if (this.#closed) return;
    this.fault = "the archive's thread ended";
    this.options.report(
      `the archive's thread ended (${why}); it is started again in ${Math.round(this.#pauseMs / 1000)} s, answers are not affected`,
    );
    this.#rejectAll(this.fault);
    this.#restart = setTimeout(() => this.#start(), this.#pauseMs);
    this.#restart.unref();
    this.#pauseMs = Math.min(LONGEST_PAUSE_MS, this.#pauseMs * 2);
  }

  #rejectAll(words: string): void {
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const { reject } of pending) reject(new StoreFault(words));
  }
}

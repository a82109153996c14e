import { clearTimeout, setTimeout } from "node:timers";
import { systemClock } from "../clock.ts";
import type { OpenDatabase } from "./database.ts";
import { Desk } from "./desk.ts";
import type { CallMessage, DeskMessage } from "./desk-calls.ts";

/** The side of a worker that its own code sees. */
interface WorkerScope {
  onmessage: ((event: { data: unknown }) => void) | null;
  postMessage(message: unknown): void;
}

/** What a runtime gives its thread. */
export interface DeskRuntime {
  readonly openDatabase: OpenDatabase;
  /** Gives memory back to the system where the runtime can. */
  collect(): void;
}

/** Bytes taken in since the last collection of which the runtime, left to itself, would keep the memory for long. */
const LARGE_BYTES = 8 * 1024 * 1024;
/** Twice: what the first round frees may be held until its finalizers have run. */
const COLLECT_AFTER_MS = [1_000, 5_000];

/** Answers the messages that this thread gets. */
export function serveDesk({ openDatabase, collect }: DeskRuntime): void {
  const scope = globalThis as unknown as WorkerScope;
  const say = (message: DeskMessage) => scope.postMessage(message);
  const desk = new Desk({ openDatabase, clock: systemClock, report: (report) => say({ report }) });
  let bytes = 0;
  let timers: ReturnType<typeof setTimeout>[] = [];
  const taken = () => {
    if (bytes < LARGE_BYTES) return;
    bytes = 0;
    for (const timer of timers) clearTimeout(timer);
    timers = COLLECT_AFTER_MS.map((ms) => setTimeout(collect, ms));
  };
  scope.onmessage = ({ data }) => {
    const message = data as CallMessage;
    // Only bodies that come in pieces are large.
    if (message.name === "piece") bytes += (message.args[0] as Uint8Array).byteLength;
    void desk.take(message).then((answer) => {
      say(answer);
      if (message.name !== "piece") taken();
    });
  };
}

import { systemClock } from "../clock.ts";
import { LARGE_BYTES, Quiet } from "../idle.ts";
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

/** Answers the messages that this thread gets. */
export function serveDesk({ openDatabase, collect }: DeskRuntime): void {
  const scope = globalThis as unknown as WorkerScope;
  const say = (message: DeskMessage) => scope.postMessage(message);
  const desk = new Desk({ openDatabase, clock: systemClock, report: (report) => say({ report }) });
  const quiet = new Quiet(systemClock, { idle: () => true, collect });
  let bytes = 0;
  scope.onmessage = ({ data }) => {
    const message = data as CallMessage;
    // Only bodies that come in pieces are large.
    if (message.name === "piece") bytes += (message.args[0] as Uint8Array).byteLength;
    void desk.take(message).then((answer) => {
      say(answer);
      if (message.name === "piece" || bytes < LARGE_BYTES) return;
      quiet.drained(bytes);
      bytes = 0;
    });
  };
}

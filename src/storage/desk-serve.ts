import { systemClock } from "../clock.ts";
import type { OpenDatabase } from "./database.ts";
import { Desk } from "./desk.ts";
import type { CallMessage, DeskMessage } from "./desk-calls.ts";

/** The side of a worker that its own code sees. */
interface WorkerScope {
  onmessage: ((event: { data: unknown }) => void) | null;
  postMessage(message: unknown): void;
}

/** Answers the messages that this thread gets. */
export function serveDesk(openDatabase: OpenDatabase): void {
  const scope = globalThis as unknown as WorkerScope;
  const say = (message: DeskMessage) => scope.postMessage(message);
  const desk = new Desk({ openDatabase, clock: systemClock, report: (report) => say({ report }) });
  scope.onmessage = ({ data }) => void desk.take(data as CallMessage).then(say);
}

import { setPriority } from "node:os";
import process from "node:process";
import { serveDesk } from "./desk-serve.ts";
import { openDatabase } from "./open.bun.ts";

/** A nice value that leaves it a quarter of a core that the loop fills: at 19 figures were many seconds behind. */
const YIELDING = 5;

yieldToAnswers();
serveDesk({ openDatabase, collect: () => Bun.gc(true) });

/**
 * Nobody waits for what this thread takes in, and everybody for the loop: where both want one core, the loop has it.
 * On Linux a priority is the calling thread's own; elsewhere it would be the whole process's.
 */
function yieldToAnswers(): void {
  if (process.platform !== "linux") return;
  try {
    setPriority(0, YIELDING);
  } catch {
    // A sandbox may forbid it: then the pauses between batches are what there is.
  }
}

/** From the call of the program to its first answer, and what it takes of memory once nothing goes on. */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { median } from "./figures.ts";
import { dataOf, startPeer } from "./peers.ts";
import { remove, temporaryFolder } from "./processes.ts";
import { Connection } from "./wire.ts";

export interface Starts {
  readonly medianMs: number;
  readonly worstMs: number;
  /** Of the hits and of the misses that come next, one after the other; NaN where none were asked. */
  readonly nextHitMs: number;
  readonly nextMissMs: number;
}

export interface StartOptions {
  /** The provider's port. */
  readonly origin: number;
  readonly first: Uint8Array;
  /** What is asked next: some that hit and some that are new. */
  readonly next?: (run: number) => {
    readonly hits: readonly Uint8Array[];
    readonly misses: readonly Uint8Array[];
  };
  /** Where its data lies; a new one each time where not given. */
  readonly folder?: string;
  /** Whether the system is told to forget what it has of the data folder's files. */
  readonly cold?: boolean;
  readonly times: number;
}

let runs = 0;

/** Throws where an answer is no 200, or one that should be a hit is none. */
export async function starts(options: StartOptions): Promise<Starts> {
  const took: number[] = [];
  const hits: number[] = [];
  const misses: number[] = [];
  for (let n = 0; n < options.times; n++) {
    const folder = options.folder ?? temporaryFolder();
    if (options.cold) forgetPages(dataOf(folder));
    const began = performance.now();
    const server = await startPeer("executable", { origin: options.origin, prompt: 0, folder });
    const connection = await Connection.open(server.port);
    const asked = async (request: Uint8Array, word: string) => {
      const { status, cache, endMs } = await connection.ask(request);
      if (status !== 200 || cache !== word) throw new Error(`after a start: ${status} ${cache}, not ${word}`);
      return endMs;
    };
    await asked(options.first, options.folder === undefined ? "MISS" : "HIT");
    took.push(performance.now() - began);
    const next = options.next?.(runs++);
    for (const request of next?.hits ?? []) hits.push(await asked(request, "HIT"));
    for (const request of next?.misses ?? []) misses.push(await asked(request, "MISS"));
    connection.close();
    await server.stop();
    if (options.folder === undefined) remove(folder);
  }
  const worstMs = Math.max(...took);
  return { medianMs: median(took), worstMs, nextHitMs: median(hits), nextMissMs: median(misses) };
}

/** Takes the files out of the system's page cache, once they are on the disk. */
function forgetPages(folder: string): void {
  if (!existsSync(folder)) return;
  for (const { name } of readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isFile())) {
    const file = `of=${join(folder, name)}`;
    const { status } = spawnSync("dd", [file, "oflag=nocache", "conv=notrunc,fdatasync", "count=0"]);
    if (status !== 0) throw new Error(`dd could not take ${name} out of the page cache`);
  }
}

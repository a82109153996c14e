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
  /** What the first answer was: HIT or MISS. */
  readonly word: string;
}

export interface StartOptions {
  /** The provider's port. */
  readonly origin: number;
  readonly request: Uint8Array;
  /** Where its data lies; a new one each time where not given. */
  readonly folder?: string;
  /** Whether the system is told to forget what it has of the data folder's files. */
  readonly cold?: boolean;
  readonly times: number;
}

/** Throws where a first answer is no 200. */
export async function starts(options: StartOptions): Promise<Starts> {
  const took: number[] = [];
  let word = "";
  for (let n = 0; n < options.times; n++) {
    const folder = options.folder ?? temporaryFolder();
    if (options.cold) forgetPages(dataOf(folder));
    const began = performance.now();
    const server = await startPeer("executable", { origin: options.origin, prompt: 0, folder });
    const connection = await Connection.open(server.port);
    const { status, cache } = await connection.ask(options.request);
    took.push(performance.now() - began);
    connection.close();
    await server.stop();
    if (options.folder === undefined) remove(folder);
    if (status !== 200) throw new Error(`the first answer was a ${status}`);
    word = cache;
  }
  return { medianMs: median(took), worstMs: Math.max(...took), word };
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

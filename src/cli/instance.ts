import { systemClock } from "../clock.ts";
import type { ListenAddress } from "../config.ts";
import type { Host } from "../host.ts";
import { VERSION } from "../version.ts";
import { reachable } from "./welcome.ts";

/**
 * Tells other commands of this data folder, in `instances/PID.json`, where this process can be asked: one file a
 * process, since several may serve from one folder. A killed process leaves its file behind.
 */
export async function announce(
  host: Host,
  options: {
    readonly folder: string;
    /** Undefined where other commands could not ask there. */
    readonly address: ListenAddress | undefined;
    readonly say: (text: string) => void;
  },
): Promise<{ withdraw(): Promise<void> }> {
  const { files, pid } = host;
  const path = `${options.folder}/instances/${pid}.json`;
  const withdraw = () => files.remove(path).catch(() => {});
  if (options.address === undefined) return { withdraw: async () => {} };
  const facts = {
    pid,
    url: reachable(options.address),
    version: VERSION,
    started_at: new Date(systemClock.now()).toISOString(),
  };
  try {
    await files.makePrivateFolder(`${options.folder}/instances`);
    // One of this pid is from a process that was killed.
    await withdraw();
    await files.createPrivate(path, `${JSON.stringify(facts)}\n`);
  } catch (error) {
    const why = (error as { code?: string }).code ?? String(error);
    options.say(`${path} cannot be written (${why}): other commands do not find this process`);
  }
  return { withdraw };
}

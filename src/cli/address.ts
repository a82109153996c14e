import type { Config } from "../config.ts";
import { listenAddress } from "../config-kinds.ts";
import { CommandError } from "../errors.ts";
import type { Host } from "../host.ts";
import { findInstance } from "./api.ts";

/** Where a client of this machine reaches askonce: the running instance, else where a start would listen. */
export async function baseUrlOf(
  host: Host,
  config: Config,
): Promise<{ readonly url: string; readonly running: boolean }> {
  const instance = await findInstance(host, config.data);
  // With an address of its own the admin API says nothing of where clients go.
  const apart = config.adminListen.length > 0 || config.tlsCert !== "";
  if (instance && !apart) return { url: reachable(instance.url), running: true };
  const [first] = config.listen;
  if (!first || first.port === 0) {
    throw new CommandError("start askonce serve first: it takes a free port, which is known only then");
  }
  const scheme = config.tlsCert === "" ? "http" : "https";
  return { url: reachable(`${scheme}://${listenAddress.format(first)}`), running: instance !== undefined };
}

/** An address that stands for every interface is reached on loopback. */
export function reachable(url: string): string {
  return url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:");
}

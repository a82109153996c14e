import type { App } from "../compose.ts";
import type { Config, ListenAddress } from "../config.ts";
import { listenAddress } from "../config-kinds.ts";
import { StartError } from "../errors.ts";
import type { Host, Listener } from "../host.ts";

/** A socket that is listened on. */
export interface Open {
  readonly address: ListenAddress;
  readonly listener: Listener;
}

export interface Places {
  readonly addresses: readonly ListenAddress[];
  /** Whether somebody chose them; of those by default one that the machine lacks is left out. */
  readonly listenChosen: boolean;
  readonly handler: App["handler"];
  readonly repeats?: App["repeats"];
  readonly reusePort?: boolean;
}

export function adminPlaces({ adminListen }: Config, { adminHandler }: App): Places {
  return { addresses: adminListen, listenChosen: true, handler: adminHandler };
}

/** Listens at all of them or, where it throws `StartError`, at none. */
export async function listenAll(
  host: Host,
  { addresses, listenChosen, ...answering }: Places,
): Promise<readonly Open[]> {
  const open: Open[] = [];
  for (const address of addresses) {
    try {
      const listener = await host.serve({ ...address, ...answering });
      open.push({ address: { ...address, port: listener.port }, listener });
    } catch (error) {
      const code = (error as { code?: string }).code;
      const absent = code === "EADDRNOTAVAIL" || code === "EAFNOSUPPORT";
      if (absent && !listenChosen && open.length > 0) continue;
      await Promise.all(open.map(({ listener }) => listener.stop()));
      throw cannotListen(address, code ?? String(error));
    }
  }
  return open;
}

function cannotListen(address: ListenAddress, code: string): StartError {
  const what = `cannot listen on ${listenAddress.format(address)} (${code})`;
  if (code === "EADDRINUSE") {
    return new StartError(`end the other program or choose another port with --listen 127.0.0.1:0: ${what}`);
  }
  if (code === "EACCES" || code === "EPERM") {
    return new StartError(`choose a port above 1023 or give the program the right to it: ${what}`);
  }
  return new StartError(`choose an address of this machine with --listen: ${what}`);
}

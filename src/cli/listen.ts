import type { App } from "../compose.ts";
import type { Config, ListenAddress } from "../config.ts";
import { isLoopback } from "../config-exposure.ts";
import { listenAddress } from "../config-kinds.ts";
import { StartError } from "../errors.ts";
import type { Host, Tls } from "../host.ts";
import { listenRenewably, type Renewable } from "./certificate.ts";

/** A socket that is listened on. */
export interface Open {
  readonly address: ListenAddress;
  readonly listener: Renewable;
  readonly secure: boolean;
}

/** All that clients and operators come in by. */
export interface Doors<T = Open> {
  readonly listen: readonly T[];
  readonly admin: readonly T[];
  /** For this machine's commands alone. */
  readonly own: readonly T[];
}

export interface DoorOptions {
  readonly config: Config;
  readonly tls: Tls | undefined;
  readonly say: (text: string) => void;
  /** Other addresses than the settings have. */
  readonly at?: Doors<ListenAddress>;
  /** Whether other processes listen there too. */
  readonly reusePort?: boolean;
}

/** Opens them all or, where it throws `StartError`, none. */
export async function openDoors(
  host: Host,
  app: Pick<App, "handler" | "adminHandler"> & Partial<Pick<App, "repeats">>,
  { config, at, tls, say, reusePort = false }: DoorOptions,
): Promise<Doors> {
  const { handler, repeats, adminHandler } = app;
  const shared = { tls, say, reusePort };
  const atAdmin = { ...shared, listenChosen: true, handler: adminHandler };
  const plain = ({ hostname }: ListenAddress) => isLoopback(hostname);
  const open = new Map<keyof Doors, readonly Open[]>();
  const places: Record<keyof Doors, Places> = {
    listen: {
      ...shared,
      addresses: at?.listen ?? config.listen,
      listenChosen: at !== undefined || config.listenChosen,
      handler,
      repeats,
    },
    admin: { ...atAdmin, addresses: config.admin ? (at?.admin ?? config.adminListen) : [], plain },
    own: { ...atAdmin, addresses: config.admin ? (at?.own ?? ownAddresses(config)) : [], tls: undefined },
  };
  try {
    for (const name of ["listen", "admin", "own"] as const)
      open.set(name, await listenAll(host, places[name]));
  } catch (error) {
    await Promise.all([...open.values()].flat().map(({ listener }) => listener.stop()));
    throw error;
  }
  const opened = (name: keyof Doors) => open.get(name) ?? [];
  return { listen: opened("listen"), admin: opened("admin"), own: opened("own") };
}

export function allOf<T>({ listen, admin, own }: Doors<T>): readonly T[] {
  return [...listen, ...admin, ...own];
}

export function addressesOf({ listen, admin, own }: Doors): Doors<ListenAddress> {
  const addresses = (open: readonly Open[]) => open.map(({ address }) => address);
  return { listen: addresses(listen), admin: addresses(admin), own: addresses(own) };
}

/** Where other commands find this process, and its admin API if it has one; undefined where none of them could. */
export function ownAddress(
  config: Config,
  { listen, admin, own }: Doors<ListenAddress>,
): ListenAddress | undefined {
  if (own[0] !== undefined) return own[0];
  if (config.admin) return admin[0] ?? listen[0];
  // Its certificate is not made for this machine's commands.
  return config.tlsCert === "" ? listen[0] : undefined;
}

interface Places {
  readonly addresses: readonly ListenAddress[];
  /** Whether somebody chose them; of those by default one that the machine lacks is left out. */
  readonly listenChosen: boolean;
  readonly handler: App["handler"];
  readonly repeats?: App["repeats"] | undefined;
  /** Those addresses speak TLS for which `plain` is not true. */
  readonly tls: Tls | undefined;
  readonly plain?: (address: ListenAddress) => boolean;
  readonly reusePort: boolean;
  readonly say: (text: string) => void;
}

/**
 * Where this machine's commands find the admin API if every other address speaks TLS: the certificate is for the name
 * that clients use, and not for loopback.
 */
function ownAddresses({ tlsCert, adminListen }: Config): readonly ListenAddress[] {
  const needed = tlsCert !== "" && !adminListen.some(({ hostname }) => isLoopback(hostname));
  return needed ? [{ hostname: "127.0.0.1", port: 0 }] : [];
}

async function listenAll(host: Host, places: Places): Promise<readonly Open[]> {
  const { addresses, listenChosen, handler, repeats, reusePort, say } = places;
  const open: Open[] = [];
  for (const address of addresses) {
    try {
      const tls = places.plain?.(address) ? undefined : places.tls;
      const listener = await listenRenewably(host, { ...address, handler, repeats, tls, reusePort, say });
      open.push({ address: { ...address, port: listener.port }, listener, secure: tls !== undefined });
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

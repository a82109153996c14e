import { type App, compose } from "../compose.ts";
import { type Config, type ListenAddress, refuseOpenListen } from "../config.ts";
import { exposureWarnings, isLoopback } from "../config-exposure.ts";
import { listenAddress } from "../config-kinds.ts";
import { settings } from "../config-settings.ts";
import { ConfigError, StartError } from "../errors.ts";
import type { Host, Tls } from "../host.ts";
import { followCertificate, listenRenewably, type Renewable, readTls } from "./certificate.ts";
import { announce } from "./instance.ts";
import type { Loaded } from "./load.ts";
import { notifyReady } from "./notify.ts";
import { welcome } from "./welcome.ts";

/** A timer cannot be set further ahead (2^31 ms); later is as good as never here. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;
/** Time to commit what was received, once the answers in flight have been cut. */
const CLOSE_MS = 5_000;

/** Answers clients until a signal ends it; resolves to the exit code. Throws ConfigError and StartError. */
export async function serve(host: Host, load: () => Promise<Loaded>): Promise<number> {
  const say = (text: string) => host.write("stderr", `askonce: ${text}\n`);
  const { config, warnings, file } = await load();
  for (const warning of warnings) say(warning);
  refuseOpenListen(config);
  for (const warning of exposureWarnings(config)) say(warning);
  // Before anybody can know that it runs: a signal that comes early ends it as well as a late one.
  const signals = endSignals(host);
  const tls = await readTls(host, config);
  const app = await compose(config, host);
  let listeners: readonly Open[] = [];
  let adminListeners: readonly Open[] = [];
  let own: readonly Open[] = [];
  try {
    listeners = await listenAll(host, {
      addresses: config.listen,
      listenChosen: config.listenChosen,
      handler: app.handler,
      repeats: app.repeats,
      tls,
      say,
    });
    if (config.admin) {
      adminListeners = await listenAll(host, { ...adminPlaces(config, app), tls, say });
      own = await listenAll(host, { ...ownPlaces(config, app), tls: undefined, say });
    }
  } catch (error) {
    await Promise.all([...listeners, ...adminListeners].map(({ listener }) => listener.stop()));
    await app.close();
    throw error;
  }
  const addresses = listeners.map(({ address }) => address);
  const adminAddresses = adminListeners.map(({ address }) => address);
  app.listening(addresses);
  const instance = await announce(host, {
    folder: config.data,
    address: config.admin ? (own[0]?.address ?? adminAddresses[0] ?? addresses[0]) : undefined,
    say,
  });
  host.write("stderr", welcome(host, { config, addresses, adminAddresses, file }));
  void notifyReady(host, say);
  let current = config;
  const secured = [...listeners, ...adminListeners].filter(({ secure }) => secure);
  const certificate =
    tls &&
    followCertificate(host, {
      config: () => current,
      tls,
      listeners: secured.map(({ listener }) => listener),
      say,
    });
  let reloading = Promise.resolve();
  host.onSignal("SIGHUP", () => {
    reloading = reloading.then(async () => {
      current = await reload(current, { app, load, say });
      await certificate?.look();
    });
  });
  await signals.first;
  certificate?.stop();
  await instance.withdraw();
  const { second } = signals;
  await close({ app, listeners: [...listeners, ...adminListeners, ...own], config: () => current, second });
  return 0;
}

interface Open {
  readonly address: ListenAddress;
  readonly listener: Renewable;
  readonly secure: boolean;
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
  readonly say: (text: string) => void;
}

type AdminPlaces = Omit<Places, "tls" | "say">;

function adminPlaces({ adminListen }: Config, { adminHandler }: App): AdminPlaces {
  const plain = ({ hostname }: ListenAddress) => isLoopback(hostname);
  return { addresses: adminListen, listenChosen: true, handler: adminHandler, plain };
}

/**
 * Where this machine's commands find the admin API if every other address speaks TLS: the certificate is for the name
 * that clients use, and not for loopback.
 */
function ownPlaces({ tlsCert, adminListen }: Config, { adminHandler }: App): AdminPlaces {
  const needed = tlsCert !== "" && !adminListen.some(({ hostname }) => isLoopback(hostname));
  const addresses = needed ? [{ hostname: "127.0.0.1", port: 0 }] : [];
  return { addresses, listenChosen: true, handler: adminHandler };
}

async function listenAll(host: Host, places: Places): Promise<readonly Open[]> {
  const { addresses, listenChosen, handler, repeats, say } = places;
  const open: Open[] = [];
  for (const address of addresses) {
    try {
      const tls = places.plain?.(address) ? undefined : places.tls;
      const listener = await listenRenewably(host, { ...address, handler, repeats, tls, say });
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

/** Reads the settings again; the old ones stay where the new ones cannot be used. Never throws. */
async function reload(
  old: Config,
  { app, load, say }: { app: App; load: () => Promise<Loaded>; say: (text: string) => void },
): Promise<Config> {
  try {
    const { config, warnings } = await load();
    for (const warning of warnings) say(warning);
    for (const name of ["listen", "data", "adminListen"] as const) {
      if (JSON.stringify(config[name]) !== JSON.stringify(old[name]))
        say(`${settings[name].name} changes with the next start`);
    }
    const { listen, listenChosen, data, adminListen } = old;
    const switched = (config.tlsCert === "") !== (old.tlsCert === "");
    if (switched) say("tls.cert changes with the next start");
    const { tlsCert, tlsKey } = switched ? old : config;
    const next = { ...config, listen, listenChosen, data, adminListen, tlsCert, tlsKey };
    refuseOpenListen(next);
    app.reload(next);
    say("the settings were read again");
    return next;
  } catch (error) {
    const reason = error instanceof ConfigError ? error.message : String(error);
    say(`the settings stay as they were: ${reason}`);
    return old;
  }
}

/** Resolve at the first and at the second SIGTERM or SIGINT; a third ends the process at once. */
function endSignals(host: Host): { readonly first: Promise<void>; readonly second: Promise<void> } {
  const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let signals = 0;
  const count = () => {
    signals += 1;
    if (signals === 1) first.resolve();
    else if (signals === 2) second.resolve();
    else void host.exit(1);
  };
  host.onSignal("SIGTERM", count);
  host.onSignal("SIGINT", count);
  return { first: first.promise, second: second.promise };
}

/** Lets answers in flight end within the grace, cuts the rest, then closes the store. */
async function close({
  app,
  listeners,
  config,
  second,
}: {
  app: App;
  listeners: readonly Open[];
  config: () => Config;
  second: Promise<void>;
}): Promise<void> {
  app.draining();
  const grace = timer(config().shutdownGraceMs);
  const cut = Promise.race([grace.promise, second]);
  await Promise.race([Promise.all(listeners.map(({ listener }) => listener.drain())), cut]);
  const stops = listeners.map(({ listener }) => listener.stop());
  const closed = app.close();
  // Answers whose client has left may still be received, and are kept if they end within the grace.
  await Promise.race([closed, cut]);
  app.cut();
  const last = timer(CLOSE_MS);
  await Promise.race([Promise.all([closed, ...stops]), last.promise]);
  grace.clear();
  last.clear();
}

function timer(ms: number): { readonly promise: Promise<void>; clear(): void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  const id = setTimeout(resolve, Math.min(ms, LONGEST_TIMER_MS));
  return { promise, clear: () => clearTimeout(id) };
}

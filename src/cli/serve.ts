import { compose } from "../compose.ts";
import { refuseOpenListen } from "../config.ts";
import type { Host } from "../host.ts";
import { close, endSignals } from "./ending.ts";
import { announce } from "./instance.ts";
import { adminPlaces, listenAll, type Open } from "./listen.ts";
import type { Loaded } from "./load.ts";
import { reload } from "./reread.ts";
import { welcome } from "./welcome.ts";

/** Answers clients until a signal ends it; resolves to the exit code. Throws ConfigError and StartError. */
export async function serve(host: Host, load: () => Promise<Loaded>): Promise<number> {
  const say = (text: string) => host.write("stderr", `askonce: ${text}\n`);
  const { config, warnings, file } = await load();
  for (const warning of warnings) say(warning);
  refuseOpenListen(config);
  // Before anybody can know that it runs: a signal that comes early ends it as well as a late one.
  const signals = endSignals(host);
  const app = await compose(config, host);
  let listeners: readonly Open[] = [];
  let adminListeners: readonly Open[] = [];
  try {
    listeners = await listenAll(host, {
      addresses: config.listen,
      listenChosen: config.listenChosen,
      handler: app.handler,
      repeats: app.repeats,
    });
    if (config.admin) adminListeners = await listenAll(host, adminPlaces(config, app));
  } catch (error) {
    await Promise.all(listeners.map(({ listener }) => listener.stop()));
    await app.close();
    throw error;
  }
  const addresses = listeners.map(({ address }) => address);
  const adminAddresses = adminListeners.map(({ address }) => address);
  app.listening(addresses);
  const instance = await announce(host, {
    folder: config.data,
    address: config.admin ? (adminAddresses[0] ?? addresses[0]) : undefined,
    say,
  });
  host.write("stderr", welcome(host, { config, addresses, adminAddresses, file }));
  let current = config;
  let reloading = Promise.resolve();
  host.onSignal("SIGHUP", () => {
    reloading = reloading.then(async () => {
      const next = await reload(current, { load, say });
      if (next === undefined) return;
      current = next.config;
      app.reload(current);
      say("the settings were read again");
    });
  });
  await signals.first;
  await instance.withdraw();
  const { second } = signals;
  await close({ app, listeners: [...listeners, ...adminListeners], config: () => current, second });
  return 0;
}

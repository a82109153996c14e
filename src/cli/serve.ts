import { compose } from "../compose.ts";
import { refuseOpenListen } from "../config.ts";
import { exposureWarnings } from "../config-exposure.ts";
import type { Host } from "../host.ts";
import { followCertificate, readTls } from "./certificate.ts";
import { close, endSignals } from "./ending.ts";
import { announce } from "./instance.ts";
import { addressesOf, allOf, type Doors, openDoors, ownAddress } from "./listen.ts";
import type { Loaded } from "./load.ts";
import { notifyReady } from "./notify.ts";
import { reload } from "./reread.ts";
import { welcome } from "./welcome.ts";

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
  let doors: Doors;
  try {
    doors = await openDoors(host, app, { config, tls, say });
  } catch (error) {
    await app.close();
    throw error;
  }
  const at = addressesOf(doors);
  app.listening(at.listen);
  const instance = await announce(host, { folder: config.data, address: ownAddress(config, at), say });
  host.write("stderr", welcome(host, { config, addresses: at.listen, adminAddresses: at.admin, file }));
  void notifyReady(host, say);
  let current = config;
  const certificate = followCertificate(host, { config: () => current, tls, doors: allOf(doors), say });
  let reloading = Promise.resolve();
  host.onSignal("SIGHUP", () => {
    reloading = reloading.then(async () => {
      const next = await reload(current, { load, say });
      if (next !== undefined) {
        current = next.config;
        app.reload(current);
        say("the settings were read again");
      }
      await certificate.look();
    });
  });
  await signals.first;
  certificate.stop();
  await instance.withdraw();
  const { second } = signals;
  await close({ app, listeners: allOf(doors), config: () => current, second });
  return 0;
}

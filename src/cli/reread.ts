import type { Config } from "../config.ts";
import { refuseOpenListen } from "../config.ts";
import { settings } from "../config-settings.ts";
import { ConfigError } from "../errors.ts";
import type { Loaded } from "./load.ts";

/** Settings that the start settles. */
const SETTLED = ["listen", "data", "adminListen", "workers"] as const;

/** What was read again, with what the start settled as it was. Throws ConfigError where it cannot be used. */
export function reread(old: Config, next: Config): Config {
  const { listen, listenChosen, data, adminListen, workers } = old;
  const { tlsCert, tlsKey } = switchesTls(old, next) ? old : next;
  const config = { ...next, listen, listenChosen, data, adminListen, workers, tlsCert, tlsKey };
  refuseOpenListen(config);
  return config;
}

function switchesTls(old: Config, next: Config): boolean {
  return (next.tlsCert === "") !== (old.tlsCert === "");
}

/**
 * Reads the settings again and says what came of it; undefined where the new ones cannot be used, and the old ones
 * stay. Never throws.
 */
export async function reload(
  old: Config,
  { load, say }: { load: () => Promise<Loaded>; say: (text: string) => void },
): Promise<{ readonly config: Config; readonly loaded: Loaded } | undefined> {
  try {
    const loaded = await load();
    for (const warning of loaded.warnings) say(warning);
    for (const name of SETTLED) {
      if (JSON.stringify(loaded.config[name]) !== JSON.stringify(old[name]))
        say(`${settings[name].name} changes with the next start`);
    }
    if (switchesTls(old, loaded.config)) say("tls.cert changes with the next start");
    return { config: reread(old, loaded.config), loaded };
  } catch (error) {
    const reason = error instanceof ConfigError ? error.message : String(error);
    say(`the settings stay as they were: ${reason}`);
    return undefined;
  }
}

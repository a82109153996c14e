import type { Config } from "../config.ts";
import { checkTls } from "../config-exposure.ts";
import { ConfigError } from "../errors.ts";
import type { Host, Listener, ServeOptions, Tls } from "../host.ts";

/** How often the files are looked at: whoever renews a certificate need not know that askonce runs. */
const LOOK_MS = 2_000;
/** Between two tries to take a port again that is being given up. */
const AGAIN_MS = 1;
const SAY_AFTER_MS = 2_000;

/** The certificate that `listen` serves; undefined where the settings name none. Throws ConfigError. */
export async function readTls(host: Host, config: Config): Promise<Tls | undefined> {
  checkTls(config);
  if (config.tlsCert === "") return undefined;
  const [cert, key] = await Promise.all([
    readPem(host, "tls.cert", config.tlsCert),
    readPem(host, "tls.key", config.tlsKey),
  ]);
  await tryOut(host, { cert, key }, config);
  return { cert, key };
}

async function readPem(host: Host, setting: string, path: string): Promise<string> {
  try {
    return await host.files.readText(path);
  } catch (error) {
    const code = (error as { code?: string }).code ?? String(error);
    throw new ConfigError(setting, path, "read for TLS", `the path of a PEM file that can be read (${code})`);
  }
}

/** Whether the runtime can serve it is known only by serving it. Throws ConfigError. */
async function tryOut(host: Host, tls: Tls, { tlsCert, tlsKey }: Config): Promise<void> {
  const handler = () => new Response(null, { status: 503 });
  try {
    const trial = await host.serve({ hostname: "127.0.0.1", port: 0, handler, tls });
    await trial.stop();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const valid = `a certificate and its key, each as PEM (${why}); the key is ${tlsKey}`;
    throw new ConfigError("tls.cert", tlsCert, "tried out", valid);
  }
}

export interface Renewable extends Listener {
  /** Serves new connections with another certificate; those under way go on with the one they began with. */
  renew(tls: Tls): Promise<void>;
}

/**
 * Neither runtime changes the certificate of a socket that listens. So the port is given up and taken again at once:
 * on Bun within a turn of the loop, on Deno some milliseconds later. A client that connects just then is refused.
 */
export async function listenRenewably(
  host: Host,
  options: ServeOptions & { readonly say: (text: string) => void },
): Promise<Renewable> {
  let current = await host.serve(options);
  const { port } = current;
  const former = new Set<Listener>();
  const all = () => [...former, current];
  return {
    port,
    shut() {
      for (const listener of all()) listener.shut?.();
    },
    drain: async () => void (await Promise.all(all().map((listener) => listener.drain()))),
    stop: async () => void (await Promise.all(all().map((listener) => listener.stop()))),
    async renew(tls) {
      const old = current;
      former.add(old);
      void old.drain().finally(() => former.delete(old));
      let waitedMs = 0;
      for (;;) {
        try {
          current = await host.serve({ ...options, port, tls });
          return;
        } catch (error) {
          if (waitedMs === SAY_AFTER_MS) options.say(`port ${port} cannot be taken again (${String(error)})`);
        }
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
        waitedMs += AGAIN_MS;
      }
    },
  };
}

/** Serves the certificate that its files hold, as they change. Answers with what ends that. */
export function followCertificate(
  host: Host,
  options: {
    readonly config: () => Config;
    /** What they held at the start; undefined where nothing is to be followed. */
    readonly tls: Tls | undefined;
    readonly doors: readonly { readonly secure: boolean; readonly listener: Renewable }[];
    readonly say: (text: string) => void;
  },
): { look(): Promise<void>; stop(): void } {
  const { say } = options;
  let { tls } = options;
  if (tls === undefined) return { look: async () => {}, stop: () => {} };
  let seen = "";
  const look = async () => {
    const config = options.config();
    const found = await datesOf(host, config);
    if (found === seen) return;
    const first = seen === "";
    seen = found;
    try {
      const next = await readTls(host, config);
      if (next === undefined || (next.cert === tls?.cert && next.key === tls.key)) return;
      tls = next;
      for (const { secure, listener } of options.doors) if (secure) await listener.renew(next);
      say("new connections get the new certificate");
    } catch (error) {
      // Files that are being written in turn don't fit each other for a moment: the next change is looked at again.
      if (!first) say(`the certificate stays as it was: ${(error as Error).message}`);
    }
  };
  let looking = look();
  const timer = setInterval(() => {
    looking = looking.then(look);
  }, LOOK_MS);
  return {
    look: () => (looking = looking.then(look)),
    stop: () => clearInterval(timer),
  };
}

async function datesOf({ files }: Host, { tlsCert, tlsKey }: Config): Promise<string> {
  const dates = await Promise.all(
    [tlsCert, tlsKey].map(async (path) => {
      const facts = await files.facts(path).catch(() => undefined);
      return `${path} ${facts?.modifiedAt} ${facts?.bytes}`;
    }),
  );
  return dates.join("\n");
}

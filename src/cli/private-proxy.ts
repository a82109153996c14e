import { type App, type ComposeOptions, compose } from "../compose.ts";
import type { Config, ListenAddress } from "../config.ts";
import { isLoopback } from "../config-exposure.ts";
import { listenAddress } from "../config-kinds.ts";
import { StartError } from "../errors.ts";
import type { Host } from "../host.ts";
import { reachable } from "./welcome.ts";

/** What answers under way may take once the command has ended: nobody reads them, but they are paid for. */
const GRACE_MS = 3_000;

/** A proxy in this process, for one command. */
export interface PrivateProxy {
  readonly app: App;
  /** Where the command reaches it. */
  readonly url: string;
  /** Stops answering, and waits a moment for what is still being received. */
  drain(): Promise<void>;
  /** Ends that waiting. */
  cut(): void;
  /** Lets go of the store. */
  close(): Promise<void>;
}

export async function startPrivateProxy(
  host: Host,
  {
    config,
    address,
    ...options
  }: ComposeOptions & { readonly config: Config; readonly address: ListenAddress },
): Promise<PrivateProxy> {
  // Standard output is the command's alone.
  const quiet: Host = { ...host, write: (_to, text) => host.write("stderr", text) };
  // On loopback it is this command's: what guards the service that shares these settings would lock the command out.
  const own = {
    listen: [address],
    ...(isLoopback(address.hostname) && { accessTokens: [], trustedProxies: [] }),
  };
  const app = await compose({ ...config, ...own }, quiet, options);
  const listener = await host
    .serve({ ...address, handler: app.handler, repeats: app.repeats })
    .catch(async (error) => {
      await app.close();
      const code = (error as { code?: string }).code ?? String(error);
      throw new StartError(`cannot listen on ${listenAddress.format(address)} (${code})`);
    });
  const cut = Promise.withResolvers<void>();
  return {
    app,
    url: reachable({ ...address, port: listener.port }),
    async drain() {
      app.draining();
      const grace = setTimeout(cut.resolve, Math.min(config.shutdownGraceMs, GRACE_MS));
      await Promise.race([Promise.all([listener.drain(), app.settled()]), cut.promise]);
      clearTimeout(grace);
      app.cut();
      await Promise.all([listener.stop(), app.settled()]);
    },
    cut: () => cut.resolve(),
    close: () => app.close(),
  };
}

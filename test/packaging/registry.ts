/** A private npm registry on loopback (verdaccio), which passes on what it lacks and keeps it. */
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { tempFolder } from "../support/folder.ts";
import { start, succeed } from "./command.ts";
import { fetched } from "./tools.ts";

const VERSION = "6.10.4";
/** verdaccio asks for a moving tag of it. */
const OVERRIDES = { "node-fetch": "2.7.0" };

export interface Registry {
  readonly url: string;
  /** Puts the package in this folder there. */
  publish(folder: string): Promise<void>;
  stop(): Promise<void>;
  /** Is gone for as long as `act` takes. */
  without(act: () => Promise<void>): Promise<void>;
}

/** The one that npm here takes packages from, whoever set it. */
function usualRegistry(): string {
  return execFileSync("npm", ["config", "get", "registry"], { encoding: "utf8" }).trim();
}

export async function startRegistry(): Promise<Registry> {
  const folder = tempFolder();
  const userconfig = join(folder, "npmrc");
  const config = {
    storage: join(folder, "storage"),
    uplinks: { public: { url: usualRegistry() } },
    packages: {
      askonce: { access: "$all", publish: "$all" },
      "**": { access: "$all", proxy: "public" },
    },
    max_body_size: "50mb",
    log: { type: "stdout", format: "json", level: "warn" },
  };
  // YAML takes JSON.
  writeFileSync(join(folder, "config.yaml"), JSON.stringify(config));
  const program = await verdaccio();
  // On Bun, whatever Node there is: verdaccio asks for a newer one than many machines have.
  const flags = ["--config", join(folder, "config.yaml"), "--listen", `127.0.0.1:${await freePort()}`];
  const serve = async () => {
    const server = start([process.execPath, "--bun", program, ...flags], { cwd: folder, timeoutMs: 900_000 });
    const [, url = ""] = await server.printed(/(http:\/\/127\.0\.0\.1:\d+\/)/);
    return { server, url };
  };
  const first = await serve();
  const { url } = first;
  let { server } = first;
  writeFileSync(userconfig, `registry=${url}\n${url.slice("http:".length)}:_authToken=anybody\n`);
  // It has nothing to lose, and SIGTERM would wait for idle connections.
  const stop = async () => {
    server.signal("SIGKILL");
    await server.ended;
  };
  return {
    url,
    async publish(published) {
      const env = { ...process.env, NPM_CONFIG_USERCONFIG: userconfig, BUN_CONFIG_REGISTRY: url };
      const login = { NPM_CONFIG_TOKEN: "anybody" };
      await succeed([process.execPath, "publish"], { cwd: published, env: { ...env, ...login } });
    },
    stop,
    async without(act) {
      await stop();
      try {
        await act();
      } finally {
        ({ server } = await serve());
      }
    },
  };
}

/** verdaccio prints 0 where it was given 0. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

async function verdaccio(): Promise<string> {
  const folder = await fetched(`verdaccio-${VERSION}`, { verdaccio: VERSION }, { overrides: OVERRIDES });
  return join(folder, "node_modules/verdaccio/bin/verdaccio");
}

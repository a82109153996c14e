import type { Config, ListenAddress } from "../config.ts";
import { isLoopback } from "../config-exposure.ts";
import { listenAddress } from "../config-kinds.ts";
import type { Host } from "../host.ts";
import { COMMIT, PLATFORM, VERSION } from "../version.ts";

/** `askonce 1.2.3 (0a1b2c3, bun 1.4.5)`; the commit is in executables and packages only. */
function versionWords({ runtime }: Pick<Host, "runtime">): readonly string[] {
  return [...(COMMIT === undefined ? [] : [COMMIT]), `${runtime.name} ${runtime.version}`];
}

/** What `askonce --version` prints: `askonce 1.2.3 (0a1b2c3, bun 1.4.5, linux-x64)`. */
export function versionLine(host: Pick<Host, "runtime" | "platform" | "arch">): string {
  const platform = PLATFORM ?? `${host.platform}-${host.arch}`;
  return `askonce ${VERSION} (${[...versionWords(host), platform].join(", ")})`;
}

/** What a start prints: where it listens, where it keeps its data, and what to paste into a client. */
export function welcome(
  host: Host,
  {
    config,
    addresses,
    adminAddresses = [],
    file,
  }: {
    config: Config;
    addresses: readonly ListenAddress[];
    /** Where the admin API is, if not there too. */
    adminAddresses?: readonly ListenAddress[];
    file: string | undefined;
  },
): string {
  const scheme = config.tlsCert === "" ? "http" : "https";
  const urls = addresses.map((address) => `${scheme}://${listenAddress.format(address)}`);
  const token = config.accessTokens.length > 0 ? "/~TOKEN" : "";
  const first = reachable(addresses[0]!).replace("http", scheme) + token;
  const admin = adminAddresses.map((address) => {
    const plain = config.tlsCert === "" || isLoopback(address.hostname);
    return `the admin API listens on ${plain ? "http" : "https"}://${listenAddress.format(address)}`;
  });
  return [
    `askonce ${VERSION} (${versionWords(host).join(", ")}) listens on ${urls.join(" and ")}`,
    ...admin,
    `data in ${config.data}${file === undefined ? "" : `, settings from ${file}`}`,
    ...(token === "" ? [] : ["each request needs an access token: X-Askonce-Token: TOKEN, or as below"]),
    "Point a client at it with one of these, or any provider at /<provider>:",
    `  export OPENAI_BASE_URL=${first}/openai/v1`,
    `  export ANTHROPIC_BASE_URL=${first}/anthropic`,
    `  export GOOGLE_GEMINI_BASE_URL=${first}/google`,
    "",
  ].join("\n");
}

/** The base URL by which this machine reaches an address that is listened on. */
export function reachable(address: ListenAddress): string {
  const url = `http://${listenAddress.format(address)}`;
  return url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:");
}

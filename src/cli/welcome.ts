import type { Config, ListenAddress } from "../config.ts";
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
  const urls = addresses.map((address) => `http://${listenAddress.format(address)}`);
  const first = reachable(addresses[0]!);
  const admin = adminAddresses.map(
    (address) => `the admin API listens on http://${listenAddress.format(address)}`,
  );
  return [
    `askonce ${VERSION} (${versionWords(host).join(", ")}) listens on ${urls.join(" and ")}`,
    ...admin,
    `data in ${config.data}${file === undefined ? "" : `, settings from ${file}`}`,
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

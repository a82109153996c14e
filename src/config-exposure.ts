import type { Config } from "./config.ts";
import { type Kind, listOf, optionalPath } from "./config-kinds.ts";
import type { Setting } from "./config-settings.ts";
import { ConfigError } from "./errors.ts";
import { type Network, readNetwork } from "./network.ts";
import type { Provider } from "./providers/provider.ts";
import { providersFor } from "./providers/table.ts";

/** What stands in the place of a secret. */
const HIDDEN = "***";

/** Long enough that nobody guesses it, of what can stand in a path as it is; or the SHA-256 of one. */
const accessToken: Kind<string> = {
  valid: "a token of 16 to 256 letters, digits and . _ - ~, or sha256: and the hex SHA-256 of one",
  parse: (text) => (/^(?:[A-Za-z0-9._~-]{16,256}|sha256:[0-9a-f]{64})$/.test(text) ? text : null),
  format: () => HIDDEN,
};

/** Addresses that a proxy may have. */
const network: Kind<Network> = {
  valid: "an IP address or a network such as 10.0.0.0/8",
  parse: (text) => readNetwork(text) ?? null,
  format: ({ text }) => text,
};

type Exposure = "accessTokens" | "accessTokensFile" | "trustedProxies" | "tlsCert" | "tlsKey";

/** Settings of an askonce that others than this machine's programs reach. */
export const exposureSettings: { readonly [Member in Exposure]: Setting<Config[Member]> } = {
  accessTokens: {
    name: "access_tokens",
    kind: listOf(accessToken, `${accessToken.valid}; several with commas between them`),
    fallback: "",
    secret: true,
    help: "Who may use askonce: each request carries one of these in X-Askonce-Token, or as /~TOKEN before its path.",
  },
  accessTokensFile: {
    name: "access_tokens_file",
    kind: optionalPath,
    fallback: "",
    help: "A file with further access tokens, one a line.",
  },
  trustedProxies: {
    name: "trusted_proxies",
    kind: listOf(network, `${network.valid}; several with commas between them`),
    fallback: "",
    help: "Reverse proxies whose X-Forwarded-For (or Forwarded) says who asks.",
  },
  tlsCert: {
    name: "tls.cert",
    kind: optionalPath,
    fallback: "",
    help: "A PEM file with a certificate and those that vouch for it: listen then speaks TLS. Read again when it changes.",
  },
  tlsKey: {
    name: "tls.key",
    kind: optionalPath,
    fallback: "",
    help: "A PEM file with that certificate's key.",
  },
};

/** Throws ConfigError where one is set without the other. */
export function checkTls({ tlsCert, tlsKey }: Pick<Config, "tlsCert" | "tlsKey">): void {
  if ((tlsCert === "") === (tlsKey === "")) return;
  const [set, missing] = tlsCert === "" ? ["tls.key", "tls.cert"] : ["tls.cert", "tls.key"];
  throw new ConfigError(missing!, "", "default", `the path of a PEM file, since ${set} is set`);
}

/** The tokens in a file: one a line, blank lines and those with # in front aside. Throws ConfigError. */
export function tokensIn(path: string, text: string): readonly string[] {
  return text.split("\n").flatMap((line, index) => {
    const token = line.trim();
    if (token === "" || token.startsWith("#")) return [];
    if (accessToken.parse(token) === null) {
      throw new ConfigError("access_tokens_file", HIDDEN, `${path} line ${index + 1}`, accessToken.valid);
    }
    return [token];
  });
}

export function isLoopback(hostname: string): boolean {
  const name = hostname.toLowerCase();
  if (name === "localhost" || name.endsWith(".localhost") || name === "::1") return true;
  return /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(name);
}

type Exposed = Pick<Config, "listen" | "accessTokens" | "providers" | "trustedProxies" | "scopeChosen">;

/** Whether others than this machine's programs are answered without a token: by an address, or through a proxy. */
function isOpen({ listen, accessTokens, trustedProxies }: Exposed): boolean {
  const reached = trustedProxies.length > 0 || listen.some(({ hostname }) => !isLoopback(hostname));
  return reached && accessTokens.length === 0;
}

/**
 * Built-in providers that ask for no key, and are not served: without access tokens whoever reaches an address
 * beyond loopback could use the model server of this machine, which nobody asked askonce to offer. One that the
 * settings name was asked for.
 */
export function withheldProviders(config: Exposed): ReadonlySet<string> {
  if (!isOpen(config)) return new Set();
  const named = new Set(config.providers.map(({ name }) => name));
  const keyless = [...providersFor([]).values()].filter(({ auth }) => auth === "none");
  return new Set(keyless.map(({ name }) => name).filter((name) => !named.has(name)));
}

/** The providers that are served: all that are known, less those withheld. */
export function servedProviders(config: Exposed): ReadonlyMap<string, Provider> {
  const withheld = withheldProviders(config);
  return new Map([...providersFor(config.providers)].filter(([name]) => !withheld.has(name)));
}

/** What an operator should know who listens beyond loopback, in words. */
export function exposureWarnings(config: Exposed): readonly string[] {
  const unchosen = config.trustedProxies.length > 0 && !config.scopeChosen;
  const scope = "trusted_proxies says that others reach askonce, who all share one pool: choose a scope";
  if (!isOpen(config)) return unchosen ? [scope] : [];
  const keyless = [...providersFor(config.providers).values()].filter(({ auth }) => auth === "none");
  const named = keyless
    .map(({ name }) => name)
    .filter((name) => config.providers.some((one) => one.name === name));
  const withheld = [...withheldProviders(config)];
  return [
    ...(unchosen ? [scope] : []),
    ...(named.length > 0
      ? [
          `whoever reaches askonce can use ${named.join(", ")} without a key: set access_tokens to choose who may`,
        ]
      : []),
    ...(withheld.length > 0
      ? [
          `${withheld.join(", ")} ask for no key and are not served beyond loopback: name them in the settings, or set access_tokens`,
        ]
      : []),
  ];
}

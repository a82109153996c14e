import { isLoopback } from "./config-exposure.ts";
import { baseUrl, choice, providerName } from "./config-kinds.ts";
import type { MaskRule } from "./config-masks.ts";
import type { Pace } from "./config-pace.ts";
import { byName, type Plain, type Setting, settings } from "./config-settings.ts";
import { type Given, givenValues, type Sources, unknown } from "./config-sources.ts";
import { ConfigError } from "./errors.ts";
import type { Network } from "./network.ts";
import { builtinNames, familyNames } from "./providers/table.ts";

/** Effective settings. Durations are ms (Infinity for `forever`), sizes bytes. */
export interface Config {
  readonly listen: readonly ListenAddress[];
  /** Whether somebody chose the addresses; of those by default one that the machine lacks is left out. */
  readonly listenChosen: boolean;
  /** Data folder, absolute. */
  readonly data: string;
  readonly ttlMs: number;
  readonly ttlPureMs: number;
  readonly ttl404Ms: number;
  /** How long past its TTL an answer is served while it is refreshed; undefined: as long again as that TTL. */
  readonly maxStaleMs: number | undefined;
  readonly refreshConcurrency: number;
  readonly maxSize: number;
  readonly maxEntry: number;
  /** A cacheable request body over this is forwarded as BYPASS. */
  readonly maxRequest: number;
  /** Refuse bodies over this with 413; undefined: no limit. */
  readonly maxBody: number | undefined;
  readonly maxBuffered: number;
  /** Bytes of entries kept in memory beside the disk. */
  readonly maxMemory: number;
  readonly inactiveMs: number;
  readonly mode: "cache" | "replay" | "refresh" | "bypass";
  readonly scope: "shared" | "credential" | "verified";
  /** How long a provider's acceptance of a credential counts, under scope `verified`. */
  readonly verifyTtlMs: number;
  /** Whether somebody chose the scope (flag, variable or file). */
  readonly scopeChosen: boolean;
  readonly defaultProvider: string;
  /** Providers by configuration: new ones, and built-in ones with another URL. */
  readonly providers: readonly ProviderSetting[];
  readonly upstreamTimeoutMs: number;
  readonly joinPatienceMs: number;
  /** ms that a stream may go on after its client left; 0: abort, Infinity: finish. */
  readonly onDisconnectMs: number;
  readonly shutdownGraceMs: number;
  /** Lower case; `*.` in front stands for every name below it. */
  readonly allowedHosts: readonly string[];
  readonly allowedOrigins: readonly string[];
  /** Who may use askonce: tokens, or `sha256:` and the digest of one; empty: all who reach it. */
  readonly accessTokens: readonly string[];
  /** File with further ones, absolute; "" for none. Those who load the settings add them. */
  readonly accessTokensFile: string;
  /** Proxies that are believed about whom they speak for. */
  readonly trustedProxies: readonly Network[];
  /** PEM files, absolute; both "" for no TLS. */
  readonly tlsCert: string;
  readonly tlsKey: string;
  /** Top-level body members (and form fields) that do not count for the key, beside the known ones. */
  /** Words of `stateful-rules.ts` that don't keep a request from the cache. */
  readonly cacheAnyway: readonly string[];
  /** Upstream paths that are cached beside the known ones, or with `-` in front not; `*` stands for anything. */
  readonly cachePaths: readonly string[];
  readonly keyIgnore: readonly string[];
  /** Those that count after all. */
  readonly keyKeep: readonly string[];
  /** Request headers in the key beside the known ones, lower case; `-` in front: left out after all. */
  readonly keyHeaders: readonly string[];
  /** Parts of texts that do not count for the key. */
  readonly keyMask: readonly MaskRule[];
  /** Doubtful answers that are kept. */
  readonly keep: readonly ("length" | "filter" | "refusal" | "empty" | "bad-tool-arguments")[];
  readonly replay: Pace;
  readonly freshIds: boolean;
  readonly log: "text" | "json" | "off";
  /** Processes that answer at the same port; `auto`: as many as there are processors. */
  readonly workers: number | "auto";
  /** Whether the admin API is served at all, and where if not at `listen`. */
  readonly admin: boolean;
  readonly adminListen: readonly ListenAddress[];
  /** Whether requests are counted and written down, for how long each is, and up to how many bytes in all. */
  readonly journal: boolean;
  readonly journalKeepMs: number;
  readonly journalSize: number;
  /** What is remembered of a stored answer's request: its texts, digests of its parts, or nothing. */
  readonly requests: "full" | "hash" | "off";
  /** Bytes of each request's texts that can be searched; 0: no search. */
  readonly searchText: number;
  /** File with prices that outrank the built-in ones, absolute; "" for none. */
  readonly prices: string;
  /** Where OpenTelemetry traces go (OTLP over HTTP); "" for nowhere. */
  readonly otelEndpoint: string;
}

export interface ListenAddress {
  /** A name or an IP address, IPv6 without brackets. */
  readonly hostname: string;
  /** 0 takes a free one. */
  readonly port: number;
}

export interface ProviderSetting {
  readonly name: string;
  readonly url: string | undefined;
  /** Family name, for a provider that is not built in; undefined: openai. */
  readonly family: string | undefined;
  readonly auth: "key" | "none" | undefined;
}

/** What the machine adds to the sources. */
export interface Surroundings {
  /** The data folder where nobody named one, absolute. */
  readonly dataFolder: string;
  /** Makes a path of the user's absolute. */
  absolute(path: string): string;
}

export interface Parsed {
  readonly config: Config;
  /** For the operator's eyes: unknown `ASKONCE_…` variables. */
  readonly warnings: readonly string[];
}

const plainSettings = Object.entries(settings) as [Plain, Setting<unknown>][];
const auths = choice("key", "none");
const familyKind = choice(...familyNames);
const RESERVED = ["admin", "healthz", "readyz", "metrics"];

/**
 * Works out the settings: flags beat variables, variables beat the file, a later flag beats an earlier one.
 * Every value given is checked, one that another beats included. Throws ConfigError.
 */
export function parseConfig(sources: Sources, surroundings: Surroundings): Parsed {
  const warnings: string[] = [];
  const given = givenValues(sources, warnings);
  const values = new Map<string, unknown>();
  for (const { name, text, where, list } of given) {
    const setting = byName.get(name);
    if (!setting) continue;
    const value = setting.kind.parse(text);
    if (value === null || (list && !setting.kind.list))
      throw new ConfigError(name, setting.secret ? "***" : text, where, setting.kind.valid);
    values.set(name, value);
  }
  const plain = Object.fromEntries(
    plainSettings.map(([member, { name, kind, fallback }]) => [
      member,
      values.has(name) ? values.get(name) : kind.parse(fallback),
    ]),
  ) as Pick<Config, Plain>;
  const optional = (path: string) => (path === "" ? "" : surroundings.absolute(path));
  const config: Config = {
    ...plain,
    data: values.has("data") ? surroundings.absolute(plain.data) : surroundings.dataFolder,
    prices: optional(plain.prices),
    accessTokensFile: optional(plain.accessTokensFile),
    tlsCert: optional(plain.tlsCert),
    tlsKey: optional(plain.tlsKey),
    listenChosen: values.has("listen"),
    scopeChosen: values.has("scope"),
    providers: providersOf(given),
  };
  checkDefaultProvider(config, given);
  return { config, warnings };
}

/**
 * Refuses to listen beyond loopback where nobody chose a scope: whoever reaches the port would be answered from
 * everybody's answers. Throws ConfigError, which names the choices.
 */
export function refuseOpenListen(config: Config): void {
  if (config.scopeChosen) return;
  for (const address of config.listen) {
    if (isLoopback(address.hostname)) continue;
    throw new ConfigError(
      "listen",
      settings.listen.kind.format([address]),
      "beyond loopback, with no scope chosen",
      "a loopback address, or choose who may share answers: --scope credential (each API key has its own), " +
        "--scope verified (one pool for keys that the provider has accepted here) " +
        "or --scope shared (one pool for all who can reach this address)",
    );
  }
}

/** The settings as text under their names, fit to be shown to whoever may read the log. */
export function redacted(config: Config): Readonly<Record<string, string>> {
  const shown = plainSettings.map(([member, { name, kind }]) => [name, kind.format(config[member])]);
  const providers = config.providers.flatMap(({ name, ...facts }) =>
    Object.entries(facts).flatMap(([fact, value]) =>
      value === undefined ? [] : [[`providers.${name}.${fact}`, value]],
    ),
  );
  return Object.fromEntries([...shown, ...providers]);
}

function providersOf(given: readonly Given[]): readonly ProviderSetting[] {
  const found = new Map<string, ProviderSetting>();
  for (const { name: setting, text, where, list } of given) {
    if (!setting.startsWith("providers.")) continue;
    const name = setting.slice("providers.".length, setting.lastIndexOf("."));
    const fact = setting.slice(setting.lastIndexOf(".") + 1) as "url" | "family" | "auth";
    const kind = { url: baseUrl, family: familyKind, auth: auths }[fact];
    if (providerName.parse(name) === null || RESERVED.includes(name)) {
      const valid = `${providerName.valid}; ${RESERVED.join(", ")} are taken`;
      throw new ConfigError("provider", name, where, valid);
    }
    const value = list ? null : kind.parse(text);
    if (value === null) throw new ConfigError(setting, text, where, kind.valid);
    const before = found.get(name) ?? { name, url: undefined, family: undefined, auth: undefined };
    found.set(name, { ...before, [fact]: value });
    if (found.get(name)!.url === undefined && !builtinNames.includes(name)) {
      const later = given.some((other) => other.name === `providers.${name}.url`);
      if (!later) throw new ConfigError(`providers.${name}.url`, "", where, baseUrl.valid);
    }
  }
  return [...found.values()];
}

function checkDefaultProvider({ defaultProvider, providers }: Config, given: readonly Given[]): void {
  const known = [...builtinNames, ...providers.map(({ name }) => name)];
  if (known.includes(defaultProvider)) return;
  const where = given.findLast(({ name }) => name === "default_provider")?.where ?? "default";
  throw unknown({ name: "default_provider", value: defaultProvider, where, known, of: defaultProvider });
}

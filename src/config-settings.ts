import type { Config } from "./config.ts";
import { exposureSettings } from "./config-exposure.ts";
import {
  bodyMember,
  choice,
  count,
  duration,
  hostName,
  type Kind,
  keyHeader,
  listenAddress,
  listOf,
  origin,
  orWords,
  path,
  pathRule,
  providerName,
  size,
  words,
  yesNo,
} from "./config-kinds.ts";
import { maskRules } from "./config-masks.ts";
import { operatorSettings } from "./config-operator.ts";
import { pace } from "./config-pace.ts";
import { statefulRules } from "./providers/stateful-rules.ts";

export interface Setting<T> {
  /** As in the file; a dot stands for a table: `upstream.timeout` is `timeout` under `[upstream]`. */
  readonly name: string;
  readonly kind: Kind<T>;
  /** Read by `kind` where nobody set another, but for `data`, whose default depends on the machine. */
  readonly fallback: string;
  readonly help: string;
  /** Whether its value must not be shown. */
  readonly secret?: boolean;
}

/** The settings with one value each: every member of Config but those that follow from others. */
export type Plain = Exclude<keyof Config, "scopeChosen" | "listenChosen" | "providers">;

/** The one table of settings: parsing, `askonce config --help` and the README are made from it. */
export const settings: { readonly [Member in Plain]: Setting<Config[Member]> } = {
  listen: {
    name: "listen",
    kind: listOf(listenAddress, `${listenAddress.valid}; several with commas between them`),
    fallback: "127.0.0.1:8181, [::1]:8181",
    help: "Where to listen; port 0 takes a free one. Beyond loopback needs a chosen scope.",
  },
  data: {
    name: "data",
    kind: path,
    fallback: "$XDG_DATA_HOME/askonce",
    help: "The data folder. docs/settings.md says what it is on other systems.",
  },
  ttlMs: { name: "ttl", kind: duration, fallback: "4d", help: "How long an answer is fresh." },
  ttlPureMs: {
    name: "ttl_pure",
    kind: duration,
    fallback: "30d",
    help: "For embeddings, rerank and token counts.",
  },
  ttl404Ms: {
    name: "ttl_404",
    kind: duration,
    fallback: "1m",
    help: "The same for a 404; not from local servers.",
  },
  maxStaleMs: {
    name: "max_stale",
    kind: orWords<number | undefined>(duration as Kind<number | undefined>, { ttl: undefined }),
    fallback: "ttl",
    help: "How long past its TTL an answer is still served while it is refreshed; `ttl`: as long again.",
  },
  refreshConcurrency: {
    name: "refresh_concurrency",
    kind: count,
    fallback: "4",
    help: "How many such refreshes run at a time.",
  },
  maxSize: {
    name: "max_size",
    kind: size,
    fallback: "1GiB",
    help: "What the store may take on disk, everything counted.",
  },
  maxEntry: { name: "max_entry", kind: size, fallback: "64MiB", help: "A larger answer is not kept." },
  maxRequest: {
    name: "max_request",
    kind: size,
    fallback: "64MiB",
    help: "A larger request is forwarded without the cache.",
  },
  maxBody: {
    name: "max_body",
    kind: orWords<number | undefined>(size as Kind<number | undefined>, { none: undefined }),
    fallback: "none",
    help: "A larger request is refused with 413.",
  },
  maxBuffered: {
    name: "max_buffered",
    kind: size,
    fallback: "512MiB",
    help: "Memory for all bodies in flight; past it new ones stream through without the cache.",
  },
  maxMemory: {
    name: "max_memory",
    kind: size,
    fallback: "64MiB",
    help: "Memory for entries beside those on disk.",
  },
  inactiveMs: {
    name: "inactive",
    kind: duration,
    fallback: "4d",
    help: "An entry unused for this long goes (or for its TTL, if that is longer).",
  },
  mode: {
    name: "mode",
    kind: choice("cache", "replay", "refresh", "bypass"),
    fallback: "cache",
    help: "What the cache may do: replay never calls a provider, refresh always does, bypass only forwards.",
  },
  scope: {
    name: "scope",
    kind: choice("shared", "credential", "verified"),
    fallback: "shared",
    help: "Who may share an answer: all who reach askonce, each API key its own, or all keys that a provider accepted here.",
  },
  verifyTtlMs: {
    name: "verify_ttl",
    kind: duration,
    fallback: "24h",
    help: "How long a provider's acceptance of a key counts under scope verified.",
  },
  defaultProvider: {
    name: "default_provider",
    kind: providerName,
    fallback: "openai",
    help: "Takes the requests at the root that nothing else tells apart.",
  },
  upstreamTimeoutMs: {
    name: "upstream.timeout",
    kind: duration,
    fallback: "15m",
    help: "How long a provider may stay silent.",
  },
  joinPatienceMs: {
    name: "join_patience",
    kind: duration,
    fallback: "2m",
    help: "A call silent for this long admits no new joiner.",
  },
  onDisconnectMs: {
    name: "on_disconnect",
    kind: orWords(duration, { finish: Number.POSITIVE_INFINITY, abort: 0 }),
    fallback: "30s",
    help: "How long a stream may go on after its client left.",
  },
  shutdownGraceMs: {
    name: "shutdown_grace",
    kind: duration,
    fallback: "30s",
    help: "How long answers in flight may take after SIGTERM.",
  },
  allowedHosts: {
    name: "allowed_hosts",
    kind: listOf(hostName, `${hostName.valid}; several with commas between them`),
    fallback: "",
    help: "Names that clients may use for this server beside local ones.",
  },
  allowedOrigins: {
    name: "allowed_origins",
    kind: listOf(origin, `${origin.valid}; several with commas between them`),
    fallback: "",
    help: "Web pages, beside those on loopback, that may be answered from the cache.",
  },
  ...exposureSettings,
  cacheAnyway: {
    name: "cache.anyway",
    kind: words(...new Set(statefulRules.map(({ word }) => word))),
    fallback: "",
    help: "Requests that are cached though docs/keys.md says why not, by the word in detail=: web-search, for example.",
  },
  cachePaths: {
    name: "cache.paths",
    kind: listOf(pathRule, `${pathRule.valid}; several with commas between them`),
    fallback: "",
    help: "Upstream paths of POSTs that are cached beside the known ones; - in front leaves one out, * stands for anything.",
  },
  keyIgnore: {
    name: "key.ignore",
    kind: listOf(bodyMember, `${bodyMember.valid}; several with commas between them`),
    fallback: "",
    help: "Top-level members of a body that do not count for the key, beside those in docs/keys.md.",
  },
  keyKeep: {
    name: "key.keep",
    kind: listOf(bodyMember, `${bodyMember.valid}; several with commas between them`),
    fallback: "",
    help: "Members that count although docs/keys.md or key.ignore leaves them out.",
  },
  keyHeaders: {
    name: "key.headers",
    kind: listOf(keyHeader, `${keyHeader.valid}; several with commas between them`),
    fallback: "",
    help: "Request headers that count for the key beside those in docs/keys.md; - in front leaves one out.",
  },
  keyMask: {
    name: "key.mask",
    kind: maskRules,
    fallback: "billing-header",
    help: "Parts of a request's texts that do not count for the key; the request goes up unchanged.",
  },
  keep: {
    name: "keep",
    kind: words("length", "filter", "refusal", "empty", "bad-tool-arguments"),
    fallback: "length, filter, refusal",
    help: "Which doubtful answers are kept: cut by a limit, a filter or a refusal, empty, or with tool arguments that are no JSON.",
  },
  replay: {
    name: "replay",
    kind: pace,
    fallback: "instant",
    help: "How fast a stored stream is replayed: at once, as it was recorded, or so many tokens a second.",
  },
  freshIds: { name: "fresh_ids", kind: yesNo, fallback: "false", help: "Gives each hit a new response id." },
  log: {
    name: "log",
    kind: choice("text", "json", "off"),
    fallback: "text",
    help: "The log on stdout, a line a request.",
  },
  workers: {
    name: "workers",
    kind: orWords<number | "auto">(count as Kind<number | "auto">, { auto: "auto" }),
    fallback: "1",
    help: "How many processes answer at the same port, `auto`: one a processor. On Linux, with Bun or the executable.",
  },
  ...operatorSettings,
};

export const byName: ReadonlyMap<string, Setting<unknown>> = new Map(
  Object.values(settings).map((setting: Setting<unknown>) => [setting.name, setting]),
);

export function flagOf(name: string): string {
  return `--${name.replace(/[._]/g, "-")}`;
}

export function variableOf(name: string): string {
  return `ASKONCE_${name.replaceAll(".", "_").toUpperCase()}`;
}

import { sha256 } from "./digest.ts";

/** What the cache headers of other gateways can ask for here. */
export interface Aliased {
  readonly namespace?: string;
  readonly ttlMs?: number;
  /** Neither read nor stored. */
  readonly bypass?: true;
  /** Fetched anew and stored. */
  readonly refresh?: true;
  /** Read, but nothing new stored. */
  readonly readOnly?: true;
}

export interface Alias {
  readonly gateway: string;
  /** Lower case. */
  readonly header: string;
  /** What it does here, for the documentation. */
  readonly means: string;
  /** Undefined for a value that says nothing here: these headers are others', so a malformed one is no error. */
  readonly read: ((value: string) => Aliased | undefined) | undefined;
}

const seconds = (value: string): Aliased | undefined =>
  /^\d{1,9}$/.test(value) ? { ttlMs: Number(value) * 1000 } : undefined;
const whenTrue = (meaning: Aliased) => (value: string) => (/^(true|1)$/i.test(value) ? meaning : undefined);
const whenFalse = (meaning: Aliased) => (value: string) => (/^(false|0)$/i.test(value) ? meaning : undefined);
const namespace = (value: string): Aliased | undefined =>
  value === "" ? undefined : { namespace: safeName(value) };

export const aliases: readonly Alias[] = [
  {
    gateway: "Helicone",
    header: "helicone-cache-enabled",
    means: "`false`: neither read nor stored; `true` is the default here",
    read: whenFalse({ bypass: true }),
  },
  { gateway: "Helicone", header: "helicone-cache-seed", means: "namespace", read: namespace },
  {
    gateway: "Helicone",
    header: "helicone-cache-save",
    means: "alone: fetched anew and stored",
    read: whenTrue({ refresh: true }),
  },
  {
    gateway: "Helicone",
    header: "helicone-cache-read",
    means: "alone: read, nothing new stored (`detail=read-only`)",
    read: whenTrue({ readOnly: true }),
  },
  {
    gateway: "Helicone",
    header: "helicone-cache-bucket-max-size",
    means: "nothing: a random one of several answers is no repeatable run; use `X-Cache-Sample`",
    read: undefined,
  },
  {
    gateway: "Helicone",
    header: "helicone-cache-ignore-keys",
    means: "nothing: set `key.ignore`",
    read: undefined,
  },
  { gateway: "Cloudflare AI Gateway", header: "cf-aig-cache-ttl", means: "TTL in seconds", read: seconds },
  {
    gateway: "Cloudflare AI Gateway",
    header: "cf-aig-skip-cache",
    means: "`true`: neither read nor stored",
    read: whenTrue({ bypass: true }),
  },
  {
    gateway: "Cloudflare AI Gateway",
    header: "cf-skip-cache",
    means: "the older name",
    read: whenTrue({ bypass: true }),
  },
  {
    gateway: "Cloudflare AI Gateway",
    header: "cf-aig-cache-key",
    means: "nothing: a key that replaces the computed one serves wrong answers; use a namespace",
    read: undefined,
  },
  {
    gateway: "OpenRouter",
    header: "x-openrouter-cache",
    means: "`false`: neither read nor stored",
    read: whenFalse({ bypass: true }),
  },
  { gateway: "OpenRouter", header: "x-openrouter-cache-ttl", means: "TTL in seconds", read: seconds },
  {
    gateway: "OpenRouter",
    header: "x-openrouter-cache-clear",
    means: "`true`: fetched anew and stored",
    read: whenTrue({ refresh: true }),
  },
  {
    gateway: "Portkey",
    header: "x-portkey-cache-force-refresh",
    means: "`true`: fetched anew and stored",
    read: whenTrue({ refresh: true }),
  },
  { gateway: "Portkey", header: "x-portkey-cache-namespace", means: "namespace", read: namespace },
];

const NAMES = new Set(aliases.map(({ header }) => header));

/** Whether a request header is one of these, and so not the provider's business. OpenRouter understands its own. */
export function isAlias(name: string, provider: string): boolean {
  return NAMES.has(name) && !(provider === "openrouter" && name.startsWith("x-openrouter-"));
}

export function readAliases(headers: Headers): Aliased {
  let found: Aliased = {};
  for (const { header, read } of aliases) {
    const value = headers.get(header);
    if (value !== null && read !== undefined) found = { ...read(value.trim()), ...found };
  }
  // Helicone's two halves together are the whole cache, as if neither were there.
  const { readOnly, refresh, ...rest } = found;
  return headers.has("helicone-cache-save") && readOnly ? rest : found;
}

/** A namespace as askonce writes them; other texts are told apart by their digest. */
function safeName(text: string): string {
  return /^[A-Za-z0-9._-]{1,64}$/.test(text) ? text : `x-${sha256([text]).slice(0, 32)}`;
}

import type { ListenAddress } from "./config.ts";

/** One way of writing a value. */
export interface Kind<T> {
  /** What would be valid, as the end of a sentence: `a duration such as 30s, 4h, 4d or forever`. */
  readonly valid: string;
  /** Null where the text is not of this kind. Never throws. */
  parse(text: string): T | null;
  /** A text that `parse` reads back as the same value. */
  format(value: T): string;
  /** Whether a file may give a list of texts; they are joined by commas. */
  readonly list?: boolean;
  /** Words that are among the valid values, for completions. */
  readonly words?: readonly string[];
}

const DURATION_UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const SIZE_UNITS = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 } as const;

/** Milliseconds; Infinity for `forever`. A number without a unit is refused, but for 0. */
export const duration: Kind<number> = {
  valid: "a duration such as 250ms, 30s, 10m, 4h, 4d or forever",
  parse: (text) => (text === "forever" ? Number.POSITIVE_INFINITY : amount(text, DURATION_UNITS)),
  format: (ms) => (ms === Number.POSITIVE_INFINITY ? "forever" : inUnits(ms, DURATION_UNITS)),
};

/** Bytes. A number without a unit is refused, but for 0. */
export const size: Kind<number> = {
  valid: "a size such as 64KiB, 8MiB or 1GiB",
  parse: (text) => amount(text, SIZE_UNITS),
  format: (bytes) => inUnits(bytes, SIZE_UNITS),
};

/** A `kind` of which each of `words` stands for a value of its own. */
export function orWords<T>(kind: Kind<T>, words: Readonly<Record<string, T>>): Kind<T> {
  const named = new Map(Object.entries(words));
  return {
    valid: `${kind.valid}, or ${[...named.keys()].join(" or ")}`,
    words: [...named.keys()],
    parse: (text) => (named.has(text) ? (named.get(text) as T) : kind.parse(text)),
    format: (value) => [...named].find(([, named]) => named === value)?.[0] ?? kind.format(value),
  };
}

export function choice<const W extends string>(...words: readonly W[]): Kind<W> {
  return {
    valid: `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`,
    words,
    parse: (text) => words.find((word) => word === text) ?? null,
    format: (word) => word,
  };
}

/** A whole number from 1. */
export const count: Kind<number> = {
  valid: "a whole number from 1",
  parse: (text) => (/^[1-9]\d{0,8}$/.test(text) ? Number(text) : null),
  format: String,
};

export const yesNo: Kind<boolean> = {
  valid: "true or false",
  words: ["true", "false"],
  parse: (text) => (text === "true" ? true : text === "false" ? false : null),
  format: String,
};

/** Some of `known`, with commas between them. */
export function words<const W extends string>(...known: readonly W[]): Kind<readonly W[]> {
  const one: Kind<W> = { ...choice(...known), valid: "" };
  return { ...listOf(one, `some of ${known.join(", ")}, with commas between them`), words: known };
}

/** A path of an API with `*` for anything, `-` in front to leave it out. */
export const pathRule: Kind<string> = {
  valid: "a path such as /v1/score, /v1/models/*:predict or -/v1/moderations",
  parse: (text) => (/^-?\/[^\s,?#]*$/.test(text) ? text : null),
  format: (text) => text,
};

/** A path, as it was written: the caller makes it absolute. */
export const path: Kind<string> = {
  valid: "a path",
  parse: (text) => (text === "" || text.includes("\0") ? null : text),
  format: (text) => text,
};

/** The same, or nothing. */
export const optionalPath: Kind<string> = {
  valid: "a path, or nothing",
  parse: (text) => (text.includes("\0") ? null : text),
  format: (text) => text,
};

/** Names of providers: what can stand as the first segment of a path and in a variable's name. */
export const providerName: Kind<string> = {
  valid: "a provider's name: lower-case letters, digits, - and _, at most 64",
  parse: (text) => (/^[a-z0-9][a-z0-9_-]{0,63}$/.test(text) ? text : null),
  format: (text) => text,
};

export function listOf<T>(kind: Kind<T>, valid: string): Kind<readonly T[]> {
  return {
    valid,
    list: true,
    parse(text) {
      const parts = text.split(",").map((part) => part.trim());
      if (parts.length === 1 && parts[0] === "") return [];
      const values = parts.map((part) => kind.parse(part));
      return values.includes(null) ? null : (values as T[]);
    },
    format: (values) => values.map((value) => kind.format(value)).join(", "),
  };
}

/** A host name or address without a port, lower case; `*.` in front stands for every name below it. */
export const hostName: Kind<string> = {
  valid: "a host name such as box.example.org or *.example.org",
  parse(text) {
    const name = text.toLowerCase();
    return /^(\*\.)?[a-z0-9_]([a-z0-9._-]{0,252})$/.test(name) || isIPv6(name) ? name : null;
  },
  format: (name) => name,
};

/** A member's name in a JSON body, or a form field's. */
export const bodyMember: Kind<string> = {
  valid: "a member's name, such as user",
  parse: (text) => (/^[^\s"{}[\]]{1,200}$/.test(text) ? text : null),
  format: (text) => text,
};

/** A header's name, lower case; `*` behind it stands for every name that begins so, `-` in front takes it out. */
export const keyHeader: Kind<string> = {
  valid: "a header's name such as accept-language, x-acme-* or -openai-beta",
  parse(text) {
    const name = text.toLowerCase();
    return /^-?[a-z0-9!#$%&'+.^_`|~][a-z0-9!#$%&'+.^_`|~-]{0,99}\*?$/.test(name) ? name : null;
  },
  format: (name) => name,
};

/** The origin of a web page: scheme, host and port, as browsers send it; `*` for every page. */
export const origin: Kind<string> = {
  valid: "an origin such as https://app.example.org, or * for every page",
  parse(text) {
    const name = text.toLowerCase().replace(/\/$/, "");
    if (name === "*" || /^[a-z]+-extension:\/\/[a-z0-9-]+$/.test(name)) return name;
    const url = URL.parse(text);
    return url && url.origin !== "null" && url.origin === name ? name : null;
  },
  format: (text) => text,
};

/** Where to listen. An empty host means every IPv4 interface; port 0 takes a free one. */
export const listenAddress: Kind<ListenAddress> = {
  valid: "an address such as 127.0.0.1:8181, [::1]:8181, 127.0.0.1:0 or :8181",
  parse(text) {
    const found = /^(?:\[([^[\]]+)\]|([^:[\]\s/@]*)):(\d{1,5})$/.exec(text);
    if (!found) return null;
    const [, ipv6, name, digits] = found;
    const port = Number(digits);
    if (port > 65_535) return null;
    if (ipv6 !== undefined) return isIPv6(ipv6) ? { hostname: ipv6, port } : null;
    if (name === "" || name === "*") return { hostname: "0.0.0.0", port };
    return hostName.parse(name!) !== null && !name!.startsWith("*") ? { hostname: name!, port } : null;
  },
  format: ({ hostname, port }) => `${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`,
};

/**
 * The base of a provider's API, without its trailing slash. Refused: other schemes than http and https, and
 * credentials, query and fragment, which would have to go up with every request and into every log.
 */
export const baseUrl: Kind<string> = {
  valid:
    "an http:// or https:// address without credentials, query or fragment, such as http://localhost:8000/v1",
  parse(text) {
    const url = /^https?:\/\/[^\s\\/][^\s\\]*$/i.test(text) ? URL.parse(text) : null;
    if (!url || url.username || url.password || /[?#]/.test(text)) return null;
    return url.href.replace(/\/+$/, "");
  },
  format: (text) => text,
};

export const optionalUrl: Kind<string> = {
  valid: `${baseUrl.valid}; or nothing`,
  parse: (text) => (text === "" ? "" : baseUrl.parse(text)),
  format: (text) => text,
};

function amount(text: string, units: Readonly<Record<string, number>>): number | null {
  if (text === "0") return 0;
  const found = /^(\d{1,15})([a-zA-Z]+)$/.exec(text);
  const factor = found && Object.hasOwn(units, found[2]!) ? units[found[2]!] : undefined;
  if (factor === undefined) return null;
  const value = Number(found![1]) * factor;
  return Number.isSafeInteger(value) ? value : null;
}

function inUnits(value: number, units: Readonly<Record<string, number>>): string {
  const [unit, factor] = Object.entries(units).findLast(([, factor]) => value % factor === 0)!;
  return value === 0 ? "0" : `${value / factor}${unit}`;
}

function isIPv6(text: string): boolean {
  return text.includes(":") && /^[0-9a-f:.]+$/i.test(text) && URL.canParse(`http://[${text}]/`);
}

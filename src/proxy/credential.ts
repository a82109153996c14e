import { withoutKeys } from "../shown.ts";
import { hmac } from "./digest.ts";

/** Headers whose whole value, less an authentication scheme, is a secret: a request with one has a credential. */
const KEY_HEADERS = [
  "authorization",
  "x-api-key",
  "api-key",
  "x-goog-api-key",
  "ocp-apim-subscription-key",
  "x-auth-token",
];
/** Secrets that go up beside a credential, of a gateway on the way or of whom the provider asks in turn. */
const FURTHER_SECRET_HEADERS = [
  "x-mistral-api-key",
  "x-hf-token",
  "x-jina-api-key",
  "x-portkey-api-key",
  "helicone-auth",
  "cf-aig-authorization",
  "x-amz-security-token",
];
export const SECRET_HEADERS: readonly string[] = [...KEY_HEADERS, ...FURTHER_SECRET_HEADERS];
/** Headers that say whose account answers; not secret, but another value is another account. */
const ACCOUNT_HEADERS = [
  "openai-organization",
  "openai-project",
  "anthropic-workspace-id",
  "x-goog-user-project",
  "x-hf-bill-to",
];
/** All that tells one account from another beside the key. */
const BESIDE = [...ACCOUNT_HEADERS, ...FURTHER_SECRET_HEADERS];
const SECRET_QUERY = new Set(["key", "api_key", "api-key", "access_token", "x-api-key"]);
const REMEMBERED = 4096;
const LABEL_DIGITS = 12;

export interface Credential {
  /** Whether the request carries a key at all. */
  readonly present: boolean;
  /** HMAC-SHA-256 over every credential that goes up, hex: the only form that is ever kept. */
  readonly tag: string;
}

/** The name under which a credential is counted and shown; "" for none. */
export function credentialLabel(credential: Credential): string {
  return credential.present ? credential.tag.slice(0, LABEL_DIGITS) : "";
}

/**
 * Who pays. The same key is the same credential in whatever header or query it travels, since one SDK sends it as
 * a bearer token and the next one as `x-api-key`.
 */
export class CredentialReader {
  readonly #secret: string;
  readonly #tags = new Map<string, string>();
  /** Tags by label. */
  readonly #labels = new Map<string, string>();

  constructor(secret: string) {
    this.#secret = secret;
  }

  read(headers: Headers, query: string): Credential {
    const secrets = new Set<string>();
    for (const name of KEY_HEADERS) {
      const value = headers.get(name);
      if (value !== null) secrets.add(secretIn(name, value));
    }
    for (const [name, value] of queryPairs(query)) if (isSecretQuery(name)) secrets.add(decode(value));
    secrets.delete("");
    const accounts = BESIDE.flatMap((name) => {
      const value = headers.get(name);
      return value === null ? [] : [`${name}=${value.trim()}`];
    });
    return { present: secrets.size > 0, tag: this.#tag(JSON.stringify([[...secrets].sort(), accounts])) };
  }

  /** The tag behind a label, of the credentials lately seen. */
  tagOf(label: string): string | undefined {
    return this.#labels.get(label);
  }

  /** The HMAC, remembered for the keys lately seen. */
  #tag(text: string): string {
    const known = this.#tags.get(text);
    if (known !== undefined) return known;
    if (this.#tags.size >= REMEMBERED) {
      this.#tags.clear();
      this.#labels.clear();
    }
    const tag = hmac(this.#secret, text);
    this.#tags.set(text, tag);
    this.#labels.set(tag.slice(0, LABEL_DIGITS), tag);
    return tag;
  }
}

/** Without the scheme before it; "" where there is only a scheme, as an unset variable leaves it. */
function secretIn(name: string, value: string): string {
  const secret = value.replace(/^(?:bearer|basic|token|key)\s+/i, "").trim();
  return name === "authorization" && /^(?:bearer|basic)$/i.test(secret) ? "" : secret;
}

/** Whether a parameter of this name is a credential. */
export function isSecretQuery(name: string): boolean {
  return SECRET_QUERY.has(decode(name).toLowerCase());
}

/** Name and value as they stand, undecoded; the value is "" where there is no "=". */
export function queryPairs(query: string): [name: string, value: string][] {
  const text = query.startsWith("?") ? query.slice(1) : query;
  if (text === "") return [];
  return text.split("&").map((pair) => {
    const at = pair.indexOf("=");
    return at < 0 ? [pair, ""] : [pair.slice(0, at), pair.slice(at + 1)];
  });
}

/** As a client meant it, where it can be decoded. */
export function decode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    return text;
  }
}

/** The query as it counts for the key: sorted, without credentials. */
export function keyQuery(query: string): string {
  const pairs = queryPairs(query).filter(([name]) => !isSecretQuery(name));
  return pairs
    .map(([name, value]) => `${name}=${value}`)
    .sort()
    .join("&");
}

/** The query without its credentials, else as it is: "" or with its leading "?". */
export function withoutCredentials(query: string): string {
  const pairs = queryPairs(query);
  const open = pairs.filter(([name]) => !isSecretQuery(name));
  if (open.length === pairs.length) return query;
  return open.map(([name, value], at) => `${at === 0 ? "?" : "&"}${name}=${value}`).join("");
}

/** Names of parameters whose value may be a secret: more than go into the key, since a log needs none of them. */
const LOOKS_SECRET =
  /key|token|secret|sig|password|passwd|pwd|auth|credential|session|code|bearer|jwt|cookie/i;

/** The query for the log: what may be a secret masked, the rest as it came. */
export function maskedQuery(query: string): string {
  if (query === "") return "";
  const pairs = queryPairs(query).map(([name, value]) =>
    value === "" ? maskedName(name) : `${name}=${maskedValue(decode(name), value)}`,
  );
  return `?${pairs.join("&")}`;
}

/** A parameter without a value is a flag, or a key that somebody pasted where no name was asked for. */
function maskedName(name: string): string {
  return name.length >= 16 && /[0-9]/.test(name) && /[A-Za-z]/.test(name) ? MASKED_VALUE : masked(name);
}

/** What stands in the place of a value that may be a secret. */
export const MASKED_VALUE = "***";

/** A named value with what may be a secret masked. */
export function maskedValue(name: string, value: string): string {
  if (LOOKS_SECRET.test(name)) return MASKED_VALUE;
  // Some servers part a query at semicolons too.
  return masked(
    value.replace(SECOND_PAIR, (all, head: string, second: string) =>
      LOOKS_SECRET.test(decode(second)) ? `${head}${MASKED_VALUE}` : all,
    ),
  );
}

const SECOND_PAIR = /(;([^;=]{1,100})=)[^;]+/g;

/** A path, or any other text for the log, with what looks like a key masked. */
export function masked(text: string): string {
  return withoutKeys(text);
}

/** A header for the log, with what looks like a key masked. */
export function maskedText(text: string | null): string | undefined {
  return text === null ? undefined : masked(text);
}

/** A `Referer` for the log: its query and its user part may hold anything. */
export function maskedReferer(text: string | null): string | undefined {
  if (text === null) return undefined;
  // A browser sends no fragment; what does may have a token in it.
  const [sent = ""] = text.split("#", 1);
  const mark = sent.indexOf("?");
  const address = mark < 0 ? sent : sent.slice(0, mark);
  const open = address
    .replace(/\/\/[^/]*@/, "//")
    .replace(/^([^/]*\/\/[^/]*\/(?:~|%7e))[^/]*/i, `$1${MASKED_VALUE}`);
  const plain = masked(open);
  return mark < 0 ? plain : plain + maskedQuery(sent.slice(mark));
}

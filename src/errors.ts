/** Every error class and every message a user may see. */

import { shownValue } from "./shown.ts";

/** A setting that cannot be used. Ends the start with exit code 2. */
export class ConfigError extends Error {
  override name = "ConfigError";
  constructor(
    /** The setting's name as in the file: `upstream.timeout`. */
    readonly setting: string,
    /** The value as given. */
    readonly value: string,
    /** `flag --ttl`, `variable ASKONCE_TTL`, `askonce.toml line 3` … */
    readonly where: string,
    /** What would be valid, as the end of a sentence: `a duration such as 30s, 4h, 4d or forever`. */
    readonly valid: string,
  ) {
    super(`${setting} = ${JSON.stringify(shownValue(setting, value))} (${where}) is not valid: use ${valid}`);
  }
}

/** A command line that cannot be understood. Exit code 2. */
export class UsageError extends Error {
  override name = "UsageError";
}

/** The server cannot start for a reason outside the settings (port taken, newer database …). Exit code 1. */
export class StartError extends Error {
  override name = "StartError";
}

/** A command could not do what was asked. Exit code 1. */
export class CommandError extends Error {
  override name = "CommandError";
}

/** The store could not do what was asked; the proxy goes on without it. */
export class StoreFault extends Error {
  override name = "StoreFault";
}

/** A cassette, or a wish about one, that can't be used. `message` begins with `line N: ` where a line is to blame. */
export class CassetteError extends Error {
  override name = "CassetteError";
  constructor(
    readonly code: "invalid_cassette" | "invalid_redaction" | "cassette_too_large",
    message: string,
  ) {
    super(message);
  }

  get status(): 400 | 413 {
    return this.code === "cassette_too_large" ? 413 : 400;
  }
}

/** What askonce itself answers when it cannot pass on an answer. The family words it as its SDK expects. */
export class ProxyError extends Error {
  override name = "ProxyError";
  constructor(
    readonly code: ProxyErrorCode,
    message: string,
    readonly status: number = STATUS[code],
  ) {
    super(message);
  }

  /** Whose request it answers, as far as it could be read. */
  about: RefusedRequest | undefined;

  /** The key of the cacheable request that it answers, and the model it names, once known. */
  key: string | undefined;
  model: string | undefined;

  /** What is special about this one, without what all of its kind say. */
  particular: string | undefined;

  /** Whether trying the same request again could help without paying twice. */
  get retryable(): boolean {
    return this.code === "upstream_unreachable";
  }
}

/** What is known of a request that was refused over its head. */
export interface RefusedRequest {
  /** The provider's name. */
  readonly provider: string;
  readonly endpoint: string | undefined;
  readonly namespace: string;
  /** Label of its credential, "" for none. */
  readonly credential: string;
}

export const STATUS = {
  unknown_provider: 404,
  request_too_large: 413,
  upstream_unreachable: 502,
  upstream_timeout: 504,
  replay_miss: 424,
  only_if_cached_miss: 504,
  invalid_control: 400,
  invalid_request: 400,
  forbidden_host: 421,
  upgrade_required: 426,
  unauthorized: 401,
  loop_detected: 508,
  internal_error: 500,
} as const;

export type ProxyErrorCode = keyof typeof STATUS;

const minutes = (ms: number) =>
  ms >= 60_000 ? `${Math.round(ms / 60_000)} min` : `${Math.round(ms / 1000)} s`;

export const proxyErrors = {
  unknownProvider: (name: string, known: readonly string[]) =>
    new ProxyError(
      "unknown_provider",
      `Start the path with a known provider: ${known.join(", ")}. "${name}" is none; add it with --provider ${
        /^[a-z0-9_-]{1,64}$/i.test(name) ? name : "NAME"
      }=URL.`,
    ),
  unreachable: (provider: string, why: string) =>
    new ProxyError("upstream_unreachable", `The provider ${provider} could not be reached: ${why}.`),
  timeout: (provider: string, silentMs: number) =>
    new ProxyError(
      "upstream_timeout",
      `The provider ${provider} sent nothing for ${minutes(silentMs)} (setting upstream.timeout).`,
    ),
  tooLarge: (limit: number) =>
    new ProxyError("request_too_large", `The request body is over ${limit} bytes (setting max_body).`),
  forbiddenHost: (host: string) =>
    new ProxyError(
      "forbidden_host",
      `Add ${JSON.stringify(host)} to the setting allowed_hosts to serve it: askonce answers to IP addresses, localhost and local names only.`,
    ),
  unauthorized: () =>
    new ProxyError(
      "unauthorized",
      "Send one of this askonce's access tokens: X-Askonce-Token: TOKEN, or /~TOKEN before the path.",
    ),
  upgrade: () =>
    new ProxyError(
      "upgrade_required",
      "Use plain HTTP requests: askonce does not pass on protocol upgrades.",
    ),
  loop: () => new ProxyError("loop_detected", "This request has passed through this askonce before."),
  replayMiss: (what: string) =>
    Object.assign(
      new ProxyError(
        "replay_miss",
        `Nothing is stored for this request, and mode replay calls no provider: ${what}.`,
      ),
      { particular: what },
    ),
  onlyIfCachedMiss: () =>
    new ProxyError(
      "only_if_cached_miss",
      "Nothing fresh is stored for this request (Cache-Control: only-if-cached).",
    ),
  invalidControl: (why: string) => new ProxyError("invalid_control", why),
  invalidRequest: (why: string) => new ProxyError("invalid_request", why),
  internal: () =>
    new ProxyError("internal_error", "askonce failed to handle this request; its log on stderr says why."),
};

/** What the admin API answers when it does not do what was asked. */
export class AdminError extends Error {
  override name = "AdminError";
  constructor(
    readonly status: AdminErrorStatus,
    readonly code: string,
    message: string,
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(message);
  }
}

export type AdminErrorStatus = 400 | 401 | 403 | 404 | 405 | 409 | 413 | 415 | 500 | 503;

export const adminErrors = {
  unauthorized: () =>
    new AdminError(401, "unauthorized", "Send the admin token: Authorization: Bearer TOKEN.", {
      "www-authenticate": "Bearer",
    }),
  forbiddenOrigin: () =>
    new AdminError(403, "forbidden_origin", "Pages of another origin cannot use the admin API."),
  noRoute: () =>
    new AdminError(404, "not_found", "Nothing is here; /admin/api/docs describes the admin API."),
  nothingHere: () => new AdminError(404, "not_found", "Nothing is here."),
  noEntry: () => new AdminError(404, "not_found", "No entry is stored under this key."),
  noCredential: () => new AdminError(404, "not_found", "No credential with this label was seen."),
  method: (allowed: string) =>
    new AdminError(405, "method_not_allowed", `Use ${allowed} here.`, { allow: allowed }),
  mediaType: (wanted: readonly string[]) =>
    new AdminError(415, "unsupported_media_type", `Send Content-Type: ${wanted.join(" or ")}.`),
  tooLarge: (limit: number) =>
    new AdminError(413, "request_too_large", `The body is over ${limit} bytes, or a line of it is.`),
  invalid: (why: string) => new AdminError(400, "invalid_request", why),
  invalidCursor: () =>
    new AdminError(
      400,
      "invalid_cursor",
      "Take cursor from next_cursor of the page before, with the same query.",
    ),
  notRemembered: () =>
    new AdminError(
      409,
      "not_remembered",
      "The request of this entry is not remembered (setting requests): give it as method, path, headers and body.",
    ),
  store: (why: string) => new AdminError(503, "store_unavailable", `Try again later: ${why}.`),
  tooManyReaders: (most: number) =>
    new AdminError(
      503,
      "too_many_readers",
      `${most} readers follow the requests already: end one of them first.`,
    ),
  internal: () =>
    new AdminError(500, "internal_error", "askonce failed to answer this; its log on stderr says why."),
};

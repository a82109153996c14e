import type { HeaderList } from "../cache/entry.ts";
import { isAlias } from "./aliases.ts";

/** RFC 9110 §7.6.1 and those that older proxies treat the same. */
const HOP_BY_HOP = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "proxy-authenticate",
  "proxy-authorization",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** Set anew for each connection, or spoken between the client and askonce only. */
const OWN_REQUEST = new Set(["host", "content-length", "expect", "accept-encoding", "cdn-loop"]);

/** Ask for a part of an answer, or for it under a condition: what is kept is the whole, for whoever asks. */
const PARTIAL = new Set([
  "range",
  "if-range",
  "if-match",
  "if-none-match",
  "if-modified-since",
  "if-unmodified-since",
]);

/**
 * Headers that speak of one delivery, not of the answer: ids, dates,
 * quotas, the account, the network path. A trailing `*` is a prefix, a leading one a suffix.
 */
const ONE_DELIVERY = [
  "date",
  "age",
  "expires",
  "set-cookie",
  "set-cookie2",
  "request-id",
  "*-request-id",
  "*-requestid",
  "*-reqid",
  "correlation-id",
  "*-correlation-id",
  "trace-id",
  "*-trace-id",
  "*-traceid",
  "traceparent",
  "tracestate",
  "traceresponse",
  "openai-organization",
  "openai-project",
  "openai-processing-ms",
  "anthropic-organization-id",
  "anthropic-workspace-id",
  "x-envoy-*",
  "x-kong-*",
  "x-ratelimit*",
  "x-rate-limit*",
  "ratelimit*",
  "x-trial-endpoint-call-*",
  "x-endpoint-monthly-call-*",
  "anthropic-ratelimit-*",
  "anthropic-priority-*",
  "anthropic-fast-*",
  "retry-after*",
  "x-should-retry",
  "x-ms-*",
  "azureml-*",
  "x-groq-region",
  "x-inference-*",
  "x-generation-id",
  "cf-*",
  "alt-svc",
  "server",
  "server-timing",
  "via",
  "x-cache*",
  "cache-status",
  "x-served-by",
  "x-timer",
  "strict-transport-security",
  "report-to",
  "nel",
  "content-length",
  "content-encoding",
  "etag",
  "last-modified",
  "vary",
  "access-control-*",
];
const DELIVERY_NAMES = new Set(ONE_DELIVERY.filter((name) => !name.includes("*")));
const DELIVERY_PREFIXES = ONE_DELIVERY.filter((name) => name.endsWith("*")).map((name) => name.slice(0, -1));
const DELIVERY_SUFFIXES = ONE_DELIVERY.filter((name) => name.startsWith("*")).map((name) => name.slice(1));

const NONE: ReadonlySet<string> = new Set();

function connectionNames(headers: Headers): ReadonlySet<string> {
  const names = headers.get("connection");
  if (names === null) return NONE;
  return new Set(names.split(",").map((name) => name.trim().toLowerCase()));
}

/** Tells the names of request headers that belong to one connection, are set anew for each, or that `Connection` names. */
export function connectionHeaders(client: Headers): (name: string) => boolean {
  const named = connectionNames(client);
  return (name) => HOP_BY_HOP.has(name) || OWN_REQUEST.has(name) || named.has(name);
}

/** A request header's value where it goes up; null where it is not there, or `Connection` names it. */
export function sentUp(client: Headers, name: string): string | null {
  return connectionNames(client).has(name) ? null : client.get(name);
}

/** Whether a request header is a control of askonce's, which never reaches a provider. */
export function isOwnControl(name: string): boolean {
  return name.startsWith("x-cache-") || name === "x-askonce-token";
}

/** Tells the names of request headers that go up: what does not can't change an answer. */
export function goingUp(
  client: Headers,
  options: { dropCacheControl: boolean; whole: boolean; provider: string },
): (name: string) => boolean {
  const ofConnection = connectionHeaders(client);
  return (name) =>
    !ofConnection(name) &&
    !isOwnControl(name) &&
    !isAlias(name, options.provider) &&
    !(name === "cache-control" && options.dropCacheControl) &&
    !(options.whole && PARTIAL.has(name));
}

/**
 * What goes up: all that the client sent, less what belongs to one connection and askonce's own controls.
 * `decodes` are the content codings that the answer may come in.
 */
export function upstreamHeaders(
  client: Headers,
  options: {
    decodes: readonly string[];
    dropCacheControl: boolean;
    /** Whether the whole answer is wanted, whatever part of it the client asked for. */
    whole: boolean;
    loop: string | undefined;
    provider: string;
  },
): Headers {
  const goes = goingUp(client, options);
  const headers = new Headers();
  for (const [name, value] of client) if (goes(name)) headers.append(name, value);
  // A part of a coded body cannot be decoded.
  headers.set("accept-encoding", headers.has("range") ? "identity" : codingsWanted(options.decodes));
  const loop = [client.get("cdn-loop"), options.loop].filter((part) => part).join(", ");
  if (loop !== "") headers.set("cdn-loop", loop);
  return headers;
}

/** Old names need not be asked for. */
function codingsWanted(decodes: readonly string[]): string {
  return decodes.filter((coding) => !coding.startsWith("x-")).join(", ") || "identity";
}

/** How a provider's answer was coded, and whether the runtime has undone it. */
export function contentCoding(headers: Headers, decodes: readonly string[]): "none" | "decoded" | "unknown" {
  const coding = headers.get("content-encoding")?.trim().toLowerCase();
  if (!coding || coding === "identity") return "none";
  return decodes.includes(coding) ? "decoded" : "unknown";
}

/** Of one delivery, but of use to everybody for whom a provider was not there. */
const OF_A_FAILURE = new Set(["retry-after", "retry-after-ms", "x-should-retry"]);

/**
 * What a client gets of a provider's head as it comes; `shared` where another credential asked for it, whose account,
 * quotas and ids are no business of this client's.
 */
export function liveHeaders(
  provider: Headers,
  options: { decoded: boolean; cacheable: boolean; keepLength: boolean; shared?: "answer" | "failure" },
): Headers {
  const named = connectionNames(provider);
  const headers = new Headers();
  for (const [name, value] of provider) {
    if (HOP_BY_HOP.has(name) || named.has(name)) continue;
    if (options.decoded && (name === "content-encoding" || name === "content-length")) continue;
    if (name === "content-length" && !options.keepLength) continue;
    if (options.cacheable && name === "set-cookie") continue;
    if (options.shared !== undefined && !isOfTheAnswer(name)) {
      const needed = name === "content-encoding" || (options.shared === "failure" && OF_A_FAILURE.has(name));
      if (!needed) continue;
    }
    headers.append(name, value);
  }
  return headers;
}

/** What is kept of a provider's head, in its order. */
export function storedHeaders(provider: Headers): HeaderList {
  const named = connectionNames(provider);
  const kept: (readonly [string, string])[] = [];
  for (const header of provider) if (!named.has(header[0]) && isOfTheAnswer(header[0])) kept.push(header);
  return kept;
}

/** What was found of names lately seen: providers send the same few, and prefixes take long. */
const ofTheAnswer = new Map<string, boolean>();
const NAMES_REMEMBERED = 1_000;

/** Whether a header speaks of the answer, and neither of one delivery nor of one connection. */
function isOfTheAnswer(name: string): boolean {
  const known = ofTheAnswer.get(name);
  if (known !== undefined) return known;
  const found =
    !HOP_BY_HOP.has(name) &&
    !DELIVERY_NAMES.has(name) &&
    !DELIVERY_PREFIXES.some((prefix) => name.startsWith(prefix)) &&
    !DELIVERY_SUFFIXES.some((suffix) => name.endsWith(suffix));
  if (ofTheAnswer.size < NAMES_REMEMBERED) ofTheAnswer.set(name, found);
  return found;
}

/** Lower case, without parameters; "" where there is none. */
export function mediaType(headers: Headers): string {
  const type = headers.get("content-type") ?? "";
  const end = type.indexOf(";");
  return (end < 0 ? type : type.slice(0, end)).trim().toLowerCase();
}

/** Whether a media type is JSON in one document. */
export function isJson(type: string): boolean {
  return type === "application/json" || (type.startsWith("application/") && type.endsWith("+json"));
}

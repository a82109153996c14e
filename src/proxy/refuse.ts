import { asCacheKey } from "../cache/entry.ts";
import { Reply } from "../direct-reply.ts";
import type { ProxyError, ProxyErrorCode } from "../errors.ts";
import type { Peer } from "../host.ts";
import type { CacheWord } from "../journal/event.ts";
import { errorByPath } from "../providers/error-shape.ts";
import type { Provider } from "../providers/provider.ts";
import { type Call, requestUrl } from "./call.ts";
import { atOnce } from "./counted.ts";
import { masked, maskedQuery, maskedReferer, maskedText } from "./credential.ts";
import type { ProxyParts } from "./parts.ts";
import { crossOrigin } from "./reply.ts";
import { tell } from "./report.ts";

/** Answers an error of askonce's own in the shape that the provider's SDK expects. */
export function refuse(
  parts: ProxyParts,
  call: Call,
  options: { error: ProxyError; allowedOrigins: readonly string[] },
): Response {
  const { error } = options;
  const cacheable = error.key !== undefined || (call.route.endpoint !== undefined && call.method === "POST");
  const word: CacheWord = cacheable ? "MISS" : "BYPASS";
  const { response, bytes } = errorResponse(error, {
    provider: call.route.provider,
    path: call.route.upstreamPath,
    word,
    id: call.id,
    origin: call.request.headers.get("origin"),
    allowedOrigins: options.allowedOrigins,
  });
  parts.watch?.refused(call.id, error.particular ?? error.message);
  tell(parts, call, {
    status: error.status,
    word,
    detail: error.code,
    outcome: "refused",
    delivery: atOnce(bytes, parts.clock.monotonic()),
    key: error.key === undefined ? undefined : asCacheKey(error.key),
    model: error.model,
  });
  return response;
}

/** The same for a request that could not even be read: no provider is known. */
export function refuseUnread(
  parts: ProxyParts,
  from: { request: Request; peer: Peer; id: string; allowedOrigins: readonly string[] },
  error: ProxyError,
): Response {
  const { request, peer, id } = from;
  const url = requestUrl(request);
  const { response, bytes } = errorResponse(error, {
    provider: undefined,
    path: url?.pathname,
    word: "BYPASS",
    id,
    origin: request.headers.get("origin"),
    allowedOrigins: from.allowedOrigins,
  });
  parts.journal.add({
    at: parts.clock.now(),
    remote: peer.address,
    method: request.method,
    target: url === undefined ? "-" : masked(url.pathname) + maskedQuery(url.search),
    status: error.status,
    bytes,
    userAgent: maskedText(request.headers.get("user-agent")),
    referer: maskedReferer(request.headers.get("referer")),
    cache: "-",
    detail: error.code,
    requestId: id,
    provider: error.about?.provider,
    endpoint: error.about?.endpoint,
    model: undefined,
    namespace: error.about?.namespace ?? "",
    key: undefined,
    firstByteMs: 0,
    totalMs: 0,
    usage: undefined,
    costUsd: undefined,
    paid: false,
    aborted: false,
    outcome: "refused",
    notKept: undefined,
    credential: error.about?.credential ?? "",
    saved: undefined,
    shared: undefined,
    unread: false,
  });
  return response;
}

/** Errors of a call that was made, and those that say that none may be. */
const CALLED: ReadonlySet<ProxyErrorCode> = new Set(["upstream_unreachable", "upstream_timeout"]);
const OFFLINE: ReadonlySet<ProxyErrorCode> = new Set(["replay_miss", "only_if_cached_miss"]);

/** RFC 9211 §2.2: `fwd` says that the request went forward. */
function forwarded(code: ProxyErrorCode, word: CacheWord): string {
  if (word === "MISS") return CALLED.has(code) ? "; fwd=uri-miss" : "";
  return OFFLINE.has(code) ? "" : "; fwd=bypass";
}

interface ErrorContext {
  readonly provider: Provider | undefined;
  /** The upstream path, or the client's where no provider is known: it says which family's shape is spoken. */
  readonly path: string | undefined;
  readonly word: CacheWord;
  readonly id: string;
  readonly origin: string | null;
  readonly allowedOrigins: readonly string[];
}

export function errorResponse(
  error: ProxyError,
  context: ErrorContext,
): { response: Response; bytes: number } {
  const { provider, path, word } = context;
  const shaped = provider?.family.error(error, path) ?? errorByPath(error, path ?? "");
  const body = new TextEncoder().encode(shaped.text);
  const headers = new Headers({
    "content-type": shaped.contentType,
    "x-cache-status": word === "-" ? "BYPASS" : word,
    "cache-status": `askonce${forwarded(error.code, word)}; detail=${error.code}`,
    "x-request-id": context.id,
  });
  if (error.key !== undefined) headers.set("x-cache-key", error.key);
  if (!error.retryable) headers.set("x-should-retry", "false");
  if (error.code === "upgrade_required") headers.set("upgrade", "HTTP/1.1");
  // RFC 9110 §11.6.1 asks for a challenge; no client knows this scheme, so none asks its user for a password.
  if (error.code === "unauthorized") headers.set("www-authenticate", "X-Askonce-Token");
  crossOrigin(headers, { origin: context.origin, allowed: context.allowedOrigins });
  const response = new Reply(body, { status: error.status, headers, body });
  return { response, bytes: body.byteLength };
}

import type { Clock } from "../clock.ts";
import type { Config } from "../config.ts";
import { ProxyError, proxyErrors } from "../errors.ts";
import type { Peer } from "../host.ts";
import { LOOK_UP } from "../providers/look-ups.ts";
import type { Endpoint, Provider } from "../providers/provider.ts";
import { type Controls, readControls } from "./controls.ts";
import { type Credential, type CredentialReader, credentialLabel } from "./credential.ts";
import { isForeignOrigin } from "./origin.ts";
import { type Route, route } from "./route.ts";

/** One request as it came, read once. Its body is still unread. */
export interface Call {
  readonly request: Request;
  readonly peer: Peer;
  /** Epoch ms and monotonic ms at which it came. */
  readonly at: number;
  readonly began: number;
  readonly id: string;
  readonly method: string;
  readonly url: URL;
  readonly route: Route;
  readonly controls: Controls;
  readonly credential: Credential;
  /** Sent by a page of another site: forwarded, never a hit. */
  readonly foreignOrigin: boolean;
  /** What the journal says of it, where that was worked out for an earlier request with the same head. */
  readonly facts?: CallFacts;
}

/** What the journal says of a request whatever becomes of it. */
export interface CallFacts {
  readonly method: string;
  /** Path and query, credentials masked. */
  readonly target: string;
  readonly userAgent: string | undefined;
  readonly referer: string | undefined;
  readonly provider: string;
  readonly endpoint: string | undefined;
  readonly namespace: string;
  /** Its label. */
  readonly credential: string;
}

export interface CallOptions {
  readonly peer: Peer;
  readonly id: string;
  readonly clock: Clock;
  readonly config: Config;
  readonly providers: ReadonlyMap<string, Provider>;
  readonly credentials: CredentialReader;
  /** This process's name in `CDN-Loop`. */
  readonly loopId: string;
}

/**
 * The request's URL; undefined where it has none that can be parsed. A request of HTTP/1.0 may come without a host,
 * and Bun then knows only its path.
 */
export function requestUrl(request: Request): URL | undefined {
  const { url } = request;
  return URL.parse(url) ?? (url.startsWith("/") ? URL.parse(`http://localhost${url}`) : null) ?? undefined;
}

/** The call as a look-up's, which counts as an endpoint where it is kept. */
export function lookUpCall(call: Call): Call {
  return { ...call, route: { ...call.route, endpoint: LOOK_UP } };
}

/** Methods that speak to a proxy and not through it. */
const NOT_PASSED_ON = new Set(["CONNECT", "TRACE", "TRACK"]);

/** Throws `ProxyError`: no URL, unknown provider, malformed control or namespace, upgrade, loop. */
export function readCall(request: Request, options: CallOptions): Call {
  const { headers } = request;
  const url = requestUrl(request);
  if (url === undefined || NOT_PASSED_ON.has(request.method)) {
    throw proxyErrors.invalidRequest("Ask with a path and a method that a provider knows.");
  }
  if (headers.get("cdn-loop")?.includes(options.loopId)) throw proxyErrors.loop();
  const found = route(
    { method: request.method, url, headers },
    { providers: options.providers, defaultProvider: options.config.defaultProvider },
  );
  const endpoint = endpointAt(found, { method: request.method, rules: options.config.cachePaths });
  const credential = options.credentials.read(headers, url.search);
  const { relayed } = options.peer;
  try {
    if (headers.has("upgrade") && /\bupgrade\b/i.test(headers.get("connection") ?? ""))
      throw proxyErrors.upgrade();
    return {
      request,
      peer: options.peer,
      at: relayed?.at ?? options.clock.now(),
      began: options.clock.monotonic() - (relayed?.waitedMs ?? 0),
      id: options.id,
      method: request.method,
      url,
      route: { ...found, endpoint },
      controls: readControls(headers, { namespace: found.namespace, controls: found.pathControls }),
      credential,
      foreignOrigin: isForeignOrigin(headers.get("origin"), options.config.allowedOrigins),
    };
  } catch (error) {
    if (error instanceof ProxyError) {
      const { provider, namespace } = found;
      const label = credentialLabel(credential);
      error.about = { provider: provider.name, endpoint: endpoint?.kind, namespace, credential: label };
    }
    throw error;
  }
}

/** What the operator says of a path outranks what is known of it; of several rules the last that matches. */
export function endpointAt(
  { endpoint, upstreamPath }: Pick<Route, "endpoint" | "upstreamPath">,
  options: { method: string; rules: readonly string[] },
): Endpoint | undefined {
  const rule = options.rules.findLast((one) => matches(upstreamPath, one.replace(/^-/, "")));
  if (rule === undefined || options.method !== "POST") return endpoint;
  if (rule.startsWith("-")) return undefined;
  return endpoint ?? { kind: "other", pure: false };
}

/** Whether a path is a pattern's, in which `*` stands for anything; in time linear in both. */
function matches(path: string, pattern: string): boolean {
  const [first = "", ...rest] = pattern.split("*");
  if (rest.length === 0) return path === pattern;
  const last = rest.pop() ?? "";
  if (!path.startsWith(first) || path.length < first.length + last.length || !path.endsWith(last))
    return false;
  let at = first.length;
  for (const piece of rest) {
    const found = path.indexOf(piece, at);
    if (found < 0) return false;
    at = found + piece.length;
  }
  return at <= path.length - last.length;
}

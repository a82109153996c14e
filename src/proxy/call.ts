import type { Clock } from "../clock.ts";
import type { Config } from "../config.ts";
import { proxyErrors } from "../errors.ts";
import type { Peer } from "../host.ts";
import type { Provider } from "../providers/provider.ts";
import { type Controls, readControls } from "./controls.ts";
import type { Credential, CredentialReader } from "./credential.ts";
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

/** Throws `ProxyError`: unknown provider, malformed control or namespace, upgrade, loop. */
export function readCall(request: Request, options: CallOptions): Call {
  const { headers } = request;
  const url = new URL(request.url);
  if (headers.get("cdn-loop")?.includes(options.loopId)) throw proxyErrors.loop();
  const found = route(
    { method: request.method, url, headers },
    { providers: options.providers, defaultProvider: options.config.defaultProvider },
  );
  if (headers.has("upgrade") && /\bupgrade\b/i.test(headers.get("connection") ?? ""))
    throw proxyErrors.upgrade();
  return {
    request,
    peer: options.peer,
    at: options.clock.now(),
    began: options.clock.monotonic(),
    id: options.id,
    method: request.method,
    url,
    route: found,
    controls: readControls(headers, { namespace: found.namespace, controls: found.pathControls }),
    credential: options.credentials.read(headers, url.search),
    foreignOrigin: isForeignOrigin(headers.get("origin"), options.config.allowedOrigins),
  };
}

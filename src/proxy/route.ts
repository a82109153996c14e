import { ProxyError, proxyErrors } from "../errors.ts";
import { joinUrl } from "../providers/paths.ts";
import type { Endpoint, Provider } from "../providers/provider.ts";

export interface RouteRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: Headers;
}

export interface RouteTable {
  readonly providers: ReadonlyMap<string, Provider>;
  readonly defaultProvider: string;
}

export interface Route {
  /** "" for none. */
  readonly namespace: string;
  /** Controls that followed the namespace, as `;name=value`, not yet understood. */
  readonly pathControls: ReadonlyMap<string, string>;
  readonly provider: Provider;
  readonly upstreamPath: string;
  /** As sent, with its leading "?", or "". */
  readonly query: string;
  /** Where the request goes, query included. */
  readonly url: string;
  /** What a POST there computes from its input alone; undefined: forward, never store. */
  readonly endpoint: Endpoint | undefined;
}

/**
 * Where a request goes: `/<provider>/<rest>`, or a path at the root that its credentials and its shape give away;
 * `/@namespace;controls/` may stand before either. Throws `ProxyError`: `unknown_provider`, `invalid_control`.
 */
export function route(request: RouteRequest, table: RouteTable): Route {
  const { namespace, pathControls, path } = readNamespace(request.url.pathname);
  const { provider, rest } = findProvider({ ...request, path }, table);
  const upstreamPath = provider.upstreamPath(rest);
  const query = request.url.search;
  return {
    namespace,
    pathControls,
    provider,
    upstreamPath,
    query,
    url: joinUrl(provider.baseUrl, upstreamPath) + query,
    endpoint: request.method === "POST" ? provider.family.endpoint(upstreamPath) : undefined,
  };
}

const NAMESPACE = /^[A-Za-z0-9._-]{1,64}$/;

function readNamespace(pathname: string): {
  namespace: string;
  pathControls: ReadonlyMap<string, string>;
  path: string;
} {
  const segment = /^\/(?:@|%40)([^/]*)/i.exec(pathname);
  if (segment === null) return { namespace: "", pathControls: new Map(), path: pathname };
  const [name, ...controls] = (segment[1] as string).split(";");
  if (!NAMESPACE.test(name as string)) {
    throw proxyErrors.invalidControl(`Name the namespace after "@" with 1 to 64 of A-Z a-z 0-9 . _ -`);
  }
  const pathControls = new Map<string, string>();
  for (const control of controls) {
    const [, key, value = ""] = /^([a-z][a-z-]*)(?:=(.*))?$/.exec(control) ?? [];
    const decoded = decode(value);
    if (key === undefined || decoded === undefined || pathControls.has(key)) {
      throw proxyErrors.invalidControl(`Write each control after "/@NAME" once, as ";name=value"`);
    }
    pathControls.set(key, decoded);
  }
  return { namespace: name as string, pathControls, path: pathname.slice(segment[0].length) || "/" };
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

interface Found {
  readonly provider: Provider;
  /** The path after `/<provider>`, or the whole of it at the root. */
  readonly rest: string;
}

function findProvider(request: RouteRequest & { readonly path: string }, table: RouteTable): Found {
  const { path, headers } = request;
  const name = path.split("/", 2)[1] ?? "";
  const named = table.providers.get(name);
  const azure =
    name === "openai" &&
    isAzure(path, request) &&
    !/\.azure\.com(?::\d+)?(?:\/|$)/.test(named?.baseUrl ?? "");
  if (named !== undefined && !azure) return { provider: named, rest: path.slice(1 + name.length) };
  const byPath = vendorByPath(path, table.defaultProvider);
  const misnamed = byPath === undefined && MISNAMED.test(path);
  const byCredential = misnamed ? undefined : vendorByCredential(request);
  const vendor = azure ? "azure" : (byCredential ?? byPath);
  const provider = vendor === undefined ? undefined : table.providers.get(vendor);
  if (provider !== undefined) return { provider, rest: path };
  if (vendor === "azure") throw noAzure(headers);
  throw proxyErrors.unknownProvider(vendor ?? name, [...table.providers.keys()]);
}

/** `/antropic/v1/messages`: a provider's path behind a name that is none, not a path at the root. */
const MISNAMED =
  /^\/(?!v\d|api\/|upload\/)[^/]+\/(?:v\d+(?:alpha|beta)?\d*\/|messages(?:\/|$)|models\/[^/]+(?::|%3A))/i;

/**
 * Azure's SDK at the root sends `/openai/deployments/…?api-version=`, which reads like a path of the provider
 * `openai`, with a key in `api-key`: a header that OpenAI has never read.
 */
function isAzure(path: string, { headers, url }: RouteRequest): boolean {
  const keyed = headers.has("api-key") && !headers.has("authorization");
  return path.startsWith("/openai/deployments/") && (keyed || url.searchParams.has("api-version"));
}

/**
 * Whose key this is. Keys outrank path shapes, so that a client of one vendor never hands its key to another,
 * whatever it calls (`/v1/models`, `/v1/files`).
 */
function vendorByCredential({ headers, url }: RouteRequest): string | undefined {
  const bearer = headers.get("authorization");
  if (headers.has("anthropic-version") || headers.has("anthropic-beta")) return "anthropic";
  if (bearer !== null && /^bearer\s+sk-ant-/i.test(bearer)) return "anthropic";
  // Google's access tokens and API keys.
  if (bearer !== null && /^bearer\s+(?:ya29\.|AIza)/i.test(bearer)) return "google";
  if (headers.has("x-goog-api-key")) return "google";
  if (bearer === null) {
    if (headers.has("x-api-key")) return "anthropic";
    if (headers.has("api-key")) return "azure";
  }
  return url.searchParams.has("key") || url.searchParams.has("access_token") ? "google" : undefined;
}

const SHAPES: readonly (readonly [RegExp, string])[] = [
  [/^\/v1\/(?:messages|complete)(?:\/|$)/, "anthropic"],
  [/^\/(?:upload\/)?v1(?:beta|alpha)\d*(?:\/|$)/, "google"],
  // Vertex has projects, locations and publishers before the model.
  [
    /^\/(?:v1\/)?(?:projects\/[^/]+\/)?(?:locations\/[^/]+\/)?(?:publishers\/[^/]+\/)?(?:models|tunedModels|endpoints)\/[^/]+(?::|%3A)[A-Za-z]+$/i,
    "google",
  ],
  [/^\/upload\/v1\//, "google"],
  [
    /^\/api\/(?:chat|generate|embed|embeddings|tags|show|pull|push|create|copy|delete|ps|version|blobs)(?:\/|$)/,
    "ollama",
  ],
  [/^\/v2\/(?:chat|embed|rerank)$/, "cohere"],
  [/^\/model\/[^/]+\/(?:converse|invoke|count-tokens)/, "bedrock"],
];

function vendorByPath(path: string, defaultProvider: string): string | undefined {
  for (const [shape, vendor] of SHAPES) if (shape.test(path)) return vendor;
  return path.startsWith("/v1/") ? defaultProvider : undefined;
}

function noAzure(headers: Headers): ProxyError {
  const sign = headers.has("api-key") ? "a key in the header api-key" : "a path of Azure's";
  return new ProxyError(
    "unknown_provider",
    `Add your Azure resource with --provider azure=https://RESOURCE.openai.azure.com: this request has ${sign}, and no provider named azure is known.`,
  );
}

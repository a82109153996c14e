import { Hono } from "hono";
import type { AdminBindings, Token } from "./admin/admin.ts";
import { mayObserve, refuseForeign } from "./admin/auth.ts";
import type { StoreHealth } from "./cache/store.ts";
import type { Crew } from "./crew.ts";
import { adminErrors, proxyErrors } from "./errors.ts";
import type { Peer } from "./host.ts";
import { requestUrl } from "./proxy/call.ts";
import { handle } from "./proxy/handle.ts";
import { isAllowedHost, isKnownPreflight } from "./proxy/origin.ts";
import type { ProxyParts } from "./proxy/parts.ts";
import { refuseUnread } from "./proxy/refuse.ts";
import { EXPOSED } from "./proxy/reply.ts";

export interface AppParts {
  readonly proxy: ProxyParts;
  /** This machine's name, lower case; "" where unknown. */
  readonly ownName: string;
  readonly version: string;
  /** What keeps this process from doing its whole work, beside the store. */
  readonly draining: () => boolean;
  /** Whether `admin` is served by this app. */
  readonly adminServed: () => boolean;
  /** Answers under `/admin` and `/metrics`. */
  readonly admin: Hono<AdminBindings>;
  readonly token: Token;
  /** Where several workers answer: how many there should be, and those that are there. */
  readonly crew?: Pick<Crew, "size" | "sockets"> | undefined;
}

type Bindings = AdminBindings;

/** Requests to these are askonce's own; everything else belongs to a provider. */
export function createApp(parts: AppParts): Hono<Bindings> {
  const app = guarded(parts);
  const { proxy } = parts;
  app.get("/", (context) => context.text(welcome(parts, originOf(context.req.raw, context.env.peer))));
  mountAdmin(app, parts);
  app.all("*", (context) => handle(proxy, context.req.raw, context.env.peer));
  return app;
}

/** Answers clients. */
export function createHandler(
  parts: AppParts,
): (request: Request, peer: Peer) => Response | Promise<Response> {
  const app = createApp(parts);
  const { proxy } = parts;
  // A head that is remembered passed the guards under today's settings, and is for a provider.
  return (request, peer) =>
    proxy.memory.seen(peer.head) === undefined ? app.fetch(request, { peer }) : handle(proxy, request, peer);
}

/** What answers at `admin_listen`: the admin API and how this process is, and no provider. */
export function createAdminApp(parts: AppParts): Hono<Bindings> {
  const app = guarded(parts);
  mountAdmin(app, parts);
  app.all("*", () => nothingHere());
  return app;
}

function mountAdmin(app: Hono<Bindings>, { admin, adminServed }: AppParts): void {
  for (const path of ["/admin", "/admin/*", "/metrics"]) {
    app.all(path, ({ req: { raw }, env }) => (adminServed() ? admin.fetch(raw, env) : nothingHere()));
  }
}

/** The guards that every request passes, and how this process is. */
function guarded(parts: AppParts): Hono<Bindings> {
  const app = new Hono<Bindings>({ strict: true, getPath: pathOf });
  const { proxy } = parts;

  app.use(async (context, next) => {
    const request = context.req.raw;
    const { allowedHosts, allowedOrigins } = proxy.config();
    const host = request.headers.get("host");
    if (host !== null && !isAllowedHost(host, { allowed: allowedHosts, ownName: parts.ownName })) {
      const from = { request, peer: context.env.peer, id: proxy.newId(), allowedOrigins };
      return refuseUnread(proxy, from, proxyErrors.forbiddenHost(host.slice(0, 200)));
    }
    const origin = request.headers.get("origin");
    const forProxy = !OPERATORS.test(context.req.path);
    if (forProxy && origin !== null && isKnownPreflight(request, allowedOrigins))
      return allowed(request, origin);
    return next();
  });
  app.get("/healthz", (context) => context.json({ status: "ok" }));
  app.get("/readyz", async ({ req: { raw }, env }) => {
    const { ok, reasons } = readiness(parts);
    const told = await mayKnowReasons(raw, env.peer, parts.token);
    return Response.json(
      { status: ok ? "ready" : "degraded", ...(told && { reasons }) },
      { status: ok ? 200 : 503 },
    );
  });
  return app;
}

/** Paths that no page of another origin is let in to, whatever `allowed_origins` says. */
const OPERATORS = /^\/(?:admin|metrics|readyz)(?:\/|$)/;

async function mayKnowReasons(request: Request, peer: Peer, token: Token): Promise<boolean> {
  try {
    refuseForeign(request, peer);
    return await mayObserve(request, peer, token);
  } catch {
    return false;
  }
}

/** As the client wrote it, where a proxy of the operator's ended its TLS too. */
function originOf(request: Request, peer: Peer): string {
  const origin = requestUrl(request)?.origin ?? "";
  return peer.secure ? origin.replace(/^http:/, "https:") : origin;
}

function nothingHere(): Response {
  const { code, message, status } = adminErrors.nothingHere();
  return Response.json({ error: { code, message } }, { status });
}

/** What cannot be parsed has no page here, and is refused by the proxy. */
function pathOf(request: Request): string {
  return requestUrl(request)?.pathname ?? "/-";
}

function readiness(parts: AppParts): StoreHealth {
  const store = parts.proxy.store.health();
  const reasons = [...(parts.draining() ? ["shutting down"] : []), ...missing(parts.crew), ...store.reasons];
  return { ok: reasons.length === 0, reasons };
}

function missing(crew: AppParts["crew"]): readonly string[] {
  if (crew === undefined) return [];
  const down = crew.size - crew.sockets().filter((socket) => socket !== undefined).length;
  return down === 0 ? [] : [`${down} of ${crew.size} workers ${down === 1 ? "is" : "are"} not there`];
}

/** Answer to a preflight of a page on this machine or of an allowed origin. */
function allowed(request: Request, origin: string): Response {
  const wanted = request.headers.get("access-control-request-headers");
  const headers = new Headers({
    "access-control-allow-origin": origin,
    "access-control-allow-methods": "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
    "access-control-allow-headers": [wanted, CONTROLS].filter(Boolean).join(", "),
    "access-control-expose-headers": EXPOSED,
    "access-control-max-age": "600",
    vary: "Origin, Access-Control-Request-Headers",
  });
  if (request.headers.get("access-control-request-private-network") === "true") {
    headers.set("access-control-allow-private-network", "true");
  }
  return new Response(null, { status: 204, headers });
}

const CONTROLS =
  "Authorization, Content-Type, Cache-Control, X-Cache-TTL, X-Cache-Namespace, X-Cache-Sample, X-Cache-Mode, X-Cache-Replay, X-Cache-Run, X-Cache-Explain, X-Askonce-Token";

function welcome(parts: AppParts, base: string): string {
  const lines = [...parts.proxy.providers().values()].map(
    (provider) => `  ${provider.name.padEnd(12)} ${base}/${provider.name}`,
  );
  return `askonce ${parts.version}: a caching reverse proxy for LLM APIs.

Point a client at it:
  export OPENAI_BASE_URL=${base}/openai/v1
  export ANTHROPIC_BASE_URL=${base}/anthropic
  export GOOGLE_GEMINI_BASE_URL=${base}/google

Providers and their base URLs here:
${lines.join("\n")}
`;
}

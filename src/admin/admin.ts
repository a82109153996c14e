import { type Context, Hono } from "hono";
import type { Archive, Explainer, Rekey } from "../cache/archive.ts";
import type { EntryFilter, Store } from "../cache/store.ts";
import type { Clock } from "../clock.ts";
import type { Config } from "../config.ts";
import { AdminError, adminErrors, CassetteError, StoreFault } from "../errors.ts";
import type { Peer } from "../host.ts";
import type { LiveJournal } from "../journal/journal.ts";
import { mayObserve, refuseForeign, requireToken } from "./auth.ts";
import { configRoutes } from "./config.ts";
import { credentialRoutes } from "./credentials.ts";
import { docsRoutes } from "./docs.ts";
import { entryRoutes } from "./entries.ts";
import { eventRoutes } from "./events.ts";
import { explainRoutes } from "./explain.ts";
import { operationRoutes } from "./operation.ts";
import { purgeRoutes } from "./purge.ts";
import { readAsked } from "./reading.ts";
import { requestRoutes } from "./requests.ts";
import type { Route } from "./route.ts";
import { statsRoutes } from "./stats.ts";
import { tapeRoutes } from "./tape.ts";

/** What the operator's side needs, put together by `compose.ts`. */
export interface AdminParts {
  readonly config: () => Config;
  /** Settings that change until the restart; resolves once they count, in every worker. */
  readonly change: (change: {
    mode?: Config["mode"] | undefined;
    ttlMs?: number | undefined;
  }) => void | Promise<void>;
  readonly store: Store;
  readonly archive: Archive;
  readonly journal: Omit<LiveJournal, "shown">;
  /** Resolves once the journal's followers are told of the other workers' requests too, where there are some. */
  readonly following?: () => Promise<void>;
  readonly explainer: Explainer;
  readonly rekey: Rekey;
  /** Purges the store and what is in flight; resolves to how many stored ones went. */
  readonly purge: (filter: EntryFilter) => Promise<number>;
  readonly token: Token;
  readonly clock: Clock;
  readonly version: string;
  readonly runtime: string;
  readonly pid: number;
  /** Aborted once this process shuts down: what has no end of its own ends then. */
  readonly ending: AbortSignal;
  readonly report: (message: string) => void;
}

/** The bearer token, kept in a file that only its owner reads. */
export interface Token {
  /** Whether `given` is the token now; in constant time. */
  accepts(given: string): Promise<boolean>;
  /** Makes a new one; the old one no longer counts. Resolves to it. Rejects where it cannot be written. */
  rotate(): Promise<string>;
}

export type AdminBindings = { Bindings: { peer: Peer } };
type AdminContext = Context<AdminBindings>;

const API = "/admin/api";

/** The routes under `/admin` and `/metrics`. Never throws: every error is JSON. */
export function createAdmin(parts: AdminParts): Hono<AdminBindings> {
  const app = new Hono<AdminBindings>({ getPath: (request) => new URL(request.url).pathname });
  const routes = routesOf(parts);
  const open = new Set(routes.filter(({ open }) => open).map(({ path }) => API + path));
  app.onError((error) => answerError(error, parts));
  app.use("*", async (context, next) => {
    await next();
    const { headers } = context.res;
    if (!headers.has("cache-control")) headers.set("cache-control", "no-store");
    headers.set("cross-origin-resource-policy", "same-origin");
    headers.set("x-content-type-options", "nosniff");
  });
  app.use("*", async ({ req: { raw }, env }, next) => {
    refuseForeign(raw, env.peer);
    return next();
  });
  app.get("/metrics", async ({ req: { raw }, env }) => {
    if (!(await mayObserve(raw, env.peer, parts.token))) throw adminErrors.unauthorized();
    const headers = { "content-type": "text/plain; version=0.0.4; charset=utf-8" };
    return new Response(await parts.journal.metrics(), { headers });
  });
  app.all("/metrics", () => {
    throw adminErrors.method("GET, HEAD");
  });
  app.use(`${API}/*`, async ({ req: { raw, path } }, next) => {
    if (!open.has(path)) await requireToken(raw, parts.token);
    return next();
  });
  mount(app, routes);
  app.all("*", () => {
    throw adminErrors.noRoute();
  });
  return app;
}

/** Every route, in the order of the document. */
export function routesOf(parts: AdminParts): readonly Route[] {
  const routes = [
    ...statsRoutes(parts),
    ...entryRoutes(parts),
    ...purgeRoutes(parts),
    ...explainRoutes(parts),
    ...tapeRoutes(parts),
    ...requestRoutes(parts),
    ...eventRoutes(parts),
    ...credentialRoutes(parts),
    ...configRoutes(parts),
    ...operationRoutes(parts),
  ];
  return [...routes, ...docsRoutes(routes, parts)];
}

function mount(app: Hono<AdminBindings>, routes: readonly Route[]): void {
  const methods = new Map<string, string[]>();
  for (const route of routes) {
    const path = API + route.path.replace(/\{(\w+)\}/g, ":$1");
    const known = route.method === "GET" ? ["GET", "HEAD"] : [route.method];
    methods.set(path, [...(methods.get(path) ?? []), ...known]);
    app.on(route.method, path, (context) => answer(route, context));
  }
  for (const [path, allowed] of methods) {
    app.all(path, () => {
      throw adminErrors.method(allowed.join(", "));
    });
  }
}

async function answer(route: Route, context: AdminContext): Promise<Response> {
  const { raw } = context.req;
  const asked = await readAsked(route, raw, context.req.param() as Record<string, string>);
  const value = await route.handle(asked);
  if (!(value instanceof Response)) return context.json(value as object);
  // Hono leaves the body of a HEAD's answer alone: what it holds would stay held.
  if (raw.method === "HEAD") await value.body?.cancel();
  return value;
}

function answerError(error: Error, { report }: AdminParts): Response {
  const known = expected(error);
  const { status, code, message, headers } = known instanceof AdminError ? known : adminErrors.internal();
  if (!(known instanceof AdminError)) report(`the admin API failed: ${error.stack ?? error.message}`);
  return Response.json(
    { error: { code, message } },
    { status, headers: { ...headers, "cache-control": "no-store", "x-content-type-options": "nosniff" } },
  );
}

function expected(error: Error): Error {
  if (error instanceof StoreFault) return adminErrors.store(error.message);
  return error instanceof CassetteError ? new AdminError(error.status, error.code, error.message) : error;
}

import { compose } from "../compose.ts";
import type { Config } from "../config.ts";
import { CommandError } from "../errors.ts";
import type { Host } from "../host.ts";

/** The admin API, in whatever process it runs. */
export interface Api {
  /** Where the running instance is; undefined where this process reads the data folder itself. */
  readonly instance: Instance | undefined;
  /** `path` begins behind `/admin/api`. Rejects with CommandError where nobody answers; a status is not judged. */
  request(method: string, path: string, options?: ApiRequest): Promise<Response>;
  close(): Promise<void>;
}

export interface ApiRequest {
  /** Members without a value are left out. */
  readonly query?: Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;
  /** Goes up as JSON. */
  readonly body?: unknown;
  /** Goes up as it is, JSON already, in place of `body`. */
  readonly text?: string;
  /** Goes up as NDJSON, in place of `body`. */
  readonly lines?: AsyncIterable<Uint8Array>;
  readonly signal?: AbortSignal;
}

/** A running askonce, as its file in the data folder's `instances` says. */
export interface Instance {
  readonly pid: number;
  readonly url: string;
  readonly version: string;
  /** RFC 3339. */
  readonly startedAt: string;
}

export interface ConnectOptions {
  /** Makes the data folder where it is missing, instead of reading from an empty one. */
  readonly writes?: boolean;
  /** Throws CommandError where no instance runs. */
  readonly running?: boolean;
}

const ANSWERS_WITHIN_MS = 1_000;
const STATUS_WITHIN_MS = 5_000;

/**
 * Finds the running instance over the data folder, the one started last if there are several, else answers from the
 * folder in this process. Where nothing was ever kept it does so over an empty folder of its own, unless `writes`.
 * Throws CommandError where the token cannot be used.
 */
export async function connect(
  host: Host,
  config: Config,
  { writes = false, running = false, say }: ConnectOptions & { readonly say: (text: string) => void },
): Promise<Api> {
  const instance = await findInstance(host, config.data);
  const api = instance && (await overHttp(host, { instance, data: config.data }));
  if (api) return api;
  if (running) {
    const todo = instance ? "restart it with --admin true" : "start askonce serve first";
    throw new CommandError(`${todo}: no admin API answers for ${config.data}`);
  }
  const empty = !writes && !(await isThere(host, `${config.data}/askonce.db`));
  if (!empty) return await inProcess(host, config);
  say(`nothing was kept in ${config.data} yet`);
  const folder = await host.files.temporaryFolder();
  const own = await inProcess(host, { ...config, data: folder });
  return {
    ...own,
    async close() {
      await own.close();
      await host.files.removeFolder(folder);
    },
  };
}

/** The instance over this folder that started last and answers; undefined where none does. */
export async function findInstance(host: Host, data: string): Promise<Instance | undefined> {
  for (const instance of await instancesIn(host, data)) {
    if (await answers(host, instance.url)) return instance;
  }
  return undefined;
}

async function instancesIn({ files }: Host, data: string): Promise<readonly Instance[]> {
  const folder = `${data}/instances`;
  const names = await files.list(folder).catch(() => []);
  const found: Instance[] = [];
  for (const name of names.filter((name) => name.endsWith(".json"))) {
    const text = await files.readText(`${folder}/${name}`).catch(() => "");
    const instance = readInstance(text);
    if (instance) found.push(instance);
  }
  return found.sort((a, b) => (a.startedAt < b.startedAt ? 1 : -1));
}

function readInstance(text: string): Instance | undefined {
  try {
    const { pid, url, version, started_at: startedAt } = JSON.parse(text);
    const whole = [url, version, startedAt].every((value) => typeof value === "string") && URL.canParse(url);
    return whole ? { pid: Number(pid), url: url.replace(/\/+$/, ""), version, startedAt } : undefined;
  } catch {
    return undefined;
  }
}

async function answers(host: Host, url: string): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(ANSWERS_WITHIN_MS);
    const answer = await host.fetch(`${url}/healthz`, {
      method: "GET",
      headers: new Headers(),
      body: undefined,
      signal,
    });
    const { status } = (await answer.json()) as { status?: unknown };
    return answer.status === 200 && status === "ok";
  } catch {
    return false;
  }
}

/** Undefined where that instance has no admin API. */
async function overHttp(
  host: Host,
  { instance, data }: { instance: Instance; data: string },
): Promise<Api | undefined> {
  const path = `${data}/admin-token`;
  // Where there is no admin API there may be no token: which of them is missing, the instance says.
  let code: string | undefined;
  const token = await host.files.readText(path).catch((error) => {
    code = (error as { code?: string }).code ?? String(error);
    return "none";
  });
  if (!/^\s*[\x21-\x7e]+\s*$/.test(token)) {
    throw new CommandError(`${path} is not one token alone on a line: delete it, and start askonce again`);
  }
  const send: Send = (request, { body, signal }) =>
    host.fetch(request.url, { method: request.method, headers: request.headers, body, signal });
  const api = apiOver(send, { instance, origin: instance.url, token: token.trim() });
  const signal = AbortSignal.timeout(STATUS_WITHIN_MS);
  const { status, body } = await api.request("GET", "/status", { signal });
  await body?.cancel();
  if (status === 404) return undefined;
  if (code !== undefined) {
    throw new CommandError(
      `run this as the user that runs ${instance.url}, whose token is in ${path}: it cannot be read (${code})`,
    );
  }
  if (status === 401 || status === 403) {
    throw new CommandError(
      `the instance at ${instance.url} does not accept the token in ${path}: is it its own folder?`,
    );
  }
  return api;
}

async function inProcess(host: Host, config: Config): Promise<Api> {
  await refuseReadOnly(host, config.data);
  const app = await compose({ ...config, admin: true, log: "off" }, withoutEcho(host));
  const send: Send = ({ method, url, headers }, { body, signal }) =>
    app.admin(new Request(url, { method, headers, signal, ...(body === undefined ? {} : bodyOf(body)) }));
  const api = apiOver(send, {
    instance: undefined,
    origin: "http://localhost",
    token: await app.adminToken(),
  });
  return { ...api, close: () => app.close() };
}

/** SQLite cannot even read where it may not write. Throws CommandError. */
async function refuseReadOnly({ files }: Host, data: string): Promise<void> {
  if (!(await files.facts(data))) return;
  const probe = `${data}/probe-${crypto.randomUUID()}`;
  try {
    await files.createPrivate(probe, "");
    await files.remove(probe);
  } catch (error) {
    const code = (error as { code?: string }).code ?? String(error);
    throw new CommandError(
      `run this as the user who may write to ${data}, which its database needs (${code})`,
    );
  }
}

/** What a command did it says itself: the line that a server's log has of it would be its echo. */
function withoutEcho(host: Host): Host {
  return {
    ...host,
    write(to, text) {
      if (to !== "stderr" || !text.endsWith("through the admin API\n")) host.write(to, text);
    },
  };
}

/** A stream needs `duplex`, which not every runtime's types know. */
function bodyOf(body: Uint8Array | ReadableStream<Uint8Array>): RequestInit {
  return {
    body: body as BodyInit,
    ...(body instanceof ReadableStream ? { duplex: "half" } : {}),
  } as RequestInit;
}

type Send = (
  request: { readonly method: string; readonly url: string; readonly headers: Headers },
  content: {
    readonly body: Uint8Array | ReadableStream<Uint8Array> | undefined;
    readonly signal: AbortSignal;
  },
) => Promise<Response>;

function apiOver(
  send: Send,
  { instance, origin, token }: { instance: Instance | undefined; origin: string; token: string },
): Api {
  return {
    instance,
    async request(
      method,
      path,
      { query = {}, body, text, lines, signal = new AbortController().signal } = {},
    ) {
      const headers = new Headers({ authorization: `Bearer ${token}` });
      if (lines) headers.set("content-type", "application/x-ndjson");
      const json = text ?? (body === undefined ? undefined : JSON.stringify(body));
      if (!lines && json !== undefined) headers.set("content-type", "application/json");
      const bytes = json === undefined ? undefined : new TextEncoder().encode(json);
      const content = lines ? streamOf(lines) : bytes;
      const url = `${origin}/admin/api${path}${queryOf(query)}`;
      try {
        return await send({ method, url, headers }, { body: content, signal });
      } catch (error) {
        const where = instance ? `the instance at ${instance.url}` : "the admin API";
        throw new CommandError(
          `${where} did not answer: ${error instanceof Error ? error.message : String(error)}`,
        );
      }
    },
    close: () => Promise.resolve(),
  };
}

function queryOf(query: NonNullable<ApiRequest["query"]>): string {
  const pairs = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : [value].flat().map((one) => [name, String(one)]),
  );
  return pairs.length === 0 ? "" : `?${new URLSearchParams(pairs)}`;
}

function streamOf(chunks: AsyncIterable<Uint8Array>): ReadableStream<Uint8Array> {
  const reader = chunks[Symbol.asyncIterator]();
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await reader.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    async cancel() {
      await reader.return?.();
    },
  });
}

async function isThere(host: Host, path: string): Promise<boolean> {
  try {
    return (await host.files.size(path)) !== undefined;
  } catch (error) {
    const code = (error as { code?: string }).code ?? String(error);
    throw new CommandError(`run this as the user whose folder it is: ${path} cannot be looked at (${code})`);
  }
}

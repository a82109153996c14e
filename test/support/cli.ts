/** Runs commands in this process: a host without disk or network, in front of an admin API that is a script. */
import { run } from "../../src/cli/run.ts";
import type { Host, Terminal, UpstreamInit } from "../../src/host.ts";

export interface Asked {
  readonly method: string;
  /** Behind `/admin/api`, with its query. */
  readonly path: string;
  readonly authorization: string | null;
  readonly body: string;
}

export type ScriptedApi = (asked: Asked) => Response | Promise<Response> | undefined;

export interface ScriptedRun {
  readonly env?: Readonly<Record<string, string>>;
  /** Files by absolute path; an error's code in place of a text makes reading fail with it. */
  readonly files?: Readonly<Record<string, string | { readonly code: string }>>;
  /** Permission bits, where they are not 0600 and 0700. */
  readonly modes?: Readonly<Record<string, number>>;
  readonly stdin?: string;
  readonly terminal?: Partial<Terminal>;
  /** Answers for a running instance. */
  readonly api?: ScriptedApi;
}

export interface Ran {
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
  readonly asked: readonly Asked[];
  /** What the files hold at the end. */
  readonly files: ReadonlyMap<string, string>;
}

export const DATA = "/data";
export const TOKEN = "ao_token-of-the-test";
const URL_HERE = "http://127.0.0.1:8181";
const INSTANCE = { pid: 7, url: URL_HERE, version: "0.1.0", started_at: "2026-11-23T10:00:00.000Z" };

export async function ran(args: readonly string[], options: ScriptedRun = {}): Promise<Ran> {
  const written = { stdout: "", stderr: "" };
  const asked: Asked[] = [];
  const codes: number[] = [];
  const files = new Map<string, string | { readonly code: string }>([
    ...(options.api
      ? ([
          [`${DATA}/instances/7.json`, JSON.stringify(INSTANCE)],
          [`${DATA}/admin-token`, `${TOKEN}\n`],
        ] as const)
      : []),
    ...Object.entries(options.files ?? {}),
  ]);
  const decoder = new TextDecoder();
  const host = {
    runtime: { name: "bun", version: "0.0.0", compiled: false },
    platform: "linux",
    arch: "x64",
    hostname: "box",
    cwd: "/cwd",
    args: [...args, "--data", DATA],
    env: { HOME: "/home/me", ...options.env },
    files: scriptedFiles(files, options.modes),
    http2: false,
    decodes: [],
    fetch: (url: string, init: UpstreamInit) => answer(options.api, { url, init, asked }),
    terminal: { stdin: false, stdout: false, stderr: false, columns: undefined, ...options.terminal },
    async print(bytes: Uint8Array) {
      written.stdout += decoder.decode(bytes, { stream: true });
    },
    async *stdin() {
      yield new TextEncoder().encode(options.stdin ?? "");
    },
    write(to: "stdout" | "stderr", text: string) {
      written[to] += text;
    },
    async exit(code: number) {
      codes.push(code);
    },
  } as unknown as Host;
  await run(host);
  const texts = [...files].flatMap(([path, text]) =>
    typeof text === "string" ? [[path, text] as const] : [],
  );
  return { code: codes[0], ...written, asked, files: new Map(texts) };
}

async function answer(
  api: ScriptedApi | undefined,
  { url, init, asked }: { url: string; init: UpstreamInit; asked: Asked[] },
): Promise<Response> {
  if (!api || !url.startsWith(URL_HERE)) throw Object.assign(new Error("refused"), { code: "ECONNREFUSED" });
  const path = url.slice(URL_HERE.length);
  if (path === "/healthz") return Response.json({ status: "ok" });
  if (path === "/readyz") return Response.json({ status: "ready", reasons: [] });
  const body = init.body === undefined ? "" : await new Response(init.body as BodyInit).text();
  const one: Asked = {
    method: init.method,
    path: path.replace("/admin/api", ""),
    authorization: init.headers.get("authorization"),
    body,
  };
  const scripted = await api(one);
  if (one.path !== "/status") asked.push(one);
  if (scripted) return scripted;
  if (one.path === "/status") return Response.json({});
  return Response.json({ error: { code: "not_found", message: `nothing at ${one.path}` } }, { status: 404 });
}

function scriptedFiles(
  files: Map<string, string | { readonly code: string }>,
  modes: Readonly<Record<string, number>> = {},
) {
  const encoder = new TextEncoder();
  const missing = (path: string) => Object.assign(new Error(`no ${path}`), { code: "ENOENT" });
  const text = (path: string) => {
    const found = files.get(path);
    if (found === undefined) throw missing(path);
    if (typeof found !== "string") throw Object.assign(new Error("no"), found);
    return found;
  };
  const below = (folder: string) =>
    [...files.keys()].filter((path) => path.startsWith(`${folder.replace(/\/$/, "")}/`));
  return {
    readText: async (path: string) => text(path),
    size: async (path: string) => (files.has(path) ? text(path).length : undefined),
    async facts(path: string) {
      const folder = below(path).length > 0;
      if (!folder && !files.has(path)) return undefined;
      const bytes = folder ? 0 : text(path).length;
      return { folder, bytes, mode: modes[path] ?? (folder ? 0o700 : 0o600), ours: true, modifiedAt: 0 };
    },
    async list(folder: string) {
      const names = below(folder).map((path) => path.slice(folder.length + 1));
      if (names.length === 0) throw missing(folder);
      return [...new Set(names.map((name) => name.split("/")[0]!))].sort();
    },
    async *read(path: string) {
      yield encoder.encode(text(path));
    },
    async replace(path: string, chunks: AsyncIterable<Uint8Array>) {
      const decoder = new TextDecoder();
      let whole = "";
      for await (const chunk of chunks) whole += decoder.decode(chunk, { stream: true });
      files.set(path, whole);
    },
    createPrivate: async (path: string, given: string) => Boolean(files.set(path, given)),
    remove: async (path: string) => void files.delete(path),
    makeFolder: async () => {},
    freeBytes: async () => 64 * 2 ** 30,
  };
}

/**
 * Where a page's commands run: a home and a folder to work in, both new; a scripted provider for all providers; and on
 * PATH this checkout's askonce, with the clients of test/clients beside it. What is another here than in the page
 * stands in `stand`, below.
 */
import { chmodSync, cpSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { delimiter, dirname, join } from "node:path";
import { type Started, start } from "../packaging/command.ts";
import { root, startedBy } from "../support/askonce.ts";
import { tempFolder } from "../support/folder.ts";
import { freePort } from "../support/port.ts";
import { type Handler, type Provider, startProvider } from "../support/provider.ts";
import { PROVIDER_NAMES } from "../support/session.ts";
import { Shell } from "./shell.ts";

export interface Sandbox {
  readonly folder: string;
  readonly shell: Shell;
  /** The page's text with this run's ports and home in it. */
  here(text: string): string;
  /** The other way: output with the page's ports and home. */
  there(output: string): string;
  end(): Promise<void>;
}

interface Request {
  readonly command: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

const deno = [process.env.ASKONCE_DENO, join(root, ".tools/deno-2.9.6/deno")].find(
  (path) => path !== undefined && existsSync(path),
);

export async function sandbox(answer: Handler, python: string | undefined): Promise<Sandbox> {
  const aside = tempFolder();
  const [folder, home, bin] = [join(aside, "project"), join(aside, "home"), join(aside, "bin")];
  for (const made of [home, bin]) mkdirSync(made);
  cpSync(join(root, "test/docs/files"), folder, { recursive: true });
  for (const linked of ["node_modules", "package.json"])
    symlinkSync(join(root, linked), join(folder, linked));
  const provider = await startProvider(answer);
  const [port, admin] = [await freePort(), await freePort()];
  const servers = await Servers.start();
  writePrograms({ folder, bin, python });
  const shell = new Shell({ cwd: folder, aside, env: environment({ home, bin, port, provider, servers }) });
  /** In the page, and here. */
  const stand: readonly (readonly [string, string])[] = [
    ["127.0.0.1:8181", `127.0.0.1:${port}`],
    ["localhost:8181", `localhost:${port}`],
    ["127.0.0.1:8182", `127.0.0.1:${admin}`],
    ["127.0.0.1:9000", `127.0.0.1:${provider.port}`],
    ["/home/you", home],
  ];
  return {
    folder,
    shell,
    here: (text) => stand.reduce((sum, [page, here]) => sum.replaceAll(page, here), text),
    there: (text) => stand.reduce((sum, [page, here]) => sum.replaceAll(here, page), text),
    async end() {
      shell.end();
      await servers.close();
      await provider.close();
    },
  };
}

function environment(of: {
  home: string;
  bin: string;
  port: number;
  provider: Provider;
  servers: Servers;
}): Record<string, string> {
  const { home, bin, port, provider, servers } = of;
  return {
    HOME: home,
    PATH: [bin, process.env.PATH].join(delimiter),
    LANG: "C.UTF-8",
    TZ: "UTC",
    NO_COLOR: "1",
    PYTHONDONTWRITEBYTECODE: "1",
    DENO_DIR: process.env.DENO_DIR ?? join(process.env.HOME ?? "", ".cache/deno"),
    DENO_NO_UPDATE_CHECK: "1",
    DOCS_SERVERS: servers.url,
    ASKONCE_LISTEN: `127.0.0.1:${port}`,
    OPENAI_API_KEY: "sk-example",
    ANTHROPIC_API_KEY: "sk-ant-example",
    GEMINI_API_KEY: "AIza-example",
    ...Object.fromEntries(
      PROVIDER_NAMES.map((name) => [`ASKONCE_PROVIDER_${name.toUpperCase()}`, provider.url]),
    ),
  };
}

/** Programs as the pages call them. Those that serve are started by `Servers`, so that the next command can be typed. */
function writePrograms({ folder, bin, python }: { folder: string; bin: string; python: string | undefined }) {
  const askonce = startedBy([]).map(quoted).join(" ");
  const bun = quoted(process.execPath);
  const serving = `exec ${bun} --no-env-file ${quoted(join(root, "test/docs/serving.ts"))}`;
  const served = (command: string) => `case "\${1-serve}" in
  --version | --help | -h) exec ${command} "$@" ;;
  serve | -*) ${serving} ${command} "$@" ;;
  *) exec ${command} "$@" ;;
esac`;
  write(join(bin, "askonce"), served(askonce));
  write(join(folder, "scripts/start"), served(quoted(join(root, "scripts/start"))));
  write(join(folder, "dist/askonce"), served(askonce));
  write(
    join(bin, "bun"),
    `[ "\${1-}" = test ] || [ "\${1-}" = run ] || exec ${bun} "$@"\nexec ${bun} --no-env-file "$@"`,
  );
  // Bun stands in for Node, which not every machine has.
  const vitest = join(root, "node_modules/vitest/vitest.mjs");
  write(
    join(bin, "npx"),
    `[ "\${1-}" = vitest ] || { echo "npx: only vitest is here" >&2; exit 1; }\nshift\nexec ${bun} --no-env-file --bun ${quoted(vitest)} "$@" --pool threads`,
  );
  if (deno !== undefined)
    write(
      join(bin, "deno"),
      `cd ${quoted(root)}\ncase "\${2-}" in start) ${serving} ${quoted(deno)} "$@" ;; *) exec ${quoted(deno)} "$@" ;; esac`,
    );
  if (python !== undefined) {
    // The interpreter finds its packages by the path that it is called by.
    write(join(bin, "python"), `exec ${quoted(python)} "$@"`);
    write(join(bin, "pytest"), `exec ${quoted(join(dirname(python), "pytest"))} -p no:cacheprovider "$@"`);
  }
}

function write(path: string, script: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
}

const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

/** Starts what serves, one at a time: the next takes the place of the one before, as in a terminal after Ctrl-C. */
class Servers {
  url = "";
  #running: Started | undefined;
  readonly #http: Server;

  private constructor() {
    this.#http = createServer(async (request, response) => {
      let text = "";
      for await (const bytes of request) text += bytes;
      try {
        response.end(await this.#replace(JSON.parse(text) as Request));
      } catch (error) {
        response.writeHead(500).end(String((error as Error).message));
      }
    });
  }

  static async start(): Promise<Servers> {
    const servers = new Servers();
    await new Promise<void>((resolve) => servers.#http.listen(0, "127.0.0.1", resolve));
    servers.url = `http://127.0.0.1:${(servers.#http.address() as { port: number }).port}`;
    return servers;
  }

  /** Resolves with what the start prints. */
  async #replace({ command, cwd, env }: Request): Promise<string> {
    await this.#end();
    const started = start(command, { cwd, env, group: true, timeoutMs: 300_000 });
    this.#running = started;
    const [printed] = await started.printed(/[\s\S]*listens on [\s\S]*?GOOGLE_GEMINI_BASE_URL=\S+\n/);
    return printed;
  }

  async #end(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    if (running === undefined) return;
    running.signal("SIGTERM");
    await running.ended;
  }

  async close(): Promise<void> {
    await this.#end();
    this.#http.close();
  }
}

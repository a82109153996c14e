/** Starts askonce as a user would, as a process of its own: from source on Bun or Deno, or the executable. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { tempFolder } from "./folder.ts";

export type Target = "bun" | "deno" | "executable";

export const root = fileURLToPath(new URL("../../", import.meta.url)).replace(/\/$/, "");

/** What `ASKONCE_TARGET` names, `bun` where it names none. */
export const target: Target = readTarget(process.env.ASKONCE_TARGET ?? "bun");

export interface StartOptions {
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Data folder; a fresh one where none is given. */
  readonly data?: string;
  readonly cwd?: string;
  readonly target?: Target;
  /** Another `--listen` than a free port of 127.0.0.1; undefined flags stay out with `null`. */
  readonly listen?: string | null;
  /** ms that a run to the end may take. */
  readonly within?: number;
  /** Bytes for standard input, which is empty otherwise. */
  readonly stdin?: string;
  /** Runs the command through `sh -c '<text> exec "$@"'`: limits and traps that the process inherits. */
  readonly shell?: string;
}

export interface Exited {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

const START_MS = 30_000;
const alive = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of alive) killTree(child.pid ?? 0, "SIGKILL");
});

export class Askonce {
  stdout = "";
  stderr = "";
  port = 0;
  /** The server itself, not what started it. */
  pid = 0;
  readonly exited: Promise<Exited>;
  readonly #child: ChildProcess;
  #heard: (() => void)[] = [];

  constructor(
    readonly options: StartOptions & { readonly data: string },
    args: readonly string[],
  ) {
    const [command = "", ...rest] = commandOf(options.target ?? target, args, options);
    const cwd = options.cwd ?? root;
    const stdin = options.stdin === undefined ? "ignore" : "pipe";
    this.#child = spawn(command, rest, { cwd, env: environment(options), stdio: [stdin, "pipe", "pipe"] });
    this.#child.stdin?.end(options.stdin);
    alive.add(this.#child);
    this.pid = this.#child.pid ?? 0;
    this.#child.stdout?.on("data", (bytes) => this.#take("stdout", String(bytes)));
    this.#child.stderr?.on("data", (bytes) => this.#take("stderr", String(bytes)));
    this.exited = new Promise((resolve, reject) => {
      this.#child.once("error", reject);
      this.#child.once("close", (code, signal) => {
        alive.delete(this.#child);
        this.#wake();
        resolve({ code, signal, stdout: this.stdout, stderr: this.stderr });
      });
    });
    this.exited.catch(() => this.#wake());
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get data(): string {
    return this.options.data;
  }

  get running(): boolean {
    return alive.has(this.#child);
  }

  /** Lines of the request log so far. */
  get log(): string[] {
    return this.stdout.split("\n").filter((text) => text !== "");
  }

  /** Resolves once `test` holds for what was printed; rejects after `ms`, or when the process ends before. */
  async printed(test: (server: Askonce) => boolean, ms = START_MS): Promise<void> {
    const deadline = performance.now() + ms;
    while (!test(this)) {
      const left = deadline - performance.now();
      if (!this.running || left <= 0) {
        throw new Error(
          `${this.running ? "not printed" : "ended"} after ${ms} ms\n${this.stdout}\n${this.stderr}`,
        );
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#heard.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  /** Resident bytes now, and the most there ever were. */
  memory(): { rss: number; peak: number } {
    const status = readFileSync(`/proc/${this.pid}/status`, "utf8");
    const read = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1]) * 1024;
    return { rss: read("VmRSS"), peak: read("VmHWM") };
  }

  signal(name: "SIGTERM" | "SIGINT" | "SIGHUP" | "SIGKILL"): void {
    if (this.running) process.kill(this.pid, name);
  }

  /** SIGTERM, and the exit. */
  stop(): Promise<Exited> {
    this.signal("SIGTERM");
    return this.exited;
  }

  /** `kill -9`. */
  kill(): Promise<Exited> {
    this.signal("SIGKILL");
    return this.exited;
  }

  /** @internal Waits for the address that the start prints. */
  async listening(): Promise<this> {
    const others = new Set(
      [...(this.options.flags ?? []), ...Object.values(this.options.env ?? {})].flatMap(
        (text) => /^(?:\w+=)?http:\/\/127\.0\.0\.1:(\d+)/.exec(text)?.[1] ?? [],
      ),
    );
    const find = () =>
      [
        ...`${this.stderr}\n${this.stdout}`.matchAll(
          /https?:\/\/(?:127\.0\.0\.1|0\.0\.0\.0|localhost|\[::1\]):(\d+)\b/g,
        ),
      ]
        .map((match) => match[1] ?? "")
        .find((port) => !others.has(port));
    await this.printed(() => find() !== undefined);
    this.port = Number(find());
    // The others `exec` the server, which may have workers of its own.
    if ((this.options.target ?? target) === "deno") this.pid = lastDescendant(this.pid);
    return this;
  }

  #take(stream: "stdout" | "stderr", text: string): void {
    this[stream] += text;
    this.#wake();
  }

  #wake(): void {
    for (const heard of this.#heard.splice(0)) heard();
  }
}

/** A listening askonce on a free port, over a data folder of its own. */
export function startAskonce(options: StartOptions = {}): Promise<Askonce> {
  const data = options.data ?? join(tempFolder(), "data");
  const listen = options.listen === null ? [] : ["--listen", options.listen ?? "127.0.0.1:0"];
  const args = [...listen, "--data", data, ...(options.flags ?? [])];
  return new Askonce({ ...options, data }, args).listening();
}

/** The command line by which the tested askonce is called with these arguments. */
export function startedBy(args: readonly string[]): readonly string[] {
  return commandOf(target, args, {});
}

/** Runs askonce with exactly these arguments until it ends; kills it after 20 s, or `within` ms. */
export async function runAskonce(args: readonly string[], options: StartOptions = {}): Promise<Exited> {
  const server = new Askonce({ ...options, data: options.data ?? join(tempFolder(), "data") }, args);
  const timer = setTimeout(() => killTree(server.pid, "SIGKILL"), options.within ?? 20_000);
  const exited = await server.exited;
  clearTimeout(timer);
  return exited;
}

function readTarget(name: string): Target {
  if (name === "bun" || name === "deno" || name === "executable") return name;
  throw new Error(`ASKONCE_TARGET=${name}: use bun, deno or executable`);
}

function commandOf(which: Target, args: readonly string[], options: StartOptions): readonly string[] {
  const command = commands[which](args);
  return options.shell ? ["/bin/sh", "-c", `${options.shell} exec "$@"`, "sh", ...command] : command;
}

const commands: Record<Target, (args: readonly string[]) => readonly string[]> = {
  bun: (args) => [join(root, "scripts/start"), ...args],
  // A task of its own, since it needs a permission more.
  deno: (args) => [
    ...["deno", "task", "--quiet", "--config", join(root, "deno.json")],
    ...(args[0] === "run" ? args : ["start", ...args]),
  ],
  executable: (args) => {
    const path = join(root, "dist/askonce");
    if (!existsSync(path)) throw new Error("dist/askonce is missing: run scripts/build");
    return [path, ...args];
  },
};

/** The environment without anything that would configure askonce, and with no folder of this user's. */
function environment(options: StartOptions): Record<string, string> {
  const kept = Object.entries(process.env).filter(
    ([name, value]) =>
      value !== undefined &&
      !/^(ASKONCE_|XDG_|STATE_DIRECTORY|NODE_ENV|BUN_CONFIG_|.*_(BASE_URL|API_KEY)$|.*_proxy$)/i.test(name),
  ) as [string, string][];
  const own = tempFolder();
  return {
    ...Object.fromEntries(kept),
    PATH: [process.env.PATH, join(root, "node_modules/.bin")].join(delimiter),
    DENO_DIR: process.env.DENO_DIR ?? join(homedir(), ".cache/deno"),
    DENO_NO_UPDATE_CHECK: "1",
    XDG_DATA_HOME: join(own, "share"),
    XDG_CONFIG_HOME: join(own, "config"),
    ...options.env,
  };
}

function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

/** `deno task` starts the server as a child of its own and stays. */
function lastDescendant(pid: number): number {
  const child = childrenOf(pid).at(-1);
  return child === undefined ? pid : lastDescendant(child);
}

function killTree(pid: number, signal: "SIGKILL"): void {
  for (const child of childrenOf(pid)) killTree(child, signal);
  try {
    if (pid > 0) process.kill(pid, signal);
  } catch {
    // It has ended by itself.
  }
}

/** Programs that are measured: pinned to cores, and what they and their children take of processor and memory. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";

export interface Server {
  readonly port: number;
  readonly pid: number;
  /** Where it may keep things; goes at `remove`. */
  readonly folder: string;
  /** What it wrote to stderr so far. */
  said(): string;
  stop(): Promise<void>;
  /** As `kill -9` of it and of all its children. */
  kill(): Promise<void>;
}

export interface Launch {
  readonly command: readonly string[];
  readonly folder: string;
  /** Found in what it prints to stderr, or known before: then it is ready once something listens there. */
  readonly port: number | RegExp;
  readonly cores?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** A core for servers and one for their load: whoever is measured never shares with who measures. */
export const SERVER_CORE = "0";
const READY_MS = 60_000;
const TICK_S = 0.01;
const PAGE = 4096;

const folders: string[] = [];
process.on("exit", () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** Gone when this program ends, if not before. */
export function temporaryFolder(): string {
  const base = process.env.BENCH_TMP ?? tmpdir();
  mkdirSync(base, { recursive: true });
  const folder = mkdtempSync(join(base, "askonce-bench-"));
  folders.push(folder);
  return folder;
}

export function remove(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}

/** The program on its core, once it takes connections; its stdout goes to a file, as under a service manager. */
export async function launch({ command, folder, port, cores, env }: Launch): Promise<Server> {
  const out = openSync(join(folder, "stdout.log"), "a");
  const child = spawn("taskset", ["-c", cores ?? SERVER_CORE, ...command], {
    stdio: ["ignore", out, "pipe"],
    env: { ...process.env, ...env },
  });
  let printed = "";
  child.stderr?.on("data", (bytes) => {
    printed = (printed + String(bytes)).slice(-100_000);
  });
  const found = await ready(child, { port, said: () => printed });
  const pid = child.pid ?? 0;
  return {
    port: found,
    pid,
    folder,
    said: () => printed,
    stop: () => ended(child, () => child.kill("SIGTERM")),
    kill: () => ended(child, () => killTree(pid)),
  };
}

async function ready(
  child: ChildProcess,
  { port, said }: { port: number | RegExp; said: () => string },
): Promise<number> {
  const until = performance.now() + READY_MS;
  for (;;) {
    const at = typeof port === "number" ? port : Number(port.exec(said())?.[1] ?? 0);
    if (at > 0 && (await listens(at))) return at;
    if (child.exitCode !== null || performance.now() > until) {
      child.kill("SIGKILL");
      throw new Error(`${child.spawnargs.slice(3).join(" ")} did not start:\n${said()}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

function ended(child: ChildProcess, end: () => void): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.once("exit", () => resolve());
    end();
  });
}

function killTree(pid: number): void {
  for (const one of treeOf(pid)) {
    try {
      process.kill(one, "SIGKILL");
    } catch (error) {
      if ((error as { code?: string }).code !== "ESRCH") throw error;
    }
  }
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}

/** The fields of /proc/PID/stat from the state on; undefined where the process is gone. */
function statOf(pid: number): readonly string[] | undefined {
  try {
    const line = readFileSync(`/proc/${pid}/stat`, "utf8");
    return line.slice(line.lastIndexOf(")") + 2).split(" ");
  } catch {
    return undefined;
  }
}

/** The process and all that descend from it. */
export function treeOf(root: number): readonly number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync("/proc")) {
    const pid = Number(name);
    if (!(pid > 0)) continue;
    const parent = Number(statOf(pid)?.[1] ?? 0);
    children.set(parent, [...(children.get(parent) ?? []), pid]);
  }
  const tree = [root];
  for (let at = 0; at < tree.length; at++) tree.push(...(children.get(tree[at] as number) ?? []));
  return tree;
}

/** Seconds of processor that the process and its children have taken, in user mode and in the kernel. */
export function cpuSeconds(root: number): number {
  let ticks = 0;
  for (const pid of treeOf(root)) {
    const fields = statOf(pid);
    if (fields) ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks * TICK_S;
}

/** Seconds of processor of those threads of a process that have this name; "" is the one that answers. */
export function threadSeconds(pid: number, name: string): number {
  let ns = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    try {
      const own = name === "" ? Number(thread) === pid : commOf(pid, thread) === name;
      if (own) ns += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")[0]);
    } catch {
      // It has just ended.
    }
  }
  return ns / 1e9;
}

function commOf(pid: number, thread: string): string {
  return readFileSync(`/proc/${pid}/task/${thread}/comm`, "utf8").trim();
}

/** Bytes resident of the process and its children; pages that they share count for each. */
export function residentBytes(root: number): number {
  let pages = 0;
  for (const pid of treeOf(root)) pages += Number(statOf(pid)?.[21] ?? 0);
  return pages * PAGE;
}

/** Resolves once the process takes less than 5% of a core: what it does in the background is done. */
export async function settled(root: number, longestMs = 120_000): Promise<void> {
  const until = performance.now() + longestMs;
  for (let quiet = 0; quiet < 2 && performance.now() < until; ) {
    const before = cpuSeconds(root);
    await new Promise((resolve) => setTimeout(resolve, 300));
    quiet = cpuSeconds(root) - before < 0.015 ? quiet + 1 : 0;
  }
}

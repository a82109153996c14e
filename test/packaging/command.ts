/** Runs what a user would type, in an environment of exactly these variables. */
import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";

export interface Run {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** What it reads; nothing where this is left out. */
  readonly input?: string;
  readonly timeoutMs?: number;
  /** Makes it the head of a process group of its own, which gets the signals, as Ctrl-C in a terminal goes to all. */
  readonly group?: boolean;
}

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const TIMEOUT_MS = 100_000;
/** Kills those that still run; where a test fails half-way, they go with it. */
const alive = new Set<() => void>();
process.on("exit", () => {
  for (const kill of alive) kill();
});

/** Resolves with what it printed and its exit code; kills it when its time is over. */
export async function run(command: readonly string[], options: Run = {}): Promise<Ended> {
  const { child, ended } = start(command, options);
  child.stdin?.end(options.input ?? "");
  return ended;
}

/** The same, and rejects with its output where it fails. */
export async function succeed(command: readonly string[], options: Run = {}): Promise<Ended> {
  const ended = await run(command, options);
  if (ended.code !== 0) {
    throw new Error(`${command.join(" ")}: exit code ${ended.code}\n${ended.stdout}\n${ended.stderr}`);
  }
  return ended;
}

export interface Started {
  readonly child: ChildProcess;
  signal(name: "SIGTERM" | "SIGINT" | "SIGKILL"): void;
  readonly ended: Promise<Ended>;
  /** Resolves with the first match in what it prints, stdout or stderr; rejects when it ends without one. */
  printed(what: RegExp): Promise<RegExpExecArray>;
}

export function start(command: readonly string[], options: Run = {}): Started {
  const [program = "", ...args] = command;
  const child = spawn(program, args, {
    env: options.env ?? process.env,
    cwd: options.cwd,
    detached: options.group ?? false,
  });
  const said = { stdout: "", stderr: "" };
  let heard: (() => void)[] = [];
  const wake = () => {
    const waiting = heard;
    heard = [];
    for (const one of waiting) one();
  };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].on("data", (bytes: Uint8Array) => {
      said[name] += new TextDecoder().decode(bytes);
      wake();
    });
  }
  const signal = (name: NodeJS.Signals) => {
    if (options.group) process.kill(-child.pid!, name);
    else child.kill(name);
  };
  const kill = () => signal("SIGKILL");
  alive.add(kill);
  const timer = setTimeout(kill, options.timeoutMs ?? TIMEOUT_MS);
  let over = false;
  const ended = new Promise<Ended>((resolve, reject) => {
    const end = () => {
      over = true;
      alive.delete(kill);
      clearTimeout(timer);
      wake();
    };
    child.once("error", (error) => {
      end();
      reject(error);
    });
    child.once("close", (code) => {
      end();
      resolve({ code, ...said });
    });
  });
  ended.catch(() => {});
  return {
    child,
    signal,
    ended,
    async printed(what) {
      for (;;) {
        const found = what.exec(`${said.stderr}\n${said.stdout}`);
        if (found) return found;
        if (over)
          throw new Error(`${command.join(" ")} ended without ${what}\n${said.stdout}\n${said.stderr}`);
        await new Promise<void>((resolve) => heard.push(resolve));
      }
    },
  };
}

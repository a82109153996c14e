import { CommandError } from "../errors.ts";
import type { Child, Host, Signal } from "../host.ts";

/** Signals that are the command's to answer. */
const SIGNALS: readonly Signal[] = ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"];
/** Signals that a terminal sends to all processes in its foreground. */
const FROM_TERMINAL: ReadonlySet<Signal> = new Set(["SIGINT", "SIGQUIT"]);
const SIGINT_EXIT = 130;

export interface SignalsOptions {
  /** Called at each signal that comes once the command has ended. */
  readonly late: () => void;
}

/** Hands this process's signals on to a command; none ends this process while the command runs. */
export class PassedSignals {
  readonly #host: Host;
  readonly #late: () => void;
  #child: Child | undefined;
  #ended = false;
  /** Whether one came before there was a command. */
  #early = false;

  constructor(host: Host, { late }: SignalsOptions) {
    this.#host = host;
    this.#late = late;
    for (const signal of SIGNALS) host.onSignal(signal, () => void this.#take(signal));
  }

  /** Runs the command to its end; resolves to its exit code, 130 where a signal came before it could start. */
  async run(command: readonly string[], env: Readonly<Record<string, string | undefined>>): Promise<number> {
    if (this.#early) return SIGINT_EXIT;
    try {
      this.#child = this.#host.spawn(command, { env, cwd: this.#host.cwd });
      return await this.#child.exited;
    } catch (error) {
      return notStarted(this.#host, command[0] ?? "", error);
    } finally {
      this.#child = undefined;
      this.#ended = true;
    }
  }

  async #take(signal: Signal): Promise<void> {
    if (this.#ended) return this.#late();
    if (this.#child === undefined) this.#early = true;
    // The command has it already, and would take a second one for a second Ctrl-C.
    else if (!(FROM_TERMINAL.has(signal) && (await isInForeground(this.#host)))) this.#child?.kill(signal);
  }
}

/** As a shell has it: 127 for a program that is not there, 126 for one that cannot be run. */
function notStarted(host: Host, program: string, error: unknown): number {
  const { code } = error as { code?: string };
  if (code === "NotCapable" || (error as Error).name === "NotCapable") {
    throw new CommandError(
      "start it with --allow-run, as deno task run does: Deno runs no program otherwise",
    );
  }
  const missing = code === "ENOENT";
  host.write(
    "stderr",
    `askonce: ${program}: ${missing ? "command not found" : `cannot be run (${code ?? String(error)})`}\n`,
  );
  return missing ? 127 : 126;
}

/** Whether this process, and so the command, is in the foreground of its terminal. */
async function isInForeground({ files, terminal }: Host): Promise<boolean> {
  // `pid (name) state ppid pgrp session tty_nr tpgid …`, where the name may hold anything.
  const stat = await files.readText("/proc/self/stat").catch(() => undefined);
  if (stat === undefined) return terminal.stdin || terminal.stdout || terminal.stderr;
  const [, , group, , device, foreground] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return device !== "0" && group === foreground;
}

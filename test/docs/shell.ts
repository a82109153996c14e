/** One terminal for a page: its commands are typed into it, one after the other. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

export interface Answered {
  readonly output: string;
  readonly code: number;
}

const COMMAND_MS = 120_000;

/** Whether bash would run this, rather than wait for more. */
export function isWhole(text: string): boolean {
  const { status, stderr } = spawnSync("bash", ["-n"], { input: `${text}\n`, encoding: "utf8" });
  return status === 0 && stderr === "";
}

export class Shell {
  readonly #child: ChildProcess;
  readonly #end = `end-${crypto.randomUUID()}`;
  readonly #file: string;
  #output = "";
  #over = false;
  #wake = () => {};

  constructor(options: {
    readonly cwd: string;
    readonly aside: string;
    readonly env: Record<string, string>;
  }) {
    const { cwd, env, aside } = options;
    this.#file = join(aside, "command.sh");
    // The head of a process group, so that what a page starts in the background goes with it.
    this.#child = spawn("bash", ["--noprofile", "--norc"], { cwd, env, detached: true });
    for (const stream of [this.#child.stdout!, this.#child.stderr!])
      stream.on("data", (bytes) => {
        this.#output += bytes;
        this.#wake();
      });
    this.#child.once("close", () => {
      this.#over = true;
      this.#wake();
    });
  }

  /** What it printed, on either stream, and its exit code. Rejects where it does not end. */
  async type(command: string): Promise<Answered> {
    this.#output = "";
    writeFileSync(this.#file, `${command}\n`);
    this.#child.stdin!.write(`. ${this.#file} </dev/null 2>&1; printf '\\n%s %s\\n' ${this.#end} $?\n`);
    const deadline = setTimeout(() => this.end(), COMMAND_MS);
    try {
      for (;;) {
        const found = new RegExp(`\\n${this.#end} (\\d+)\\n`).exec(this.#output);
        if (found) return { output: this.#output.slice(0, found.index), code: Number(found[1]) };
        if (this.#over) throw new Error(`the terminal ended at: ${command}\n${this.#output}`);
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    } finally {
      clearTimeout(deadline);
    }
  }

  end(): void {
    if (this.#over) return;
    try {
      process.kill(-this.#child.pid!, "SIGKILL");
    } catch {
      // It has ended by itself.
    }
  }
}

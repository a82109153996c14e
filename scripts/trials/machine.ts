/** A Debian that boots systemd in a container of its own, on this machine's network: for trials as root. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";

/** What they include beside Debian's least: systemd itself. */
const PACKAGES = "systemd,systemd-sysv,dbus,ca-certificates";
const BOOT_MS = 60_000;

export class Machine {
  readonly #nspawn: ChildProcess;
  #leader = 0;

  private constructor(readonly folder: string) {
    const args = ["-D", folder, "--boot", "--register=no", "--keep-unit", "--machine=askonce-trial"];
    this.#nspawn = spawn("systemd-nspawn", args, { stdio: "ignore" });
  }

  /** Boots the system in `folder`, which debootstrap makes where there is none. */
  static async boot(folder: string): Promise<Machine> {
    if (!existsSync(`${folder}/usr`)) {
      const args = ["--variant=minbase", `--include=${PACKAGES}`, "bookworm", folder];
      execFileSync("debootstrap", args, { stdio: "ignore" });
    }
    const machine = new Machine(folder);
    const until = performance.now() + BOOT_MS;
    for (;;) {
      machine.#leader = childOf(machine.#nspawn.pid ?? 0);
      if (machine.#leader > 0 && machine.run(["systemctl", "is-system-running"]).text === "running")
        return machine;
      if (performance.now() > until) throw new Error("the machine does not boot");
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  /** Runs a program in it to its end. */
  run(command: readonly string[]): { readonly code: number; readonly text: string; readonly ms: number } {
    const began = performance.now();
    try {
      const output = execFileSync("nsenter", this.#enter(command), {
        encoding: "utf8",
        stdio: ["ignore", "pipe", "pipe"],
      });
      return { code: 0, text: output.trim(), ms: performance.now() - began };
    } catch (error) {
      const { status, stdout, stderr } = error as { status: number; stdout: string; stderr: string };
      return { code: status, text: `${stdout ?? ""}${stderr ?? ""}`.trim(), ms: performance.now() - began };
    }
  }

  /** The same, beside this process. */
  start(command: readonly string[]): Promise<number> {
    const child = spawn("nsenter", this.#enter(command), { stdio: "ignore" });
    return new Promise((resolve) => child.once("exit", (code) => resolve(code ?? 1)));
  }

  async off(): Promise<void> {
    const ended = new Promise((resolve) => this.#nspawn.once("exit", resolve));
    this.run(["systemctl", "poweroff"]);
    await ended;
  }

  #enter(command: readonly string[]): string[] {
    return ["-t", String(this.#leader), "-m", "-u", "-i", "-p", "-C", "--", ...command];
  }
}

function childOf(pid: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ")[0]);
  } catch {
    return 0;
  }
}

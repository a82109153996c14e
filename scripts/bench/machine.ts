/** The machine and the versions that were measured, in words. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { join } from "node:path";

const root = join(import.meta.dirname, "../..");

function said(command: readonly string[], pattern: RegExp): string {
  const [program = "", ...args] = command;
  const { stdout, stderr } = spawnSync(program, args, { encoding: "utf8", cwd: root });
  return pattern.exec(`${stdout}${stderr}`)?.[1] ?? "?";
}

export function describeMachine(): readonly string[] {
  const about = readFileSync("/proc/cpuinfo", "utf8");
  const field = (name: string) => new RegExp(`^${name}\\s*: (.*)$`, "m").exec(about)?.[1] ?? "?";
  const virtual = /\bhypervisor\b/.test(field("flags")) ? ", in a virtual machine" : "";
  const debian = said(["cat", "/etc/os-release"], /PRETTY_NAME="(.*)"/);
  return [
    `${cpus().length} processors (${field("model name").replace(/\(R\)|\(TM\)/g, "")}, family ${field("cpu family")}, model ${field("model")}${virtual}), ${Math.round(totalmem() / 2 ** 30)} GiB of memory`,
    `${debian}, Linux ${release().split("-")[0]}`,
    [
      `Bun ${Bun.version}`,
      `nginx ${said(["nginx", "-v"], /nginx\/([\d.]+)/)}`,
      `Varnish ${said(["varnishd", "-V"], /varnish-([\d.]+)/)}`,
      `wrk ${said(["wrk", "-v"], /wrk (?:debian\/)?([\d.]+)/)}`,
    ].join(", "),
  ];
}

export function commit(): string {
  const head = said(["git", "rev-parse", "--short", "HEAD"], /^(\w+)/);
  const changed = said(["git", "status", "--porcelain", "src"], /^(.)/) !== "?";
  return changed ? `${head} and changes` : head;
}

/** Fetches Bun's programs for other platforms, each checked against the sum in targets.ts. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { BUN_VERSION, type Target } from "./targets.ts";

/** Why a target cannot be made, in one line for whoever called the script. */
export class Unavailable extends Error {}

export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/**
 * The path of Bun's program for the target, from `folder` or else from the registry that npm's settings name.
 * (`bun build --target` by itself asks the public registry whatever they say, and checks no sum of what it kept.)
 */
export function runtimeFor(target: Target, folder: string): string {
  const kept = join(folder, `bun-${BUN_VERSION}`, target.name, target.program);
  if (!existsSync(kept)) fetchInto(kept, target);
  const sum = sha256(readFileSync(kept));
  if (sum === target.sha256) return kept;
  rmSync(kept);
  throw new Unavailable(
    `${target.package} ${BUN_VERSION} is not what scripts/packaging/targets.ts expects: its program has the SHA-256 ${sum}`,
  );
}

function fetchInto(kept: string, target: Target): void {
  mkdirSync(dirname(kept), { recursive: true });
  const aside = mkdtempSync(join(dirname(kept), "fetch-"));
  try {
    const dependencies = { [target.package]: BUN_VERSION };
    writeFileSync(join(aside, "package.json"), JSON.stringify({ private: true, dependencies }));
    const flags = ["install", "--ignore-scripts", "--no-save", "--os=*", "--cpu=*"];
    const { status, stdout, stderr } = spawnSync(process.execPath, flags, { cwd: aside, encoding: "utf8" });
    const program = join(aside, "node_modules", target.package, target.program);
    if (status !== 0 || !existsSync(program)) {
      const said = `${stdout}${stderr}`.split("\n").filter((line) => /^error|^\$|fail/i.test(line));
      throw new Unavailable(
        `could not fetch ${target.package} ${BUN_VERSION} from npm: ${said.join("; ") || "nothing arrived"}`,
      );
    }
    renameSync(program, kept);
  } finally {
    rmSync(aside, { recursive: true, force: true });
  }
}

/** The program as one JavaScript file (and one for its thread), and the packages whose code is in it. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";

export interface Embedded {
  readonly name: string;
  readonly version: string;
  /** As its package.json says; an SPDX expression. */
  readonly license: string;
  /** npm's integrity of its package, `sha512-<base64>`, from the lockfile. */
  readonly integrity: string;
  /** Where it lies here. */
  readonly folder: string;
}

const ENTRIES = ["src/main.bun.ts", "src/storage/desk.bun.ts"];

/** Writes `main.bun.js` and `storage/desk.bun.js` to `out`. */
export function bundle({
  root,
  out,
  commit,
}: {
  root: string;
  out: string;
  commit: string;
}): readonly Embedded[] {
  const meta = join(out, "meta.json");
  const flags = ["--target=bun", "--outdir", out, `--metafile=${meta}`];
  const define = ["--define", `ASKONCE_COMMIT=${JSON.stringify(commit)}`];
  const command = ["build", ...flags, ...define, ...ENTRIES];
  const { status, stderr } = spawnSync(process.execPath, command, { cwd: root, encoding: "utf8" });
  if (status !== 0) throw new Error(`the bundle could not be made:\n${stderr}`);
  return embedded(root, meta);
}

function embedded(root: string, meta: string): readonly Embedded[] {
  const { inputs } = JSON.parse(readFileSync(meta, "utf8")) as { inputs: Record<string, unknown> };
  const lock = Bun.JSONC.parse(readFileSync(join(root, "bun.lock"), "utf8")) as {
    packages: Record<string, [string, string, unknown, string]>;
  };
  const folders = Object.keys(inputs).flatMap(
    (path) => /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1] ?? [],
  );
  return [...new Set(folders)].sort().map((path) => {
    const folder = join(root, path);
    const { name, version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    const locked = Object.values(lock.packages).find(([id]) => id === `${name}@${version}`);
    if (locked === undefined || typeof license !== "string") {
      throw new Error(`${name} ${version} has no line in bun.lock, or no licence in its package.json`);
    }
    return { name, version, license, integrity: locked[3], folder };
  });
}

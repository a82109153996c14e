/** Makes one release file: the executable of a target, packed. */
import { spawnSync } from "node:child_process";
import { chmodSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { runtimeFor, Unavailable } from "./runtime.ts";
import { releaseFile, type Target } from "./targets.ts";

export interface Made {
  readonly file: string;
  /** Of the executable, and of the file that is downloaded. */
  readonly bytes: number;
  readonly packedBytes: number;
}

/** Writes the target's file to `out`, by rename. Throws Unavailable where it cannot be made here. */
export function executable(target: Target, { root, out }: { root: string; out: string }): Made {
  const runtime = runtimeFor(target, join(root, ".tools"));
  const file = join(out, releaseFile(target));
  const aside = join(out, `.${target.name}.exe`);
  try {
    const flags = [`--target=${target.bun}`, `--compile-executable-path=${runtime}`, `--outfile=${aside}`];
    const define = ["--define", `ASKONCE_PLATFORM=${JSON.stringify(target.name)}`];
    const built = spawnSync(join(root, "scripts/build"), [...flags, ...define], { encoding: "utf8" });
    if (built.status !== 0) throw new Unavailable(`bun build failed: ${built.stderr.trim()}`);
    const program = readFileSync(aside);
    const packed = file.endsWith(".gz") ? gzipSync(program, { level: 9 }) : program;
    writeFileSync(`${aside}.packed`, packed);
    if (packed === program) chmodSync(`${aside}.packed`, 0o755);
    renameSync(`${aside}.packed`, file);
    return { file, bytes: program.byteLength, packedBytes: packed.byteLength };
  } finally {
    for (const left of [aside, `${aside}.packed`]) rmSync(left, { force: true });
  }
}

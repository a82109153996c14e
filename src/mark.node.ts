import { createHash } from "node:crypto";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";

/**
 * Tells what lies at `paths` from what lay there at another time: a digest of the names, sizes and times of these files
 * and of all in these folders, 32 hex digits. What cannot be read counts as not there.
 */
export function markOf(paths: readonly string[]): string {
  const hash = createHash("sha256");
  for (const path of paths) {
    for (const name of ["", ...namesIn(path)]) {
      const { size, mtimeMs } = statSync(join(path, name), { throwIfNoEntry: false }) ?? {};
      hash.update(`${name}\0${size}\0${mtimeMs}\0`);
    }
  }
  return hash.digest("hex").slice(0, 32);
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder, { recursive: true, encoding: "utf8" }).sort();
  } catch {
    return [];
  }
}

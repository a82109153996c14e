/** The package for npm: the program as plain JavaScript, and Bun for each platform as an optional dependency. */
import { spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, cpSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { bundle } from "./bundle.ts";
import { notices } from "./notices.ts";
import { type Manifest, sbom } from "./sbom.ts";
import { BUN_VERSION, targets } from "./targets.ts";

/** Makes the folder `out`, ready for `npm publish`, and beside it the archive that would be published. */
export function npmPackage({
  root,
  out,
  manifest,
  commit,
}: {
  root: string;
  out: string;
  manifest: Manifest;
  commit: string;
}): string {
  rmSync(out, { recursive: true, force: true });
  mkdirSync(join(out, "bin"), { recursive: true });
  const embedded = bundle({ root, out: join(out, "dist"), commit });
  rmSync(join(out, "dist", "meta.json"));
  writeFileSync(join(out, "dist", "none.toml"), "");
  copyFileSync(join(root, "scripts/packaging/launch.js"), join(out, "bin", "askonce.js"));
  chmodSync(join(out, "bin", "askonce.js"), 0o755);
  for (const name of ["README.md", "LICENSE", "CHANGELOG.md", "docs"]) {
    cpSync(join(root, name), join(out, name), { recursive: true });
  }
  writeFileSync(join(out, "LICENSES.txt"), notices(root, embedded));
  writeFileSync(join(out, "askonce.cdx.json"), sbom({ manifest, embedded, targets: [] }));
  writeFileSync(join(out, "package.json"), `${JSON.stringify(packageJson(manifest), null, 2)}\n`);
  const packed = spawnSync(process.execPath, ["pm", "pack", "--quiet", "--destination", join(out, "..")], {
    cwd: out,
    encoding: "utf8",
  });
  if (packed.status !== 0) throw new Error(`the package could not be packed:\n${packed.stderr}`);
  return join(out, "..", `askonce-${manifest.version}.tgz`);
}

function packageJson({ name, version, description, license }: Manifest): object {
  return {
    name,
    version,
    description,
    license,
    keywords: ["llm", "cache", "proxy", "openai", "anthropic", "gemini"],
    type: "module",
    bin: { askonce: "bin/askonce.js" },
    // What the command itself needs; the program runs on the Bun below.
    engines: { node: ">=18.17", bun: `>=${BUN_VERSION}` },
    os: ["linux", "darwin", "win32"],
    cpu: ["x64", "arm64"],
    optionalDependencies: Object.fromEntries(targets.map((target) => [target.package, BUN_VERSION])),
  };
}

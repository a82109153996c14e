/** See scripts/release. */
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import manifest from "../../package.json" with { type: "json" };
import { bundle } from "./bundle.ts";
import { executable } from "./executables.ts";
import { notices } from "./notices.ts";
import { npmPackage } from "./npm.ts";
import { sha256, Unavailable } from "./runtime.ts";
import { sbom } from "./sbom.ts";
import { BUN_VERSION, type Target, targets } from "./targets.ts";

const root = resolve(import.meta.dirname, "../..");
const say = (text: string) => process.stderr.write(`askonce: ${text}\n`);
const mebibytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

process.exitCode = main();

function main(): number {
  const options = readOptions();
  if (typeof options === "number") return options;
  if (Bun.version !== BUN_VERSION) {
    say(`a release is made with Bun ${BUN_VERSION} exactly, and this is ${Bun.version}: take it off PATH`);
    return 1;
  }
  const commit = commitOf();
  if (options.npm) {
    const out = join(options.out, "npm");
    const archive = npmPackage({ root, out, manifest, commit });
    say(
      `made ${archive} (${mebibytes(readFileSync(archive).byteLength)}); to publish it: npm publish ${archive}`,
    );
    return 0;
  }
  return release(options);
}

interface Options {
  readonly targets: readonly Target[];
  readonly out: string;
  readonly url: string;
  readonly npm: boolean;
}

/** What was asked for, or the exit code. */
function readOptions(): Options | number {
  const all = targets.map(({ name }) => name);
  const text = { type: "string" } as const;
  try {
    const { values } = parseArgs({
      options: { targets: text, out: text, url: text, npm: { type: "boolean" } },
    });
    const wanted = values.targets?.split(",") ?? all;
    const unknown = wanted.filter((name) => !all.includes(name));
    if (unknown.length > 0)
      throw new Error(`there is no target ${unknown.join(", ")}: known are ${all.join(", ")}`);
    return {
      targets: targets.filter(({ name }) => wanted.includes(name)),
      out: resolve(values.out ?? join(root, "dist", values.npm ? "" : "release")),
      url: values.url ?? "",
      npm: values.npm ?? false,
    };
  } catch (error) {
    say((error as Error).message);
    return 2;
  }
}

function commitOf(): string {
  const flags = ["describe", "--always", "--dirty", "--abbrev=7", "--exclude=*"];
  return spawnSync("git", flags, { cwd: root, encoding: "utf8" }).stdout?.trim() ?? "";
}

/** A folder has SHA256SUMS once all that was asked for is in it, so that nothing is installed from half of one. */
function release({ targets, out, url }: Options): number {
  mkdirSync(out, { recursive: true });
  const isOurs = (name: string) => /^(askonce[-.]|install\.sh$|LICENSES\.txt$|SHA256SUMS$)/.test(name);
  for (const name of readdirSync(out).filter(isOurs)) rmSync(join(out, name));
  const failed: string[] = [];
  for (const target of targets) {
    try {
      const { file, bytes, packedBytes } = executable(target, { root, out });
      say(`made ${file} (${mebibytes(packedBytes)}, the executable ${mebibytes(bytes)})`);
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error;
      say(`${target.name}: ${error.message}`);
      failed.push(target.name);
    }
  }
  if (failed.length > 0) {
    const rest = targets.filter(({ name }) => !failed.includes(name)).map(({ name }) => name);
    say(`not made: ${failed.join(", ")}; for a release without: --targets ${rest.join(",")}`);
    return 1;
  }
  papers({ targets, out, url });
  const lines = readdirSync(out)
    .filter(isOurs)
    .sort()
    .map((name) => `${sha256(readFileSync(join(out, name)))}  ${name}\n`);
  writeFileSync(join(out, "SHA256SUMS"), lines.join(""));
  say(`the release is in ${out}`);
  return 0;
}

/** What goes with the executables: the bill of materials, licences, and the installer with its address. */
function papers({ targets, out, url }: Pick<Options, "targets" | "out" | "url">): void {
  const aside = mkdtempSync(join(tmpdir(), "askonce-bundle-"));
  try {
    const embedded = bundle({ root, out: aside, commit: "" });
    writeFileSync(join(out, "askonce.cdx.json"), sbom({ manifest, embedded, targets }));
    writeFileSync(join(out, "LICENSES.txt"), notices(root, embedded));
  } finally {
    rmSync(aside, { recursive: true, force: true });
  }
  const installer = readFileSync(join(root, "scripts/install.sh"), "utf8");
  writeFileSync(
    join(out, "install.sh"),
    installer.replace(/^default_release=.*$/m, `default_release='${url}'`),
  );
  chmodSync(join(out, "install.sh"), 0o755);
}

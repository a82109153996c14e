/** Folders that hold one package manager and nothing else, to be the whole of PATH. */
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { root } from "../support/askonce.ts";
import { tempFolder } from "../support/folder.ts";
import { succeed } from "./command.ts";

/** Installs packages from npm into a folder of .tools that it returns, once. */
export async function fetched(
  name: string,
  dependencies: Readonly<Record<string, string>>,
  more = {},
): Promise<string> {
  const folder = join(root, ".tools", name);
  if (!existsSync(join(folder, "whole"))) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, dependencies, ...more }));
    await succeed([process.execPath, "install", "--ignore-scripts", "--linker=hoisted"], { cwd: folder });
    writeFileSync(join(folder, "whole"), "");
  }
  return folder;
}

/** A Node and its npm: `bin/node`, `bin/npm`, `bin/npx`. */
export async function nodeFolder(version: string, npm: string): Promise<string> {
  const kind = `node-linux-${process.arch}`;
  return await fetched(`node-${version}`, { [kind]: version, npm });
}

/** For PATH: `node`, `npm`, `npx` of that folder, and the `sh` that npm starts commands with. */
export function nodeAlone(folder: string): string {
  const modules = join(folder, "node_modules");
  return links({
    node: join(modules, `node-linux-${process.arch}`, "bin/node"),
    npm: join(modules, "npm/bin/npm-cli.js"),
    npx: join(modules, "npm/bin/npx-cli.js"),
    sh: "/bin/sh",
  });
}

/** For PATH: `bun` and `bunx`. */
export function bunAlone(): string {
  return links({ bun: process.execPath, bunx: process.execPath });
}

function links(programs: Readonly<Record<string, string>>): string {
  const folder = join(tempFolder(), "bin");
  mkdirSync(folder);
  for (const [name, path] of Object.entries(programs)) symlinkSync(path, join(folder, name));
  return folder;
}

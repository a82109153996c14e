#!/usr/bin/env node
// The npm package's command, under Node or Bun: hands over to the Bun that came with the package.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const home = dirname(dirname(fileURLToPath(import.meta.url)));
const processor = process.arch === "arm64" ? "aarch64" : process.arch;
const system = process.platform === "win32" ? "windows" : process.platform;

/** Packages that may hold this machine's Bun; where npm took no notice of the C library, both Linux ones are there. */
function packages() {
  const plain = `@oven/bun-${system}-${processor}`;
  if (system !== "linux") return [plain];
  const report = /** @type {any} */ (process.report?.getReport?.());
  const glibc =
    report?.header?.glibcVersionRuntime !== undefined || existsSync("/lib64/ld-linux-x86-64.so.2");
  return glibc ? [plain, `${plain}-musl`] : [`${plain}-musl`, plain];
}

function bun() {
  const { resolve } = createRequire(import.meta.url);
  for (const name of packages()) {
    try {
      const program = join(
        dirname(resolve(`${name}/package.json`)),
        "bin",
        system === "windows" ? "bun.exe" : "bun",
      );
      if (existsSync(program)) return program;
    } catch {
      // Not installed: the next one.
    }
  }
  // Started by bunx, without the optional dependencies: then the Bun that runs this.
  if (process.versions.bun !== undefined) return process.execPath;
  process.stderr.write(
    `askonce: the package ${packages()[0]} is missing, which brings Bun for this machine: ` +
      "install askonce again with optional dependencies (no --omit=optional)\n",
  );
  process.exit(1);
}

const program = bun();
// A .env or bunfig.toml of the working folder must not count; Bun reads the rest once, before the start.
const args = [
  "--no-env-file",
  `--config=${join(home, "dist", "none.toml")}`,
  "--max-http-header-size=262144",
  join(home, "dist", "main.bun.js"),
  ...process.argv.slice(2),
];
const env = { BUN_CONFIG_MAX_HTTP_REQUESTS: "65336", ...process.env };

// Node 22.15 and Bun can become the other program, which then has this pid and gets every signal itself.
if (process.platform !== "win32") {
  try {
    process.execve?.(program, [program, ...args], env);
  } catch {
    // A sandbox may forbid it.
  }
}
const child = spawn(program, args, { stdio: "inherit", env });
// A terminal sends Ctrl-C to both already; twice would mean "at once".
const byTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
for (const signal of /** @type {const} */ (["SIGTERM", "SIGHUP", "SIGINT"])) {
  process.on(signal, () => {
    if (signal !== "SIGINT" || !byTerminal) child.kill(signal);
  });
}
child.on("error", (error) => {
  process.stderr.write(`askonce: ${program} does not start: ${error.message}\n`);
  process.exit(1);
});
child.on("exit", (code, signal) => {
  if (signal === null) process.exit(code ?? 1);
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
});

/** Runs the parts of scripts/check and scripts/test, prints each with its time, and sums up. */
import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import process from "node:process";

interface Part {
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Reads passed and failed tests from the output; without it the part counts as one by its exit code. */
  readonly count?: (output: string) => Tally;
  /** Parts that follow each other with the same word here run side by side: they measure no times. */
  readonly beside?: string;
}

interface Tally {
  passed: number;
  failed: number;
}

const PART_MS = 420_000;
const root = dirname(import.meta.dirname);
const bun = process.env.ASKONCE_BUN ?? process.execPath;
const deno = process.env.ASKONCE_DENO ?? "deno";
const tool = (path: string, ...args: string[]) => [bun, join(root, "node_modules", path), ...args];
const biome = (...args: string[]) => tool("@biomejs/biome/bin/biome", ...args);
/** These measure how long things take, so they run alone. */
const timed = (path: string) => /(?:^|[/-])(?:heavy-|loop\.)/.test(path.slice(path.lastIndexOf("/") + 1));
/** Black-box tests; those in by-hand/ have a script each in scripts/try. */
const apart = /^test\/(?:smoke|clients|packaging|docs)\//;
const tests = testFiles("test", (path) => !apart.test(path) && !timed(path));
const loops = testFiles("test", (path) => !apart.test(path) && timed(path));
const clients = testFiles("test/clients", () => true);
const smoke = testFiles("test/smoke", (path) => !timed(path));
const packaging = testFiles("test/packaging", (path) => !path.includes("/by-hand/"));
const docs = testFiles("test/docs", () => true);
const heavy = testFiles("test/smoke", timed);
const denoTest = (files: readonly string[]) => [deno, "test", "-A", "--no-check", "--quiet", ...files];
const blackBox = (files: readonly string[], target: string): Part => ({
  command: bunTest(files),
  env: { ASKONCE_TARGET: target },
  count: countBun,
});

const parts: Readonly<Record<string, Part>> = {
  format: { command: biome("format", "."), beside: "check" },
  lint: { command: biome("lint", "--error-on-warnings", "."), beside: "check" },
  types: { command: tool("typescript/bin/tsc", "-p", "."), beside: "check" },
  "core-types": { command: tool("typescript/bin/tsc", "-p", "scripts/tsconfig.core.json"), beside: "check" },
  build: { command: ["scripts/build"] },
  bun: { command: bunTest(tests), count: countBun, beside: "tests" },
  deno: { command: denoTest(tests), count: countDeno, beside: "tests" },
  clients: { ...blackBox(clients, "bun"), beside: "clients" },
  "smoke-bun": { ...blackBox(smoke, "bun"), beside: "clients" },
  "smoke-deno": { ...blackBox(smoke, "deno"), beside: "smoke" },
  docs: { ...blackBox(docs, "executable"), beside: "smoke" },
  packaging: { ...blackBox(packaging, "executable"), beside: "smoke" },
  "smoke-executable": { ...blackBox(smoke, "executable"), beside: "smoke" },
  "loop-bun": { command: bunTest(loops), count: countBun },
  "loop-deno": { command: denoTest(loops), count: countDeno },
  "heavy-bun": blackBox(heavy, "bun"),
  "heavy-deno": blackBox(heavy, "deno"),
  "heavy-executable": blackBox(heavy, "executable"),
};

process.exitCode = await main(process.argv.slice(2));

async function main(asked: readonly string[]): Promise<number> {
  const unknown = asked.filter((name) => !Object.hasOwn(parts, name));
  if (unknown.length > 0) {
    console.error(`no part ${unknown.join(", ")}: known are ${Object.keys(parts).join(", ")}`);
    return 2;
  }
  const names = asked.length > 0 ? asked : Object.keys(parts);
  const sum: Tally = { passed: 0, failed: 0 };
  const add = (tally: Tally) => {
    sum.passed += tally.passed;
    sum.failed += tally.failed;
  };
  for (let at = 0; at < names.length; ) {
    const group = parts[names[at]!]!.beside;
    let end = at + 1;
    while (group !== undefined && end < names.length && parts[names[end]!]!.beside === group) end++;
    for (const tally of await Promise.all(names.slice(at, end).map(run))) add(tally);
    at = end;
  }
  console.log(`${sum.passed} passed, ${sum.failed} failed`);
  return sum.failed > 0 || sum.passed === 0 ? 1 : 0;
}

async function run(name: string): Promise<Tally> {
  const part = parts[name]!;
  const began = performance.now();
  const { output, code } = await execute(part);
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  const tally = tallyOf({ part, output, code });
  const failed = tally.failed > 0;
  if (failed) console.log(output.trimEnd());
  else
    for (const figure of output.match(/^(?:(?:bun|deno|executable|figures?): .*|\|.*\|)$/gm) ?? [])
      console.log(`  ${figure}`);
  console.log(
    `${failed ? "FAILED" : "ok"} ${name}: ${tally.passed} passed, ${tally.failed} failed, ${seconds} s`,
  );
  return tally;
}

function tallyOf({ part, output, code }: { part: Part; output: string; code: number }): Tally {
  const tally = part.count?.(output) ?? { passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1 };
  // A runner that dies half-way, or finds no tests, has failed whatever it counted.
  if (tally.failed === 0 && (code !== 0 || tally.passed === 0)) tally.failed = 1;
  return tally;
}

function execute(part: Part): Promise<{ output: string; code: number }> {
  const [program, ...args] = part.command;
  const path = [dirname(deno), dirname(bun), process.env.PATH]
    .filter((folder) => folder !== ".")
    .join(delimiter);
  const env = { ...process.env, PATH: path, NO_COLOR: "1", ...part.env };
  // Detached makes it the head of a process group, so that a part out of time goes with all it started.
  const child = spawn(program!, args, { cwd: root, env, detached: true, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  const take = (bytes: Buffer) => {
    output += bytes.toString();
  };
  child.stdout.on("data", take);
  child.stderr.on("data", take);
  return new Promise((resolve) => {
    const stop = () => process.kill(-child.pid!, "SIGKILL");
    const timer = setTimeout(() => {
      output += `\nstopped after ${PART_MS / 1000} s\n`;
      stop();
    }, PART_MS);
    const end = (code: number) => {
      clearTimeout(timer);
      resolve({ output, code });
    };
    child.on("error", (error) => {
      output += `\n${error.message}\n`;
      end(1);
    });
    child.on("close", (code) => end(code ?? 1));
  });
}

function bunTest(files: readonly string[]): readonly string[] {
  return [bun, "--no-env-file", "test", "--timeout=120000", ...files];
}

/** bun ends with ` 12 pass`, ` 1 skip`, ` 0 fail`, and counts a file that cannot be loaded as an error. */
function countBun(output: string): Tally {
  const last = (word: string) =>
    Number([...output.matchAll(new RegExp(`^ *(\\d+) ${word}s?$`, "gm"))].at(-1)?.[1] ?? 0);
  return { passed: last("pass"), failed: last("fail") + last("error") + last("skip") + last("todo") };
}

/** deno ends with `ok | 12 passed (3 steps) | 0 failed (1s)`. */
function countDeno(output: string): Tally {
  const last = (word: string) =>
    Number([...output.matchAll(new RegExp(`\\| (\\d+) ${word}`, "g"))].at(-1)?.[1] ?? 0);
  return { passed: last("passed"), failed: last("failed") + last("ignored") };
}

/** Paths from the checkout, with the `./` that makes bun take them as files and not as filters. */
function testFiles(folder: string, wanted: (path: string) => boolean): readonly string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .map((name) => join(folder, name).replaceAll("\\", "/"))
    .filter((path) => path.endsWith(".test.ts") && wanted(path))
    .sort()
    .map((path) => `./${path}`);
}

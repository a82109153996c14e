/** Run by scripts/try/npm, which says what it needs: the npm package from a private registry, as a user installs it. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { root } from "../../support/askonce.ts";
import { filesBelow, tempFolder } from "../../support/folder.ts";
import { run, start, succeed } from "../command.ts";
import { type Registry, startRegistry } from "../registry.ts";
import { missThenHit } from "../served.ts";
import { bunAlone, nodeAlone, nodeFolder } from "../tools.ts";

/** One that can become another program (`process.execve`), and one that cannot. */
const NODES = [
  ["24.21.0", "11.19.1"],
  ["20.20.2", "10.9.9"],
] as const;
const LONG = { timeout: 120_000 };
const published = join(root, "dist/npm");
let registry: Registry;

before(async () => {
  registry = await startRegistry();
  await registry.publish(published);
}, LONG);
after(() => registry.stop());

/** A user's environment that has nothing yet. */
function user(path: string): Record<string, string> & { HOME: string } {
  const HOME = tempFolder();
  return {
    HOME,
    PATH: path,
    TMPDIR: HOME,
    npm_config_registry: registry.url,
    npm_config_update_notifier: "false",
    BUN_CONFIG_REGISTRY: registry.url,
  };
}

const VERSION = /^askonce \d+\.\d+\.\d+ \(.*bun [\d.]+, linux-\w+\)\n$/;

for (const [version, npm] of NODES) {
  test(`npx, with Node ${version} and no Bun: a first run, and a second offline`, LONG, async () => {
    const env = user(nodeAlone(await nodeFolder(version, npm)));
    const first = await timed(["npx", "--yes", "askonce", "--version"], env);
    assert.match(first.stdout, VERSION);
    const again = ["npx", "--offline", "--yes", "askonce"];
    await registry.without(async () => {
      const second = await timed([...again, "--version"], env);
      assert.match(second.stdout, VERSION);
      console.log(`figures: npx on Node ${version}: first ${first.ms} ms, again ${second.ms} ms`);
      await missThenHit(path(env, again), { env, group: true, cwd: env.HOME, data: join(env.HOME, "data") });
    });
  });

  test(`npm install -g, with Node ${version}: MISS, HIT, signals and exit codes, offline`, LONG, async () => {
    const env = user(nodeAlone(await nodeFolder(version, npm)));
    const prefix = join(env.HOME, "global");
    await succeed(path(env, ["npm", "install", "-g", "--prefix", prefix, "askonce"]), { env });
    const offline = { HOME: env.HOME, PATH: env.PATH! };
    const askonce = join(prefix, "bin/askonce");
    await missThenHit([askonce], { env: offline, cwd: env.HOME, data: join(env.HOME, "data") });
    assert.equal((await run([askonce, "--no-such-flag"], { env: offline })).code, 2);
    const server = start([askonce, "serve", "--listen", "127.0.0.1:0"], { env: offline });
    await server.printed(/listens on/);
    server.signal("SIGINT");
    assert.equal((await server.ended).code, 0);
    const runtimes = readdirSync(join(prefix, "lib/node_modules/askonce/node_modules/@oven"));
    assert.deepEqual(runtimes, [`bun-linux-${process.arch === "arm64" ? "aarch64" : "x64"}`]);
  });
}

test("bunx, with Bun and no Node: a first run, and a second with the registry gone", LONG, async () => {
  const env = user(bunAlone());
  const first = await timed(["bunx", "askonce", "--version"], env);
  assert.match(first.stdout, VERSION);
  await registry.without(async () => {
    const second = await timed(["bunx", "askonce", "--version"], env);
    assert.match(second.stdout, VERSION);
    console.log(`figures: bunx: first ${first.ms} ms, again ${second.ms} ms`);
    await missThenHit(path(env, ["bunx", "askonce"]), { env, cwd: env.HOME, data: join(env.HOME, "data") });
  });
});

test(
  "without the optional dependencies, Bun runs it itself and Node says what is missing",
  LONG,
  async () => {
    const bun = user(bunAlone());
    await succeed(path(bun, ["bun", "add", "--omit=optional", "askonce"]), { env: bun, cwd: bun.HOME });
    const bin = join(bun.HOME, "node_modules/askonce/bin/askonce.js");
    assert.match((await succeed(path(bun, ["bun", bin, "--version"]), { env: bun })).stdout, VERSION);
    const node = user(nodeAlone(await nodeFolder(...NODES[1])));
    const refused = await run(path(node, ["node", bin, "--version"]), { env: node });
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /^askonce: the package @oven\/bun-linux-\w+ is missing.*--omit=optional/);
  },
);

test(
  "a .env, bunfig.toml, tsconfig.json or package.json of the working folder changes nothing",
  LONG,
  async () => {
    const env = user(nodeAlone(await nodeFolder(...NODES[0])));
    await succeed(path(env, ["npm", "install", "--prefix", env.HOME, "askonce"]), { env });
    const cwd = tempFolder();
    writeFileSync(join(cwd, ".env"), "ASKONCE_TTL=nonsense\n");
    writeFileSync(join(cwd, "bunfig.toml"), 'preload = ["./gone.ts"]\n');
    writeFileSync(join(cwd, "tsconfig.json"), "{ broken");
    writeFileSync(join(cwd, "package.json"), "{ broken");
    const askonce = join(env.HOME, "node_modules/.bin/askonce");
    const { stdout } = await succeed([askonce, "config", "--json", "--data", cwd], { env, cwd });
    assert.doesNotMatch(stdout, /nonsense/);
  },
);

test("the package names its licence, platforms and engines, and holds no path of the machine it was made on", () => {
  const manifest = JSON.parse(readFileSync(join(published, "package.json"), "utf8"));
  assert.equal(manifest.private, undefined);
  assert.deepEqual(manifest.bin, { askonce: "bin/askonce.js" });
  assert.deepEqual(
    [manifest.os, manifest.cpu],
    [
      ["linux", "darwin", "win32"],
      ["x64", "arm64"],
    ],
  );
  for (const engine of ["node", "bun"]) assert.match(manifest.engines[engine], /^>=/);
  for (const text of [manifest.license, manifest.version, manifest.description]) assert.ok(text);
  const files = filesBelow(published);
  for (const name of ["LICENSE", "LICENSES.txt", "README.md", "CHANGELOG.md", "askonce.cdx.json"]) {
    assert.ok(files.includes(join(published, name)), name);
  }
  for (const file of files) assert.ok(!readFileSync(file, "utf8").includes(root), file);
});

/** The program's whole path: what is started here is looked up on another PATH. */
function path(env: Readonly<Record<string, string>>, [program = "", ...args]: readonly string[]): string[] {
  return [join(env.PATH!, program), ...args];
}

async function timed(command: readonly string[], env: Readonly<Record<string, string>> & { HOME: string }) {
  const began = performance.now();
  // Where npx finds a package of that name in the working folder, it takes that.
  const { stdout } = await succeed(path(env, command), { env, cwd: env.HOME });
  return { stdout, ms: Math.round(performance.now() - began) };
}

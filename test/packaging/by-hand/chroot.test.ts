/** Run by scripts/try/chroot, which says what it needs: an empty Debian, and each way to install in it. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { root } from "../../support/askonce.ts";
import { type Run, run, succeed } from "../command.ts";
import { type Registry, startRegistry } from "../registry.ts";
import { missThenHit } from "../served.ts";
import { nodeFolder } from "../tools.ts";

const LONG = { timeout: 400_000 };
const USER = 1000;
const debian = process.env.ASKONCE_CHROOT ?? "";
const platform = `linux-${process.arch}`;
let registry: Registry;

before(async () => {
  assert.ok(existsSync(join(debian, "etc/debian_version")), "ASKONCE_CHROOT names a Debian");
  registry = await startRegistry();
  await registry.publish(join(root, "dist/npm"));
}, LONG);
after(() => registry.stop());

/** A user of that Debian with an empty home: nobody there is root. */
function user(name: string): { home: string; env: Record<string, string> } {
  const home = `/home/${name}`;
  mkdirSync(join(debian, home), { recursive: true });
  chownSync(join(debian, home), USER, USER);
  return { home, env: { HOME: home, PATH: "/usr/bin:/bin" } };
}

/** The command as that user would give it, in that Debian with its own /proc, which is gone with it. */
function inside(env: Readonly<Record<string, string>>, command: readonly string[]): string[] {
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  const enter = `mount -t proc proc "$1/proc" && root=$1 && shift && exec chroot --userspec=${USER}:${USER} "$root" "$@"`;
  const shell = ["unshare", "--mount", "sh", "-c", enter, "sh", debian];
  return [
    ...shell,
    "/usr/bin/env",
    "-i",
    ...variables,
    "sh",
    "-c",
    'cd "$HOME" && exec "$@"',
    "sh",
    ...command,
  ];
}

const here: Run = { env: { PATH: process.env.PATH ?? "", LC_ALL: "C" } };

test("there is neither curl nor Node nor Bun in it", LONG, async () => {
  for (const name of ["curl", "wget", "node", "bun"]) {
    assert.notEqual(
      (await run(inside(user("nobody").env, ["sh", "-c", `command -v ${name}`]), here)).code,
      0,
    );
  }
});

test(
  "install.sh from a folder, then serve: MISS, HIT; installed again, it still has its answers",
  LONG,
  async () => {
    const { home, env } = user("downloads");
    for (const name of ["install.sh", "SHA256SUMS", `askonce-${platform}.gz`]) {
      cpSync(join(root, "dist/release", name), join(debian, home, "release", name));
    }
    const install = inside(env, ["sh", "release/install.sh"]);
    const { stderr } = await succeed(install, here);
    assert.match(stderr, new RegExp(`installed askonce .*, ${platform}\\) as ${home}/\\.local/bin/askonce`));
    const askonce = inside(env, [`${home}/.local/bin/askonce`]);
    await missThenHit(askonce, {
      ...here,
      data: `${home}/data`,
      meanwhile: async () => void (await succeed(install, here)),
    });
    await missThenHit(askonce, { ...here, data: `${home}/data`, expect: ["HIT", "HIT"] });
  },
);

test("an older program refuses the data of a newer one, says so, and leaves it as it is", LONG, async () => {
  const { home, env } = user("downloads");
  const askonce = inside(env, [`${home}/.local/bin/askonce`, "serve", "--listen", "127.0.0.1:0"]);
  const file = join(debian, home, "data/askonce.db");
  const { Database } = await import("bun:sqlite");
  const stamp = (version: number) => {
    const db = new Database(file);
    db.run(`PRAGMA user_version = ${version}`);
    db.close();
  };
  const db = new Database(file);
  const { user_version: version } = db.query("PRAGMA user_version").get() as { user_version: number };
  db.close();
  stamp(version + 1);
  const refused = await run([...askonce, "--data", `${home}/data`], here);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /newer/);
  stamp(version);
  for (const name of readdirSync(join(debian, home, "data"))) {
    chownSync(join(debian, home, "data", name), USER, USER);
  }
  await missThenHit(inside(env, [`${home}/.local/bin/askonce`]), {
    ...here,
    data: `${home}/data`,
    expect: ["HIT", "HIT"],
  });
});

test("a musl loader, and no glibc, asks for the musl executable", LONG, async () => {
  const { env } = user("alpine");
  const fake = join(debian, "home/alpine/bin");
  mkdirSync(fake);
  writeFileSync(join(fake, "getconf"), "#!/bin/sh\nexit 1\n");
  chmodSync(join(fake, "getconf"), 0o755);
  const loader = join(debian, "lib/ld-musl-test.so.1");
  writeFileSync(loader, "");
  try {
    const given = { ...env, PATH: `/home/alpine/bin:${env.PATH}` };
    const release = ["--release", "/home/downloads/release"];
    const { stderr } = await run(
      inside(given, ["sh", "/home/downloads/release/install.sh", ...release]),
      here,
    );
    assert.match(stderr, new RegExp(`askonce-${platform}-musl\\.gz`));
  } finally {
    rmSync(loader);
  }
});

test("bunx with only Bun: MISS, HIT", LONG, async () => {
  const { home, env } = user("bun");
  const tools = join(debian, "opt/bun");
  mkdirSync(tools, { recursive: true });
  for (const name of ["bun", "bunx"]) cpSync(process.execPath, join(tools, name), { dereference: true });
  const given = { ...env, PATH: `/opt/bun:${env.PATH}`, BUN_CONFIG_REGISTRY: registry.url };
  const version = await succeed(inside(given, ["bunx", "askonce", "--version"]), here);
  assert.match(version.stdout, /^askonce \d/);
  await missThenHit(inside(given, ["bunx", "askonce"]), { ...here, data: `${home}/data` });
  rmSync(tools, { recursive: true });
});

test("npx with only Node and its npm: MISS, HIT", LONG, async () => {
  const { home, env } = user("node");
  const modules = join(await nodeFolder("24.21.0", "11.19.1"), "node_modules");
  const tools = join(debian, "opt/node");
  cpSync(join(modules, `node-linux-${process.arch}/bin/node`), join(tools, "bin/node"), {
    dereference: true,
  });
  cpSync(join(modules, "npm"), join(tools, "lib/npm"), { recursive: true });
  const link = (name: string) =>
    spawnSync("ln", ["-s", `../lib/npm/bin/${name}-cli.js`, join(tools, "bin", name)]);
  for (const name of ["npm", "npx"]) link(name);
  const given = { ...env, PATH: `/opt/node/bin:${env.PATH}`, npm_config_registry: registry.url };
  const version = await succeed(inside(given, ["npx", "--yes", "askonce", "--version"]), here);
  assert.match(version.stdout, /^askonce \d/);
  const serving = { ...here, data: `${home}/data`, group: true };
  await missThenHit(inside(given, ["npx", "--yes", "askonce"]), serving);
  rmSync(tools, { recursive: true });
});

/** scripts/install.sh, from a folder and over HTTP. The executables here are small scripts, but for the last tests. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { chmodSync, existsSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { root } from "../support/askonce.ts";
import { tempFolder } from "../support/folder.ts";
import { type Ended, run } from "./command.ts";
import { missThenHit } from "./served.ts";

const installer = join(root, "scripts/install.sh");
const PLATFORMS = [
  "linux-x64",
  "linux-x64-musl",
  "linux-arm64",
  "linux-arm64-musl",
  "darwin-x64",
  "darwin-arm64",
];
const LONG = { timeout: 120_000 };

/** A release whose executable for each platform prints which one it is. */
function scriptedRelease(says = "askonce 1.0.0"): string {
  return releaseOf(
    Object.fromEntries(PLATFORMS.map((name) => [name, `#!/bin/sh\necho "${says} ${name}"\n`])),
  );
}

function releaseOf(programs: Readonly<Record<string, string | Uint8Array>>): string {
  const folder = tempFolder();
  const sums = Object.entries(programs).map(([platform, program]) => {
    const packed = gzipSync(program, { level: 0 });
    writeFileSync(join(folder, `askonce-${platform}.gz`), packed);
    return `${createHash("sha256").update(packed).digest("hex")}  askonce-${platform}.gz\n`;
  });
  writeFileSync(join(folder, "SHA256SUMS"), sums.join(""));
  return folder;
}

interface Install {
  readonly release: string;
  readonly home?: string;
  readonly flags?: readonly string[];
  readonly path?: string;
}

/** What `sh install.sh` does for a user whose home is empty. */
async function install({ release, home = tempFolder(), flags = [], path = "/usr/bin:/bin" }: Install) {
  const env = { HOME: home, PATH: path, TMPDIR: tempFolder(), ASKONCE_RELEASE: release };
  const ended = await run(["/bin/sh", installer, ...flags], { env });
  return { ...ended, home, askonce: join(home, ".local/bin/askonce"), left: readdirSync(env.TMPDIR) };
}

/** A PATH on which the machine is another one: `uname`, `getconf` and `sysctl` answer what is given here. */
function machine({ system, processor, appleSilicon = false }: Machine): string {
  const folder = tempFolder();
  const program = (name: string, text: string) => {
    writeFileSync(join(folder, name), `#!/bin/sh\n${text}\n`);
    chmodSync(join(folder, name), 0o755);
  };
  program("uname", `case $1 in -s) echo ${system} ;; *) echo ${processor} ;; esac`);
  program("getconf", "echo glibc 2.36");
  program("sysctl", appleSilicon ? "echo 1" : "exit 1");
  program("codesign", "exit 0");
  return `${folder}:/usr/bin:/bin`;
}

interface Machine {
  readonly system: string;
  readonly processor: string;
  readonly appleSilicon?: boolean;
}

test("from a folder: ~/.local/bin/askonce, no root, nothing left over, and what to do about PATH", async () => {
  const first = await install({ release: scriptedRelease() });
  assert.equal(first.code, 0, first.stderr);
  assert.match(first.stderr, /installed askonce 1\.0\.0 linux-\S+ as .*\/\.local\/bin\/askonce\n/);
  assert.match(first.stderr, /\.local\/bin is not on PATH: add it with/);
  assert.match(first.stderr, /to take it away again: rm /);
  assert.deepEqual([readdirSync(join(first.home, ".local/bin")), first.left], [["askonce"], []]);
  const path = `${join(first.home, ".local/bin")}:/usr/bin:/bin`;
  const again = await install({ release: scriptedRelease("askonce 2.0.0"), home: first.home, path });
  assert.doesNotMatch(again.stderr, /PATH/);
  assert.match((await run([first.askonce])).stdout, /^askonce 2\.0\.0/);
});

test("each machine gets its own file", async () => {
  const release = scriptedRelease();
  const linux = (processor: string) => ({ system: "Linux", processor });
  const cases: readonly [Machine, string][] = [
    [linux("x86_64"), "linux-x64"],
    [linux("aarch64"), "linux-arm64"],
    [{ system: "Darwin", processor: "x86_64" }, "darwin-x64"],
    [{ system: "Darwin", processor: "arm64" }, "darwin-arm64"],
    // A shell under Rosetta.
    [{ system: "Darwin", processor: "x86_64", appleSilicon: true }, "darwin-arm64"],
  ];
  for (const [given, expected] of cases) {
    const { code, stderr } = await install({ release, path: machine(given) });
    assert.equal(code, 0, stderr);
    assert.match(stderr, new RegExp(`installed askonce 1\\.0\\.0 ${expected} as `));
  }
});

test("a machine that there is no executable for is told so", async () => {
  const release = scriptedRelease();
  for (const [given, said] of [
    [{ system: "Linux", processor: "riscv64" }, /no executable for the processor riscv64/],
    [{ system: "FreeBSD", processor: "amd64" }, /no executable for FreeBSD/],
    [{ system: "MINGW64_NT-10.0", processor: "x86_64" }, /askonce-windows-x64\.exe/],
  ] as const) {
    assertRefused(await install({ release, path: machine(given) }), said);
  }
});

test("a damaged, missing or unlisted file installs nothing and leaves what was there", async () => {
  const { home, askonce } = await install({ release: scriptedRelease() });
  const damaged = scriptedRelease("askonce 9.9.9");
  for (const name of PLATFORMS) writeFileSync(join(damaged, `askonce-${name}.gz`), gzipSync("other"));
  assertRefused(
    await install({ release: damaged, home }),
    /is damaged, nothing was installed: its SHA-256 is/,
  );
  const unlisted = scriptedRelease("askonce 9.9.9");
  writeFileSync(join(unlisted, "SHA256SUMS"), "");
  assertRefused(await install({ release: unlisted, home }), /has no askonce-linux-\S+\.gz/);
  assertRefused(await install({ release: tempFolder(), home }), /there is no SHA256SUMS in/);
  const broken = releaseOf(Object.fromEntries(PLATFORMS.map((name) => [name, "#!/bin/sh\nexit 3\n"])));
  assertRefused(await install({ release: broken, home }), /does not start/);
  assert.match((await run([askonce])).stdout, /^askonce 1\.0\.0/);
  assert.deepEqual(readdirSync(join(home, ".local/bin")), ["askonce"]);
});

test("over HTTP with curl and with wget; a download cut short or refused installs nothing", async () => {
  const release = scriptedRelease();
  const server = await serveFolder(release);
  try {
    for (const program of ["curl", "wget"]) {
      if (!existsSync(`/usr/bin/${program}`)) continue;
      const { code, stderr } = await install({ release: server.url, path: pathWith(program) });
      assert.equal(code, 0, `${program}: ${stderr}`);
      assertRefused(
        await install({ release: `${server.url}gone`, path: pathWith(program) }),
        /could not fetch/,
      );
      server.cut = true;
      assertRefused(
        await install({ release: server.url, path: pathWith(program) }),
        /could not fetch|damaged/,
      );
      server.cut = false;
    }
    assertRefused(await install({ release: server.url, path: pathWith() }), /neither curl nor wget/);
  } finally {
    server.close();
  }
});

test("--to names the folder, wrong flags and no release are told, a folder that cannot be written too", async () => {
  const release = scriptedRelease();
  const to = join(tempFolder(), "a folder's name");
  const { code, stderr } = await install({ release, flags: ["--to", to] });
  assert.equal(code, 0, stderr);
  assert.ok(existsSync(join(to, "askonce")));
  assert.equal((await install({ release, flags: ["--tp", to] })).code, 2);
  assert.equal((await install({ release, flags: ["--to"] })).code, 2);
  assertRefused(await install({ release: "" }), /say where the release is/);
  assertRefused(await install({ release, flags: ["--to", "/proc/askonce"] }), /choose another/);
});

test("of the script itself, piped into sh, no beginning installs anything", LONG, async () => {
  const script = readFileSync(installer, "utf8");
  const release = scriptedRelease();
  const home = tempFolder();
  const env = { HOME: home, PATH: "/usr/bin:/bin", ASKONCE_RELEASE: release };
  const lines = script.trimEnd().split("\n");
  for (let end = 0; end < lines.length; end += 7) {
    await run(["/bin/sh"], { env, input: lines.slice(0, end).join("\n") });
    assert.deepEqual(readdirSync(home), [], `the first ${end} lines`);
  }
  assert.equal((await run(["/bin/sh"], { env, input: script })).code, 0);
  assert.ok(existsSync(join(home, ".local/bin/askonce")));
});

test(
  "installing over a running version keeps it running, and the next start answers from its data",
  LONG,
  async () => {
    const program = readFileSync(join(root, "dist/askonce"));
    const platform = `linux-${process.arch}`;
    const release = releaseOf({ [platform]: program });
    const { askonce, home, code, stderr } = await install({ release });
    assert.equal(code, 0, stderr);
    const env = { HOME: home, PATH: "/usr/bin:/bin" };
    const data = join(home, "data");
    const again = async () => assert.equal((await install({ release, home })).code, 0);
    await missThenHit([askonce], { env, data, meanwhile: again });
    await missThenHit([askonce], { env, data, expect: ["HIT", "HIT"] });
  },
);

function assertRefused({ code, stderr }: Ended, said: RegExp): void {
  assert.equal(code, 1, stderr);
  assert.match(stderr, said);
  assert.doesNotMatch(stderr, /installed askonce/);
}

/** A PATH with what every system has and, of the programs that fetch, only the one named. */
function pathWith(fetcher?: string): string {
  const folder = tempFolder();
  const always = [
    "sh",
    "dirname",
    "pwd",
    "uname",
    "getconf",
    "mktemp",
    "rm",
    "cp",
    "mv",
    "mkdir",
    "chmod",
    "sed",
  ];
  for (const name of [
    ...always,
    "grep",
    "sha256sum",
    "gunzip",
    "gzip",
    "cat",
    ...(fetcher ? [fetcher] : []),
  ]) {
    const path = ["/usr/bin", "/bin"].map((place) => join(place, name)).find(existsSync);
    if (path) symlinkSync(path, join(folder, name));
  }
  return folder;
}

async function serveFolder(folder: string) {
  const state = { cut: false };
  const server: Server = createServer((request, response) => {
    const file = join(folder, request.url ?? "");
    if (!existsSync(file)) {
      response.writeHead(404).end();
      return;
    }
    const bytes = readFileSync(file);
    response.setHeader("content-length", bytes.byteLength);
    if (!state.cut || file.endsWith("SHA256SUMS")) response.end(bytes);
    else response.write(bytes.subarray(0, 20), () => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return Object.assign(state, {
    url: `http://127.0.0.1:${port}/`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  });
}

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { answerBulky, answerWell, openai } from "../support/answers.ts";
import { type Askonce, runAskonce, startAskonce } from "../support/askonce.ts";
import { filesBelow, tempFolder } from "../support/folder.ts";
import { startProvider } from "../support/provider.ts";
import { ask, post, type RawAnswer } from "../support/raw.ts";
import { assertHit, assertMiss, eventually, fresh, inParallel, OWN_PROCESS } from "../support/session.ts";

const chat = (server: Askonce, body: unknown) => post(server.port, openai.path, { body });

/** Where answers are kept. */
function databaseOf(data: string): string {
  const path = join(data, "askonce.db");
  assert.equal(readFileSync(path).subarray(0, 15).toString(), "SQLite format 3");
  return path;
}

test("a damaged database is set aside and named, and the proxy works on", { timeout: 90_000 }, async (t) => {
  const provider = await startProvider(answerWell);
  const flags = ["--provider", `openai=${provider.url}`];
  const first = await startAskonce({ flags });
  await chat(first, openai.request(fresh(), false));
  await first.stop();
  const path = databaseOf(first.data);
  const garbage = Buffer.alloc(40_000, "not a database, but precious ");
  writeFileSync(path, garbage);
  for (const suffix of ["-wal", "-shm"]) if (existsSync(path + suffix)) unlinkSync(path + suffix);
  const second = await startAskonce({ flags, data: first.data });
  t.after(async () => {
    await second.kill();
    await provider.close();
  });
  const body = openai.request(fresh(), false);
  const answer = await chat(second, body);
  assertMiss(answer);
  assertHit(await chat(second, body), answer);
  assert.match(second.stderr, /damaged/);
  const aside = filesBelow(first.data).filter((file) => readFileSync(file).equals(garbage));
  assert.equal(aside.length, 1, "the damaged file, unchanged, under another name");
  assert.notEqual(aside[0], path);
  assert.ok(second.stderr.includes(aside[0]?.split("/").at(-1) ?? "-"), second.stderr);
});

test("a database whose middle is overwritten gives misses or right answers, never wrong ones or a 5xx", {
  timeout: 90_000,
}, async (t) => {
  const provider = await startProvider(answerBulky(4000));
  const flags = ["--provider", `openai=${provider.url}`];
  const first = await startAskonce({ flags });
  const bodies = Array.from({ length: 100 }, () => openai.request(fresh(), false));
  const firsts = await inParallel(100, 8, (i) => chat(first, bodies[i]));
  await first.stop();
  const path = databaseOf(first.data);
  const bytes = readFileSync(path);
  for (let at = 5000; at < bytes.byteLength; at += 4001) bytes[at] = (bytes[at] ?? 0) ^ 0x55;
  writeFileSync(path, bytes);
  const second = await startAskonce({ flags, data: first.data });
  t.after(async () => {
    await second.kill();
    await provider.close();
  });
  for (const [i, body] of bodies.entries()) {
    const answer = await chat(second, body);
    assert.equal(answer.status, 200);
    if (answer.cache === "HIT") assert.equal(answer.text, firsts[i]?.text);
  }
  const body = openai.request(fresh(), false);
  assertMiss(await chat(second, body));
  await eventually(async () => assert.equal((await chat(second, body)).cache, "HIT"));
});

test("a database newer than the program is refused with exit code 1, unharmed", OWN_PROCESS, async () => {
  const first = await startAskonce();
  await first.stop();
  for (const name of ["archive.db", "askonce.db"]) await refused(join(first.data, name), first.data);
});

async function refused(path: string, data: string): Promise<void> {
  const bytes = readFileSync(path);
  bytes.writeUInt32BE(9999, 60);
  writeFileSync(path, bytes);
  const exited = await runAskonce(["--listen", "127.0.0.1:0", "--data", data]);
  assert.equal(exited.code, 1, exited.stderr);
  assert.match(exited.stderr, /newer/i);
  assert.ok(readFileSync(path).equals(bytes), "the file is unchanged");
}

test("a data folder that cannot be made leaves a proxy that forwards, says so, and recovers by itself", {
  timeout: 90_000,
}, async (t) => {
  const provider = await startProvider(answerWell);
  const data = join(tempFolder(), "data");
  symlinkSync("/proc/askonce-cannot-be-here", data);
  const server = await startAskonce({ flags: ["--provider", `openai=${provider.url}`], data });
  t.after(async () => {
    await server.kill();
    await provider.close();
  });
  for (let i = 0; i < 3; i++) assertMiss(await chat(server, openai.request(fresh(), false)));
  const unready = await ask(server.port, { path: "/readyz" });
  assert.equal(unready.status, 503);
  assert.match(unready.text, /store|data|disk|database/i);
  assert.equal((await ask(server.port, { path: "/healthz" })).status, 200);
  assert.match(server.stderr, /data|store|database/i);
  unlinkSync(data);
  mkdirSync(data);
  await recovers(server);
});

/** Waits until answers are kept again and the server says that it is ready. */
async function recovers(server: Askonce): Promise<void> {
  await eventually(async () => {
    const body = openai.request(fresh(), false);
    assertMiss(await chat(server, body));
    assert.equal((await chat(server, body)).cache, "HIT");
    assert.equal((await ask(server.port, { path: "/readyz" })).status, 200);
  }, 15_000);
}

test("a full disk leaves a proxy that forwards and says so in /readyz; with room again it recovers", {
  timeout: 120_000,
}, async (t) => {
  const provider = await startProvider(answerBulky(200_000));
  const disk = smallDisk(8 * 1024 * 1024);
  const server = await startAskonce({ flags: ["--provider", `openai=${provider.url}`], ...disk.options });
  t.after(async () => {
    await server.kill();
    await provider.close();
    disk.remove();
  });
  disk.limit(server.pid);
  let unready: RawAnswer | undefined;
  for (let i = 0; i < 80 && unready?.status !== 503; i++) {
    const answer = await chat(server, openai.request(fresh(), false));
    assert.deepEqual([answer.status, answer.ending], [200, "complete"]);
    unready = await ask(server.port, { path: "/readyz" });
  }
  assert.equal(unready?.status, 503, "80 answers of 200 kB fit on 8 MiB?");
  disk.grow(server.pid);
  await recovers(server);
});

interface SmallDisk {
  readonly options: { data: string; shell?: string };
  limit(pid: number): void;
  grow(pid: number): void;
  remove(): void;
}

/**
 * A file system of `bytes` where mounting is allowed; elsewhere a limit on the size of each file, which any user may
 * set and lift, with its signal ignored so that a write fails as on a full disk.
 */
function smallDisk(bytes: number): SmallDisk {
  const folder = tempFolder();
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${bytes}`, "tmpfs", folder], { stdio: "ignore" });
  } catch {
    const set = (pid: number, limit: string) =>
      execFileSync("prlimit", [`--fsize=${limit}`, "--pid", String(pid)]);
    return {
      options: { data: join(folder, "data"), shell: "trap '' XFSZ;" },
      limit: (pid) => set(pid, `${bytes / 2}:`),
      grow: (pid) => set(pid, `${bytes * 64}:`),
      remove: () => {},
    };
  }
  return {
    options: { data: join(folder, "data") },
    limit: () => {},
    grow: () => execFileSync("mount", ["-o", `remount,size=${bytes * 16}`, folder]),
    remove: () => execFileSync("umount", ["-l", folder]),
  };
}

test("a database that becomes read-only under a running server is survived and recovered from", {
  timeout: 90_000,
}, async (t) => {
  const provider = await startProvider(answerWell);
  const flags = ["--provider", `openai=${provider.url}`];
  const server = await startAskonce({ flags });
  t.after(async () => {
    await server.kill();
    await provider.close();
  });
  const body = openai.request(fresh(), false);
  const first = await chat(server, body);
  assertMiss(first);
  const away = join(dirname(server.data), "away");
  renameSync(server.data, away);
  writeFileSync(server.data, "a file stands where the folder was");
  for (let i = 0; i < 20; i++) assert.equal((await chat(server, openai.request(fresh(), false))).status, 200);
  unlinkSync(server.data);
  renameSync(away, server.data);
  chmodSync(server.data, 0o700);
  await recovers(server);
});

/**
 * Installs dist/askonce as a service in a Debian of its own and tries what an operator lives through, as root:
 * `bun scripts/trials/service.ts FOLDER`, FOLDER being the Debian's (made by debootstrap where it is missing).
 */
import assert from "node:assert/strict";
import { copyFileSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { answerWell, openai } from "../../test/support/answers.ts";
import { freePort } from "../../test/support/port.ts";
import { startProvider } from "../../test/support/provider.ts";
import { ask, post, send } from "../../test/support/raw.ts";
import { Machine } from "./machine.ts";

const STREAMS = 20;
const LOAD_CLIENTS = 10;
/** Between two requests of a client. */
const PACE_MS = 50;
/** Where an operator might have put it in that Debian: a home, which a service does not see, so it is copied. */
const PROGRAM = "/home/operator/bin/askonce";
const root = join(import.meta.dirname, "../..");
const folder = process.argv[2] ?? assert.fail("name a folder");
const say = (what: string, figure: string) => console.log(`${what}: ${figure}`);
const ms = (value: number) => `${Math.round(value)} ms`;

const machine = await Machine.boot(folder);
const provider = await startProvider(answerWell);
const port = await freePort();
const inside = (path: string) => join(folder, path);
const flags = ["--listen", `127.0.0.1:${port}`, "--provider", `openai=${provider.url}`];
const install = (...more: string[]) => [PROGRAM, "service", "install", ...flags, ...more];
const pid = () => Number(machine.run(["systemctl", "show", "-P", "MainPID", "askonce"]).text);
let questions = 0;
const question = (stream = false) => openai.request(`trial ${++questions}`, stream);

try {
  mkdirSync(dirname(inside(PROGRAM)), { recursive: true });
  copyFileSync(join(root, "dist/askonce"), inside(PROGRAM));
  await installed();
  await crashed();
  await stoppedUnderStreams();
  reloaded();
  await upgraded();
  await guarded();
  await removed();
} finally {
  await provider.close();
  await machine.off();
  for (const path of ["var/lib/private/askonce", "etc/askonce"])
    rmSync(inside(path), { recursive: true, force: true });
}

async function installed(): Promise<void> {
  const { code, text, ms: took } = machine.run(install());
  assert.equal(code, 0, text);
  say("installed, enabled and answering", ms(took));
  const verified = machine.run(["systemd-analyze", "verify", "/etc/systemd/system/askonce.service"]);
  assert.deepEqual([verified.code, verified.text], [0, ""]);
  say("systemd-analyze verify", "clean");
  const score = machine.run(["systemd-analyze", "security", "askonce.service"]).text.split("\n").at(-1) ?? "";
  say("systemd-analyze security", score.replace(/^\W+/, ""));
  assert.ok(Number(/(\d+\.\d+)/.exec(score)?.[1]) < 2);
  const restart = machine.run(["systemctl", "restart", "askonce"]);
  say("restart, idle, until it says ready", ms(restart.ms));
}

/** `kill -9`: it is started again, and what was answered before is a hit. */
async function crashed(): Promise<void> {
  const body = question();
  assert.equal((await post(port, openai.path, { body })).cache, "MISS");
  const before = pid();
  machine.run(["sh", "-c", `kill -9 ${before}`]);
  const began = performance.now();
  await answers();
  say("after kill -9 it answers again within", ms(performance.now() - began));
  assert.notEqual(pid(), before);
  assert.equal((await post(port, openai.path, { body })).cache, "HIT");
}

async function answers(): Promise<void> {
  for (;;) {
    const answer = await ask(port, { path: "/healthz" }).catch(() => undefined);
    if (answer?.status === 200) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

async function stoppedUnderStreams(): Promise<void> {
  provider.handler = () => {};
  provider.forget();
  const clients = [];
  for (let i = 0; i < STREAMS; i++) {
    clients.push(await send(port, { path: openai.path, body: JSON.stringify(question(true)) }));
  }
  const calls = [];
  const events = openai.events("stop");
  for (let i = 0; i < STREAMS; i++) {
    const call = await provider.next();
    await call.head({ headers: { "Content-Type": "text/event-stream" } });
    await call.chunk(events[0] ?? "");
    calls.push(call);
  }
  for (const client of clients) await client.until((answer) => answer.parts.length > 0);
  const stopped = machine.start(["systemctl", "stop", "askonce"]);
  while ((await ask(port, { path: "/healthz" }).catch(() => undefined))?.status === 200);
  for (const call of calls) {
    for (const event of events.slice(1)) await call.chunk(event);
    await call.end();
  }
  const ends = await Promise.all(clients.map((client) => client.answer()));
  const whole = ends.filter(({ text, ending }) => ending === "complete" && text === events.join("")).length;
  say("stopped under streams", `${whole} of ${STREAMS} whole, ${STREAMS - whole} cut`);
  assert.equal(await stopped, 0);
  assert.equal(whole, STREAMS);
  provider.handler = answerWell;
  machine.run(["systemctl", "start", "askonce"]);
  assert.equal(machine.run(["systemctl", "show", "-P", "Result", "askonce"]).text, "success");
}

function reloaded(): void {
  mkdirSync(inside("etc/askonce"), { recursive: true });
  writeFileSync(inside("etc/askonce/askonce.toml"), 'mode = "replay"\n');
  assert.equal(machine.run(["systemctl", "restart", "askonce"]).code, 0);
  const before = pid();
  writeFileSync(inside("etc/askonce/askonce.toml"), 'mode = "cache"\n');
  assert.equal(machine.run(["systemctl", "reload", "askonce"]).code, 0);
  const journal = machine.run(["journalctl", "-u", "askonce", "-n", "3", "-o", "cat"]).text;
  assert.equal(pid(), before);
  say(
    "reload",
    /settings were read again/.test(journal) ? "the settings were read again, same process" : journal,
  );
}

/** Clients ask all the time while a newer program is installed. */
async function upgraded(): Promise<void> {
  for (const retries of [false, true]) {
    const found = { whole: 0, lost: 0 };
    let on = true;
    let [lastBefore, firstAfter, longestGap] = [performance.now(), 0, 0];
    const client = async () => {
      while (on) {
        const body = question(true);
        const until = performance.now() + 10_000;
        let answer = await post(port, openai.path, { body }).catch(() => undefined);
        while (retries && answer?.ending !== "complete" && performance.now() < until) {
          await new Promise((resolve) => setTimeout(resolve, 100));
          answer = await post(port, openai.path, { body }).catch(() => undefined);
        }
        if (answer?.status !== 200 || answer.ending !== "complete") {
          found.lost++;
          await new Promise((resolve) => setTimeout(resolve, PACE_MS));
          continue;
        }
        found.whole++;
        firstAfter = performance.now();
        longestGap = Math.max(longestGap, firstAfter - lastBefore);
        lastBefore = firstAfter;
        await new Promise((resolve) => setTimeout(resolve, PACE_MS));
      }
    };
    const clients = Array.from({ length: LOAD_CLIENTS }, client);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    assert.equal(await machine.start(install()), 0);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    on = false;
    await Promise.all(clients);
    const how = retries ? "clients that try again" : "clients that never try again";
    say(
      `upgrade under load, ${how}`,
      `${found.whole} whole, ${found.lost} lost, nobody answered for ${ms(longestGap)}`,
    );
    if (retries) assert.equal(found.lost, 0);
  }
}

/** A file of tokens that only root can read, and a port that only root may take. */
async function guarded(): Promise<void> {
  const token = "trial-token-0123456789";
  writeFileSync(inside("etc/askonce/tokens"), `${token}\n`, { mode: 0o600 });
  const low = 81;
  const more = ["--listen", `127.0.0.1:${low}`, "--access-tokens-file", "/etc/askonce/tokens"];
  const { code, text } = machine.run(install(...more));
  assert.equal(code, 0, text);
  const asked = async (headers: Record<string, string>) =>
    (await ask(low, { path: "/openai/v1/models", headers })).status;
  const statuses = [await asked({}), await asked({ "x-askonce-token": token })];
  assert.deepEqual(statuses, [401, 200]);
  const score = machine.run(["systemd-analyze", "security", "askonce.service"]).text.split("\n").at(-1) ?? "";
  say(
    "on port 81, with tokens that only root can read",
    `401 without, 200 with; ${score.replace(/^\W+/, "")}`,
  );
}

async function removed(): Promise<void> {
  const body = question();
  const headers = { "x-askonce-token": "trial-token-0123456789" };
  assert.equal((await post(81, openai.path, { body, headers })).cache, "MISS");
  assert.equal(machine.run([PROGRAM, "service", "uninstall"]).code, 0);
  assert.ok(!existsSync(inside("etc/systemd/system/askonce.service")));
  assert.equal(machine.run(install()).code, 0);
  const again = await post(port, openai.path, { body });
  assert.equal(again.cache, "HIT");
  say("uninstalled and installed again", "what was answered before is a HIT");
  assert.equal(machine.run([PROGRAM, "service", "uninstall"]).code, 0);
}

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { ADMIN, Admin } from "../support/admin-client.ts";
import { answerWell, openai } from "../support/answers.ts";
import { type Askonce, startAskonce, startedBy } from "../support/askonce.ts";
import { tempFolder } from "../support/folder.ts";
import { type Call, type Provider, startProvider } from "../support/provider.ts";
import { ask, post, type RawConnection, send } from "../support/raw.ts";
import { assertHit, assertMiss, eventually, fresh, OWN_PROCESS } from "../support/session.ts";
import { connectedFrom, leave, runningWith, runs, type Seat, seatsAt, shares } from "../support/workers.ts";

const SIZE = 2;
const sse = { headers: { "Content-Type": "text/event-stream" } };
const events = openai.events("life");

interface Life {
  readonly provider: Provider;
  readonly server: Askonce;
  readonly seats: readonly [Seat, Seat];
}

/** A server with workers of its own for one test. */
function life(title: string, body: (run: Life, t: TestContext) => Promise<void>, more: string[] = []): void {
  if (!shares) return;
  test(title, OWN_PROCESS, async (t) => {
    const provider = await startProvider(() => {});
    t.after(() => provider.close());
    const flags = ["--workers", String(SIZE), "--provider", `openai=${provider.url}`, ...more];
    const server = await startAskonce({ flags });
    t.after(() => server.kill());
    const seats = (await seatsAt(server, SIZE)) as [Seat, Seat];
    await body({ provider, server, seats }, t);
    leave(seats);
  });
}

/** A stream that has begun at a worker, and the provider's call for it. */
async function begin(seat: Seat, provider: Provider): Promise<{ client: RawConnection; call: Call }> {
  const body = JSON.stringify(openai.request(fresh(), true));
  const client = await seat.send({ path: openai.path, body });
  const call = await provider.next();
  await call.head(sse);
  await call.chunk(events[0] ?? "");
  await client.until((answer) => answer.parts.length > 0);
  return { client, call };
}

async function finish({ client, call }: { client: RawConnection; call: Call }) {
  for (const event of events.slice(1)) await call.chunk(event);
  await call.end();
  const answer = await client.answer();
  assert.deepEqual([answer.text, answer.ending], [events.join(""), "complete"]);
}

const ready = (server: Askonce) => ask(server.port, { method: "GET", path: "/readyz" });

life("a worker that is killed takes its own clients along, and another takes its place", async (run) => {
  const { provider, server, seats } = run;
  const [victim, other] = seats;
  const admin = new Admin(() => server);
  const headers = { ...admin.bearer, "content-type": "application/json" };
  const change = { method: "PATCH", path: `${ADMIN}/config`, headers, body: '{"ttl":"forever"}' };
  assert.equal((await victim.ask(change)).status, 200);
  process.kill(victim.pid, "SIGKILL");
  assert.match((await victim.connection.answer()).ending, /cut|reset|closed/);
  await server.printed(({ stderr }) => stderr.includes(`(pid ${victim.pid}) was ended by SIGKILL`));
  await finish(await begin(other, provider));
  await eventually(async () => assert.equal((await ready(server)).status, 200), 30_000);
  const now = await seatsAt(server, SIZE);
  assert.ok(now.every(({ pid }) => pid !== victim.pid));
  for (const seat of now) {
    const { json } = await seat.ask({ method: "GET", path: `${ADMIN}/config`, headers: admin.bearer });
    assert.equal(json.settings.ttl, "forever");
  }
  provider.handler = answerWell;
  const body = openai.request(fresh(), false);
  const first = await (now[0] as Seat).post(openai.path, body);
  assertMiss(first);
  for (const seat of now) assertHit(await seat.post(openai.path, body), first);
  leave(now);
});

life(
  "while a worker is not there readiness says so, and its requests are answered all the same",
  async (run) => {
    const { provider, server, seats } = run;
    provider.handler = answerWell;
    const [victim, other] = seats;
    process.kill(victim.pid, "SIGSTOP");
    process.kill(victim.pid, "SIGKILL");
    for (let i = 0; i < 8; i++) assertMiss(await other.post(openai.path, openai.request(fresh(), false)));
    await server.printed(({ stderr }) => stderr.includes("it is started again"));
    await eventually(async () => assert.equal((await ready(server)).status, 200), 30_000);
  },
);

life("requests that a killed worker was asking for are asked again by those that took them", async (run) => {
  const { provider, server, seats } = run;
  const [victim, other] = seats;
  // About half of them are the victim's to ask; none of them hears from the provider before it is killed.
  const asked: Seat[] = [];
  for (let tries = 0; asked.length < 8 && tries < 40; tries++) {
    const found = await seatsAt(server, SIZE);
    for (const seat of found) {
      if (seat.pid === other.pid) asked.push(seat);
      else seat.connection.destroy();
    }
  }
  const sent = asked.map((seat) =>
    seat.send({ path: openai.path, body: JSON.stringify(openai.request(fresh(), false)) }),
  );
  await Promise.all(sent);
  const calls: Call[] = [];
  while (calls.length < asked.length) calls.push(await provider.next());
  const lost = calls.filter(({ port }) => connectedFrom(victim.pid, port)).length;
  provider.handler = answerWell;
  process.kill(victim.pid, "SIGKILL");
  await eventually(() => assert.equal(provider.count, asked.length + lost), 20_000);
  // Whoever asked a call that is lost hears nothing of its answer.
  for (const call of calls) await answerWell(call);
  for (const seat of asked) assertMiss(await seat.connection.answer());
  assert.equal(provider.count, asked.length + lost);
  leave(asked);
});

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  life(`${signal} lets streams at every worker finish, and leaves no process behind`, async (run) => {
    const { provider, server, seats } = run;
    const streams = [];
    for (const seat of seats) streams.push(await begin(seat, provider));
    server.signal(signal);
    await eventually(async () => {
      const open = await send(server.port, { method: "GET", path: "/healthz" }).catch(() => undefined);
      open?.destroy();
      assert.equal(open, undefined);
    });
    for (const stream of streams) await finish(stream);
    const { code, stdout, stderr } = await server.exited;
    assert.equal(code, 0, stderr);
    assert.equal(stdout.match(/ Cache: MISS\n/g)?.length, SIZE);
    assert.equal(stderr.match(/ listens on /g)?.length, 1);
    assert.deepEqual(
      seats.map(({ pid }) => runs(pid)),
      [false, false],
    );
  });
}

life(
  "streams that outlast shutdown_grace are cut at every worker, and the exit code is 0",
  async ({ provider, server, seats }) => {
    for (const seat of seats) await begin(seat, provider);
    const { code, stderr } = await server.stop();
    assert.equal(code, 0, stderr);
    for (const { connection } of seats) assert.notEqual((await connection.answer(1000)).ending, "complete");
  },
  ["--shutdown-grace", "300ms"],
);

life("workers end by themselves where their supervisor is killed", async ({ server, seats }) => {
  await server.kill();
  await eventually(
    () =>
      assert.deepEqual(
        seats.map(({ pid }) => runs(pid)),
        [false, false],
      ),
    10_000,
  );
});

if (shares)
  test("no worker outlives a supervisor that is killed while they start", OWN_PROCESS, async () => {
    for (const begun of [1, 2, 3]) {
      for (let ms = 0; ms < 100; ms += 12) {
        const data = join(tempFolder(), "data");
        const args = ["--listen", "127.0.0.1:0", "--data", data, "--workers", "3"];
        const [command = "", ...rest] = startedBy(args);
        const supervisor = spawn(command, rest, { stdio: "ignore" });
        await eventually(() => assert.ok(runningWith(data).length > begun), 20_000, 0);
        // From the moment on at which a worker is there, through what it does until it answers.
        await new Promise((resolve) => setTimeout(resolve, ms));
        supervisor.kill("SIGKILL");
        await eventually(() => assert.deepEqual(runningWith(data), []), 10_000);
      }
    }
  });

life("SIGUSR2 replaces every worker, and what is under way ends whole", async (run) => {
  const { provider, server, seats } = run;
  const streams = [];
  for (const seat of seats) streams.push(await begin(seat, provider));
  provider.handler = answerWell;
  process.kill(server.pid, "SIGUSR2");
  const body = openai.request(fresh(), false);
  assertMiss(await post(server.port, openai.path, { body }));
  // Each old worker goes only once its streams have ended, and the next one's turn comes only then.
  for (const stream of streams) await finish(stream);
  await server.printed(({ stderr }) => stderr.includes("the workers were restarted"));
  const now = await seatsAt(server, SIZE);
  const before = new Set(seats.map(({ pid }) => pid));
  assert.ok(now.every(({ pid }) => !before.has(pid)));
  for (const seat of now) assert.equal((await seat.post(openai.path, body)).cache, "HIT");
  const { text } = await ask(server.port, { method: "GET", path: "/metrics" });
  assert.match(text, /^askonce_requests_total\{.*cache_status="MISS"\} 3$/m);
  leave(now);
});

if (shares)
  test("SIGHUP has every worker read the settings, and a bad file changes none", OWN_PROCESS, async (t) => {
    const provider = await startProvider(answerWell);
    t.after(() => provider.close());
    const data = join(tempFolder(), "data");
    mkdirSync(data, { recursive: true });
    const file = join(data, "askonce.toml");
    const write = (mode: string) => writeFileSync(file, `workers = 2\nmode = "${mode}"\n`);
    write("cache");
    const flags = ["--config", file, "--provider", `openai=${provider.url}`];
    const server = await startAskonce({ data, flags });
    t.after(() => server.kill());
    const seats = await seatsAt(server, SIZE);
    const read = async (mode: string) => {
      write(mode);
      const before = server.stderr.length;
      server.signal("SIGHUP");
      await server.printed(({ stderr }) => /the settings (were|stay)/.test(stderr.slice(before)));
    };
    await read("replay");
    for (const seat of seats)
      await eventually(async () => {
        assert.equal((await seat.post(openai.path, openai.request(fresh(), false))).status, 424);
      });
    await read("nonsense");
    for (const seat of seats) {
      assert.equal((await seat.post(openai.path, openai.request(fresh(), false))).status, 424);
    }
    leave(seats);
  });

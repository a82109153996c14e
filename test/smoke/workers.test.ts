import assert from "node:assert/strict";
import { test } from "node:test";
import { ADMIN, Admin } from "../support/admin-client.ts";
import { answerWell, openai } from "../support/answers.ts";
import { runAskonce, startAskonce } from "../support/askonce.ts";
import { readExposition, sumSeries } from "../support/exposition.ts";
import { ask, send } from "../support/raw.ts";
import { assertHit, assertMiss, eventually, fresh, OWN_PROCESS, session } from "../support/session.ts";
import { leave, type Seat, seatsAt, shares } from "../support/workers.ts";

const SIZE = 3;
const run = session({ flags: ["--workers", String(SIZE), "--on-disconnect", "abort"], names: ["openai"] });
const admin = new Admin(() => run.server);
const sse = { headers: { "Content-Type": "text/event-stream" } };

/** A test with a connection to each worker. */
function eachWorker(title: string, body: (seats: Seat[]) => Promise<void>): void {
  if (!shares) return;
  test(title, OWN_PROCESS, async () => {
    const seats = await seatsAt(run.server, SIZE);
    try {
      await body(seats);
    } finally {
      leave(seats);
    }
  });
}

const question = (stream = false) => openai.request(fresh(), stream);

if (!shares) {
  test("where processes cannot share a port one answers, and says so", () => {
    assert.match(run.server.stderr, /workers = 3 needs Linux with Bun or the executable; on \w+ one process/);
  });
}

test("workers = 0 stops the start and names what would be valid", OWN_PROCESS, async () => {
  const { code, stderr } = await runAskonce(["--workers", "0"]);
  assert.equal(code, 2);
  assert.match(stderr, /workers.*0.*a whole number from 1, or auto/);
});

eachWorker("a second askonce with workers does not take a share of the port", async () => {
  const { code, stderr } = await runAskonce(["--workers", "2", "--listen", `127.0.0.1:${run.port}`]);
  assert.equal(code, 1);
  assert.match(stderr, /EADDRINUSE/);
});

eachWorker(
  "200 equal requests at all workers cost one call, and each gets its stream live",
  async (seats) => {
    const provider = run.script("openai", () => {});
    const before = run.server.log.length;
    const request = { path: openai.path, body: JSON.stringify(question(true)) };
    const others = Array.from({ length: 200 - SIZE }, () => send(run.port, request));
    const clients = await Promise.all([...others, ...seats.map((seat) => seat.send(request))]);
    const call = await provider.next();
    const events = openai.events("live");
    await call.head(sse);
    await call.chunk(events[0] ?? "");
    // Nothing more is sent before all of them have this.
    await Promise.all(clients.map((client) => client.until((answer) => answer.parts.length > 0)));
    for (const event of events.slice(1)) await call.chunk(event);
    await call.end();
    for (const client of clients) {
      const answer = await client.answer();
      assertMiss(answer);
      assert.equal(answer.text, events.join(""));
    }
    assert.equal(provider.count, 1);
    await run.server.printed(({ log }) => log.length >= before + 200);
    const lines = run.server.log.slice(before).filter((line) => line.includes(openai.path));
    assert.equal(lines.length, 200);
    assert.ok(lines.every((line) => line.startsWith("127.0.0.1 - - ")));
    for (const client of clients) client.destroy();
  },
);

eachWorker(
  "a small answer keeps its length and what it says of itself, whoever fetched it",
  async (seats) => {
    const provider = run.script("openai", answerWell);
    for (let round = 0; round < 6; round++) {
      const body = question();
      const first = await (seats[round % SIZE] as Seat).post(openai.path, body);
      assertMiss(first);
      assert.match(first.header("cache-status") ?? "", /^askonce; fwd=uri-miss; stored; key="/);
      assert.equal(first.header("content-length"), String(first.body.byteLength));
      for (const seat of seats) assertHit(await seat.post(openai.path, body), first);
    }
    assert.equal(provider.count, 6);
  },
);

eachWorker("a client that goes away at any worker ends a call that nobody else reads", async () => {
  const provider = run.script("openai", () => {});
  const before = run.server.log.length;
  for (let round = 0; round < 6; round++) {
    const client = await send(run.port, { path: openai.path, body: JSON.stringify(question(true)) });
    const call = await provider.next();
    await call.head(sse);
    await call.chunk(openai.events("gone")[0] ?? "");
    await client.until((answer) => answer.parts.length > 0);
    client.destroy();
    await call.closed;
  }
  await run.server.printed(({ log }) => log.length >= before + 6);
});

eachWorker("what one worker purges or deletes is no hit at any other", async (seats) => {
  run.script("openai", answerWell);
  for (const [at, seat] of seats.entries()) {
    const body = question();
    const first = await seat.post(openai.path, body);
    for (const other of seats) assertHit(await other.post(openai.path, body), first);
    const key = first.header("x-cache-key") ?? "";
    const other = seats[(at + 1) % SIZE] as Seat;
    const headers = { ...admin.bearer, "content-type": "application/json" };
    const gone = await (at === 0
      ? other.ask({ method: "DELETE", path: `${ADMIN}/entries/${key}`, headers: admin.bearer })
      : other.ask({ path: `${ADMIN}/purge`, headers, body: JSON.stringify({ keys: [key] }) }));
    assert.equal(gone.status, 200, gone.text);
    const again = await seat.post(openai.path, body);
    assertMiss(again);
    assert.notEqual(again.text, first.text);
  }
});

eachWorker("a purge keeps calls in flight at any worker out of the store", async (seats) => {
  const provider = run.script("openai", () => {});
  for (const seat of seats) {
    const body = question(true);
    const client = await send(run.port, { path: openai.path, body: JSON.stringify(body) });
    const call = await provider.next();
    await call.head(sse);
    const events = openai.events("purged");
    await call.chunk(events[0] ?? "");
    await client.until((answer) => answer.parts.length > 0);
    const headers = { ...admin.bearer, "content-type": "application/json" };
    const purge = await seat.ask({ path: `${ADMIN}/purge`, headers, body: '{"provider":"openai"}' });
    assert.equal(purge.status, 200);
    for (const event of events.slice(1)) await call.chunk(event);
    await call.end();
    assertMiss(await client.answer());
    client.destroy();
    const again = await seat.send({ path: openai.path, body: JSON.stringify(body) });
    await (await provider.next()).reply({ status: 500, body: "{}" });
    assert.equal((await again.answer()).status, 500);
  }
});

eachWorker("a changed mode counts for every worker once the change is answered", async (seats) => {
  run.script("openai", answerWell);
  const change = (mode: string, seat: Seat) =>
    seat.ask({
      method: "PATCH",
      path: `${ADMIN}/config`,
      headers: { ...admin.bearer, "content-type": "application/json" },
      body: JSON.stringify({ mode }),
    });
  for (const seat of seats) {
    assert.equal((await change("replay", seat)).status, 200);
    for (const other of seats) assert.equal((await other.post(openai.path, question())).status, 424);
    assert.equal((await change("cache", seat)).status, 200);
    for (const other of seats) assertMiss(await other.post(openai.path, question()));
  }
});

eachWorker("statistics, metrics and events are those of all workers, at each of them", async (seats) => {
  run.script("openai", answerWell);
  const total = async (seat: Seat) => {
    const { json } = await seat.ask({ method: "GET", path: `${ADMIN}/stats`, headers: admin.bearer });
    return json.total.requests as number;
  };
  const counted = async (seat: Seat) => {
    const { text } = await seat.ask({ method: "GET", path: "/metrics", headers: admin.bearer });
    return sumSeries(readExposition(text), "askonce_requests_total");
  };
  const [first, ...others] = seats as [Seat, ...Seat[]];
  const watching = await send(run.port, { method: "GET", path: `${ADMIN}/events`, headers: admin.bearer });
  await watching.until((answer) => answer.text.includes(": askonce"));
  const before = [await total(first), await counted(first)] as const;
  const body = question();
  for (const seat of [first, ...others, first]) await seat.post(openai.path, body);
  for (const seat of seats) {
    assert.deepEqual([await total(seat), await counted(seat)], [before[0] + 4, before[1] + 4]);
  }
  await watching.until((answer) => answer.text.split("event: request\n").length === 5);
  watching.destroy();
});

eachWorker("the samples of a run are counted over all workers", async (seats) => {
  const provider = run.script("openai", answerWell);
  const body = question();
  const texts: string[][] = [];
  for (const name of ["one", "two"]) {
    const answers = [];
    for (const seat of [...seats, ...seats].slice(0, 4)) {
      const headers = { "x-cache-sample": "auto", "x-cache-run": `${name}-${process.pid}` };
      answers.push((await seat.post(openai.path, body, headers)).text);
    }
    texts.push(answers);
  }
  assert.equal(new Set(texts[0]).size, 4);
  assert.deepEqual(texts[1], texts[0]);
  assert.equal(provider.count, 4);
});

eachWorker("readiness is told of all workers", async (seats) => {
  for (const seat of seats) {
    const { status, json } = await seat.ask({ method: "GET", path: "/readyz" });
    assert.deepEqual([status, json], [200, { status: "ready", reasons: [] }]);
  }
  assert.equal((await ask(run.port, { method: "GET", path: "/healthz" })).status, 200);
});

if (shares)
  test(
    "under scope verified what a provider says of a key counts for all workers",
    OWN_PROCESS,
    async (t) => {
      const provider = run.script("openai", answerWell);
      const flags = ["--workers", "3", "--scope", "verified", "--provider", `openai=${provider.url}`];
      const server = await startAskonce({ flags });
      t.after(() => server.kill());
      const [first, ...others] = (await seatsAt(server, SIZE)) as [Seat, ...Seat[]];
      const headers = { authorization: "Bearer sk-1" };
      const body = question();
      const stored = await first.post(openai.path, body, headers);
      assertMiss(stored);
      for (const seat of others)
        await eventually(async () => assertHit(await seat.post(openai.path, body, headers), stored));
      provider.handler = (call) => call.reply({ status: 401, body: "{}" });
      assert.equal((await first.post(openai.path, question(), headers)).status, 401);
      for (const seat of others)
        await eventually(async () => assert.equal((await seat.post(openai.path, body, headers)).status, 401));
      leave([first, ...others]);
    },
  );

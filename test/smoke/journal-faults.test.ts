import assert from "node:assert/strict";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Admin } from "../support/admin-client.ts";
import { answerWell, openai } from "../support/answers.ts";
import { type Askonce, startAskonce } from "../support/askonce.ts";
import { filesBelow, tempFolder } from "../support/folder.ts";
import { type Provider, startProvider } from "../support/provider.ts";
import { ask, post } from "../support/raw.ts";
import { assertHit, assertMiss, eventually, fresh } from "../support/session.ts";

const LIMIT = { timeout: 60_000 };
const archiveOf = (data: string) => join(data, "archive.db");

interface Running {
  readonly provider: Provider;
  readonly flags: string[];
  start(data?: string): Promise<Askonce>;
}

/** A provider, and servers over it, gone after the test. */
async function running(t: { after(end: () => Promise<unknown>): void }): Promise<Running> {
  const provider = await startProvider(answerWell);
  t.after(() => provider.close());
  const flags = ["--provider", `openai=${provider.url}`];
  return {
    provider,
    flags,
    async start(data) {
      const server = await startAskonce({ flags, ...(data === undefined ? {} : { data }) });
      t.after(() => server.kill());
      return server;
    },
  };
}

async function missThenHit(server: Askonce): Promise<unknown> {
  const body = openai.request(fresh("fault"), false);
  const first = await post(server.port, openai.path, { body });
  assertMiss(first);
  assertHit(await post(server.port, openai.path, { body }), first);
  return body;
}

/** Whatever the archive does: answers go on, and the admin API answers or says 503, never another fault. */
async function goesOn(server: Askonce, rounds = 3): Promise<void> {
  const admin = new Admin(() => server);
  for (let i = 0; i < rounds; i++) {
    await missThenHit(server);
    for (const path of ["/stats", "/entries", "/entries?q=fault", "/requests", "/credentials"]) {
      const answer = await admin.call("GET", path);
      assert.ok([200, 503].includes(answer.status), `${path}: ${answer.status} ${answer.text}`);
      if (answer.status === 503) assert.equal(typeof answer.json.error.message, "string");
    }
    for (const path of ["/healthz", "/metrics"])
      assert.equal((await ask(server.port, { method: "GET", path })).status, 200, path);
  }
}

/** Until a request is counted, listed and found again. */
async function recovers(server: Askonce): Promise<void> {
  const admin = new Admin(() => server);
  await eventually(async () => {
    const { total } = await admin.json("/stats");
    const word = `w${fresh("").replace(/\D/g, "")}`;
    const answer = await post(server.port, openai.path, { body: openai.request(word, false) });
    assertMiss(answer);
    await eventually(async () => {
      assert.deepEqual(await admin.keys({ q: word }), [answer.header("x-cache-key")]);
      assert.ok((await admin.json("/stats")).total.requests > total.requests);
    }, 1500);
  }, 15_000);
}

test(
  "an archive that is deleted under a running server harms no answer, and what is kept from then on is found",
  LIMIT,
  async (t) => {
    const { start } = await running(t);
    const server = await start();
    await missThenHit(server);
    await new Admin(() => server).json("/stats");
    for (const suffix of ["", "-wal", "-shm"])
      if (existsSync(archiveOf(server.data) + suffix)) unlinkSync(archiveOf(server.data) + suffix);
    await goesOn(server);
    const exited = await server.stop();
    assert.equal(exited.code, 0);
    const again = await start(server.data);
    await goesOn(again, 1);
    await recovers(again);
  },
);

test(
  "an archive that turns to garbage under a running server harms no answer; it recovers, and nothing is thrown away",
  LIMIT,
  async (t) => {
    const { start } = await running(t);
    const server = await start();
    const body = await missThenHit(server);
    const admin = new Admin(() => server);
    await admin.json("/stats");
    assert.equal(statSync(archiveOf(server.data)).mode & 0o777, 0o600);
    const file = openSync(archiveOf(server.data), "r+");
    const garbage = Buffer.alloc(
      Math.max(statSync(archiveOf(server.data)).size, 65_536),
      "precious garbage ",
    );
    writeSync(file, garbage, 0, garbage.byteLength, 0);
    closeSync(file);
    await goesOn(server, 5);
    await server.kill();
    const again = await start(server.data);
    const hit = await post(again.port, openai.path, { body });
    assert.equal(hit.cache, "HIT");
    await goesOn(again, 1);
    await recovers(again);
    assert.equal((await ask(again.port, { method: "GET", path: "/readyz" })).status, 200);
  },
);

test("an archive that is garbage when the server starts is set aside, never deleted", LIMIT, async (t) => {
  const { start } = await running(t);
  const data = join(tempFolder(), "data");
  mkdirSync(data, { mode: 0o700 });
  const garbage = Buffer.alloc(40_000, "no database, but precious ");
  writeFileSync(archiveOf(data), garbage, { mode: 0o600 });
  const first = await start(data);
  await goesOn(first, 2);
  await recovers(first);
  const aside = () => filesBelow(data).filter((path) => readFileSync(path).equals(garbage));
  assert.equal(aside().length, 1, "the garbage is still there, under another name");
  assert.notEqual(aside()[0], archiveOf(data));
  assert.match(first.stderr, /archive/);
});

test(
  "where the archive can't be opened at all, answers and metrics go on; once it can, so does the rest",
  LIMIT,
  async (t) => {
    const { start } = await running(t);
    const data = join(tempFolder(), "data");
    // No permission keeps the superuser out, but a folder is no file for anybody.
    mkdirSync(archiveOf(data), { recursive: true, mode: 0o700 });
    writeFileSync(join(archiveOf(data), "in-the-way"), "x");
    const server = await start(data);
    await goesOn(server, 3);
    const inTheWay = filesBelow(data).filter((path) => path.endsWith("in-the-way"));
    assert.equal(inTheWay.length, 1, "what is not ours is not deleted");
    rmSync(archiveOf(data), { recursive: true, force: true });
    await recovers(server);
  },
);

test("kill -9 loses no stored answer, and of the sums at most the last second", LIMIT, async (t) => {
  const { start, provider } = await running(t);
  const server = await start();
  const bodies = [1, 2, 3].map(() => openai.request(fresh(), false));
  for (const body of bodies) assertMiss(await post(server.port, openai.path, { body }));
  const ended: number[] = [];
  const begun = performance.now();
  // A while of hits, of which nobody asks the figures.
  while (performance.now() - begun < 1500) {
    const answer = await post(server.port, openai.path, { body: bodies[ended.length % 3] });
    assert.equal(answer.cache, "HIT");
    ended.push(performance.now());
  }
  const killed = performance.now();
  await server.kill();
  const owed = ended.filter((at) => at < killed - 1000).length;
  const again = await start(server.data);
  const { total } = await new Admin(() => again).json("/stats");
  assert.equal(total.misses, 3);
  assert.ok(
    total.hits >= owed && total.hits <= ended.length,
    `${total.hits} of ${ended.length}, ${owed} owed`,
  );
  assert.ok(owed > 5, `${owed} owed`);
  for (const body of bodies) assert.equal((await post(again.port, openai.path, { body })).cache, "HIT");
  assert.equal(provider.count, 3);
  // What was asked for before the end is in the sums to the last one.
  await new Admin(() => again).json("/stats");
  await again.kill();
  const third = await start(server.data);
  const after = (await new Admin(() => third).json("/stats")).total;
  assert.deepEqual([after.misses, after.hits], [3, total.hits + 3]);
});

test(
  "two servers over one folder count into the same sums, and list what the other stored",
  LIMIT,
  async (t) => {
    const { start } = await running(t);
    const one = await start();
    const two = await start(one.data);
    const body = openai.request(fresh("both"), false);
    assertMiss(await post(one.port, openai.path, { body }));
    for (let i = 0; i < 4; i++) assert.equal((await post(two.port, openai.path, { body })).cache, "HIT");
    const admin = new Admin(() => two);
    await eventually(async () => {
      const { total } = await admin.json("/stats");
      assert.deepEqual([total.requests, total.misses, total.hits], [5, 1, 4]);
      assert.equal((await admin.keys({ q: "both" })).length, 1);
    }, 1500);
    const other = (await new Admin(() => one).json("/stats")).total;
    assert.deepEqual([other.requests, other.misses, other.hits], [5, 1, 4]);
    // One token for both.
    const [key] = await admin.keys();
    const gone = await admin.call("DELETE", `/entries/${key}`);
    assert.ok(gone.status < 300);
    await eventually(async () =>
      assert.equal((await post(one.port, openai.path, { body })).cache, "MISS", "deleted by the other one"),
    );
  },
);

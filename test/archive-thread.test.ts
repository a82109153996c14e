import assert from "node:assert/strict";
import { readdirSync, renameSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { StoreFault } from "../src/errors.ts";
import type { Thread } from "../src/host.ts";
import { chat, deskOnLoop, openShelf, requestOf, startThread } from "./support/archive.ts";
import { openDatabase, temporaryFolder } from "./support/store.ts";

const newest = { filter: {}, sort: "newest", limit: 10 } as const;

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const began = performance.now();
  while (!(await holds())) {
    assert.ok(performance.now() - began < 5000, "it never came to hold");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

test("in a thread of its own the archive keeps, searches, compares, and takes in its queue before it closes", async () => {
  const folder = temporaryFolder();
  const shelf = await openShelf(folder, { startThread });
  const key = await shelf.keep(requestOf(chat(["hello walnut"])));
  const page = await shelf.archive.list({ ...newest, q: "walnut" });
  assert.deepEqual(
    page.entries.map((row) => [row.key, row.prompt]),
    [[key, "hello walnut"]],
  );
  const [near] = await shelf.archive.nearest(requestOf(chat(["hello walnut"], { n: 2 })), { limit: 1 });
  assert.deepEqual(near?.differences, [{ path: "n", asked: "2", stored: undefined }]);
  await assert.rejects(shelf.archive.list({ ...newest, cursor: "%" }), RangeError);
  await until(() => shelf.archive.state().bytes > 0);
  assert.deepEqual([shelf.archive.state().fault, shelf.reports], [undefined, []]);
  const late = await shelf.keep(requestOf(chat(["the last one", "x".repeat(3_000_000)])));
  await shelf.close();
  const again = await openShelf(folder);
  const [kept] = await again.archive.requests([late]);
  assert.ok(kept?.body?.form === "json" && kept.body.text.length > 3_000_000);
  await again.close();
});

test("the most bytes that were held are told as soon as none is, however long the thread rests behind them", async () => {
  const peaks: number[] = [];
  const folder = temporaryFolder();
  const inner = deskOnLoop();
  // What takes so long is rested behind for as long again, at least.
  const slow: Thread = { ...inner, post: (...given) => void setTimeout(() => inner.post(...given), 300) };
  const shelf = await openShelf(folder, { startThread: () => slow, emptied: (peak) => peaks.push(peak) });
  const bodies = [3_000_000, 10];
  for (const size of bodies) {
    const request = requestOf(chat([size, "x".repeat(size)].map(String)));
    await shelf.keep(request);
    const began = performance.now();
    await shelf.archive.settled();
    const settled = performance.now() - began;
    assert.ok(settled >= 300, `${settled} ms`);
    await Promise.resolve();
    assert.equal(peaks.at(-1), request.body.byteLength);
  }
  assert.equal(peaks.length, bodies.length);
  await shelf.close();
});

test("a thread that is held up refuses what is asked in time, and the end does not wait for it", async () => {
  const held: Thread = { post() {}, onMessage() {}, onFault() {}, stop() {} };
  const shelf = await openShelf(temporaryFolder(), { startThread: () => held, answerMs: 30 });
  await assert.rejects(shelf.archive.list(newest), StoreFault);
  await assert.rejects(shelf.archive.stats({ since: 0 }), StoreFault);
  const began = performance.now();
  await shelf.close();
  assert.ok(performance.now() - began < 2000);
});

test("a thread that dies is started again; what was asked meanwhile is refused and said", async () => {
  const threads: { fault: (why: string) => void; dead: boolean }[] = [];
  const shelf = await openShelf(temporaryFolder(), {
    startThread(): Thread {
      const inner = deskOnLoop();
      const state = { fault: (_why: string) => {}, dead: false };
      threads.push(state);
      return {
        ...inner,
        post: (message, transfer) => state.dead || inner.post(message, transfer),
        onFault: (handler) => {
          state.fault = handler;
        },
      };
    },
  });
  const key = await shelf.keep(requestOf(chat(["before"])));
  await shelf.archive.settled();
  threads[0]!.dead = true;
  const asked = shelf.archive.list(newest);
  await new Promise((resolve) => setTimeout(resolve, 0));
  const lost = await shelf.keep(requestOf(chat(["lost"])));
  await new Promise((resolve) => setTimeout(resolve, 50));
  threads[0]!.fault("out of memory");
  await assert.rejects(asked, StoreFault);
  await assert.rejects(shelf.archive.list(newest), StoreFault);
  assert.match(shelf.archive.state().fault ?? "", /thread ended/);
  await shelf.archive.settled();
  assert.equal(shelf.archive.state().dropped, 1);
  await until(() => threads.length === 2 && shelf.archive.state().fault === undefined);
  assert.deepEqual(
    (await shelf.archive.list(newest)).entries.map((row) => [row.key, row.prompt]).sort(),
    [
      [key, "before"],
      [lost, undefined],
    ].sort(),
  );
  assert.equal(shelf.reports.length, 1);
  await shelf.close();
});

test("where no thread can be started everything is refused, nothing throws, and closing ends", async () => {
  const shelf = await openShelf(temporaryFolder(), {
    startThread() {
      throw new Error("no threads here");
    },
  });
  await shelf.keep(requestOf(chat(["x"])));
  await assert.rejects(shelf.archive.list(newest), StoreFault);
  await assert.rejects(shelf.archive.record({ deltas: [], rows: [] }), StoreFault);
  assert.equal(shelf.archive.state().dropped, 1);
  await shelf.close();
});

test("a damaged archive is set aside and told of, and a new one begins", async () => {
  const folder = temporaryFolder();
  writeFileSync(`${folder}/archive.db`, "this is no database at all, by no means ".repeat(50));
  const shelf = await openShelf(folder);
  const key = await shelf.keep(requestOf(chat(["hello"])));
  assert.equal((await shelf.archive.requests([key]))[0]?.head.model, "gpt-test");
  assert.equal(readdirSync(folder).filter((name) => name.startsWith("archive.db.damaged-")).length, 1);
  assert.match(shelf.reports.join(), /set aside/);
  await shelf.close();
});

test("an archive that is damaged or taken away while it is open is replaced, and answers stay listed", async () => {
  const shelf = await openShelf(temporaryFolder());
  const key = await shelf.keep(requestOf(chat(["hello"])));
  await shelf.archive.settled();
  renameSync(`${shelf.folder}/archive.db`, `${shelf.folder}/elsewhere.db`);
  assert.deepEqual(
    (await shelf.archive.list(newest)).entries.map((row) => [row.key, row.prompt]),
    [[key, undefined]],
  );
  const next = await shelf.keep(requestOf(chat(["again"])));
  assert.equal((await shelf.archive.requests([next]))[0]?.head.model, "gpt-test");
  await shelf.close();
});

test("an archive of a newer program is left as it is, and said", async () => {
  const folder = temporaryFolder();
  await (await openShelf(folder)).close();
  const db = openDatabase(`${folder}/archive.db`);
  db.value("PRAGMA user_version = 99");
  db.close();
  const shelf = await openShelf(folder);
  const key = await shelf.keep(requestOf(chat(["hello"])));
  await assert.rejects(shelf.archive.requests([key]), StoreFault);
  assert.match(shelf.archive.state().fault ?? "", /newer/);
  assert.equal((await shelf.archive.list(newest)).entries.length, 1);
  await shelf.close();
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.includes("damaged")),
    [],
  );
});

test("a full disk makes the archive refuse and drop, and it recovers by itself", async () => {
  const folder = temporaryFolder();
  const shelf = await openShelf(folder, { startThread: () => deskOnLoop(undefined, { pages: 60 }) });
  const big = () => requestOf(chat([`${Math.random()} ${noiseText(300_000)}`]));
  await shelf.keep(big());
  await shelf.archive.settled();
  await until(() => shelf.archive.state().fault === "the disk is full");
  assert.equal(shelf.archive.state().dropped, 1);
  assert.equal((await shelf.archive.list(newest)).entries.length, 1);
  await new Promise((resolve) => setTimeout(resolve, 1000));
  const key = await shelf.keep(requestOf(chat(["small"])));
  await shelf.archive.settled();
  assert.notEqual((await shelf.archive.requests([key]))[0], undefined);
  await until(() => shelf.archive.state().fault === undefined);
  await shelf.close();
});

function noiseText(length: number): string {
  let text = "";
  while (text.length < length) text += Math.random().toString(36).slice(2);
  return text;
}

test("what does not fit into the queue is dropped and counted, and the caller never waits", async () => {
  const shelf = await openShelf(temporaryFolder(), {
    // A thread that never answers.
    startThread: () => ({ post() {}, onMessage() {}, onFault() {}, stop() {} }),
  });
  const body = new Uint8Array(20 * 1024 * 1024);
  const request = { ...requestOf(chat(["x"])), body };
  for (let n = 0; n < 5; n++) shelf.archive.keep("0".repeat(64) as never, body.byteLength, () => request);
  const { queued, dropped } = shelf.archive.state();
  assert.deepEqual([queued, dropped], [3, 2]);
  const small = requestOf(chat(["x"]));
  for (let n = 0; n < 10_000; n++)
    shelf.archive.keep("0".repeat(64) as never, small.body.byteLength, () => small);
  assert.equal(shelf.archive.state().queued, 10_000);
  await shelf.store.close();
});

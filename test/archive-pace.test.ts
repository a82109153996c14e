import assert from "node:assert/strict";
import { test } from "node:test";
import { type Load, Pace } from "../src/storage/archive-pace.ts";

/** A loop whose timers fire `late` ms after their time, and a queue into which `coming` requests a ms come. */
function loopOf({
  late,
  coming = 0,
  light = true,
}: {
  late: () => number;
  coming?: number;
  light?: boolean;
}) {
  let now = 0;
  const queue = { added: 0, awaited: false, light, hurry: () => new Promise<void>(() => {}) };
  const pass = (ms: number) => {
    now += ms;
    queue.added += ms * coming;
  };
  const waits: number[] = [];
  const pace = new Pace({
    clock: { now: () => now, monotonic: () => now },
    async wait(ms) {
      waits.push(ms);
      pass(ms + late());
    },
  });
  /** Which share of the time the thread works that takes `took` ms for each batch. */
  const share = async (took = 20, batches = 50) => {
    const began = now;
    for (let n = 0; n < batches; n++) {
      pass(took);
      await pace.rest(took, queue satisfies Load);
    }
    return (took * batches) / (now - began);
  };
  return { pace, queue, share, waits };
}

const eighth = 1 / 8;
const sixteenth = 1 / 16;

test("while the loop is busy the thread works a sixteenth of the time, however full its queue is", async () => {
  const { share } = loopOf({ late: () => 4, coming: 3, light: false });
  await share(20, 10);
  assert.ok((await share()) <= sixteenth);
});

test("so it does while nothing comes for it, the loop being busy with something else", async () => {
  const { share } = loopOf({ late: () => 4 });
  await share(20, 10);
  assert.ok((await share()) <= sixteenth);
});

test("a loop whose timers are late by anything between nothing and a lap of 6 ms is busy", async () => {
  const laps = [0, 5, 1, 6, 3, 2, 4];
  let n = 0;
  const { pace, share } = loopOf({ late: () => laps[n++ % laps.length] as number, coming: 1, light: false });
  await share(20, 10);
  for (let round = 0; round < 50; round++) {
    await share(20, 1);
    assert.equal(pace.busy, true);
  }
});

test("with time left the thread works an eighth of the time while its queue is short and requests come", async () => {
  const { pace, share } = loopOf({ late: () => 0.3, coming: 1 });
  const taken = await share();
  assert.equal(pace.busy, false);
  assert.ok(taken > eighth * 0.9 && taken <= eighth, `${taken}`);
});

test("with time left it works half of the time while its queue is long, or when no more requests come", async () => {
  for (const given of [{ coming: 1, light: false }, {}]) {
    const taken = await loopOf({ late: () => 0.3, ...given }).share();
    assert.ok(taken > 0.45 && taken <= 0.5, `${taken}`);
  }
});

test("one late timer makes no load, be it by a day, and a load that is over is soon forgotten", async () => {
  let usual = 0.2;
  let next: number | undefined;
  const late = () => {
    const now = next ?? usual;
    next = undefined;
    return now;
  };
  const { pace, share } = loopOf({ late, coming: 1, light: false });
  await share();
  next = 86_400_000;
  await share(20, 1);
  assert.equal(pace.busy, false);
  usual = 4;
  await share();
  assert.equal(pace.busy, true);
  next = 86_400_000;
  await share(20, 1);
  usual = 0.2;
  await share(20, 5);
  assert.equal(pace.busy, false);
});

test("a load is known before the rest behind the batch that it met with is over", async () => {
  let usual = 0.2;
  const { pace, share } = loopOf({ late: () => usual, coming: 1 });
  await share();
  usual = 2;
  assert.ok((await share(20, 1)) <= sixteenth);
  assert.equal(pace.busy, true);
});

test("nobody who waits is kept waiting by a rest, busy or not", async () => {
  const { pace, queue, share, waits } = loopOf({ late: () => 9, coming: 1 });
  await share(20, 10);
  queue.awaited = true;
  waits.length = 0;
  await pace.rest(20, queue);
  assert.deepEqual(waits, []);
});

test("a rest ends when somebody begins to wait, and so does the wait for more", async () => {
  let begun = () => {};
  const queue = {
    added: 0,
    awaited: false,
    light: true,
    hurry: () =>
      new Promise<void>((resolve) => {
        begun = () => {
          queue.awaited = true;
          resolve();
        };
      }),
  };
  let now = 0;
  const pace = new Pace({
    clock: { now: () => now, monotonic: () => now++ },
    wait: () => new Promise(() => {}),
  });
  for (const waits of [() => pace.rest(20, queue), () => pace.gather(100, queue)]) {
    queue.awaited = false;
    const waited = waits();
    begun();
    await waited;
    assert.ok(queue.awaited);
  }
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { turmoil } from "../support/turmoil-inside.ts";

const RUNS = 2000;
const BATCH = 100;
const RUN_MS = 30_000;

/** The run's own seed tells it again: `turmoil(SEED)`. */
async function bounded(seed: number) {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const hung = new Promise<never>((_, reject) => {
    timer = setTimeout(reject, RUN_MS, new Error("hangs"));
  });
  try {
    return await Promise.race([turmoil(seed), hung]);
  } catch (error) {
    throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : error}`, { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

test(`in ${RUNS} random interleavings of joiners, disconnects and failures nobody hangs, gets a wrong byte or a stored part`, async () => {
  const sum = { calls: 0, clients: 0, joined: 0, kept: 0 };
  for (let from = 1; from <= RUNS; from += BATCH) {
    const ended = await Promise.all(Array.from({ length: BATCH }, (_, i) => bounded(from + i)));
    for (const run of ended)
      for (const name of Object.keys(sum) as (keyof typeof sum)[]) sum[name] += run[name];
  }
  // Else the runs would prove little: calls were shared, and answers were kept.
  assert.ok(sum.joined > RUNS && sum.kept > RUNS / 2 && sum.calls < sum.clients, JSON.stringify(sum));
});

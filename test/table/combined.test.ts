import assert from "node:assert/strict";
import { test } from "node:test";
import { combined, ended } from "../../src/journal/combined.ts";
import { exposition, type Shown } from "../../src/journal/exposition.ts";
import { emptyBins } from "../../src/journal/latency.ts";
import { Totals } from "../../src/journal/totals.ts";
import { hitEvent, requestEvent } from "../support/events.ts";
import { readExposition, sumSeries } from "../support/exposition.ts";

function shown(hits: number, misses: number): Shown {
  const totals = new Totals();
  for (let i = 0; i < hits; i++) totals.add(hitEvent());
  for (let i = 0; i < misses; i++) totals.add(requestEvent({ notKept: "length" }));
  return {
    totals,
    gauges: {
      inFlight: 2,
      unread: 1,
      storeEntries: 70,
      storeBytes: 7_000,
      storeEvictions: 3,
      storeFaults: 1,
      storeOk: true,
      archiveBytes: 900,
      archiveQueued: 4,
      archiveDropped: 5,
      bufferedBytes: 100,
      process: { cpuSeconds: 1.5, residentBytes: 1_000, startedAt: 1_700_000_000_000 },
    },
    lag: { bins: emptyBins(), sumMs: 0 },
    rowsSkipped: { hits, queue: 1 },
    recordFailures: 1,
  };
}

async function read(what: Shown) {
  const families = readExposition(await exposition(what));
  return (name: string) => sumSeries(families, name) || [...(families.get(name)?.series.values() ?? [])][0];
}

test("metrics of several workers are sums, but of what they share", async () => {
  const value = await read(combined([shown(3, 1), shown(5, 2), shown(0, 0)]));
  assert.equal(value("askonce_requests_total"), 11);
  assert.equal(value("askonce_request_duration_seconds_count"), 11);
  assert.equal(value("askonce_not_kept_total"), 3);
  assert.equal(value("askonce_workers"), 3);
  assert.equal(value("askonce_requests_in_flight"), 6);
  assert.equal(value("askonce_store_evictions_total"), 9);
  assert.equal(value("askonce_store_entries"), 70);
  assert.equal(value("process_resident_memory_bytes"), 3_000);
});

test("what a worker counted that has ended stays counted, and nothing else of it", async () => {
  const value = await read(combined([shown(3, 1), ended(shown(5, 2))]));
  assert.equal(value("askonce_requests_total"), 11);
  assert.equal(value("askonce_workers"), 1);
  assert.equal(value("askonce_requests_in_flight"), 2);
  assert.equal(value("process_cpu_seconds_total"), 3);
  assert.equal(value("process_resident_memory_bytes"), 1_000);
});

test("combining leaves what it was given as it was", () => {
  const [one, other] = [shown(1, 0), shown(1, 0)];
  const before = JSON.stringify([one, other]);
  combined([one, other]);
  assert.equal(JSON.stringify([one, other]), before);
});

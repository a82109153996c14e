import assert from "node:assert/strict";
import { test } from "node:test";
import type { JournalBatch } from "../../src/cache/figures.ts";
import type { RequestEvent } from "../../src/journal/event.ts";
import { createJournal, type Gauges, type JournalOptions } from "../../src/journal/journal.ts";
import { hitEvent, requestEvent, START } from "../support/events.ts";
import { testClock } from "../support/store.ts";

const GAUGES: Gauges = {
  inFlight: 3,
  unread: 1,
  storeEntries: 12,
  storeBytes: 4096,
  storeEvictions: 2,
  storeFaults: 0,
  storeOk: true,
  archiveBytes: 512,
  archiveQueued: 5,
  archiveDropped: 6,
  bufferedBytes: 77,
};

function start(more: Partial<JournalOptions> = {}) {
  const batches: JournalBatch[] = [];
  let written = "";
  const journal = createJournal({
    form: () => "off",
    write: (text) => {
      written += text;
    },
    enabled: () => true,
    archive: {
      record: async (batch) => {
        batches.push(structuredClone(batch));
      },
    },
    clock: testClock(),
    gauges: () => GAUGES,
    ...more,
  });
  return { journal, batches, written: () => written };
}

const requestsIn = (batches: readonly JournalBatch[]) =>
  batches.flatMap(({ deltas }) => deltas).reduce((sum, { tally }) => sum + tally.requests, 0);
const rowsIn = (batches: readonly JournalBatch[]) => batches.flatMap(({ rows }) => rows);

test("what was counted reaches the archive at a flush, once", async () => {
  const { journal, batches } = start();
  journal.add(requestEvent());
  journal.add(hitEvent());
  journal.refreshed({ ...requestEvent(), provider: "openai", endpoint: "chat" });
  await journal.flush();
  await journal.flush();
  assert.equal(batches.length, 1);
  const [{ deltas, rows, origin }] = batches as [JournalBatch];
  assert.equal(deltas.length, 1);
  const { requests, hits, misses, refreshes, spentTokens } = deltas[0]!.tally;
  assert.deepEqual([requests, hits, misses, refreshes, spentTokens], [2, 1, 1, 1, 30]);
  assert.deepEqual(
    rows.map(({ cache, costUsd, savedUsd }) => [cache, costUsd, savedUsd]),
    [
      ["MISS", 0.002, undefined],
      ["HIT", undefined, 0.002],
    ],
  );
  assert.equal(origin?.sequence, 1);
  await journal.close();
});

test("what was counted reaches the archive by itself", async () => {
  const arrived = Promise.withResolvers<JournalBatch>();
  const { journal } = start({ archive: { record: async (batch) => arrived.resolve(batch) } });
  // The journal's own timer does not keep a process alive.
  const alive = setInterval(() => {}, 1_000);
  journal.add(requestEvent());
  assert.equal((await arrived.promise).deltas[0]?.tally.requests, 1);
  clearInterval(alive);
  await journal.close();
});

test("a batch that the archive refused is sent again as it was, and nothing counts twice", async () => {
  const taken: JournalBatch[] = [];
  const seen: (number | undefined)[] = [];
  let broken = true;
  const { journal } = start({
    archive: {
      record: async (batch) => {
        seen.push(batch.origin?.sequence);
        if (broken) throw new Error("the disk is full");
        taken.push(batch);
      },
    },
  });
  journal.add(requestEvent());
  await journal.flush();
  journal.add(hitEvent());
  await journal.flush();
  assert.match(await journal.metrics(), /^askonce_journal_failures_total 2$/m);
  broken = false;
  await journal.close();
  assert.deepEqual(seen, [1, 1, 1, 2]);
  assert.deepEqual(
    taken.map(({ deltas, rows }) => [deltas.length, deltas[0]?.tally.requests, rows.length]),
    [
      [1, 1, 1],
      [1, 1, 1],
    ],
  );
});

test("an archive that takes its time is given one batch at a time, and what comes meanwhile waits", async () => {
  const gate = Promise.withResolvers<void>();
  const taken: JournalBatch[] = [];
  const { journal } = start({
    archive: {
      record: async (batch) => {
        taken.push(batch);
        await gate.promise;
      },
    },
  });
  journal.add(requestEvent());
  const first = journal.flush();
  journal.add(requestEvent());
  const second = journal.flush();
  assert.equal(taken.length, 1);
  gate.resolve();
  await Promise.all([first, second]);
  assert.deepEqual(
    taken.map(({ deltas }) => deltas[0]?.tally.requests),
    [1, 1],
  );
  await journal.close();
});

test("of many hits a hundred a second are written down, and all of them count", async () => {
  const { journal, batches } = start();
  for (let n = 0; n < 250; n++) journal.add(hitEvent({ at: START + n }));
  journal.add(hitEvent({ at: START + 1_000 }));
  for (let n = 0; n < 150; n++) journal.add(requestEvent({ at: START + 1_000 }));
  await journal.flush();
  assert.equal(requestsIn(batches), 401);
  assert.equal(rowsIn(batches).filter(({ cache }) => cache === "HIT").length, 101);
  assert.equal(rowsIn(batches).filter(({ cache }) => cache === "MISS").length, 150);
  assert.match(await journal.metrics(), /^askonce_journal_rows_skipped_total\{reason="hit"\} 150$/m);
  await journal.close();
});

test("rows past the queue are dropped and counted, sums never", async () => {
  let broken = true;
  const batches: JournalBatch[] = [];
  const { journal } = start({
    archive: {
      record: async (batch) => {
        if (broken) throw new Error("busy");
        batches.push(batch);
      },
    },
  });
  for (let n = 0; n < 7_000; n++) journal.add(requestEvent());
  await journal.flush();
  for (let n = 0; n < 2_000; n++) journal.add(requestEvent());
  broken = false;
  await journal.close();
  assert.equal(requestsIn(batches), 9_000);
  assert.equal(rowsIn(batches).length, 6_000);
  assert.match(await journal.metrics(), /^askonce_journal_rows_skipped_total\{reason="queue"\} 3000$/m);
});

test("a journal switched off records nothing, and still logs, tells followers and shows metrics", async () => {
  const { journal, batches, written } = start({ enabled: () => false, form: () => "text" });
  const told: RequestEvent[] = [];
  journal.follow((event) => told.push(event));
  journal.add(hitEvent());
  await journal.close();
  assert.deepEqual(batches, []);
  assert.equal(told.length, 1);
  assert.match(written(), /Cache: HIT\n$/);
  assert.match(
    await journal.metrics(),
    /^askonce_requests_total\{provider="openai",endpoint="chat",cache_status="HIT"\} 1$/m,
  );
});

test("a follower hears requests until it leaves, and its fault is nobody else's", () => {
  const { journal } = start({ enabled: () => false });
  const told: string[] = [];
  journal.follow(() => {
    throw new Error("gone");
  });
  const leave = journal.follow(({ requestId }) => told.push(requestId));
  journal.add(requestEvent({ requestId: "a" }));
  leave();
  journal.add(requestEvent({ requestId: "b" }));
  assert.deepEqual(told, ["a"]);
});

test("metrics name what was counted in base units", async () => {
  const { journal } = start({ enabled: () => false });
  journal.add(requestEvent({ notKept: "empty" }));
  journal.add(hitEvent({ totalMs: 1.5, firstByteMs: undefined }));
  journal.add(hitEvent({ totalMs: 1.5, aborted: true }));
  journal.add(
    requestEvent({
      outcome: "joined",
      detail: "collapsed",
      usage: undefined,
      costUsd: undefined,
      paid: false,
      shared: { inputTokens: 7, costUsd: 0.5 },
    }),
  );
  journal.add(requestEvent({ cache: "-", outcome: "refused", status: 424, provider: undefined }));
  const text = await journal.metrics();
  const lines = new Set(text.split("\n"));
  for (const line of [
    "# TYPE askonce_requests_total counter",
    'askonce_requests_total{provider="openai",endpoint="chat",cache_status="HIT"} 2',
    'askonce_requests_total{provider="openai",endpoint="chat",cache_status="MISS"} 2',
    "askonce_requests_without_provider_total 1",
    "# TYPE askonce_request_duration_seconds histogram",
    'askonce_request_duration_seconds_bucket{cache_status="HIT",le="0.001"} 0',
    'askonce_request_duration_seconds_bucket{cache_status="HIT",le="0.002"} 2',
    'askonce_request_duration_seconds_bucket{cache_status="HIT",le="+Inf"} 2',
    'askonce_request_duration_seconds_sum{cache_status="HIT"} 0.003',
    'askonce_request_duration_seconds_count{cache_status="MISS"} 2',
    'askonce_time_to_first_byte_seconds_count{cache_status="HIT"} 1',
    'askonce_coalesced_total{provider="openai",endpoint="chat"} 1',
    'askonce_request_aborts_total{provider="openai",endpoint="chat"} 1',
    'askonce_not_kept_total{reason="empty"} 1',
    'askonce_tokens_total{provider="openai",endpoint="chat",kind="spent",direction="input"} 10',
    'askonce_tokens_total{provider="openai",endpoint="chat",kind="saved",direction="output"} 10',
    'askonce_tokens_total{provider="openai",endpoint="chat",kind="joined",direction="input"} 7',
    'askonce_spent_usd_total{provider="openai",endpoint="chat"} 0.002',
    'askonce_saved_usd_total{provider="openai",endpoint="chat"} 0.004',
    'askonce_saved_seconds_total{provider="openai",endpoint="chat"} 0.6',
    "askonce_requests_in_flight 3",
    "askonce_store_entries 12",
    "askonce_store_size_bytes 4096",
    "askonce_store_evictions_total 2",
    "askonce_event_loop_lag_seconds_count 0",
  ])
    assert.ok(lines.has(line), `${line}\nnot in\n${text}`);
  await journal.close();
});

test("every metric has its help and type once, a legal name, and no model, key or namespace as label", async () => {
  const { journal } = start({ enabled: () => false });
  journal.add(requestEvent({ namespace: "secret-run", provider: 'a"b\\c\nd' }));
  const text = await journal.metrics();
  const seen = new Set<string>();
  for (const line of text.split("\n").filter(Boolean)) {
    const [, kind, name] = /^# (HELP|TYPE) (askonce_[a-z_]+) \S/.exec(line) ?? [];
    if (kind !== undefined) {
      assert.ok(!seen.has(`${kind} ${name}`), line);
      seen.add(`${kind} ${name}`);
    } else assert.match(line, /^askonce_[a-z_]+(\{([a-z_]+="([^"\\\n]|\\.)*",?)+\})? [0-9.e+-]+$/);
  }
  assert.ok(!/gpt-5|secret-run|aaaaaaaa/.test(text));
  await journal.close();
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { emptyTally, OTHER, type TallyDelta } from "../../src/cache/figures.ts";
import { Counters, MOST_GROUPS } from "../../src/journal/counters.ts";
import type { RefreshEvent, RequestEvent } from "../../src/journal/event.ts";
import { Totals } from "../../src/journal/totals.ts";
import { hitEvent, requestEvent, START } from "../support/events.ts";

const counted = (...events: RequestEvent[]): TallyDelta[] => {
  const counters = new Counters();
  for (const event of events) counters.add(event);
  return counters.take();
};

const tallyOf = (event: RequestEvent) => counted(event)[0]!.tally;

const refresh: RefreshEvent = {
  at: START,
  provider: "openai",
  endpoint: "chat",
  model: "gpt-5-mini",
  namespace: "",
  credential: "",
  usage: { inputTokens: 3, outputTokens: 4 },
  costUsd: 0.5,
  paid: true,
  notKept: undefined,
};

const base = { ...emptyTally(), requests: 1, bytes: 100 };
const spent = { calls: 1, spentTokens: 15, spentUsd: 0.002 };
const nothingTold = { usage: undefined, costUsd: undefined };
const noCall = { ...nothingTold, paid: false };

const cases: readonly [string, RequestEvent, object][] = [
  ["a miss has spent what its call took", requestEvent(), { misses: 1, ...spent }],
  [
    "a hit has saved what its answer had taken, and no call",
    hitEvent(),
    { hits: 1, savedTokens: 15, savedUsd: 0.002, savedMs: 300 },
  ],
  [
    "a stale hit counts as a hit",
    hitEvent({ cache: "STALE" }),
    { hits: 1, savedTokens: 15, savedUsd: 0.002, savedMs: 300 },
  ],
  [
    "one who joined would have paid, and led no call",
    requestEvent({
      outcome: "joined",
      ...noCall,
      shared: { inputTokens: 10, outputTokens: 5, costUsd: 0.002 },
    }),
    { joined: 1, joinedTokens: 15, joinedUsd: 0.002 },
  ],
  [
    "a partial answer has both spent and saved",
    requestEvent({
      cache: "PARTIAL",
      outcome: "partial",
      saved: { inputTokens: 7, costUsd: 0.001, ms: 20 },
    }),
    { partial: 1, ...spent, savedTokens: 7, savedUsd: 0.001, savedMs: 20 },
  ],
  [
    "a bypassed request has led a call of which nothing is known, and is no free one",
    requestEvent({ cache: "BYPASS", outcome: "bypassed", ...nothingTold }),
    { bypassed: 1, calls: 1, unpriced: 1 },
  ],
  [
    "a refused request has led no call and is an error",
    requestEvent({ cache: "-", outcome: "refused", status: 424, ...noCall }),
    { refused: 1, errors: 1 },
  ],
  [
    "an answer nobody read is told apart, and is part of what was spent",
    requestEvent({ unread: true, aborted: true }),
    { misses: 1, aborted: 1, ...spent, unread: 1, unreadTokens: 15, unreadUsd: 0.002 },
  ],
  [
    "tokens without a price are counted, and named as unpriced",
    requestEvent({ costUsd: undefined }),
    { misses: 1, calls: 1, spentTokens: 15, unpriced: 1 },
  ],
  [
    "an answer that tells neither tokens nor a price is unpriced",
    requestEvent({ endpoint: "images", ...nothingTold }),
    { misses: 1, calls: 1, unpriced: 1 },
  ],
  [
    "so is one that was not kept",
    requestEvent({ notKept: "no-end-marker", ...nothingTold }),
    { misses: 1, calls: 1, unpriced: 1 },
  ],
  [
    "a price that goes by the call needs no tokens",
    requestEvent({ endpoint: "rerank", usage: undefined, costUsd: 0.002 }),
    { misses: 1, calls: 1, spentUsd: 0.002 },
  ],
  [
    "a provider's error costs nothing",
    requestEvent({ status: 500, notKept: "status", ...noCall }),
    { misses: 1, calls: 1, errors: 1 },
  ],
  [
    "an endpoint that takes no money is not unpriced",
    requestEvent({ endpoint: "count_tokens", ...nothingTold }),
    { misses: 1, calls: 1 },
  ],
  [
    "what is passed on to a path without a kind is not unpriced",
    requestEvent({ cache: "BYPASS", outcome: "bypassed", endpoint: undefined, ...nothingTold }),
    { bypassed: 1, calls: 1 },
  ],
  [
    "a hit of an answer that told neither tokens nor a price is unpriced",
    hitEvent({ saved: { ms: 900 } }),
    { hits: 1, savedMs: 900, unpriced: 1 },
  ],
  [
    "a hit of a 404 is not unpriced",
    hitEvent({ status: 404, saved: { ms: 20 } }),
    { hits: 1, errors: 1, savedMs: 20 },
  ],
  [
    "a partial answer of which nothing is known is unpriced twice: as a call and as a hit",
    requestEvent({ cache: "PARTIAL", outcome: "partial", ...nothingTold, saved: { ms: 20 } }),
    { partial: 1, calls: 1, savedMs: 20, unpriced: 2 },
  ],
  [
    "a hit whose price is not known is unpriced, not free",
    hitEvent({ saved: { inputTokens: 4, ms: 1 } }),
    { hits: 1, savedTokens: 4, savedMs: 1, unpriced: 1 },
  ],
  [
    "a call that cost nothing is not unpriced",
    requestEvent({ costUsd: 0 }),
    { misses: 1, calls: 1, spentTokens: 15 },
  ],
  [
    "an old answer served since the provider failed is a hit that led a call",
    hitEvent({ cache: "STALE", notKept: "status" }),
    { hits: 1, calls: 1, savedTokens: 15, savedUsd: 0.002, savedMs: 300 },
  ],
];

for (const [title, event, figures] of cases)
  test(title, () => assert.deepEqual(tallyOf(event), { ...base, ...figures }));

test("/metrics tells as many calls and hits without a price as the statistics", () => {
  for (const [title, event] of cases) {
    const totals = new Totals();
    totals.add(event);
    assert.equal(totals.all[0]?.unpriced, tallyOf(event).unpriced, title);
  }
});

test("a refresh is part of what was spent, and is no request", () => {
  const counters = new Counters();
  counters.refreshed(refresh);
  assert.deepEqual(counters.take()[0]?.tally, {
    ...emptyTally(),
    calls: 1,
    spentTokens: 7,
    spentUsd: 0.5,
    refreshes: 1,
    refreshTokens: 7,
    refreshUsd: 0.5,
  });
});

test("a refresh is unpriced where its answer tells neither tokens nor a price, and not where it failed", () => {
  for (const [paid, unpriced] of [
    [true, 1],
    [false, 0],
  ] as const) {
    const [counters, totals] = [new Counters(), new Totals()];
    counters.refreshed({ ...refresh, ...nothingTold, paid });
    totals.refreshed({ ...refresh, ...nothingTold, paid });
    assert.equal(counters.take()[0]?.tally.unpriced, unpriced);
    assert.equal(totals.all[0]?.unpriced, unpriced);
  }
});

test("a request for which no provider is known is not counted", () => {
  assert.deepEqual(counted(requestEvent({ provider: undefined })), []);
});

test("requests are told apart by minute and by each dimension, and sums are taken once", () => {
  const counters = new Counters();
  const variants: Partial<RequestEvent>[] = [
    {},
    { provider: "groq" },
    { endpoint: "embeddings" },
    { model: undefined },
    { namespace: "exp-7" },
    { credential: "0123456789ab" },
    { at: START + 60_000 },
  ];
  for (const more of [...variants, ...variants]) counters.add(requestEvent(more));
  const deltas = counters.take();
  assert.equal(deltas.length, variants.length);
  assert.ok(deltas.every(({ tally, minute }) => tally.requests === 2 && minute % 60_000 === 0));
  assert.deepEqual(deltas[3]?.dimensions, {
    provider: "openai",
    endpoint: "chat",
    model: "",
    namespace: "",
    credential: "",
  });
  assert.ok(counters.empty);
  assert.deepEqual(counters.take(), []);
});

test("reasons and times are counted with their group", () => {
  const [delta] = counted(
    requestEvent({ notKept: "constructor" }),
    requestEvent({ notKept: "constructor", totalMs: 0.1 }),
    hitEvent(),
  );
  assert.deepEqual({ ...delta?.notKept }, { constructor: 2 });
  assert.deepEqual(
    [delta?.hitLatency, delta?.missLatency].map((bins) => bins?.flatMap((n, bin) => (n > 0 ? [bin] : []))),
    [[1], [0, 11]],
  );
});

test("groups beyond those told apart fold into one a provider and endpoint, and none is lost", () => {
  const names = Array.from({ length: MOST_GROUPS + 500 }, (_, n) => requestEvent({ namespace: `run-${n}` }));
  const deltas = counted(...names, ...names, requestEvent({ provider: "groq", namespace: "late" }));
  assert.equal(deltas.length, MOST_GROUPS + 2);
  const others = deltas.filter(({ dimensions }) => dimensions.model === OTHER);
  assert.deepEqual(
    others.map(({ dimensions, tally }) => [dimensions.provider, dimensions.namespace, tally.requests]),
    [
      ["openai", OTHER, 1000],
      ["groq", OTHER, 1],
    ],
  );
  assert.equal(
    deltas.reduce((sum, { tally }) => sum + tally.requests, 0),
    names.length * 2 + 1,
  );
});

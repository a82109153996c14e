import assert from "node:assert/strict";
import { after, test } from "node:test";
import {
  emptyTally,
  type JournalBatch,
  type JournalRow,
  type StatsFigures,
  TALLY_MEMBERS,
  type Tally,
  type TallyDelta,
} from "../../src/cache/figures.ts";
import { emptyBins, roundUsd } from "../../src/journal/latency.ts";
import { ArchiveJournal, JOURNAL_TABLES } from "../../src/storage/archive-journal.ts";
import type { Database } from "../../src/storage/database.ts";
import { keyOf, openDatabase, temporaryFolder } from "../support/store.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** 2023-11-14 22:13 UTC, a whole minute. */
const NOW = 1_699_999_980_000;
const LIMITS = { journalKeepMs: 30 * DAY, journalSize: 1e9 };

const open: Database[] = [];
after(() => {
  for (const db of open) db.close();
});

function openAt(path: string): Database {
  const db = openDatabase(path);
  open.push(db);
  return db;
}

function fresh(): { journal: ArchiveJournal; db: Database } {
  const db = openAt(":memory:");
  db.exec(JOURNAL_TABLES);
  return { journal: new ArchiveJournal(db), db };
}

interface Change {
  readonly at?: number;
  readonly tally?: Partial<Tally>;
  readonly dimensions?: Partial<TallyDelta["dimensions"]>;
  readonly notKept?: Record<string, number>;
}

function delta({ at = NOW, tally = {}, dimensions = {}, notKept = {} }: Change = {}): TallyDelta {
  const hitLatency = emptyBins();
  hitLatency[2] = 1;
  return {
    minute: Math.floor(at / MINUTE) * MINUTE,
    dimensions: {
      provider: "openai",
      endpoint: "chat",
      model: "m",
      namespace: "",
      credential: "",
      ...dimensions,
    },
    tally: { ...emptyTally(), requests: 1, ...tally },
    notKept,
    hitLatency,
    missLatency: emptyBins(),
  };
}

const batch = (...deltas: TallyDelta[]): JournalBatch => ({ deltas, rows: [] });

function row(n: number, more: Partial<JournalRow> = {}): JournalRow {
  return {
    at: NOW + n,
    requestId: `req_${n}`,
    method: "POST",
    target: "/v1/chat/completions",
    status: 200,
    cache: "MISS",
    outcome: "miss",
    detail: undefined,
    provider: "openai",
    endpoint: "chat",
    model: "m",
    namespace: "",
    credential: "",
    key: keyOf(n),
    bytes: 10,
    firstByteMs: 1.5,
    totalMs: 2.5,
    inputTokens: 3,
    outputTokens: 4,
    costUsd: 0.25,
    savedUsd: undefined,
    ...more,
  };
}

const tallyOf = (figures: StatsFigures) =>
  Object.fromEntries(TALLY_MEMBERS.map((member) => [member, figures[member]]));

test("every figure comes back as it was counted, in total, by group and over time", () => {
  const { journal } = fresh();
  const tally = Object.fromEntries(TALLY_MEMBERS.map((member, n) => [member, n + 1])) as unknown as Tally;
  journal.record(batch(delta({ tally, notKept: { status: 2, constructor: 1 } })));
  journal.record(batch(delta({ tally, notKept: { status: 1 } })));
  const stats = journal.stats({ since: NOW - HOUR, by: "model" }, NOW);
  const twice = Object.fromEntries(TALLY_MEMBERS.map((member, n) => [member, (n + 1) * 2]));
  for (const figures of [stats.total, stats.groups[0]!, stats.series[0]!]) {
    assert.deepEqual(tallyOf(figures), twice);
    assert.deepEqual(Object.entries(figures.notKept).sort(), [
      ["constructor", 1],
      ["status", 3],
    ]);
    assert.equal(figures.hitLatency[2], 2);
    assert.equal(figures.missLatency.length, figures.hitLatency.length);
  }
  assert.deepEqual(
    [stats.groups.length, stats.groups[0]?.name, stats.series.length, stats.series[0]?.at, stats.stepMs],
    [1, "m", 1, NOW, MINUTE],
  );
});

test("money adds up exactly over many small amounts in any order", () => {
  const { journal } = fresh();
  const prices = Array.from({ length: 150 }, (_, n) => (n * 7919 + 1) * 1e-9);
  for (const savedUsd of prices) journal.record(batch(delta({ tally: { savedUsd } })));
  const byHand = prices.toReversed().reduce((sum, price) => sum + price, 0);
  assert.equal(roundUsd(journal.stats({ since: 0 }, NOW).total.savedUsd), roundUsd(byHand));
});

test("groups are named by what was asked for and stand in order of their requests", () => {
  const { journal } = fresh();
  journal.record(
    batch(
      delta({ dimensions: { provider: "groq", namespace: "a", credential: "0123456789ab" } }),
      delta({ tally: { requests: 5 } }),
      delta({ tally: { requests: 2 }, dimensions: { endpoint: "embeddings" } }),
    ),
  );
  const named = (by: "provider" | "model" | "namespace" | "endpoint" | "credential") =>
    journal.stats({ since: 0, by }, NOW).groups.map(({ name, requests }) => [name, requests]);
  assert.deepEqual(named("provider"), [
    ["openai", 7],
    ["groq", 1],
  ]);
  assert.deepEqual(named("model"), [["m", 8]]);
  assert.deepEqual(named("namespace"), [
    ["", 7],
    ["a", 1],
  ]);
  assert.deepEqual(named("endpoint"), [
    ["chat", 6],
    ["embeddings", 2],
  ]);
  assert.deepEqual(named("credential"), [
    ["", 7],
    ["0123456789ab", 1],
  ]);
});

/** One request in each of these ages; `seen` says which of them `since` reaches, in total and by group. */
test("figures begin at the minute, the hour or the day that since lies in", () => {
  const { journal } = fresh();
  const ages = [0, 5 * MINUTE, 20 * MINUTE, 3 * HOUR, 24 * HOUR + 5 * MINUTE, 26 * HOUR, 40 * DAY, 100 * DAY];
  journal.record(batch(...ages.map((age) => delta({ at: NOW - age }))));
  const seen = (age: number) => {
    const { total, groups, series } = journal.stats({ since: NOW - age, by: "provider" }, NOW);
    const counts = [
      total.requests,
      groups[0]?.requests,
      series.reduce((sum, { requests }) => sum + requests, 0),
    ];
    assert.ok(
      counts.every((count) => count === counts[0]),
      `${counts}`,
    );
    return counts[0];
  };
  assert.deepEqual(
    [0, 4, 5, 19.5, 20, 60, 179, 180].map((minutes) => seen(minutes * MINUTE)),
    [1, 1, 2, 3, 3, 3, 3, 4],
  );
  assert.deepEqual([24 * HOUR, 24 * HOUR + 5 * MINUTE, 25 * HOUR].map(seen), [4, 5, 5]);
  assert.deepEqual([25.5 * HOUR, 26 * HOUR, 39 * DAY, 40 * DAY].map(seen), [6, 6, 6, 7]);
  assert.deepEqual([99 * DAY, 100 * DAY, Number.POSITIVE_INFINITY].map(seen), [7, 8, 8]);
});

test("a series steps by minutes, then by hours, then by days, and leaves empty steps out", () => {
  const { journal } = fresh();
  journal.record(batch(delta(), delta({ at: NOW - 90 * MINUTE }), delta({ at: NOW - 91 * MINUTE })));
  const steps = (since: number) => {
    const { series, stepMs } = journal.stats({ since: NOW - since }, NOW);
    assert.ok(series.every(({ at }, n) => at % stepMs === 0 && (n === 0 || at > series[n - 1]!.at)));
    return [stepMs, series.length];
  };
  assert.deepEqual(steps(2 * HOUR), [MINUTE, 3]);
  assert.deepEqual(steps(24 * HOUR), [HOUR, 2]);
  assert.deepEqual(steps(30 * DAY), [DAY, 1]);
});

test("tending drops minutes and hours in slices and loses no figure that is still promised", () => {
  const { journal, db } = fresh();
  const old = Array.from({ length: 600 }, (_, n) => delta({ at: NOW - 27 * HOUR - n * MINUTE }));
  const older = Array.from({ length: 100 }, (_, n) => delta({ at: NOW - 71 * DAY - n * HOUR }));
  journal.record(batch(delta(), ...old, ...older));
  const count = (step: number) => Number(db.value(`SELECT COUNT(*) FROM journal_sums WHERE step = ${step}`));
  assert.equal(journal.tend(LIMITS, NOW), true);
  assert.ok(count(0) > 2, "a slice, not all of them");
  assert.equal(journal.tend(LIMITS, NOW), false);
  assert.equal(count(0), 2, "the minute of now, its own and that of all groups");
  assert.ok(count(1) < 2 * 20);
  assert.equal(journal.stats({ since: 0 }, NOW).total.requests, 701);
  assert.equal(journal.stats({ since: NOW - 60 * DAY }, NOW).total.requests, 601);
});

test("a batch that comes twice counts once, and the next one counts", () => {
  const { journal } = fresh();
  const origin = (sequence: number) => ({ origin: { writer: "w", sequence } });
  const first = { ...batch(delta()), rows: [row(1)], ...origin(1) };
  journal.record(first);
  journal.record(first);
  assert.equal(journal.stats({ since: 0 }, NOW).total.requests, 1);
  assert.equal(journal.rows({ limit: 10 }).rows.length, 1);
  journal.record({ ...batch(delta()), ...origin(2) });
  journal.record({ ...batch(delta()), origin: { writer: "other", sequence: 1 } });
  assert.equal(journal.stats({ since: 0 }, NOW).total.requests, 3);
});

test("a batch that fails half-way leaves nothing, and the next one is whole", () => {
  const { journal } = fresh();
  const broken = {
    ...batch(delta({ dimensions: { namespace: "new" } })),
    rows: [row(1, { status: null as never })],
  };
  assert.throws(() => journal.record(broken));
  assert.equal(journal.stats({ since: 0 }, NOW).total.requests, 0);
  journal.record(batch(delta({ dimensions: { namespace: "new" } })));
  const { groups } = journal.stats({ since: 0, by: "namespace" }, NOW);
  assert.deepEqual(
    groups.map(({ name }) => name),
    ["new"],
  );
});

test("two processes add to the same sums", () => {
  const path = `${temporaryFolder()}/archive.db`;
  const [one, other] = [openAt(path), openAt(path)];
  one.exec(JOURNAL_TABLES);
  const journals = [new ArchiveJournal(one), new ArchiveJournal(other)];
  for (let round = 0; round < 3; round++)
    for (const journal of journals) journal.record(batch(delta({ notKept: { empty: 1 } })));
  for (const journal of journals) {
    const { total, groups } = journal.stats({ since: 0, by: "credential" }, NOW);
    assert.deepEqual([total.requests, total.notKept.empty, groups[0]?.requests], [6, 6, 6]);
  }
});

test("groups past a day's thousand count as (other), and totals lose none", () => {
  const { journal, db } = fresh();
  const names = Array.from({ length: 1100 }, (_, n) => delta({ dimensions: { namespace: `n${n}` } }));
  journal.record(batch(...names));
  journal.record(batch(...names.slice(900).toReversed()));
  const { total, groups } = journal.stats({ since: 0, by: "namespace" }, NOW);
  assert.equal(total.requests, 1300);
  assert.equal(groups.length, 1001);
  assert.deepEqual([groups[0]?.name, groups[0]?.requests], ["(other)", 200]);
  assert.equal(db.value("SELECT COUNT(*) FROM journal_dimensions"), 1001);
});

test("rows come last first, page by page, and hold what was told", () => {
  const { journal } = fresh();
  const told = [
    row(1),
    row(2, { cache: "HIT", key: undefined, firstByteMs: undefined, savedUsd: 0.5, detail: "x" }),
    row(3, { provider: "groq", model: undefined }),
    row(4),
  ];
  journal.record({ deltas: [], rows: told });
  const first = journal.rows({ limit: 3 });
  assert.deepEqual(first.rows, told.slice(1).toReversed());
  assert.deepEqual(journal.rows({ limit: 3, before: first.nextBefore }), {
    rows: [told[0]],
    nextBefore: undefined,
  });
  assert.deepEqual(journal.rows({ limit: 9, cache: "HIT" }).rows, [told[1]]);
  assert.deepEqual(journal.rows({ limit: 9, provider: "groq" }).rows, [told[2]]);
});

test("rows go by age and by size, the oldest first", () => {
  const { journal } = fresh();
  journal.record({ deltas: [], rows: Array.from({ length: 1500 }, (_, n) => row(n)) });
  assert.equal(journal.tend({ ...LIMITS, journalKeepMs: DAY }, NOW + 1200 + DAY), true);
  assert.equal(journal.tend({ ...LIMITS, journalKeepMs: DAY }, NOW + 1200 + DAY), false);
  const ids = () => journal.rows({ limit: 2000 }).rows.map(({ requestId }) => requestId);
  assert.deepEqual([ids().length, ids().at(-1)], [300, "req_1200"]);
  journal.tend({ journalKeepMs: DAY, journalSize: 20_000 }, NOW);
  const left = ids().length;
  assert.ok(left > 90 && left < 150, String(left));
  assert.equal(ids()[0], "req_1499");
  journal.tend({ journalKeepMs: DAY, journalSize: 0 }, NOW);
  assert.deepEqual(ids(), []);
});

test("a credential is known from its first request on and can be given a name", () => {
  const { journal } = fresh();
  const of = (credential: string, at: number) => delta({ at, dimensions: { credential } });
  journal.record(batch(of("aaaaaaaaaaaa", NOW), of("", NOW), of("bbbbbbbbbbbb", NOW - HOUR)));
  journal.record(batch(of("bbbbbbbbbbbb", NOW + HOUR), of("aaaaaaaaaaaa", NOW - HOUR)));
  assert.equal(journal.nameCredential("bbbbbbbbbbbb", "alice"), true);
  assert.equal(journal.nameCredential("cccccccccccc", "nobody"), false);
  journal.record(batch(of("bbbbbbbbbbbb", NOW)));
  assert.deepEqual(journal.credentials(), [
    { label: "bbbbbbbbbbbb", name: "alice", firstSeen: NOW - HOUR, lastSeen: NOW + HOUR },
    { label: "aaaaaaaaaaaa", name: "", firstSeen: NOW - HOUR, lastSeen: NOW },
  ]);
});

/** The benchmark's order: what was demanded first, then each axis; each result is on the page as soon as it is there. */
import process from "node:process";
import { type BurstCase, burstCases, DEMANDED } from "./cases.ts";
import { short } from "./figures.ts";
import { growth } from "./growth.ts";
import { latencies } from "./latency.ts";
import { commit, describeMachine } from "./machine.ts";
import { mixed } from "./memory.ts";
import { has, number, only, text } from "./options.ts";
import { names, type Peer } from "./peers.ts";
import { temporaryFolder } from "./processes.ts";
import { writeReport } from "./report.ts";
import { loadResults, type Outcome, type Results, saveResults } from "./results.ts";
import { type Effort, runCase } from "./rounds.ts";
import { sizes } from "./sizes.ts";
import { streams } from "./streams.ts";
import { workers } from "./workers.ts";

const USAGE = `scripts/bench/run [flags]
  --only WORDS     what has these words in its name or heading; several with | between them
  --rounds N       bursts of each server a case (5)
  --seconds N      length of each (2)
  --entries N      how far the store grows (1000000)
  --minutes N      of mixed load (10)
  --quick          a few minutes: shows that all works, is no measurement
  --out FOLDER     where benchmarks.md goes (docs; with --quick a temporary folder)
  --no-build       with dist/askonce as it is
  --list           what there is`;

interface Other {
  readonly name: string;
  run(effort: Effort): Promise<Outcome>;
}

only(["only", "rounds", "seconds", "entries", "minutes", "quick", "out", "no-build", "list", "help"]);
if (has("help")) {
  console.log(USAGE);
  process.exit(0);
}
const quick = has("quick");
const effort: Effort = {
  rounds: number("rounds", quick ? 1 : 5),
  seconds: number("seconds", quick ? 1 : 2),
  scale: quick ? 0.05 : 1,
};
const entries = number("entries", quick ? 10_000 : 1_000_000);
const minutes = number("minutes", quick ? 0.2 : 10);
const steps = [1000, 10_000, 100_000, 1_000_000].filter((count) => count < entries).concat(entries);
const answers = [1e3, 4e3, 16e3, 64e3, 256e3, 1e6, 4e6, 16e6, 64e6];

const others: readonly Other[] = [
  { name: "Latency", run: (given) => latencies({ ...given, seconds: given.seconds / 2 }) },
  {
    name: "Streams at a time",
    run: () => streams(quick ? { count: 200, seconds: 2 } : { count: 2000, seconds: 10 }),
  },
  { name: "Growth of the store", run: ({ seconds }) => growth({ steps, seconds }) },
  {
    name: "Growth of an entry",
    run: () => sizes({ answers: quick ? [1e3, 64e3, 4e6] : answers }),
  },
  { name: "Workers", run: workers },
  { name: "Memory under mixed load", run: () => mixed({ minutes }) },
];

function wanted(words: readonly string[]): boolean {
  const asked = text("only", "").toLowerCase().split("|");
  return asked.some((part) => words.some((word) => word.toLowerCase().includes(part.trim())));
}

/** A quick run takes the first and the last cases, and of the servers those that are compared. */
function shortened(one: BurstCase): BurstCase {
  return quick
    ? { ...one, peers: one.peers.filter((peer) => peer === "nginx" || peer === "executable") }
    : one;
}

const inQuick: ReadonlySet<string> = new Set([DEMANDED, "What nginx can't"]);
const burstsAsked = burstCases
  .filter((one) => wanted([one.name, one.group]) && (!quick || has("only") || inQuick.has(one.group)))
  .map(shortened);
const othersAsked = others.filter(({ name }) => wanted([name]));
if (has("list")) {
  for (const { group, name } of burstCases) console.log(`${group}: ${name}`);
  for (const { name } of others) console.log(name);
  process.exit(0);
}
if (burstsAsked.length + othersAsked.length === 0) {
  console.error(`nothing here has the words ${text("only", "")} in its name: --list shows all`);
  process.exit(2);
}

const folder = text("out", quick ? temporaryFolder() : `${import.meta.dirname}/../../docs`);
const made = {
  commit: commit(),
  effort: `${effort.rounds} rounds of ${effort.seconds} s${quick ? ", quick: no measurement" : ""}`,
};
let results: Results = { ...loadResults(folder), machine: describeMachine() };
const failed: string[] = [];

await measureBursts(burstsAsked.filter(({ group }) => group === DEMANDED));
for (const other of othersAsked) {
  await attempt(other.name, async () => {
    const outcome = await other.run(effort);
    results = { ...results, others: { ...results.others, [other.name]: { ...made, ...outcome } } };
    for (const { head, rows } of outcome.tables)
      for (const row of [head, ...rows]) console.log(`  ${row.join(" | ")}`);
    for (const note of outcome.notes) console.log(`  ${note}`);
    for (const { what, found, met } of outcome.bounds)
      console.log(`  ${met ? "met" : "NOT MET"}: ${what}: ${found}`);
  });
}
await measureBursts(burstsAsked.filter(({ group }) => group !== DEMANDED));
console.log(
  `${failed.length === 0 ? "all done" : `failed: ${failed.join("; ")}`}; see ${folder}/benchmarks.md`,
);
if (quick) console.log(await Bun.file(`${folder}/benchmarks.md`).text());
process.exit(failed.length === 0 ? 0 : 1);

async function measureBursts(cases: readonly BurstCase[]): Promise<void> {
  for (const one of cases) {
    await attempt(one.name, async () => {
      const peers = await runCase(one, effort);
      results = { ...results, bursts: { ...results.bursts, [one.name]: { ...made, peers } } };
      for (const [peer, { rate, cpuUs, rateRatio, cpuRatio }] of Object.entries(peers))
        console.log(
          `  ${names[peer as Peer].padEnd(22)} rate ${short(rateRatio)} (${short(rate)}/s), work ${short(cpuRatio)} (${short(cpuUs)} us)`,
        );
    });
  }
}

/** What fails is said and the rest goes on; what was measured is written at once. */
async function attempt(name: string, run: () => Promise<void>): Promise<void> {
  const began = performance.now();
  console.log(name);
  try {
    await run();
  } catch (error) {
    failed.push(name);
    console.error(`  FAILED: ${error instanceof Error ? error.message : error}`);
  }
  saveResults(folder, results);
  writeReport(folder, results);
  console.log(`  ${((performance.now() - began) / 1000).toFixed(0)} s`);
}

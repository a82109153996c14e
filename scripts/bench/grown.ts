/** What is said of a store that grew: tables, plot and bounds. */
import type { Cost, Parts } from "./costs.ts";
import { bytesText, mib, short } from "./figures.ts";
import { names, type Peer } from "./peers.ts";
import type { Line, Outcome } from "./results.ts";
import type { Starts } from "./starting.ts";

const MEMORY_BYTES = 120e6;
const EMPTY_START_MS = 150;
const FULL_START_MS = 300;

/** What was found at so many entries. */
export interface Step {
  readonly entries: number;
  readonly hit: Cost;
  readonly miss: Parts;
}

/** A step of askonce's own. */
export interface OwnStep extends Step {
  readonly fromDisk: Cost;
  readonly fillUs: number;
  readonly answersBytes: number;
  readonly archiveBytes: number;
  readonly restBytes: number;
  readonly workedBytes: number;
  readonly idle: number;
  readonly start: Starts;
  readonly coldStart: Starts;
}

export interface NginxStep extends Step {
  readonly diskBytes: number;
  readonly workedBytes: number;
}

/** The tables, the plot and the bounds. */
export function grown({
  empty,
  own,
  others,
  inMemory,
  misses,
  nginxMost,
}: {
  empty: Starts;
  own: readonly OwnStep[];
  others: readonly NginxStep[];
  inMemory: number;
  misses: number;
  nginxMost: number;
}): Outcome {
  const count = (entries: number) => entries.toLocaleString("en-US");
  const costs = {
    head: [
      "us of processor a request",
      "entries",
      "hit from memory",
      "hit from disk",
      "miss",
      "of it answering",
      "of it the archive",
    ],
    rows: [
      ...own.map((step) => [
        names.executable,
        count(step.entries),
        short(step.hit.cpuUs),
        short(step.fromDisk.cpuUs),
        ...[step.miss.allUs, step.miss.loopUs, step.miss.archiveUs].map(short),
      ]),
      ...others.map(({ entries, hit, miss }) => [
        names.nginx,
        count(entries),
        "-",
        short(hit.cpuUs),
        short(miss.allUs),
        "-",
        "-",
      ]),
    ],
  };
  const start = ({ medianMs, worstMs }: Starts) =>
    `${Math.round(medianMs)} ms (worst ${Math.round(worstMs)})`;
  const next = ({ nextHitMs, nextMissMs }: Starts) => `${short(nextHitMs)} / ${short(nextMissMs)} ms`;
  const rooms = {
    head: [
      "",
      "entries",
      "start to first hit",
      "next hits / misses",
      "files not in the page cache: start",
      "next hits / misses",
      "memory at rest",
      "after this load",
      "processor at rest",
      "disk an entry",
      "of it the archive",
      "filling, us an entry",
    ],
    rows: [
      ...own.map((step) => [
        names.executable,
        count(step.entries),
        start(step.start),
        next(step.start),
        start(step.coldStart),
        next(step.coldStart),
        mib(step.restBytes),
        mib(step.workedBytes),
        `${(step.idle * 100).toFixed(1)}%`,
        bytesText((step.answersBytes + step.archiveBytes) / step.entries),
        bytesText(step.archiveBytes / step.entries),
        short(step.fillUs),
      ]),
      ...others.map(({ entries, diskBytes, workedBytes }) => [
        names.nginx,
        count(entries),
        "-",
        "-",
        "-",
        "-",
        "-",
        mib(workedBytes),
        "-",
        bytesText(diskBytes / entries),
        "-",
        "-",
      ]),
    ],
  };
  const line = <S extends Step>(name: string, steps: readonly S[], value: (step: S) => number): Line => ({
    name,
    points: steps.map((step) => [step.entries, value(step)]),
  });
  const peer = (name: Peer, what: string) => `${names[name].split(" ")[0]}, ${what}`;
  const last = own.at(-1) as OwnStep;
  const bound = (what: string, { medianMs, worstMs }: Starts, most: number) => ({
    what: `start to first answer, ${what}: under ${most} ms`,
    found: `${Math.round(medianMs)} ms (worst ${Math.round(worstMs)})`,
    met: medianMs < most,
  });
  return {
    tables: [costs, rooms],
    plots: [
      {
        file: "growth-entries",
        title: "Processor time of a request as the store grows",
        x: "entries in the store",
        y: "microseconds of processor a request",
        logX: true,
        logY: true,
        lines: [
          line(peer("executable", "hit from memory"), own, ({ hit }) => hit.cpuUs),
          line(peer("executable", "hit from disk"), own, ({ fromDisk }) => fromDisk.cpuUs),
          line(peer("executable", "miss, answering"), own, ({ miss }) => miss.loopUs),
          line(peer("executable", "miss, with the archive"), own, ({ miss }) => miss.allUs),
          line(peer("nginx", "hit"), others, ({ hit }) => hit.cpuUs),
          line(peer("nginx", "miss"), others, ({ miss }) => miss.allUs),
        ],
      },
    ],
    notes: [
      `Prompts of 2 KB, answers of 600 B. The store is filled by askonce's own code without sockets, with all that it remembers of requests; nginx keeps a file an entry and is followed to ${count(nginxMost)}. Hits from memory go over ${count(inMemory)} keys spread over the store, hits from disk over all keys with no room in memory. Misses are ${count(misses)}, all remembered, less what the process takes at rest; "answering" is the thread that answers. Those of warm-up and measurement are purged, so that the store keeps its size.`,
    ],
    bounds: [
      bound("empty store", empty, EMPTY_START_MS),
      bound(`${count(last.entries)} entries`, last.start, FULL_START_MS),
      bound(`${count(last.entries)} entries, files not in the page cache`, last.coldStart, FULL_START_MS),
      {
        what: `memory at rest, ${count(last.entries)} entries: under 120 MB`,
        found: mib(last.restBytes),
        met: last.restBytes < MEMORY_BYTES,
      },
    ],
  };
}

/** What was measured, kept as JSON beside the page: so one case can be measured again without the rest. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Peer } from "./peers.ts";

export interface PeerFigures {
  /** Requests a second. */
  readonly rate: number;
  /** Processor microseconds a request. */
  readonly cpuUs: number;
  /** Calls to the provider a request. */
  readonly calls: number;
  /** Over nginx's; more is better for both. */
  readonly rateRatio: number;
  readonly cpuRatio: number;
}

/** A table of a case that is no burst: its cells as they are printed. */
export interface Table {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export interface Line {
  readonly name: string;
  readonly points: readonly (readonly [number, number])[];
}

export interface Plot {
  /** The file's name, without its ending. */
  readonly file: string;
  readonly title: string;
  readonly x: string;
  readonly y: string;
  readonly logX: boolean;
  readonly logY?: boolean;
  readonly lines: readonly Line[];
}

/** What another case than a burst comes to. */
export interface Outcome {
  readonly tables: readonly Table[];
  readonly plots: readonly Plot[];
  /** Sentences beside the tables: bounds met or missed, what was left out and why. */
  readonly notes: readonly string[];
  /** What askonce loses to nginx. */
  readonly losses?: readonly string[];
  /** Bounds that were demanded: what, found, whether it was met. */
  readonly bounds: readonly { readonly what: string; readonly found: string; readonly met: boolean }[];
}

export interface Measurement {
  readonly commit: string;
  /** How long and how often, in words. */
  readonly effort: string;
}

export interface Results {
  readonly machine: readonly string[];
  readonly bursts: Readonly<
    Record<string, Measurement & { readonly peers: Partial<Record<Peer, PeerFigures>> }>
  >;
  readonly others: Readonly<Record<string, Measurement & Outcome>>;
}

const EMPTY: Results = { machine: [], bursts: {}, others: {} };

export function loadResults(folder: string): Results {
  const path = pathIn(folder);
  return existsSync(path) ? { ...EMPTY, ...(JSON.parse(readFileSync(path, "utf8")) as Results) } : EMPTY;
}

export function saveResults(folder: string, results: Results): void {
  const path = pathIn(folder);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${JSON.stringify(rounded(results), null, 2)}\n`);
}

function pathIn(folder: string): string {
  return join(folder, "benchmarks/results.json");
}

/** Four digits are more than a measurement has. */
function rounded(value: unknown): unknown {
  if (typeof value === "number") return Number.isFinite(value) ? Number(value.toPrecision(4)) : null;
  if (Array.isArray(value)) return value.map(rounded);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, rounded(member)]));
}

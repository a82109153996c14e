/** What a request costs: processor time of the server, with what it does about a request after its answer. */
import process from "node:process";
import { CHAT } from "./bodies.ts";
import { cpuSeconds, type Server, settled, threadSeconds } from "./processes.ts";
import { askAll } from "./wire.ts";
import { type Burst, burst, type Numbers } from "./wrk.ts";

export interface Load {
  readonly body: string;
  readonly numbers: Numbers;
  readonly connections: number;
  readonly seconds: number;
  /** The chat completions' own where not given. */
  readonly path?: string;
}

/** Microseconds of processor a request. */
export interface Cost {
  readonly cpuUs: number;
  readonly done: Burst;
}

const WARM_BURSTS = 5;
const IDLE_MS = 3000;
/** What askonce's archive has its thread under. */
const ARCHIVE_THREAD = "Worker";
let counted = 0;

/** Keeps one burst's requests apart from all others'. */
export function fresh(): string {
  return `${process.pid}-growth-${counted++}`;
}

/** One burst and the processor time a request, with what follows it. */
export async function cost(server: Server, load: Load): Promise<Cost> {
  const before = cpuSeconds(server.pid);
  const done = await burst({ port: server.port, path: CHAT, ...load });
  await settled(server.pid);
  return { done, cpuUs: ((cpuSeconds(server.pid) - before) * 1e6) / done.requests };
}

/** As `cost`, once a just-in-time compiler has had its time. */
export async function warmed(server: Server, load: Load): Promise<Cost> {
  await warm(server, load);
  return cost(server, load);
}

export async function warm(server: Server, load: Load): Promise<void> {
  for (let n = 0; n < WARM_BURSTS; n++) await burst({ port: server.port, path: CHAT, ...load, seconds: 1 });
  await settled(server.pid);
}

/** Share of a core that the process takes while nobody asks for anything. */
export async function idleShare(server: Server): Promise<number> {
  const [before, began] = [cpuSeconds(server.pid), performance.now()];
  await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
  return ((cpuSeconds(server.pid) - before) * 1000) / (performance.now() - began);
}

export interface Parts {
  /** All of the process, less what it takes anyway. */
  readonly allUs: number;
  /** Of it, the thread that answers, and the archive's. */
  readonly loopUs: number;
  readonly archiveUs: number;
}

/** A number of requests that differ, and what each costs by thread once all that follows is done. */
export async function costOf(
  server: Server,
  load: {
    readonly requests: number;
    readonly connections: number;
    readonly request: (n: number) => Uint8Array;
    readonly idle: number;
  },
): Promise<Parts> {
  const { requests, connections, request, idle } = load;
  const taken = () => [
    cpuSeconds(server.pid),
    threadSeconds(server.pid, ""),
    threadSeconds(server.pid, ARCHIVE_THREAD),
  ];
  const [before, began] = [taken(), performance.now()];
  await askAll(server.port, { from: 0, to: requests, connections, request });
  await settled(server.pid);
  const rest = (idle * (performance.now() - began)) / 1000;
  const [allUs = 0, loopUs = 0, archiveUs = 0] = taken().map(
    (after, at) => ((after - (before[at] ?? 0)) * 1e6) / requests,
  );
  return { allUs: allUs - (rest * 1e6) / requests, loopUs, archiveUs };
}

/** What a request costs as a store grows, and what a store takes of memory and disk, and to start. */
import { spawnSync } from "node:child_process";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { CHAT, chatAnswer, chatBody, numbered, requestBytes } from "./bodies.ts";
import { type Cost, costOf, fresh, idleShare, type Parts, warm, warmed } from "./costs.ts";
import { filled } from "./filling.ts";
import { grown, type NginxStep, type OwnStep } from "./grown.ts";
import { document, startOrigin } from "./origin.ts";
import { dataOf, startPeer } from "./peers.ts";
import { remove, residentBytes, type Server, settled, temporaryFolder } from "./processes.ts";
import type { Outcome } from "./results.ts";
import { starts } from "./starting.ts";
import { askAll } from "./wire.ts";
import { cycled } from "./wrk.ts";

const PROMPT = 2000;
const ANSWER = 600;
const NAME = "kept";
const CONNECTIONS = 32;
/** Few enough for memory, and spread over the whole store. */
const IN_MEMORY = 1000;
/** So many that the store of a thousand does not become another one. */
const MISSES = 1000;
const WARM_STARTS = 5;
const COLD_STARTS = 3;
/** Hits, and misses, that are asked after a start's first answer. */
const NEXT = 10;
const SETTLE_MS = 300_000;
/** Of nginx that many show the slope: a file each. */
const NGINX_MOST = 100_000;

const body = chatBody(PROMPT, NAME);
const request = (n: number) => requestBytes(CHAT, numbered(body, n));

/** Steps: how many entries there are at each. The last is a million where nothing else is said. */
export async function growth({
  steps,
  seconds,
}: {
  steps: readonly number[];
  seconds: number;
}): Promise<Outcome> {
  const bytes = document(chatAnswer(ANSWER));
  const origin = startOrigin(() => bytes);
  try {
    const empty = await starts({ origin: origin.port, first: request(7), times: WARM_STARTS });
    const own: OwnStep[] = [];
    const folder = temporaryFolder();
    for (const entries of steps)
      own.push(
        await ownStep({ origin: origin.port, folder, from: own.at(-1)?.entries ?? 0, entries, seconds }),
      );
    remove(folder);
    const others = await nginxSteps({
      origin: origin.port,
      steps: steps.filter((entries) => entries <= NGINX_MOST),
      seconds,
    });
    return grown({ empty, own, others, inMemory: IN_MEMORY, misses: MISSES, nginxMost: NGINX_MOST });
  } finally {
    origin.stop();
  }
}

interface StepOptions {
  readonly origin: number;
  readonly folder: string;
  readonly from: number;
  readonly entries: number;
  readonly seconds: number;
}

async function ownStep({ origin, folder, from, entries, seconds }: StepOptions): Promise<OwnStep> {
  const data = dataOf(folder);
  const began = performance.now();
  await filled({ data, from, to: entries, prompt: PROMPT, answer: ANSWER, name: NAME });
  const fillUs = ((performance.now() - began) * 1000) / (entries - from);
  const disk = { answersBytes: bytesOf(data, "askonce.db"), archiveBytes: bytesOf(data, "archive.db") };
  const newBody = chatBody(PROMPT, fresh());
  const next = (run: number) => ({
    hits: Array.from({ length: NEXT }, (_, n) => request(cycled(run * NEXT + n + 1, entries))),
    misses: Array.from({ length: NEXT }, (_, n) => requestBytes(CHAT, numbered(newBody, run * NEXT + n))),
  });
  const asked = { origin, first: request(7), next, folder };
  const coldStart = await starts({ ...asked, times: COLD_STARTS, cold: true });
  const start = await starts({ ...asked, times: WARM_STARTS });
  const begin = (flags: readonly string[]) =>
    startPeer("executable", { origin, prompt: PROMPT, folder, flags });
  const server = await begin([]);
  try {
    await settled(server.pid, SETTLE_MS);
    const restBytes = residentBytes(server.pid);
    const idle = await idleShare(server);
    const keys = Math.min(IN_MEMORY, entries);
    const numbers = { kind: "cycle", keys, every: Math.floor(entries / keys) } as const;
    const hit = await warmed(server, { body, numbers, connections: CONNECTIONS, seconds });
    const miss = await ownMisses(server, { data, idle });
    const workedBytes = residentBytes(server.pid);
    await server.stop();
    const fromDisk = await hitsFromDisk(begin, { entries, seconds });
    return {
      entries,
      hit,
      miss,
      fromDisk,
      fillUs,
      ...disk,
      restBytes,
      workedBytes,
      idle,
      start,
      coldStart,
    };
  } finally {
    await server.stop();
  }
}

/** Warm-up and measurement each have a namespace that goes afterwards, so that the store keeps its size. */
async function ownMisses(server: Server, { data, idle }: { data: string; idle: number }): Promise<Parts> {
  const gone = async (namespace: string) => {
    const program = join(import.meta.dirname, "../../dist/askonce");
    const args = ["purge", "--namespace", namespace, "--yes", "--data", data];
    const { status, stderr } = spawnSync(program, args, { encoding: "utf8" });
    if (status !== 0) throw new Error(`purge ended with ${status}: ${stderr}`);
    await settled(server.pid, SETTLE_MS);
  };
  const warmBody = chatBody(PROMPT, fresh());
  await warm(server, {
    path: `/@warm${CHAT}`,
    body: warmBody,
    numbers: { kind: "new" },
    connections: CONNECTIONS,
    seconds: 1,
  });
  await gone("warm");
  const newBody = chatBody(PROMPT, fresh());
  const path = `/@new${CHAT}`;
  const parts = await costOf(server, {
    requests: MISSES,
    connections: CONNECTIONS,
    request: (n) => requestBytes(path, numbered(newBody, n)),
    idle,
  });
  await gone("new");
  return parts;
}

/** With no room in memory for answers nor requests, so that each is looked for in the file, whatever came before. */
async function hitsFromDisk(
  begin: (flags: readonly string[]) => Promise<Server>,
  { entries, seconds }: { entries: number; seconds: number },
): Promise<Cost> {
  const server = await begin(["--max-memory", "1KiB"]);
  try {
    const numbers = { kind: "cycle", keys: entries } as const;
    return await warmed(server, { body, numbers, connections: CONNECTIONS, seconds });
  } finally {
    await server.stop();
  }
}

async function nginxSteps({
  origin,
  steps,
  seconds,
}: {
  origin: number;
  steps: readonly number[];
  seconds: number;
}): Promise<readonly NginxStep[]> {
  const server = await startPeer("nginx", { origin, prompt: PROMPT });
  try {
    const found: NginxStep[] = [];
    for (const [at, entries] of steps.entries()) {
      await askAll(server.port, { from: steps[at - 1] ?? 0, to: entries, connections: CONNECTIONS, request });
      await settled(server.pid);
      const diskBytes = bytesOf(dataOf(server.folder), "");
      const numbers = { kind: "cycle", keys: entries } as const;
      const hit = await warmed(server, { body, numbers, connections: CONNECTIONS, seconds });
      const newBody = chatBody(PROMPT, fresh());
      const miss = await costOf(server, {
        requests: MISSES,
        connections: CONNECTIONS,
        request: (n) => requestBytes(CHAT, numbered(newBody, n)),
        idle: 0,
      });
      found.push({ entries, hit, miss, diskBytes, workedBytes: residentBytes(server.pid) });
    }
    return found;
  } finally {
    await server.stop();
    remove(server.folder);
  }
}

/** Bytes on disk of all files in a folder whose names begin so. */
function bytesOf(folder: string, beginning: string): number {
  let bytes = 0;
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    if (!name.startsWith(beginning)) continue;
    const stat = statSync(join(folder, name), { throwIfNoEntry: false });
    if (stat?.isFile()) bytes += stat.blocks * 512;
  }
  return bytes;
}

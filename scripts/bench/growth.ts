/** What a request costs as a store grows, and as one entry does; what a store takes of memory and disk, and to start. */
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { CHAT, chatAnswer, chatBody, numbered, requestBytes } from "./bodies.ts";
import { bytesText, median, mib, short } from "./figures.ts";
import { document, startOrigin } from "./origin.ts";
import { dataOf, names, startPeer } from "./peers.ts";
import { cpuSeconds, remove, residentBytes, type Server, settled, temporaryFolder } from "./processes.ts";
import type { Line, Outcome, Plot } from "./results.ts";
import { askAll, Connection } from "./wire.ts";
import { type Burst, burst, type Numbers } from "./wrk.ts";

const PROMPT = 2000;
const ANSWER = 600;
const CONNECTIONS = 32;
const WARM_BURSTS = 5;
const STARTS = 7;
/** What is written down beside the answers may take long after a fill. */
const SETTLE_MS = 900_000;
/** Of nginx that many show the slope: a file each. */
const NGINX_MOST = 100_000;

type Way = "nginx" | "executable";
const ways: readonly Way[] = ["nginx", "executable"];
let counted = 0;

interface Cost {
  readonly cpuUs: number;
  readonly done: Burst;
}

/** One burst and the processor time a request, with what follows it. */
async function cost(
  server: Server,
  load: { body: string; numbers: Numbers; connections: number; seconds: number },
): Promise<Cost> {
  const before = cpuSeconds(server.pid);
  const done = await burst({ port: server.port, path: CHAT, ...load });
  await settled(server.pid);
  return { done, cpuUs: ((cpuSeconds(server.pid) - before) * 1e6) / done.requests };
}

async function warmed(server: Server, load: Parameters<typeof cost>[1]): Promise<Cost> {
  for (let n = 0; n < WARM_BURSTS; n++) await burst({ port: server.port, path: CHAT, ...load, seconds: 1 });
  return cost(server, load);
}

function fresh(): string {
  return `${process.pid}-growth-${counted++}`;
}

function folderBytes(folder: string): number {
  let bytes = 0;
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    const stat = statSync(join(folder, name), { throwIfNoEntry: false });
    if (stat?.isFile()) bytes += stat.blocks * 512;
  }
  return bytes;
}

/** A figure of askonce's own: 0 where it has none of that name. */
async function metric(server: Server, name: string): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${server.port}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1] ?? 0);
}

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
  const body = chatBody(PROMPT, "kept");
  const request = (n: number) => requestBytes(CHAT, numbered(body, n));
  const lines: Line[] = [];
  const rows: string[][] = [];
  const notes: string[] = [];
  const bounds: Outcome["bounds"][number][] = [];
  try {
    for (const way of ways) {
      const hits: [number, number][] = [];
      const misses: [number, number][] = [];
      let server = await startPeer(way, { origin: origin.port, prompt: PROMPT });
      try {
        await settled(server.pid);
        if (way === "executable") bounds.push(restBound(residentBytes(server.pid)));
        let there = 0;
        for (const entries of steps.filter((count) => way !== "nginx" || count <= NGINX_MOST)) {
          const began = performance.now();
          await askAll(server.port, { from: there, to: entries, connections: CONNECTIONS, request });
          const filling = (entries - there) / ((performance.now() - began) / 1000);
          there = entries;
          await settled(server.pid, SETTLE_MS);
          const disk = folderBytes(dataOf(server.folder));
          const memory = residentBytes(server.pid);
          const dropped = way === "executable" ? await metric(server, "askonce_archive_dropped_total") : 0;
          const load = { connections: CONNECTIONS, seconds };
          const hit = await warmed(server, { ...load, body, numbers: { kind: "cycle", keys: entries } });
          const miss = await cost(server, {
            ...load,
            body: chatBody(PROMPT, fresh()),
            numbers: { kind: "new" },
          });
          hits.push([entries, hit.cpuUs]);
          misses.push([entries, miss.cpuUs]);
          rows.push([
            names[way],
            entries.toLocaleString("en-US"),
            short(hit.cpuUs),
            short(miss.cpuUs),
            short(filling),
            mib(memory),
            bytesText(disk / entries),
            way === "executable" ? `${Math.round((1 - dropped / entries) * 100)}%` : "-",
          ]);
        }
        lines.push(
          { name: `${names[way]}, hit`, points: hits },
          { name: `${names[way]}, miss`, points: misses },
        );
        if (way === "executable") {
          const { folder } = server;
          await server.stop();
          server = await startPeer(way, { origin: origin.port, prompt: PROMPT, folder });
          await settled(server.pid, SETTLE_MS);
          notes.push(
            `Started again on ${there.toLocaleString("en-US")} entries: ${mib(residentBytes(server.pid))} at rest.`,
          );
          await server.stop();
          bounds.push(
            ...(await starts({ origin: origin.port, request: request(7), folder, entries: there })),
          );
        }
      } finally {
        await server.stop();
        remove(server.folder);
      }
    }
  } finally {
    origin.stop();
  }
  const head = [
    "",
    "entries",
    "hit, us of processor",
    "miss, us",
    "filling, entries/s",
    "memory",
    "disk an entry",
    "requests remembered",
  ];
  return {
    tables: [{ head, rows }],
    plots: [
      {
        file: "growth-entries",
        title: "Processor time of a request as the store grows",
        x: "entries",
        y: "microseconds",
        logX: true,
        lines,
      },
    ],
    notes: [
      "Prompts of 2 KB, answers of 600 B; hits go over all keys in an order without neighbours. Filled at full load: what is remembered of requests (for search and explaining) is given up where it falls behind, answers never are. nginx keeps a file an entry and is followed to 100,000.",
      ...notes,
    ],
    bounds,
  };
}

function restBound(bytes: number): Outcome["bounds"][number] {
  return { what: "memory at rest: under 120 MB", found: mib(bytes), met: bytes < 120e6 };
}

/** From the call of the program to its first answer: on an empty folder, and on this one. */
async function starts(options: {
  origin: number;
  request: Uint8Array;
  folder: string;
  entries: number;
}): Promise<Outcome["bounds"]> {
  const once = async (folder: string) => {
    const began = performance.now();
    const server = await startPeer("executable", { origin: options.origin, prompt: PROMPT, folder });
    const connection = await Connection.open(server.port);
    const { status } = await connection.ask(options.request);
    const took = performance.now() - began;
    connection.close();
    await server.stop();
    if (status !== 200) throw new Error(`the first answer was a ${status}`);
    return took;
  };
  const empty: number[] = [];
  const full: number[] = [];
  for (let n = 0; n < STARTS; n++) {
    const folder = temporaryFolder();
    empty.push(await once(folder));
    remove(folder);
    full.push(await once(options.folder));
  }
  const bound = (times: number[], what: string, most: number) => ({
    what: `start to first answer, ${what}: under ${most} ms`,
    found: `${Math.round(median(times))} ms (worst of ${STARTS}: ${Math.round(Math.max(...times))})`,
    met: median(times) < most,
  });
  return [
    bound(empty, "empty store", 150),
    bound(full, `${options.entries.toLocaleString("en-US")} entries`, 300),
  ];
}

/** One entry grows: 4 connections ask for it, and for new ones of its size. */
export async function sizes({
  answers,
  seconds,
}: {
  answers: readonly number[];
  seconds: number;
}): Promise<Outcome> {
  let bytes: Uint8Array = new Uint8Array();
  const origin = startOrigin(() => bytes);
  const rows: string[][] = [];
  const lines: Line[] = [];
  try {
    for (const way of ways) {
      const hits: [number, number][] = [];
      const misses: [number, number][] = [];
      for (const answer of answers) {
        bytes = document(chatAnswer(answer));
        const server = await startPeer(way, { origin: origin.port, prompt: 200 });
        try {
          const body = chatBody(200, "kept");
          await askAll(server.port, {
            from: 0,
            to: 1,
            connections: 1,
            request: (n) => requestBytes(CHAT, numbered(body, n)),
          });
          const load = { connections: 4, seconds };
          const hit = await warmed(server, { ...load, body, numbers: { kind: "one" } });
          const miss = await cost(server, {
            ...load,
            body: chatBody(200, fresh()),
            numbers: { kind: "new" },
          });
          const perKB = ({ cpuUs }: Cost) => (cpuUs * 1000) / answer;
          hits.push([answer, perKB(hit)]);
          misses.push([answer, perKB(miss)]);
          const cells = [hit, miss].flatMap((one) => [
            short(one.cpuUs),
            short(perKB(one)),
            `${short((one.done.rate * answer) / 1e6)} MB/s`,
          ]);
          rows.push([names[way], bytesText(answer), ...cells]);
        } finally {
          await server.stop();
          remove(server.folder);
        }
      }
      lines.push(
        { name: `${names[way]}, hit`, points: hits },
        { name: `${names[way]}, miss`, points: misses },
      );
    }
  } finally {
    origin.stop();
  }
  const plot: Plot = {
    file: "growth-size",
    title: "Processor time a KB as one entry grows",
    x: "bytes of the answer",
    y: "microseconds a KB",
    logX: true,
    logY: true,
    lines,
  };
  return {
    tables: [{ head: ["", "answer", "hit, us", "us a KB", "", "miss, us", "us a KB", ""], rows }],
    plots: [plot],
    notes: ["Four connections; at a KB all is what each request costs, at many MB all is copying."],
    bounds: [],
  };
}

/** What a request takes through each server beyond what it takes without any: misses, hits, and first bytes of streams. */
import process from "node:process";
import { CHAT, chatAnswer, chatBody, numbered, requestBytes, streamEnd, streamEvent } from "./bodies.ts";
import { median, percentile, short } from "./figures.ts";
import { chunk, document, LAST_CHUNK, type Origin, STREAM_HEAD, startOrigin } from "./origin.ts";
import { names, startPeer } from "./peers.ts";
import { remove, type Server, settled } from "./processes.ts";
import type { Outcome } from "./results.ts";
import type { Effort } from "./rounds.ts";
import { type Answer, type Connection, openAll } from "./wire.ts";

interface Setup {
  readonly name: string;
  readonly miss: boolean;
  readonly stream: boolean;
  readonly connections: number;
  /** Requests a second over all connections; as many as it takes where not given. */
  readonly rate?: number;
  readonly time: "firstByteMs" | "endMs";
}

const setups: readonly Setup[] = [
  { name: "miss, stored, 1 connection", miss: true, stream: false, connections: 1, time: "endMs" },
  {
    name: "miss, stored, 32 connections, 500/s",
    miss: true,
    stream: false,
    connections: 32,
    rate: 500,
    time: "endMs",
  },
  {
    name: "miss, stored, 32 connections, at full load",
    miss: true,
    stream: false,
    connections: 32,
    time: "endMs",
  },
  { name: "hit, 1 connection, first byte", miss: false, stream: false, connections: 1, time: "firstByteMs" },
  {
    name: "hit of a 300-chunk stream, first byte",
    miss: false,
    stream: true,
    connections: 1,
    time: "firstByteMs",
  },
  { name: "hit of a 300-chunk stream, last byte", miss: false, stream: true, connections: 1, time: "endMs" },
  { name: "new 300-chunk stream, first byte", miss: true, stream: true, connections: 1, time: "firstByteMs" },
];

const PEERS = ["direct", "nginx", "executable"] as const;
type Way = (typeof PEERS)[number];
const PROMPT = 2000;
const WARM_ROUNDS = 3;
let counted = 0;

export async function latencies({ rounds, seconds }: Pick<Effort, "rounds" | "seconds">): Promise<Outcome> {
  const origin = startOrigin(() => new Uint8Array());
  const rows: string[][] = [];
  const losses: string[] = [];
  const bounds: Outcome["bounds"][number][] = [];
  const servers = new Map<Way, Server>();
  try {
    for (const peer of ["nginx", "executable"] as const)
      servers.set(peer, await startPeer(peer, { origin: origin.port, prompt: PROMPT }));
    const portOf = (way: Way) => servers.get(way)?.port ?? origin.port;
    for (const setup of setups) {
      giveAnswers(origin, setup);
      const taken = new Map<Way, { p50: number; p99: number }[]>(PEERS.map((way) => [way, []]));
      for (let round = rounds === 1 ? -1 : -WARM_ROUNDS; round < rounds; round++) {
        for (const way of PEERS) {
          if (way === "direct" && !setup.miss) continue;
          const times = await ask(setup, { port: portOf(way), seconds: round < 0 ? 1 : seconds });
          const server = servers.get(way);
          if (server) await settled(server.pid);
          if (round >= 0) taken.get(way)?.push({ p50: percentile(times, 0.5), p99: percentile(times, 0.99) });
        }
      }
      const cells = rowOf(setup, taken);
      rows.push(cells.row);
      if (cells.ratio > 1 || cells.p99Ratio > 1)
        losses.push(
          `${setup.name}: p50 ${short(cells.ratio)} and p99 ${short(cells.p99Ratio)} times what nginx adds`,
        );
      if (setup === setups[0])
        bounds.push({
          what: "added latency on a miss, p50: below nginx's (aim: half)",
          found: `${short(cells.ratio)} of nginx's with one connection`,
          met: cells.ratio < 1,
        });
    }
  } finally {
    await Promise.all([...servers.values()].map((server) => server.stop()));
    for (const { folder } of servers.values()) remove(folder);
    origin.stop();
  }
  const head = [
    "case",
    "direct p50 / p99",
    "added by nginx",
    `added by ${names.executable}`,
    "p50 over nginx's",
    "p99 over nginx's",
  ];
  return {
    tables: [{ head, rows }],
    plots: [],
    notes: [
      "Milliseconds, p50 / p99, prompts of 2 KB and answers of 600 B, the provider answers at once. Added: less what the same client needs without a proxy; a hit counts whole.",
    ],
    losses,
    bounds,
  };
}

function giveAnswers(origin: Origin, { stream }: Setup): void {
  const events = Array.from({ length: 299 }, (_, n) => chunk(streamEvent(`word ${n} `)));
  const bytes = stream
    ? Buffer.concat([STREAM_HEAD, ...events, chunk(streamEnd()), LAST_CHUNK])
    : document(chatAnswer(600));
  origin.reply = () => bytes;
}

async function ask(
  setup: Setup,
  { port, seconds }: { port: number; seconds: number },
): Promise<readonly number[]> {
  const name = setup.miss ? `${process.pid}-${counted++}` : "kept";
  const body = chatBody(PROMPT, name, setup.stream ? { stream: true } : {});
  const times: number[] = [];
  const began = performance.now();
  const until = began + seconds * 1000;
  let next = 0;
  const drive = async (connection: Connection) => {
    while (performance.now() < until) {
      const n = next++;
      const request = requestBytes(CHAT, numbered(body, setup.miss ? n : 0));
      const due = setup.rate === undefined ? 0 : began + (n * 1000) / setup.rate - performance.now();
      if (due > 0) await new Promise((resolve) => setTimeout(resolve, due));
      const answer: Answer = await connection.ask(request);
      if (answer.status !== 200) throw new Error(answer.head);
      times.push(answer[setup.time]);
    }
  };
  const connections = await openAll(port, setup.connections);
  await Promise.all(connections.map(drive));
  for (const connection of connections) connection.close();
  return times;
}

function rowOf(
  setup: Setup,
  taken: ReadonlyMap<Way, readonly { p50: number; p99: number }[]>,
): { row: string[]; ratio: number; p99Ratio: number } {
  const of = (way: Way, member: "p50" | "p99") => (taken.get(way) ?? []).map((round) => round[member]);
  const direct = (member: "p50" | "p99") => (setup.miss ? median(of("direct", member)) : 0);
  const added = (way: Way, member: "p50" | "p99") => median(of(way, member)) - direct(member);
  const ms = (value: number) => value.toFixed(3);
  const pair = (way: Way) => `${ms(added(way, "p50"))} / ${ms(added(way, "p99"))}`;
  const ratio = (member: "p50" | "p99") => added("executable", member) / added("nginx", member);
  const plain = setup.miss ? `${ms(direct("p50"))} / ${ms(direct("p99"))}` : "-";
  return {
    row: [setup.name, plain, pair("nginx"), pair("executable"), short(ratio("p50")), short(ratio("p99"))],
    ratio: ratio("p50"),
    p99Ratio: ratio("p99"),
  };
}

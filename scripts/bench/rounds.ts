/** Runs one burst case: all its servers side by side, bursts in turn, each burst checked to have been what it claims. */
import process from "node:process";
import { bodyOf, expected, numbersOf, pathOf } from "./asking.ts";
import { batchAnswer, chatAnswer, numbered, requestBytes, streamEnd, streamEvent } from "./bodies.ts";
import type { BurstCase } from "./cases.ts";
import { median } from "./figures.ts";
import { chunk, document, LAST_CHUNK, type Origin, STREAM_HEAD, startOrigin } from "./origin.ts";
import { type Peer, startPeer } from "./peers.ts";
import { cpuSeconds, remove, type Server, settled } from "./processes.ts";
import type { PeerFigures } from "./results.ts";
import { askAll, Connection } from "./wire.ts";
import { type Burst, burst, cycled } from "./wrk.ts";

export interface Effort {
  readonly rounds: number;
  readonly seconds: number;
  /** Of the counts of keys so large a share; below 1 a case only shows that it works. */
  readonly scale: number;
}

interface Measured {
  readonly rate: number;
  /** Processor microseconds a request, with what the server does about it afterwards. */
  readonly cpuUs: number;
  readonly calls: number;
}

interface Place {
  readonly peer: Peer;
  readonly server: Server;
}

const CONNECTIONS = 32;
const WARM_S = 1;
const LARGE = 500_000;
const WARM_LEAST = 3;
const WARM_MOST = 12;
/** Of 100,000 keys a warm-up may take so many, so that the burst's own are asked for the first time since the start. */
const WARM_KEYS = 45_000;
const JOINED_AFTER_MS = 5;
let bursts = 0;

/** Medians of each server's rounds, and of the rounds' ratios to nginx. */
export async function runCase(given: BurstCase, effort: Effort): Promise<Partial<Record<Peer, PeerFigures>>> {
  const one = given.keys === undefined ? given : { ...given, keys: given.keys * effort.scale };
  const origin = startOrigin(() => new Uint8Array());
  const answer = giveAnswers(one, origin);
  const servers = new Map<Peer, Server>();
  const options = { origin: origin.port, prompt: one.prompt, answer, flags: one.flags ?? [] };
  try {
    for (const peer of one.peers) {
      servers.set(peer, await startPeer(peer, options));
      await prepare(one, {
        peer,
        server: servers.get(peer) as Server,
        most: effort.scale < 1 ? 2 : WARM_MOST,
      });
    }
    const measured = new Map<Peer, Measured[]>(one.peers.map((peer) => [peer, []]));
    for (let round = 0; round < effort.rounds; round++) {
      const order = round % 2 === 0 ? one.peers : [...one.peers].reverse();
      for (const peer of order) {
        let server = servers.get(peer) as Server;
        let from = 0;
        if (one.restart) {
          await server.stop();
          server = await startPeer(peer, { ...options, folder: server.folder });
          servers.set(peer, server);
          from = await warm(one, { server, most: WARM_MOST });
        }
        measured.get(peer)?.push(await measure(one, { peer, server, origin, seconds: effort.seconds, from }));
      }
    }
    return figuresOf(one, measured);
  } finally {
    await Promise.all([...servers.values()].map((server) => server.stop()));
    for (const { folder } of servers.values()) remove(folder);
    origin.stop();
  }
}

/** Sets what the provider says; the same as text for the bare server. */
function giveAnswers(one: BurstCase, origin: Origin): string {
  if (one.kind === "partial") {
    const made = new Map<number, Uint8Array>();
    const answerTo = (inputs: number) => {
      const known = made.get(inputs) ?? document(batchAnswer(inputs));
      made.set(inputs, known);
      return known;
    };
    origin.collects = true;
    origin.reply = ({ body }) => {
      const { input } = JSON.parse(String(body)) as { input: string | string[] };
      return answerTo(typeof input === "string" ? 1 : input.length);
    };
    return "";
  }
  if (one.chunks !== undefined) {
    const events = Array.from({ length: one.chunks - 1 }, (_, n) => chunk(streamEvent(`word ${n} `)));
    const last = Buffer.concat([chunk(streamEnd()), LAST_CHUNK]);
    if (one.kind === "hit")
      origin.reply = () => ({ starts: (out) => void trickle([STREAM_HEAD, ...events, last], out) });
    else {
      const whole = Buffer.concat([STREAM_HEAD, ...events, last]);
      origin.reply = () => whole;
    }
    return "";
  }
  const answer = chatAnswer(one.answer);
  const bytes = document(answer);
  origin.reply = one.kind === "joined" ? () => ({ afterMs: JOINED_AFTER_MS, bytes }) : () => bytes;
  return answer;
}

/** One piece a turn of the timer, so that they arrive as so many pieces. */
async function trickle(
  pieces: readonly Uint8Array[],
  out: { write(bytes: Uint8Array): void },
): Promise<void> {
  for (const piece of pieces) {
    out.write(piece);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** Fills the cache with what will be asked for, and lets the server grow warm. */
async function prepare(one: BurstCase, { peer, server, most }: Place & { most: number }): Promise<void> {
  if (peer !== "bare") {
    const body = bodyOf(one, "kept");
    const request = (n: number) => requestBytes(pathOf(one), numbered(body, n));
    const kept = one.kind === "hit" ? (one.keys ?? 1) : 1;
    await askAll(server.port, { from: 0, to: kept, connections: CONNECTIONS, request });
    await settled(server.pid);
  }
  if (!one.restart) await warm(one, { server, most });
}

/** Bursts until the rate grows no more: a just-in-time compiler takes its time. Returns how many requests it took. */
async function warm(one: BurstCase, { server, most }: { server: Server; most: number }): Promise<number> {
  let taken = 0;
  const rates: number[] = [];
  while (rates.length < most && !steady(rates) && taken < WARM_KEYS) {
    const { requests, rate } = await burst({
      port: server.port,
      path: pathOf(one),
      body: bodyOf(one, one.kind === "hit" ? "kept" : nextName()),
      numbers: numbersOf(one, taken),
      connections: one.connections ?? CONNECTIONS,
      // With prompts of a megabyte the first answers of a cold server take longer than a second.
      seconds: one.prompt < LARGE ? WARM_S : 3 * WARM_S,
    });
    rates.push(rate);
    if (one.restart) taken += requests;
  }
  await settled(server.pid);
  return taken;
}

function steady(rates: readonly number[]): boolean {
  const [before = 0, last = 0] = rates.slice(-2);
  return rates.length >= WARM_LEAST && last < before * 1.04;
}

function nextName(): string {
  return `${process.pid}-${bursts++}`;
}

async function measure(
  one: BurstCase,
  { peer, server, origin, seconds, from }: Place & { origin: Origin; seconds: number; from: number },
): Promise<Measured> {
  const body = bodyOf(one, one.kind === "hit" ? "kept" : nextName());
  const load = {
    port: server.port,
    path: pathOf(one),
    body,
    numbers: numbersOf(one, from),
    connections: one.connections ?? CONNECTIONS,
    seconds,
  };
  await sample(one, { peer, server });
  const [callsBefore, cpuBefore] = [origin.calls, cpuSeconds(server.pid)];
  const done = await burst(load);
  await settled(server.pid);
  const calls = origin.calls - callsBefore;
  // What was under way when the burst ended has cost as well; the provider has counted it.
  const worked = one.kind === "joined" ? done.requests : Math.max(done.requests, calls);
  const cpuUs = ((cpuSeconds(server.pid) - cpuBefore) * 1e6) / worked;
  check(one, { peer, done, calls });
  await sample(one, { peer, server });
  return { rate: done.rate, cpuUs, calls: calls / done.requests };
}

/** The provider knows best what was a hit. */
function check(one: BurstCase, { peer, done, calls }: { peer: Peer; done: Burst; calls: number }): void {
  const hits = expected(one, peer) === "HIT";
  if (hits && calls > 0) throw new Error(`${one.name}: ${peer} called the provider ${calls} times for hits`);
  const misses = !hits && one.kind !== "joined";
  if (misses && calls < done.requests)
    throw new Error(
      `${one.name}: ${peer} answered ${done.requests - calls} of ${done.requests} misses from its cache`,
    );
}

/** One request by itself: its status word must be the case's. */
async function sample(one: BurstCase, { peer, server }: Place): Promise<void> {
  const hit = one.kind === "hit";
  const body = bodyOf(one, hit ? "kept" : nextName());
  const n = one.keys === undefined ? 0 : cycled(bursts, one.keys);
  const connection = await Connection.open(server.port);
  const { status, cache, bytes } = await connection.ask(
    requestBytes(pathOf(one), numbered(body, hit ? n : bursts++)),
  );
  connection.close();
  const wanted = expected(one, peer);
  if (status !== 200 || (cache !== wanted && peer !== "bare") || bytes === 0)
    throw new Error(`${one.name}: ${peer} answered ${status} ${cache} (${bytes} B), not ${wanted}`);
}

function figuresOf(
  one: BurstCase,
  measured: ReadonlyMap<Peer, readonly Measured[]>,
): Partial<Record<Peer, PeerFigures>> {
  const base = measured.get("nginx") ?? [];
  const figures: Partial<Record<Peer, PeerFigures>> = {};
  for (const peer of one.peers) {
    const own = measured.get(peer) ?? [];
    const over = (member: "rate" | "cpuUs") =>
      own.map((round, at) => round[member] / (base[at]?.[member] ?? Number.NaN));
    figures[peer] = {
      rate: median(own.map(({ rate }) => rate)),
      cpuUs: median(own.map(({ cpuUs }) => cpuUs)),
      calls: median(own.map(({ calls }) => calls)),
      rateRatio: median(over("rate")),
      // Turned round, so that more is better as with rates.
      cpuRatio: 1 / median(over("cpuUs")),
    };
  }
  return figures;
}

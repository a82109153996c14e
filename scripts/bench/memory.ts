/** Minutes of mixed load at a steady pace, with the resident memory sampled: it must not grow. */
import process from "node:process";
import { median, mib } from "./figures.ts";
import { startOrigin } from "./origin.ts";
import { names, startPeer } from "./peers.ts";
import { remove, residentBytes } from "./processes.ts";
import type { Outcome } from "./results.ts";
import { type Kind, kindAt, replyTo, requestOf } from "./variety.ts";
import { askAll, Connection, openAll } from "./wire.ts";

const KB = 1000;
const CONNECTIONS = 32;
const RATE = 400;
const SAMPLE_MS = 1000;
const AFTER_MS = 15_000;
/** Into an answer of some 200 ms. */
const LEAVE_MS = 60;
/** So small that entries are evicted all the time. */
const MAX_SIZE = "256MiB";
/** Keys asked for again and again. */
const KNOWN = 3000;
const GROWTH = 1.1;

interface Mixed extends Kind {
  /** Which of its questions the n-th of a kind is: the same words, the same question. */
  readonly name: (n: number) => string;
  /** Whether the client goes away in the middle of the answer. */
  readonly leaves?: boolean;
}

const isNew = (n: number) => `m${process.pid}-${n}`;
const kinds: readonly Mixed[] = [
  { share: 68, prompt: 2 * KB, answer: 600, name: (n) => `known-${n % KNOWN}` },
  { share: 13, prompt: 2 * KB, answer: 600, name: isNew },
  { share: 5, prompt: 200, answer: 0, chunks: 20, name: isNew },
  { share: 4, prompt: 200, answer: 0, inputs: 10, name: isNew },
  // Two one after the other ask the same: the second while the provider thinks about the first.
  { share: 4, prompt: 2 * KB, answer: 4 * KB, afterMs: 300, name: (n) => `joined-${Math.floor(n / 2)}` },
  { share: 2, prompt: 200 * KB, answer: 4 * KB, name: isNew },
  { share: 2, prompt: 200, answer: 500 * KB, name: isNew },
  { share: 1, prompt: 2 * KB, answer: 600, headers: { "cache-control": "no-store" }, name: isNew },
  { share: 1, prompt: 200, answer: 0, chunks: 40, leaves: true, name: isNew },
];
/** More documents than memory has room for, each asked twice: what it keeps of answers and of requests is at its bound. */
const FILLED = 40_000;
const filling: Kind = { share: 100, prompt: 2 * KB, answer: 600 };
/** What all of these must have come to, or the mix was none. */
const WORDS = ["HIT", "MISS", "PARTIAL", "BYPASS", "joined"];

export async function mixed({ minutes }: { minutes: number }): Promise<Outcome> {
  const origin = startOrigin(replyTo);
  origin.collects = true;
  const server = await startPeer("executable", {
    origin: origin.port,
    prompt: 200 * KB,
    flags: ["--max-size", MAX_SIZE],
  });
  let afterBytes = 0;
  for (let round = 0; round < 2; round++)
    await askAll(server.port, {
      from: 0,
      to: FILLED,
      connections: CONNECTIONS,
      request: (n) => requestOf(filling, `filling-${n}`),
    });
  const began = performance.now();
  const until = began + minutes * 60_000;
  const samples: [number, number][] = [];
  const words = new Map<string, number>();
  const sampling = setInterval(() => {
    samples.push([(performance.now() - began) / 60_000, residentBytes(server.pid) / 2 ** 20]);
  }, SAMPLE_MS);
  const counted = new Map<Mixed, number>();
  let next = 0;
  const drive = async (connection: Connection) => {
    while (performance.now() < until) {
      const n = next++;
      const due = began + (n * 1000) / RATE - performance.now();
      if (due > 0) await new Promise((resolve) => setTimeout(resolve, due));
      const kind = kindAt(kinds, n) as Mixed;
      const own = counted.get(kind) ?? 0;
      counted.set(kind, own + 1);
      const word = await askedOnce(kind, { connection, port: server.port, n: own });
      words.set(word, (words.get(word) ?? 0) + 1);
    }
  };
  try {
    const connections = await openAll(server.port, CONNECTIONS);
    await Promise.all(connections.map(drive));
    for (const connection of connections) connection.close();
    const missing = WORDS.filter((word) => !words.has(word));
    if (missing.length > 0) throw new Error(`the mix had none of: ${missing.join(", ")}`);
    clearInterval(sampling);
    await new Promise((resolve) => setTimeout(resolve, AFTER_MS));
    afterBytes = residentBytes(server.pid);
  } finally {
    clearInterval(sampling);
    await server.stop();
    remove(server.folder);
    origin.stop();
  }
  return outcomeOf({ minutes, samples, words, afterBytes });
}

/** What came of one request, as `X-Cache-Status` has it; "joined" and "left" are told apart. */
async function askedOnce(
  kind: Mixed,
  { connection, port, n }: { connection: Connection; port: number; n: number },
): Promise<string> {
  const request = requestOf(kind, kind.name(n));
  if (kind.leaves) {
    const leaving = await Connection.open(port);
    // It never ends.
    leaving.ask(request).catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, LEAVE_MS));
    leaving.close();
    return "left";
  }
  const answer = await connection.ask(request);
  if (answer.status !== 200) throw new Error(answer.head);
  return /\r\ncache-status:[^\r]*; *collapsed/i.test(answer.head) ? "joined" : answer.cache;
}

/** What it grows by in a minute, by least squares. */
function slope(samples: readonly (readonly [number, number])[]): number {
  const [meanX, meanY] = [0, 1].map(
    (at) => samples.reduce((sum, sample) => sum + (sample[at] ?? 0), 0) / samples.length,
  ) as [number, number];
  const over = samples.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0);
  return over / samples.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
}

function outcomeOf({
  minutes,
  samples,
  words,
  afterBytes,
}: {
  minutes: number;
  samples: readonly [number, number][];
  words: ReadonlyMap<string, number>;
  afterBytes: number;
}): Outcome {
  const part = (from: number, to: number) => {
    const values = samples
      .filter(([at]) => at >= minutes * from && at < minutes * to)
      .map(([, value]) => value);
    return { middle: median(values), least: Math.min(...values) };
  };
  const [second, last] = [part(0.2, 0.4), part(0.8, 1)];
  const figures = ({ middle, least }: typeof last) =>
    `${Math.round(middle)} MiB (least ${Math.round(least)})`;
  const most = Math.max(...samples.map(([, value]) => value));
  const counts = [...words].map(([word, count]) => `${count.toLocaleString("en-US")} ${word}`).join(", ");
  const minute = slope(samples.filter(([at]) => at >= minutes * 0.4));
  return {
    tables: [],
    plots: [
      {
        file: "memory",
        title: `Resident memory over ${minutes} minutes of mixed load`,
        x: "minutes",
        y: "MiB",
        logX: false,
        lines: [{ name: names.executable, points: samples }],
      },
    ],
    notes: [
      `After ${FILLED.toLocaleString("en-US")} documents that were asked twice, so that memory's own bounds are reached: ${RATE} requests a second over ${CONNECTIONS} connections for ${minutes} minutes (${counts}): hits, new documents, streams, batches with one new input, questions asked twice at once, prompts of 200 KB, answers of 500 KB, \`no-store\`, and clients that leave in the middle of a stream, with \`max_size\` at ${MAX_SIZE}, so that entries are evicted all the time. Most at any time: ${mib(most * 2 ** 20)}; ${AFTER_MS / 1000} s after the last request: ${mib(afterBytes)}. It goes up and down with the collector's rounds; by least squares it changes by ${minute.toFixed(1)} MiB a minute over the last three fifths.`,
    ],
    bounds: [
      {
        what: `no growth over ${minutes} minutes of mixed load`,
        found: `median ${figures(second)} in the second fifth, ${figures(last)} in the last`,
        met: last.middle <= second.middle * GROWTH,
      },
    ],
  };
}

/** Minutes of mixed load at a steady pace, with the resident memory sampled: it must not grow. */
import process from "node:process";
import { median, mib, short } from "./figures.ts";
import { startOrigin } from "./origin.ts";
import { names, startPeer } from "./peers.ts";
import { remove, residentBytes } from "./processes.ts";
import type { Outcome } from "./results.ts";
import { type Kind, kindAt, replyTo, requestOf } from "./variety.ts";
import { type Connection, openAll } from "./wire.ts";

const KB = 1000;
const CONNECTIONS = 32;
const RATE = 400;
const SAMPLE_MS = 1000;
/** So small that entries are evicted all the time. */
const MAX_SIZE = "256MiB";
/** Keys asked for again and again. */
const KNOWN = 3000;
const GROWTH = 1.1;

interface Mixed extends Kind {
  /** Whether each request of it is another. */
  readonly fresh: boolean;
}

const kinds: readonly Mixed[] = [
  { share: 70, prompt: 2 * KB, answer: 600, fresh: false },
  { share: 17, prompt: 2 * KB, answer: 600, fresh: true },
  { share: 5, prompt: 200, answer: 0, chunks: 20, fresh: true },
  { share: 4, prompt: 200, answer: 0, inputs: 10, fresh: true },
  { share: 2, prompt: 200 * KB, answer: 4 * KB, fresh: true },
  { share: 2, prompt: 200, answer: 500 * KB, fresh: true },
];

export async function mixed({ minutes }: { minutes: number }): Promise<Outcome> {
  const origin = startOrigin(replyTo);
  origin.collects = true;
  const server = await startPeer("executable", {
    origin: origin.port,
    prompt: 200 * KB,
    flags: ["--max-size", MAX_SIZE],
  });
  const began = performance.now();
  const until = began + minutes * 60_000;
  const samples: [number, number][] = [];
  const statuses = new Map<string, number>();
  const sampling = setInterval(() => {
    samples.push([(performance.now() - began) / 60_000, residentBytes(server.pid) / 2 ** 20]);
  }, SAMPLE_MS);
  let next = 0;
  const drive = async (connection: Connection) => {
    while (performance.now() < until) {
      const n = next++;
      const due = began + (n * 1000) / RATE - performance.now();
      if (due > 0) await new Promise((resolve) => setTimeout(resolve, due));
      const kind = kindAt(kinds, n) as Mixed;
      const answer = await connection.ask(
        requestOf(kind, kind.fresh ? `m${process.pid}-${n}` : `known-${n % KNOWN}`),
      );
      if (answer.status !== 200) throw new Error(answer.head);
      statuses.set(answer.cache, (statuses.get(answer.cache) ?? 0) + 1);
    }
  };
  try {
    const connections = await openAll(server.port, CONNECTIONS);
    await Promise.all(connections.map(drive));
    for (const connection of connections) connection.close();
  } finally {
    clearInterval(sampling);
    await server.stop();
    remove(server.folder);
    origin.stop();
  }
  return outcomeOf({ minutes, samples, statuses });
}

function outcomeOf({
  minutes,
  samples,
  statuses,
}: {
  minutes: number;
  samples: readonly [number, number][];
  statuses: ReadonlyMap<string, number>;
}): Outcome {
  const part = (from: number, to: number) =>
    median(samples.filter(([at]) => at >= minutes * from && at < minutes * to).map(([, value]) => value));
  const [third, last] = [part(0.2, 0.4), part(0.8, 1)];
  const most = Math.max(...samples.map(([, value]) => value));
  const words = [...statuses].map(([word, count]) => `${count.toLocaleString("en-US")} ${word}`).join(", ");
  return {
    tables: [],
    plots: [
      {
        file: "memory",
        title: `Resident memory over ${short(minutes)} minutes of mixed load`,
        x: "minutes",
        y: "MiB",
        logX: false,
        lines: [{ name: names.executable, points: samples }],
      },
    ],
    notes: [
      `${RATE} requests a second over ${CONNECTIONS} connections for ${short(minutes)} minutes (${words}): hits, new documents, streams, batches, prompts of 200 KB and answers of 500 KB, with \`max_size\` at ${MAX_SIZE}, so that entries are evicted all the time. Most at any time: ${mib(most * 2 ** 20)}.`,
    ],
    bounds: [
      {
        what: `no growth over ${short(minutes)} minutes of mixed load`,
        found: `median ${Math.round(third)} MiB in the second fifth, ${Math.round(last)} MiB in the last`,
        met: last <= third * GROWTH,
      },
    ],
  };
}

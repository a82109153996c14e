/**
 * The promise about the last byte: under load `kill -9`, start again on the same data, ask again; each answer whose end
 * a client had received must be a hit, byte for byte.
 *
 *   bun scripts/bench/kill9.ts [--times 50] [--connections 32] [--server executable|source] [--flags '--workers 2']
 *
 * Needs dist/askonce (scripts/build) for `executable`. Exits with 1 where an answer was lost or another came.
 */
import { createHash } from "node:crypto";
import process from "node:process";
import { list, number, only, text } from "./options.ts";
import { startOrigin } from "./origin.ts";
import { type Peer, startPeer } from "./peers.ts";
import { remove, type Server, temporaryFolder } from "./processes.ts";
import { type Kind, kindAt, replyTo, requestOf } from "./variety.ts";
import { type Connection, openAll } from "./wire.ts";

const KB = 1000;
const kinds: readonly Kind[] = [
  { share: 60, prompt: 200, answer: 600 },
  { share: 12, prompt: 2 * KB, answer: 8 * KB },
  { share: 10, prompt: 200, answer: 0, chunks: 12 },
  { share: 8, prompt: 200, answer: 0, inputs: 10 },
  { share: 5, prompt: 50 * KB, answer: 60 * KB },
  // Beyond 256 KiB a body is stored in slices, in another way.
  { share: 5, prompt: 200, answer: 400 * KB },
];

interface Received {
  readonly kind: Kind;
  readonly name: string;
  readonly digest: string;
  /** The digest of all of an assembled batch's answer but its usage. */
  readonly vectors: string;
}

/** After how many answers the server is killed: soon after its start in one round, long after it in another. */
function cutAfter(round: number): number {
  return 20 + ((round * 337) % 1500);
}

function digestOf(body: Buffer | undefined): string {
  return createHash("sha256")
    .update(body ?? "")
    .digest("hex");
}

function vectorsOf(body: Buffer | undefined): string {
  const text = String(body ?? "");
  return digestOf(Buffer.from(text.replace(/,"usage":\{[^}]*\}/, "")));
}

/** New requests until the server is gone; resolves to those whose end was received. */
async function load(server: Server, options: { round: number; connections: number }): Promise<Received[]> {
  const received: Received[] = [];
  let next = 0;
  const drive = async (connection: Connection) => {
    for (;;) {
      const n = next++;
      const kind = kindAt(kinds, n);
      const name = `r${options.round}-${process.pid}-${n}`;
      // It rejects when the server is killed: what was under way then has no end, and no promise.
      const answer = await connection.ask(requestOf(kind, name), true).catch(() => undefined);
      if (answer === undefined) return;
      if (answer.status !== 200) throw new Error(`${name}: ${answer.head}`);
      received.push({ kind, name, digest: digestOf(answer.body), vectors: vectorsOf(answer.body) });
      if (received.length === cutAfter(options.round)) killed = server.kill();
    }
  };
  let killed: Promise<void> | undefined;
  const connections = await openAll(server.port, options.connections);
  await Promise.all(connections.map(drive));
  await killed;
  return received;
}

interface Found {
  readonly wrong: string[];
  /** Assembled batches whose token count, an estimate by length, is another: their parts are those of another batch. */
  readonly recounted: string[];
}

async function askAgain(server: Server, received: readonly Received[]): Promise<Found> {
  const wrong: string[] = [];
  const recounted: string[] = [];
  const connections = await openAll(server.port, 8);
  let next = 0;
  await Promise.all(
    connections.map(async (connection) => {
      while (next < received.length) {
        const { kind, name, digest, vectors } = received[next++] as Received;
        const answer = await connection.ask(requestOf(kind, name), true);
        if (answer.cache !== "HIT")
          wrong.push(`${name} (${JSON.stringify(kind)}): ${answer.status} ${answer.cache}`);
        else if (digestOf(answer.body) === digest) continue;
        else if (kind.inputs && vectorsOf(answer.body) === vectors) recounted.push(name);
        else wrong.push(`${name}: another body`);
      }
      connection.close();
    }),
  );
  return { wrong, recounted };
}

only(["times", "connections", "server", "flags"]);
const times = number("times", 50);
const connections = number("connections", 32);
const peer = text("server", "executable") as Peer;
const flags = list("flags").flatMap((word) => word.split(" "));
const origin = startOrigin(replyTo);
origin.collects = true;
const folder = temporaryFolder();
const start = () => startPeer(peer, { origin: origin.port, prompt: 0, folder, flags });
let [promised, lost, estimates] = [0, 0, 0];
const tally = new Map<string, number>();
try {
  for (let round = 0; round < times; round++) {
    const received = await load(await start(), { round, connections });
    const server = await start();
    const { wrong, recounted } = await askAgain(server, received);
    await server.kill();
    promised += received.length;
    lost += wrong.length;
    estimates += recounted.length;
    for (const { kind } of received) {
      const what = kind.chunks
        ? "streams"
        : kind.inputs
          ? "batches"
          : kind.answer > 262_144
            ? "large documents"
            : "documents";
      tally.set(what, (tally.get(what) ?? 0) + 1);
    }
    console.log(`kill ${round + 1}: ${received.length} answers received to their end, ${wrong.length} lost`);
    for (const line of wrong.slice(0, 5)) console.log(`  ${line}`);
    if (/damaged|set aside/.test(server.said())) console.log(server.said());
  }
} finally {
  origin.stop();
  remove(folder);
}
const kindsOf = [...tally].map(([what, count]) => `${count} ${what}`).join(", ");
console.log(
  `${times} kills, ${promised} answers received to their end (${kindsOf}): ${promised - lost} hits, ${lost} lost; ${estimates} assembled batches with another token estimate`,
);
process.exit(lost > 0 || promised === 0 ? 1 : 0);

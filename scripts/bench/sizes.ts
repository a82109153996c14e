/** What a request costs as one entry grows. */
import { CHAT, chatAnswer, chatBody, numbered, requestBytes } from "./bodies.ts";
import { costOf, fresh } from "./costs.ts";
import { bytesText, short } from "./figures.ts";
import { document, startOrigin } from "./origin.ts";
import { names, type Peer, startPeer } from "./peers.ts";
import { remove, type Server } from "./processes.ts";
import type { Line, Outcome, Plot } from "./results.ts";

const ways: readonly Peer[] = ["nginx", "executable"];
const PROMPT = 200;
const CONNECTIONS = 4;
/** At each size so many bytes of answers, as far as the counts allow. */
const BYTES = 512e6;
const LEAST = 16;
const MOST_HITS = 20_000;
/** What the archive lets wait is more. */
const MOST_MISSES = 5000;

/** One entry grows: 4 connections ask for it, and for new ones of its size. */
export async function sizes({ answers }: { answers: readonly number[] }): Promise<Outcome> {
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
        const server = await startPeer(way, { origin: origin.port, prompt: PROMPT });
        try {
          const known = requestBytes(CHAT, numbered(chatBody(PROMPT, "kept"), 0));
          const hit = await costAtSize(server, { answer, most: MOST_HITS, request: () => known });
          const body = chatBody(PROMPT, fresh());
          const request = (n: number) => requestBytes(CHAT, numbered(body, n));
          const miss = await costAtSize(server, { answer, most: MOST_MISSES, request });
          hits.push([answer, hit]);
          misses.push([answer, miss]);
          const cells = [hit, miss].flatMap((us) => [short(us), short((us * 1000) / answer)]);
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
    title: "Processor time of a request as one entry grows",
    x: "bytes of the answer",
    y: "microseconds of processor a request",
    logX: true,
    logY: true,
    lines,
  };
  return {
    tables: [{ head: ["", "answer", "hit, us", "us a KB", "miss, us", "us a KB"], rows }],
    plots: [plot],
    notes: [
      "Four connections, a fixed number of requests at each size. At a KB all is what each request costs, at many MB all is copying; a miss of askonce's is packed and written as well.",
    ],
    bounds: [],
  };
}

/** Microseconds of processor a request, after as many that were not counted. */
async function costAtSize(
  server: Server,
  { answer, most, request }: { answer: number; most: number; request: (n: number) => Uint8Array },
): Promise<number> {
  const requests = Math.min(most, Math.max(LEAST, Math.round(BYTES / answer)));
  const load = { requests, connections: CONNECTIONS, idle: 0 };
  await costOf(server, { ...load, request });
  const { allUs } = await costOf(server, { ...load, request: (n) => request(n + requests) });
  return allUs;
}

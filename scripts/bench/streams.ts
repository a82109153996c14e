/** Thousands of streams at a time through one process: how late each chunk comes. */
import process from "node:process";
import type { Socket } from "bun";
import { CHAT, chatBody, numbered, requestBytes, streamEnd, streamEvent } from "./bodies.ts";
import { percentile, short } from "./figures.ts";
import { chunk, LAST_CHUNK, type Out, STREAM_HEAD, startOrigin } from "./origin.ts";
import { names, type Peer, startPeer } from "./peers.ts";
import { cpuSeconds, remove, type Server } from "./processes.ts";
import type { Outcome } from "./results.ts";

/** 50 chunks a second each. */
const EVERY_MS = 20;
const CHUNKS_A_SECOND = 1000 / EVERY_MS;
/** New streams are opened so far apart, so that the opening itself is no burst. */
const OPEN_EVERY_MS = 1;
const BOUND_MS = 50;
const MARK = "tick=";
const DIGITS = 9;
/** One in so many is read as it comes and timed; the rest are read now and then, or the load's own core would be full. */
const TIMED = 10;
const READ_EVERY_MS = 200;
const GLANCE_MS = 5;
/** Chunks of the first so many seconds after the last stream was opened are not counted. */
const WARM_S = 3;
const LAST_S = 3;

/** All streams' clock: a slot each millisecond, and each stream has a chunk due once in twenty of them. */
class Wheel {
  /** By slot: when it was due and when its writing began. */
  readonly due: number[] = [];
  readonly written: number[] = [];
  readonly #slots: Set<Out>[] = Array.from({ length: EVERY_MS }, () => new Set());
  readonly #began = performance.now();
  #joined = 0;
  #stopped = false;

  join(out: Out): void {
    out.write(STREAM_HEAD);
    this.#slots[this.#joined++ % EVERY_MS]?.add(out);
  }

  async turn(): Promise<void> {
    while (!this.#stopped) {
      while (this.#began + this.due.length < performance.now()) this.#step();
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  #step(): void {
    const slot = this.due.length;
    this.due.push(this.#began + slot);
    this.written.push(performance.now());
    const bytes = chunk(streamEvent(`${MARK}${String(slot).padStart(DIGITS, "0")} some words`));
    for (const out of this.#slots[slot % EVERY_MS] ?? []) out.write(bytes);
  }

  /** Each stream gets its proper end. */
  stop(): void {
    this.#stopped = true;
    const end = Buffer.concat([chunk(streamEnd()), LAST_CHUNK]);
    for (const slot of this.#slots) for (const out of slot) out.write(end);
  }
}

interface Lateness {
  /** Against the time that the chunk was due, and against the time that it was written. */
  readonly due: number[];
  readonly written: number[];
  readonly missing: number;
  readonly loadShare: number;
  readonly serverShare: number;
}

export async function streams({ count, seconds }: { count: number; seconds: number }): Promise<Outcome> {
  const rows: string[][] = [];
  const bounds: Outcome["bounds"][number][] = [];
  for (const way of ["direct", "executable", "nginx"] as const) {
    const { due, written, missing, loadShare, serverShare } = await run(way, { count, seconds });
    const triple = (values: number[]) =>
      [0.5, 0.99, 1].map((share) => percentile(values, share).toFixed(1)).join(" / ");
    const share = (value: number) => `${Math.round(value * 100)}%`;
    rows.push([
      way === "direct"
        ? "none between"
        : way === "nginx"
          ? `${names.nginx} (it gathers what it caches)`
          : names[way],
      triple(written),
      triple(due),
      String(missing),
      way === "direct" ? "-" : share(serverShare),
      share(loadShare),
    ]);
    if (way === "executable") {
      const p99 = percentile(written, 0.99);
      bounds.push({
        what: `${count} streams of ${CHUNKS_A_SECOND} chunks a second: p99 late by at most ${BOUND_MS} ms`,
        found: `${short(p99)} ms`,
        met: p99 <= BOUND_MS && missing === 0,
      });
    }
  }
  return {
    tables: [
      {
        head: [
          "through",
          "late, ms: p50 / p99 / most",
          "late against the schedule",
          "chunks missing",
          "server's core",
          "load's core",
        ],
        rows,
      },
    ],
    plots: [],
    notes: [
      `${count} streams of ${CHUNKS_A_SECOND} chunks a second for ${seconds} s, each a new request. Late: from the provider's write to the client's read, of every tenth stream; the others are read five times a second, as the load would else need more than its core. The first row says what of it is the load's own.`,
    ],
    bounds,
  };
}

async function run(
  way: "direct" | Peer,
  { count, seconds }: { count: number; seconds: number },
): Promise<Lateness> {
  const wheel = new Wheel();
  const origin = startOrigin(() => ({ starts: (out) => wheel.join(out) }));
  let server: Server | undefined;
  const due: number[] = [];
  const written: number[] = [];
  const from = { slot: Number.POSITIVE_INFINITY };
  try {
    if (way !== "direct") server = await startPeer(way, { origin: origin.port, prompt: 2000 });
    const turning = wheel.turn();
    const readers: { end(): void }[] = [];
    const glances = new Glances();
    const port = server?.port ?? origin.port;
    const body = chatBody(200, `${way}-${process.pid}`, { stream: true });
    for (let n = 0; n < count; n++) {
      const request = requestBytes(CHAT, numbered(body, n));
      if (n % TIMED > 0) await glances.open(port, request);
      else
        readers.push(
          await readStream(port, request, (slot, now) => {
            if (slot < from.slot) return;
            due.push(now - (wheel.due[slot] as number));
            written.push(now - (wheel.written[slot] as number));
          }),
        );
      await new Promise((resolve) => setTimeout(resolve, OPEN_EVERY_MS));
    }
    await new Promise((resolve) => setTimeout(resolve, WARM_S * 1000));
    from.slot = wheel.due.length;
    const [load, served, began] = [
      process.cpuUsage(),
      server ? cpuSeconds(server.pid) : 0,
      performance.now(),
    ];
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    const took = (performance.now() - began) / 1000;
    const used = process.cpuUsage(load);
    const serverUsed = server ? cpuSeconds(server.pid) - served : 0;
    const sent = chunksSince(wheel, { slot: from.slot, count });
    wheel.stop();
    await turning;
    // Whatever is still under way comes late, not never, though all streams end at once.
    await new Promise((resolve) => setTimeout(resolve, LAST_S * 1000));
    for (const reader of readers) reader.end();
    glances.end();
    return {
      due,
      written,
      missing: Math.max(0, sent - due.length),
      loadShare: (used.user + used.system) / 1e6 / took,
      serverShare: serverUsed / took,
    };
  } finally {
    await server?.stop();
    if (server) remove(server.folder);
    origin.stop();
  }
}

/** Chunks written since that slot to the streams that are timed, each one in each turn of the wheel. */
function chunksSince(wheel: Wheel, { slot, count }: { slot: number; count: number }): number {
  return Math.floor((wheel.written.length - slot) / EVERY_MS) * Math.ceil(count / TIMED);
}

/** Clients that look a few times a second: what has come by then costs one reading. */
class Glances {
  readonly #sockets: Socket[] = [];
  #next = 0;
  readonly #timer = setInterval(() => this.#look(), GLANCE_MS);

  async open(port: number, request: Uint8Array): Promise<void> {
    const socket = await Bun.connect({
      hostname: "127.0.0.1",
      port,
      socket: { data: (one) => void one.pause() },
    });
    socket.write(request);
    this.#sockets.push(socket);
  }

  /** The next share of them: each has its turn once in READ_EVERY_MS. */
  #look(): void {
    const share = Math.ceil((this.#sockets.length * GLANCE_MS) / READ_EVERY_MS);
    for (let n = 0; n < share; n++) this.#sockets[this.#next++ % this.#sockets.length]?.resume();
  }

  end(): void {
    clearInterval(this.#timer);
    for (const socket of this.#sockets) socket.end();
  }
}

/** Tells of each chunk that comes; a number cut in two by the network waits for its rest. */
async function readStream(
  port: number,
  request: Uint8Array,
  tell: (slot: number, now: number) => void,
): Promise<{ end(): void }> {
  let left: Buffer | undefined;
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      data(_, came) {
        const now = performance.now();
        const bytes = left ? Buffer.concat([left, came]) : came;
        let end = 0;
        for (let at = bytes.indexOf(MARK); at >= 0; at = bytes.indexOf(MARK, end)) {
          if (at + MARK.length + DIGITS > bytes.length) break;
          let slot = 0;
          for (let d = 0; d < DIGITS; d++) slot = slot * 10 + (bytes[at + MARK.length + d] as number) - 48;
          end = at + MARK.length + DIGITS;
          tell(slot, now);
        }
        const kept = Math.max(end, bytes.length - MARK.length - DIGITS);
        left = kept < bytes.length ? Buffer.from(bytes.subarray(kept)) : undefined;
      },
    },
  });
  socket.write(request);
  return { end: () => void socket.end() };
}

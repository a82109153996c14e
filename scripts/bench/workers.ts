/** Two workers on two cores beside one, with the load on the same machine kept as small as it can be. */
import { spawn, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { CHAT, chatAnswer, chatBody, NUMBER, numbered, requestBytes } from "./bodies.ts";
import { median, short } from "./figures.ts";
import { document, startOrigin } from "./origin.ts";
import { startPeer } from "./peers.ts";
import { cpuSeconds, remove, type Server, settled } from "./processes.ts";
import type { Outcome } from "./results.ts";
import type { Effort } from "./rounds.ts";
import { askAll } from "./wire.ts";
import { burst, type Load } from "./wrk.ts";

const CORES = "0,1";
const AT_LEAST = 1.7;
const CONNECTIONS = 32;
const WARM_BURSTS = 6;
const CALIBRATE_MS = 500;
let counted = 0;

interface Work {
  readonly name: string;
  readonly load: () => Pick<Load, "body" | "numbers" | "pipeline">;
}

const works: readonly Work[] = [
  {
    name: "hit, 200 KB prompt, another `user` at each call",
    load: () => ({
      body: chatBody(200_000, "rewritten", { user: `${counted++}-${NUMBER}` }),
      numbers: { kind: "new" },
    }),
  },
  {
    name: "hit, 32 KB prompt, another `user` at each call",
    load: () => ({
      body: chatBody(32_000, "rewritten", { user: `${counted++}-${NUMBER}` }),
      numbers: { kind: "new" },
    }),
  },
  {
    name: "hit, 2 KB prompt, 16 requests in one write",
    load: () => ({ body: chatBody(2000, "kept"), numbers: { kind: "one" }, pipeline: 16 }),
  },
  { name: "hit, 2 KB prompt", load: () => ({ body: chatBody(2000, "kept"), numbers: { kind: "one" } }) },
  {
    name: "miss, stored, 2 KB prompt",
    load: () => ({ body: chatBody(2000, `${process.pid}-w${counted++}`), numbers: { kind: "new" } }),
  },
];

interface Measured {
  readonly rate: number;
  /** Of the server's processes, a request. */
  readonly cpuUs: number;
  /** Of the load, a request. */
  readonly loadUs: number;
  /** Share of the two cores that both took together. */
  readonly busy: number;
}

/** Why this build has no workers; undefined where it has. */
function missing(): string | undefined {
  const program = join(import.meta.dirname, "../../dist/askonce");
  const { status, stderr } = spawnSync(program, ["config", "--workers", "2"], { encoding: "utf8" });
  return status === 0 ? undefined : stderr.trim().split(/[\n(]/)[0]?.trim();
}

export async function workers({ rounds, seconds }: Effort): Promise<Outcome> {
  const why = missing();
  if (why !== undefined)
    return {
      tables: [],
      plots: [],
      notes: [`Left out: this build takes no \`--workers\` (${why}).`],
      bounds: [],
    };
  const ceiling = await scaling();
  const bytes = document(chatAnswer(600));
  const origin = startOrigin(() => bytes);
  const servers: Server[] = [];
  const rows: string[][] = [];
  let best: { readonly name: string; readonly measured: number; readonly calculated: number } | undefined;
  try {
    for (const count of ["1", "2"])
      servers.push(
        await startPeer("executable", {
          origin: origin.port,
          prompt: 200_000,
          cores: CORES,
          flags: ["--workers", count],
        }),
      );
    // The load may run wherever there is room.
    spawnSync("taskset", ["-acp", CORES, String(process.pid)]);
    for (const { name, load } of works) {
      const measured = servers.map((): Measured[] => []);
      for (const server of servers) await warm(server, load);
      for (let round = 0; round < rounds; round++)
        for (const [at, server] of servers.entries())
          measured[at]?.push(await measure(server, { load, seconds }));
      const [one = [], two = []] = measured;
      const over = (member: "rate" | "cpuUs") =>
        median(two.map((own, at) => own[member] / (one[at]?.[member] ?? 0)));
      const middle = (own: readonly Measured[], member: keyof Measured) =>
        median(own.map((round) => round[member]));
      const cells = (own: readonly Measured[]) =>
        `${short(middle(own, "rate"))}/s, ${short(middle(own, "cpuUs"))} + ${short(middle(own, "loadUs"))} us, ${Math.round(middle(own, "busy") * 100)}%`;
      const found = { name, measured: over("rate"), calculated: 2 / over("cpuUs") };
      if (best === undefined || found.measured > best.measured) best = found;
      rows.push([name, cells(one), cells(two), short(found.measured), short(found.calculated)]);
    }
  } finally {
    spawnSync("taskset", ["-acp", "1", String(process.pid)]);
    await Promise.all(servers.map((server) => server.stop()));
    for (const { folder } of servers) remove(folder);
    origin.stop();
  }
  return {
    tables: [
      {
        head: [
          "case",
          "one worker: rate, server + load a request, both cores",
          "two workers",
          "two over one, measured",
          "without the load, calculated",
        ],
        rows,
      },
    ],
    plots: [],
    notes: [
      `Servers and load share both cores, so what the load takes (its own processor time, second figure) the second worker cannot have: with s for the server and l for the load a request, one worker gives at most 1/s, two give 2/(s + l). Calculated is what two cores of their own would give, the load elsewhere: 2/s with two workers over 1/s with one, each with its own measured s. It leaves out waiting for anything but the processor; that there is next to none shows in the share of both cores that was busy with two workers. Misses gain little or lose: the archive's thread has the second core already with one worker, one database takes one writer at a time, and half of them are handed to the worker that owns the key. Two processes that do nothing but hash do ${short(ceiling)} times the work of one on these two cores: that is as much as this machine gives.`,
    ],
    bounds: [
      {
        what: `two workers: at least ${AT_LEAST} times one`,
        found:
          best === undefined
            ? "nothing"
            : `${short(best.measured)} measured with the load on the same two cores (${best.name}), ${short(best.calculated)} with the load's share taken out`,
        met: best !== undefined && Math.max(best.measured, best.calculated) >= AT_LEAST,
      },
    ],
  };
}

/** How much more two processes that only compute get done than one: 2 where the cores are cores. */
async function scaling(): Promise<number> {
  const script = `const bytes = new Uint8Array(32768); const end = performance.now() + ${CALIBRATE_MS}; let n = 0;
while (performance.now() < end) { new Bun.CryptoHasher("sha256").update(bytes).digest(); n++; } console.log(n);`;
  const hashed = (core: string) =>
    new Promise<number>((resolve, reject) => {
      const child = spawn("taskset", ["-c", core, process.execPath, "-e", script], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      let printed = "";
      child.stdout.on("data", (bytes) => {
        printed += String(bytes);
      });
      child.once("error", reject);
      child.once("close", () => resolve(Number(printed)));
    });
  const ratios: number[] = [];
  for (let n = 0; n < 3; n++) {
    const one = await hashed("0");
    const [first, second] = await Promise.all([hashed("0"), hashed("1")]);
    ratios.push((first + second) / one);
  }
  return median(ratios);
}

async function warm(server: Server, load: Work["load"]): Promise<void> {
  const { body, numbers } = load();
  await askAll(server.port, {
    from: 0,
    to: 1,
    connections: 1,
    request: (n) => requestBytes(CHAT, numbered(body, n)),
  });
  for (let n = 0; n < WARM_BURSTS; n++)
    await burst({ ...load(), numbers, port: server.port, path: CHAT, connections: CONNECTIONS, seconds: 1 });
  await settled(server.pid);
}

async function measure(
  server: Server,
  { load, seconds }: { load: Work["load"]; seconds: number },
): Promise<Measured> {
  const [server0, load0, began] = [cpuSeconds(server.pid), ownSeconds(), performance.now()];
  const done = await burst({ ...load(), port: server.port, path: CHAT, connections: CONNECTIONS, seconds });
  const [server1, load1, took] = [cpuSeconds(server.pid), ownSeconds(), (performance.now() - began) / 1000];
  await settled(server.pid);
  const each = (from: number, to: number) => ((to - from) * 1e6) / done.requests;
  return {
    rate: done.rate,
    cpuUs: each(server0, cpuSeconds(server.pid)),
    loadUs: each(load0, load1),
    busy: (server1 - server0 + load1 - load0) / (2 * took),
  };
}

/** Seconds of processor of this process and of children that have ended: the provider, and bursts. */
function ownSeconds(): number {
  const line = readFileSync("/proc/self/stat", "utf8");
  const fields = line.slice(line.lastIndexOf(")") + 2).split(" ");
  return [11, 12, 13, 14].reduce((sum, at) => sum + Number(fields[at]), 0) / 100;
}

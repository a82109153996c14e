/** Two workers on two cores beside one, with the load on the same machine kept as small as it can be. */
import { spawnSync } from "node:child_process";
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
let counted = 0;

interface Work {
  readonly name: string;
  readonly load: () => Pick<Load, "body" | "numbers" | "pipeline">;
}

const works: readonly Work[] = [
  {
    name: "hit, 32 KB prompt, another `user` at each call",
    load: () => ({ body: chatBody(32_000, "rewritten", { user: NUMBER }), numbers: { kind: "new" } }),
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
  const bytes = document(chatAnswer(600));
  const origin = startOrigin(() => bytes);
  const servers: Server[] = [];
  const rows: string[][] = [];
  let best = 0;
  try {
    for (const count of ["1", "2"])
      servers.push(
        await startPeer("executable", {
          origin: origin.port,
          prompt: 32_000,
          cores: CORES,
          flags: ["--workers", count],
        }),
      );
    // The load may run wherever there is room.
    spawnSync("taskset", ["-acp", CORES, String(process.pid)]);
    for (const { name, load } of works) {
      const measured = servers.map((): { rate: number; cpuUs: number }[] => []);
      for (const server of servers) await warm(server, load);
      for (let round = 0; round < rounds; round++)
        for (const [at, server] of servers.entries())
          measured[at]?.push(await measure(server, { load, seconds }));
      const [one = [], two = []] = measured;
      const over = (member: "rate" | "cpuUs") =>
        median(two.map((own, at) => own[member] / (one[at]?.[member] ?? 0)));
      const middle = (own: typeof one) =>
        `${short(median(own.map(({ rate }) => rate)))}/s, ${short(median(own.map(({ cpuUs }) => cpuUs)))} us`;
      best = Math.max(best, over("rate"));
      rows.push([name, middle(one), middle(two), short(over("rate")), short(2 / over("cpuUs"))]);
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
        head: ["case", "one worker", "two workers", "rate, two over one", "what the processor time allows"],
        rows,
      },
    ],
    plots: [],
    notes: [
      "Both servers may use both cores, and so may the load, which therefore takes its share of what the second worker could have. The last column is what two cores of their own would give: twice one core's work, at what a request costs with two workers.",
    ],
    bounds: [
      {
        what: `two workers: at least ${AT_LEAST} times one`,
        found: `${short(best)} where the load is lightest`,
        met: best >= AT_LEAST,
      },
    ],
  };
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
): Promise<{ rate: number; cpuUs: number }> {
  const before = cpuSeconds(server.pid);
  const done = await burst({ ...load(), port: server.port, path: CHAT, connections: CONNECTIONS, seconds });
  await settled(server.pid);
  return { rate: done.rate, cpuUs: ((cpuSeconds(server.pid) - before) * 1e6) / done.requests };
}

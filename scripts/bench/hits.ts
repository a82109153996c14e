/**
 * Hits and misses a second, side by side on one core: askonce (source and executable), nginx, Varnish, and the least
 * that a server on Bun can do. Bursts in turn, medians of each round's ratio to nginx.
 *
 *   bun scripts/bench/hits.ts [--rounds 7] [--seconds 2] [--case 'hit 32KB'] [--peers nginx,askonce]
 *
 * Needs Debian's wrk, nginx, varnish and varnish-modules, taskset, and dist/askonce (scripts/build).
 */
import { join } from "node:path";
import process from "node:process";
import {
  burst,
  median,
  needTools,
  type Server,
  startPinned,
  startProvider,
  temporaryFolder,
} from "./bursts.ts";
import { startBare, startNginx, startVarnish } from "./peers.ts";

interface Case {
  readonly name: string;
  /** Bytes of prompt and of answer. */
  readonly prompt: number;
  readonly answer: number;
  /** Each request another body: nothing is ever a hit. */
  readonly miss?: boolean;
  readonly flags?: readonly string[];
}

const KB = 1000;
const cases: readonly Case[] = [
  { name: "hit 200B/600B", prompt: 200, answer: 600 },
  { name: "hit 2KB/600B", prompt: 2 * KB, answer: 600 },
  { name: "hit 32KB/4KB", prompt: 32 * KB, answer: 4 * KB },
  { name: "hit 200KB/4KB", prompt: 200 * KB, answer: 4 * KB },
  { name: "hit 200B/50KB", prompt: 200, answer: 50 * KB },
  {
    name: "hit 32KB/4KB, scope credential",
    prompt: 32 * KB,
    answer: 4 * KB,
    flags: ["--scope", "credential"],
  },
  { name: "miss 200B/600B", prompt: 200, answer: 600, miss: true },
  { name: "miss 32KB/4KB", prompt: 32 * KB, answer: 4 * KB, miss: true },
  { name: "miss 200KB/4KB", prompt: 200 * KB, answer: 4 * KB, miss: true },
];

const text = (name: string, fallback: string) => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : (process.argv[at + 1] ?? fallback);
};
const rounds = Number(text("rounds", "7"));
const seconds = Number(text("seconds", "2"));
const wanted = text("case", "");
const peers = text("peers", "nginx,varnish,bare,source,askonce").split(",");
const root = join(import.meta.dirname, "../..");

function answerOf(bytes: number): string {
  const frame = (content: string) =>
    JSON.stringify({
      id: "chatcmpl-1",
      object: "chat.completion",
      model: "gpt-5-mini",
      choices: [{ index: 0, message: { role: "assistant", content }, finish_reason: "stop" }],
      usage: { prompt_tokens: 40, completion_tokens: 100, total_tokens: 140 },
    });
  return frame("a".repeat(Math.max(1, bytes - frame("").length)));
}

function start(peer: string, one: Case, options: { origin: number; answer: string }): Promise<Server> {
  const { origin, answer } = options;
  const flags = [
    "--provider",
    `openai=http://127.0.0.1:${origin}`,
    "--data",
    temporaryFolder(),
    "--log",
    "text",
  ];
  const askonce = [...flags, "--max-size", "10GiB", ...(one.flags ?? [])];
  if (peer === "nginx") return startNginx({ origin, prompt: one.prompt });
  if (peer === "varnish") return startVarnish({ origin, prompt: one.prompt });
  if (peer === "bare") return startBare(process.execPath, answer);
  if (peer === "source")
    return startPinned([process.execPath, join(root, "src/main.bun.ts"), "serve"], askonce);
  return startPinned([join(root, "dist/askonce")], askonce);
}

async function compare(one: Case): Promise<void> {
  const answer = answerOf(one.answer);
  const provider = await startProvider(answer);
  const servers = new Map<string, Server>();
  // Varnish passes a POST that it has not seen twice on as a GET: its misses are another thing.
  const taking = peers.filter((peer) => !(one.miss && (peer === "varnish" || peer === "bare")));
  try {
    for (const peer of taking) servers.set(peer, await start(peer, one, { origin: provider.port, answer }));
    const load = {
      path: "/v1/chat/completions",
      connections: 32,
      miss: one.miss === true,
      prompt: one.prompt,
    };
    for (const { port } of servers.values()) await burst({ ...load, port, seconds: 1 });
    const rates = new Map<string, number[]>(taking.map((peer) => [peer, []]));
    for (let round = 0; round < rounds; round++) {
      const order = round % 2 === 0 ? taking : [...taking].reverse();
      for (const peer of order) {
        const { port } = servers.get(peer) as Server;
        rates.get(peer)?.push(await burst({ ...load, port, seconds }));
      }
    }
    const base = rates.get("nginx") ?? rates.get(taking[0] as string) ?? [];
    const cells = taking.map((peer) => {
      const own = rates.get(peer) as number[];
      const ratio = median(own.map((rate, round) => rate / (base[round] as number)));
      return `${peer} ${ratio.toFixed(2)} (${median(own).toFixed(0)}/s)`;
    });
    console.log(`${one.name.padEnd(32)} ${cells.join("  ")}`);
  } finally {
    await Promise.all([...servers.values()].map((server) => server.stop()));
    provider.stop();
  }
}

needTools();
for (const one of cases) if (one.name.startsWith(wanted)) await compare(one);

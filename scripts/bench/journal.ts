/**
 * What the journal costs: hits a second with it and without it, two servers side by side on one core, bursts in turn.
 *
 *   bun scripts/bench/journal.ts [--rounds 11] [--seconds 2] [--prompt 200]
 *
 * Needs dist/askonce (scripts/build), wrk and taskset. Exits with 1 where the median ratio is below 0.95.
 */
import { join } from "node:path";
import process from "node:process";
import { burst, median, needTools, startPinned, startProvider, temporaryFolder } from "./bursts.ts";

const option = (name: string, fallback: number) => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : Number(process.argv[at + 1]);
};

needTools();
const path = "/openai/v1/chat/completions";
const answer = JSON.stringify({
  id: "chatcmpl-1",
  object: "chat.completion",
  model: "gpt-5-mini",
  choices: [{ index: 0, message: { role: "assistant", content: "yes ".repeat(100) }, finish_reason: "stop" }],
  usage: { prompt_tokens: 40, completion_tokens: 100, total_tokens: 140 },
});
const provider = await startProvider(answer);
const command = [join(import.meta.dirname, "../../dist/askonce")];
const flags = ["--provider", `openai=http://127.0.0.1:${provider.port}`];
const started = { on: "true", off: "false" } as const;
const servers = await Promise.all(
  Object.values(started).map((journal) =>
    startPinned(command, [...flags, "--data", temporaryFolder(), "--journal", journal]),
  ),
);
const [on, off] = servers as [(typeof servers)[0], (typeof servers)[0]];
const load = { path, prompt: option("prompt", 200), connections: 32 };
const ratios: number[] = [];
try {
  for (const { port } of servers) await burst({ ...load, port, seconds: 2 });
  for (let round = 0; round < option("rounds", 11); round++) {
    const seconds = option("seconds", 2);
    const order = round % 2 === 0 ? [on, off] : [off, on];
    const rates = new Map<number, number>();
    for (const { port } of order) rates.set(port, await burst({ ...load, port, seconds }));
    const [withIt = 0, without = 1] = [rates.get(on.port), rates.get(off.port)];
    ratios.push(withIt / without);
    console.log(
      `round ${round + 1}: on ${withIt.toFixed(0)}/s, off ${without.toFixed(0)}/s, ratio ${(withIt / without).toFixed(3)}`,
    );
  }
} finally {
  await Promise.all(servers.map((server) => server.stop()));
  provider.stop();
}
const ratio = median(ratios);
console.log(`journal on over off, median of ${ratios.length} rounds: ${ratio.toFixed(3)}`);
if (ratio < 0.95) process.exitCode = 1;

/**
 * What the journal costs: hits a second with it and without it, two servers side by side on one core, bursts in turn.
 *
 *   taskset -c 1 bun scripts/bench/journal.ts [--rounds 11] [--seconds 2] [--prompt 200]
 *
 * Needs dist/askonce (scripts/build), wrk and taskset. Exits with 1 where the median ratio is below 0.95.
 */
import process from "node:process";
import { CHAT, chatBody } from "./bodies.ts";
import { median } from "./figures.ts";
import { number, only } from "./options.ts";
import { document, startOrigin } from "./origin.ts";
import { startPeer } from "./peers.ts";
import { remove } from "./processes.ts";
import { burst } from "./wrk.ts";

only(["rounds", "seconds", "prompt"]);
const answer = JSON.stringify({
  id: "chatcmpl-1",
  object: "chat.completion",
  model: "gpt-5-mini",
  choices: [{ index: 0, message: { role: "assistant", content: "yes ".repeat(100) }, finish_reason: "stop" }],
  usage: { prompt_tokens: 40, completion_tokens: 100, total_tokens: 140 },
});
const bytes = document(answer);
const provider = startOrigin(() => bytes);
const started = { on: "true", off: "false" } as const;
const prompt = number("prompt", 200);
const servers = await Promise.all(
  Object.values(started).map((journal) =>
    startPeer("executable", { origin: provider.port, prompt, flags: ["--journal", journal] }),
  ),
);
const [on, off] = servers as [(typeof servers)[0], (typeof servers)[0]];
const load = {
  path: CHAT,
  body: chatBody(prompt, "kept"),
  numbers: { kind: "one" },
  connections: 32,
} as const;
const ratios: number[] = [];
try {
  for (const { port } of servers) await burst({ ...load, port, seconds: 5 });
  for (let round = 0; round < number("rounds", 11); round++) {
    const seconds = number("seconds", 2);
    const order = round % 2 === 0 ? [on, off] : [off, on];
    const rates = new Map<number, number>();
    for (const { port } of order) rates.set(port, (await burst({ ...load, port, seconds })).rate);
    const [withIt = 0, without = 1] = [rates.get(on.port), rates.get(off.port)];
    ratios.push(withIt / without);
    console.log(
      `round ${round + 1}: on ${withIt.toFixed(0)}/s, off ${without.toFixed(0)}/s, ratio ${(withIt / without).toFixed(3)}`,
    );
  }
} finally {
  await Promise.all(servers.map((server) => server.stop()));
  for (const { folder } of servers) remove(folder);
  provider.stop();
}
const ratio = median(ratios);
console.log(`journal on over off, median of ${ratios.length} rounds: ${ratio.toFixed(3)}`);
if (ratio < 0.95) process.exitCode = 1;

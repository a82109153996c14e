import type { Config } from "../../config.ts";
import type { Host } from "../../host.ts";
import type { Command } from "../command.ts";
import { type Loaded, loadConfig } from "../load.ts";
import { serve as answerClients } from "../serve.ts";
import { supervise } from "../supervise.ts";
import { work } from "../worker.ts";

export const serve: Command = {
  name: "serve",
  operands: "",
  words: { least: 0, most: 0 },
  summary: "answer clients (what askonce does without a command)",
  flags: [],
  settings: "all",
  examples: [
    ["askonce serve", "listens on 127.0.0.1:8181 and [::1]:8181"],
    [
      "askonce --listen 127.0.0.1:0 --ttl 30d",
      "on a free port, which it prints; answers are fresh for 30 days",
    ],
    ["askonce serve --provider local=http://localhost:8000/v1", "adds a model server of your own"],
  ],
  async run({ host, given }) {
    if (host.supervisor) return work(host, host.supervisor, given);
    const first = await loadConfig(host, given);
    let read: Loaded | undefined = first;
    const load = async () => {
      const loaded = read ?? (await loadConfig(host, given));
      read = undefined;
      return loaded;
    };
    const size = crewSize(host, first.config);
    return size > 1 ? supervise(host, { load, size }) : answerClients(host, load);
  },
};

/** How many processes answer: as many as were asked for, where several can. */
function crewSize(host: Host, { workers }: Config): number {
  const size = workers === "auto" ? host.processors : workers;
  if (size === 1 || host.startWorker !== undefined) return size;
  const { runtime, platform } = host;
  const where = runtime.name === "bun" ? platform : `${runtime.name}`;
  host.write(
    "stderr",
    `askonce: workers = ${workers} needs Linux with Bun or the executable; on ${where} one process answers\n`,
  );
  return 1;
}

import type { Command } from "../command.ts";
import { loadConfig } from "../load.ts";
import { serve as answerClients } from "../serve.ts";

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
  run: ({ host, given }) => answerClients(host, () => loadConfig(host, given)),
};

import { CommandError } from "../../errors.ts";
import { ask, wholeKey } from "../answers.ts";
import { type Command, jsonFlag } from "../command.ts";
import { plural } from "../readable.ts";

export const rm: Command = {
  name: "rm",
  operands: "KEY…",
  words: { least: 1, most: 1_000 },
  summary: "remove entries by their keys",
  notes:
    "Each KEY is any beginning that no other key has. Where one of them is not found nothing is removed.",
  flags: [jsonFlag],
  settings: "place",
  examples: [["askonce rm 3fa2b1c09d44 77e0", "removes two entries"]],
  async run({ given, screen, connect }) {
    const api = await connect();
    const keys: string[] = [];
    for (const word of given.words) keys.push(await wholeKey(api, word));
    const answer = await ask<{ purged: number }>(api, ["POST", "/purge"], {
      body: { keys: [...new Set(keys)] },
    });
    if (screen.json) await screen.document(answer);
    else await screen.out(`removed ${plural(answer.purged, "entry", "entries")}\n`);
    if (answer.purged === 0) throw new CommandError("none of these keys is stored");
    return 0;
  },
};

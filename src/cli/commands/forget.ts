import { UsageError } from "../../errors.ts";
import { ask, SHORT_KEY } from "../answers.ts";
import { type Command, jsonFlag, option } from "../command.ts";
import { plural } from "../readable.ts";

export const forget: Command = {
  name: "forget",
  operands: "--last[=N]",
  words: { least: 0, most: 0 },
  summary: "remove what was answered last, so that it is asked anew",
  flags: [
    { name: "--last", value: "N", optional: true, help: "the last entry stored or used, or the last N" },
    jsonFlag,
  ],
  settings: "place",
  examples: [
    [
      "askonce forget --last",
      "the answer just seen was a bad one: the same question goes to the provider again",
    ],
    ["askonce forget --last=3", "the last three"],
  ],
  async run(context) {
    const given = option(context, "--last");
    if (given === undefined) throw new UsageError("say how many: askonce forget --last, or --last=N");
    if (!/^([1-9]\d{0,2}|1000)?$/.test(given)) {
      throw new UsageError(`--last=${given} is not valid: use a whole number from 1 to 1000`);
    }
    const api = await context.connect();
    const answer = await ask<{ forgotten: readonly string[] }>(api, ["POST", "/forget"], {
      body: { last: given === "" ? 1 : Number(given) },
    });
    const { screen } = context;
    if (screen.json) await screen.document(answer);
    else {
      const keys = answer.forgotten.map((key) => `  ${key.slice(0, SHORT_KEY)}\n`);
      await screen.out(`forgot ${plural(keys.length, "entry", "entries")}\n${keys.join("")}`);
    }
    return 0;
  },
};

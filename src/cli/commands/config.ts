import { redacted } from "../../config.ts";
import { type Command, jsonFlag } from "../command.ts";

export const config: Command = {
  name: "config",
  operands: "",
  words: { least: 0, most: 0 },
  summary: "print the settings in effect",
  notes: "As the command line, the environment and the settings file give them, secrets masked.",
  flags: [jsonFlag],
  settings: "all",
  examples: [
    ["askonce config", "prints them as lines of a settings file"],
    ["askonce config --json", "the same as a JSON object"],
    ["askonce config --ttl 30d --scope credential", "checks what a start with these flags would do"],
  ],
  async run({ load, screen }) {
    const shown = redacted((await load()).config);
    if (screen.json) await screen.document(shown);
    else {
      const lines = Object.entries(shown).map(([name, value]) => `${name} = ${JSON.stringify(value)}\n`);
      await screen.out(lines.join(""));
    }
    return 0;
  },
};

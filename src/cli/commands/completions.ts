import { UsageError } from "../../errors.ts";
import type { Command } from "../command.ts";
import { bashScript, fishScript, zshScript } from "../completion-scripts.ts";

const SHELLS = ["bash", "zsh", "fish"] as const;

export const completions: Command = {
  name: "completions",
  operands: "SHELL",
  words: { least: 1, most: 1 },
  summary: "print what bash, zsh or fish needs to complete askonce's words",
  flags: [],
  settings: "place",
  examples: [
    ["source <(askonce completions bash)", "for this bash; in ~/.bashrc for all"],
    ["askonce completions zsh > ~/.zfunc/_askonce", "for zsh, with fpath=(~/.zfunc $fpath) before compinit"],
    ["askonce completions fish > ~/.config/fish/completions/askonce.fish", "for fish"],
  ],
  async run({ given, screen, commands }) {
    const shell = given.words[0] as (typeof SHELLS)[number];
    const script = { bash: bashScript, zsh: zshScript, fish: fishScript }[shell];
    if (!script) throw new UsageError(`there are no completions for "${shell}": use ${SHELLS.join(", ")}`);
    await screen.out(script(commands));
    return 0;
  },
};

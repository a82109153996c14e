import { UsageError } from "../../errors.ts";
import { providersFor } from "../../providers/table.ts";
import { baseUrlOf } from "../address.ts";
import { type Command, jsonFlag, option } from "../command.ts";
import { clientVariables } from "../variables.ts";

const SHELLS = ["sh", "fish", "powershell"] as const;

export const env: Command = {
  name: "env",
  operands: "[PROVIDER]…",
  words: { least: 0, most: 100 },
  summary: "print the variables that point every SDK at askonce, to eval",
  notes: "With names of providers only theirs. NO_PROXY keeps what it holds and gains this machine.",
  flags: [
    { name: "--shell", value: "SHELL", values: SHELLS, help: "sh (default), fish or powershell" },
    jsonFlag,
  ],
  settings: "all",
  examples: [
    ['eval "$(askonce env)"', "for this shell and what it starts"],
    ["askonce env --shell fish | source", "the same in fish"],
    ["askonce env openai anthropic", "only these two"],
  ],
  async run(context) {
    const { host, screen, given } = context;
    const shell = option(context, "--shell") ?? "sh";
    const form = forms[shell as (typeof SHELLS)[number]];
    if (!form) throw new UsageError(`--shell ${shell} is not valid: use ${SHELLS.join(", ")}`);
    const { config } = await context.load();
    const providers = [...providersFor(config.providers).values()];
    for (const word of given.words) {
      if (!providers.some(({ name }) => name === word)) {
        throw new UsageError(
          `there is no provider "${word}": known are ${providers.map(({ name }) => name).join(", ")}`,
        );
      }
    }
    const { url, running } = await baseUrlOf(host, config);
    if (!running) screen.say(`nothing answers at ${url} yet: start askonce serve`);
    const chosen =
      given.words.length === 0 ? providers : providers.filter(({ name }) => given.words.includes(name));
    const variables = clientVariables(url, { providers: chosen, env: host.env });
    if (screen.json) await screen.document(variables);
    else
      await screen.out(
        Object.entries(variables)
          .map(([name, value]) => `${form(name, value)}\n`)
          .join(""),
      );
    return 0;
  },
};

const forms: Readonly<Record<(typeof SHELLS)[number], (name: string, value: string) => string>> = {
  sh: (name, value) =>
    `export ${name}=${/^[\w:/.@,%+-]*$/.test(value) ? value : `'${value.replaceAll("'", "'\\''")}'`}`,
  fish: (name, value) => `set -gx ${name} '${value.replace(/[\\']/g, "\\$&")}'`,
  powershell: (name, value) => `$env:${name} = '${value.replaceAll("'", "''")}'`,
};

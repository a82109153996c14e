import { CommandError } from "../../errors.ts";
import { findInstance } from "../api.ts";
import { type Command, jsonFlag, option } from "../command.ts";

const WITHIN_MS = 2_000;

export const health: Command = {
  name: "health",
  operands: "",
  words: { least: 0, most: 0 },
  summary: "say whether the instance over this data folder answers, for programs that watch it",
  notes:
    "Exits with 0 if it does, else with 1. An instance that cannot use its store answers all the same, by calling the " +
    "providers; with --ready that is not enough.",
  flags: [{ name: "--ready", help: "whether all of it is ready, the store included" }, jsonFlag],
  settings: "place",
  examples: [
    ["askonce health", "what the container's HEALTHCHECK runs"],
    ["askonce health --ready && echo ready", "whether the store can be used too"],
  ],
  async run(context) {
    const { host, screen } = context;
    const { data } = (await context.load()).config;
    const instance = await findInstance(host, data);
    if (!instance) throw new CommandError(`nothing answers for ${data}`);
    const answer = await host.fetch(`${instance.url}/readyz`, {
      method: "GET",
      headers: new Headers(),
      body: undefined,
      signal: AbortSignal.timeout(WITHIN_MS),
    });
    const { status, reasons = [] } = (await answer.json()) as { status: string; reasons?: readonly string[] };
    const told = { status, url: instance.url, reasons };
    if (screen.json) await screen.document(told);
    else await screen.out(`${[`${status} at ${told.url}`, ...reasons].join("; ")}\n`);
    return option(context, "--ready") === undefined || answer.status === 200 ? 0 : 1;
  },
};

import { CommandError, ConfigError, StartError, UsageError } from "../errors.ts";
import type { Host } from "../host.ts";
import { type Api, connect } from "./api.ts";
import { readArguments } from "./arguments.ts";
import type { Arguments, Context } from "./command.ts";
import { commands } from "./commands.ts";
import { commandHelp, help } from "./help.ts";
import { type Loaded, loadConfig } from "./load.ts";
import { createScreen } from "./screen.ts";
import { versionLine } from "./welcome.ts";

/** Runs one command to its end and ends the process: 0, 1 where it failed, 2 where it was not understood. */
export async function run(host: Host): Promise<never> {
  try {
    return await host.exit(await command(host));
  } catch (error) {
    // Whoever read the output has had enough of it.
    if ((error as { code?: string } | null)?.code === "EPIPE") return await host.exit(0);
    host.write("stderr", `askonce: ${wording(error)}\n`);
    return await host.exit(error instanceof ConfigError || error instanceof UsageError ? 2 : 1);
  }
}

async function command(host: Host): Promise<number> {
  const given = readArguments(host.args);
  if (given.version) {
    host.write("stdout", `${versionLine(host)}\n`);
    return 0;
  }
  const chosen = commands.find(({ name }) => name === given.command)!;
  if (given.help) {
    const general = given.command === "serve" && !host.args.includes("serve");
    host.write("stdout", general ? help(commands) : commandHelp(chosen));
    return 0;
  }
  const open: Api[] = [];
  try {
    return await chosen.run(contextOf(host, { given, open }));
  } finally {
    for (const api of open) await api.close();
  }
}

function contextOf(host: Host, { given, open }: { given: Arguments; open: Api[] }): Context {
  const screen = createScreen(host, {
    json: given.options.has("--json"),
    color: !given.options.has("--no-color"),
  });
  let loading: Promise<Loaded> | undefined;
  const load = async () => {
    const loaded = await loadConfig(host, given);
    for (const warning of loaded.warnings) screen.say(warning);
    return loaded;
  };
  const loadOnce = () => (loading ??= load());
  return {
    host,
    given,
    screen,
    commands,
    load: loadOnce,
    async connect(options = {}) {
      const { config } = await loadOnce();
      const api = await connect(host, config, { ...options, say: screen.say });
      open.push(api);
      return api;
    },
  };
}

function wording(error: unknown): string {
  const known = [CommandError, ConfigError, UsageError, StartError].some((kind) => error instanceof kind);
  if (known) return (error as Error).message;
  return `a fault of its own ended it: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
}

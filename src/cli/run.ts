import { redacted } from "../config.ts";
import { settingsHelp } from "../config-tables.ts";
import { ConfigError, StartError, UsageError } from "../errors.ts";
import type { Host } from "../host.ts";
import { readArguments } from "./arguments.ts";
import { help } from "./help.ts";
import { loadConfig } from "./load.ts";
import { serve } from "./serve.ts";
import { versionLine } from "./welcome.ts";

/** Runs one command to its end and ends the process: 0, 1 where it failed, 2 where it was not understood. */
export async function run(host: Host): Promise<never> {
  try {
    return await host.exit(await command(host));
  } catch (error) {
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
  if (given.help) {
    host.write("stdout", given.command === "config" ? settingsHelp() : help);
    return 0;
  }
  if (given.command === "serve") return await serve(host, () => loadConfig(host, given));
  const { config, warnings } = await loadConfig(host, given);
  for (const warning of warnings) host.write("stderr", `askonce: ${warning}\n`);
  const lines = Object.entries(redacted(config)).map(
    ([name, value]) => `${name} = ${JSON.stringify(value)}\n`,
  );
  host.write("stdout", lines.join(""));
  return 0;
}

function wording(error: unknown): string {
  if (error instanceof ConfigError || error instanceof UsageError || error instanceof StartError) {
    return error.message;
  }
  return `a fault of its own ended it: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
}

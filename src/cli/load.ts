import { type Config, type Parsed, parseConfig } from "../config.ts";
import { tokensIn } from "../config-exposure.ts";
import { flagOf, variableOf } from "../config-settings.ts";
import { ConfigError } from "../errors.ts";
import type { Host } from "../host.ts";
import type { Arguments } from "./command.ts";
import { absolute, defaultDataFolder, settingsFiles } from "./folders.ts";

export interface Loaded extends Parsed {
  /** The settings file that was read, absolute; undefined where there is none. */
  readonly file: string | undefined;
  /** What stood in it. */
  readonly text?: string | undefined;
}

/** Reads the settings from the command line, the environment and the file. Throws ConfigError. */
export async function loadConfig(host: Host, { flags }: Pick<Arguments, "flags">): Promise<Loaded> {
  const chosen = lastOf(host, flags, "config");
  const where = flags.some(([name]) => name === "--config") ? "flag --config" : "variable ASKONCE_CONFIG";
  const file =
    chosen === undefined
      ? await firstFile(host, settingsFiles(host, dataFolderOf(host, flags)))
      : await readFile(host, { path: chosen === "" ? "" : absolute(host, chosen), given: chosen, where });
  return parsedWith(host, { flags, file });
}

/** The settings from the command line, the environment and a file that was read before. Throws ConfigError. */
export async function parsedWith(
  host: Host,
  { flags, file }: Pick<Arguments, "flags"> & { file: { path: string; text: string } | undefined },
): Promise<Loaded> {
  const sources = { file, env: host.env, flags };
  const dataFolder = dataFolderOf(host, flags);
  const parsed = parseConfig(sources, { dataFolder, absolute: (path) => absolute(host, path) });
  const config = await withTokensOfFile(host, parsed.config);
  return { ...parsed, config, file: file?.path, text: file?.text };
}

/** With the access tokens that stand in a file of their own. */
async function withTokensOfFile(host: Host, config: Config): Promise<Config> {
  const path = config.accessTokensFile;
  if (path === "") return config;
  const text = await host.files.readText(path).catch((error) => {
    const valid = `the path of a file that can be read (${(error as { code?: string }).code ?? String(error)})`;
    throw new ConfigError("access_tokens_file", path, "read for its tokens", valid);
  });
  const tokens = tokensIn(path, text);
  // Without any it would let everybody in: a file that is being written, or that was emptied by mistake.
  if (tokens.length === 0)
    throw new ConfigError("access_tokens_file", path, "has no token", "a file with one a line");
  return { ...config, accessTokens: [...config.accessTokens, ...tokens] };
}

function dataFolderOf(host: Host, flags: Arguments["flags"]): string {
  const data = lastOf(host, flags, "data");
  return data ? absolute(host, data) : defaultDataFolder(host);
}

function lastOf(host: Host, flags: Arguments["flags"], name: "data" | "config"): string | undefined {
  return flags.findLast(([flag]) => flag === flagOf(name))?.[1] ?? host.env[variableOf(name)];
}

async function firstFile(host: Host, paths: readonly string[]) {
  for (const path of paths) {
    try {
      return await readFile(host, { path, given: path, where: "found there" });
    } catch (error) {
      const code = error instanceof ConfigError ? (error.cause as { code?: string }).code : undefined;
      if (code !== "ENOENT" && code !== "ENOTDIR") throw error;
    }
  }
  return undefined;
}

async function readFile(host: Host, { path, given, where }: { path: string; given: string; where: string }) {
  try {
    return { path, text: await host.files.readText(path) };
  } catch (cause) {
    const code = (cause as { code?: string }).code ?? String(cause);
    const error = new ConfigError("config", given, where, `the path of a file that can be read (${code})`);
    error.cause = cause;
    throw error;
  }
}

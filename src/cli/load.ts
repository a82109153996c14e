import { type Config, type Parsed, parseConfig } from "../config.ts";
import { tokensIn } from "../config-exposure.ts";
import { ConfigError } from "../errors.ts";
import type { Host } from "../host.ts";
import type { Arguments } from "./command.ts";
import { absolute, defaultDataFolder, settingsFiles } from "./folders.ts";

export interface Loaded extends Parsed {
  /** The settings file that was read, absolute; undefined where there is none. */
  readonly file: string | undefined;
}

/** Reads the settings from the command line, the environment and the file. Throws ConfigError. */
export async function loadConfig(host: Host, { flags }: Pick<Arguments, "flags">): Promise<Loaded> {
  const last = (flag: string, variable: string) =>
    flags.findLast(([name]) => name === flag)?.[1] ?? host.env[variable];
  const data = last("--data", "ASKONCE_DATA");
  const dataFolder = data ? absolute(host, data) : defaultDataFolder(host);
  const chosen = last("--config", "ASKONCE_CONFIG");
  const where = flags.some(([name]) => name === "--config") ? "flag --config" : "variable ASKONCE_CONFIG";
  const file =
    chosen === undefined
      ? await firstFile(host, settingsFiles(host, dataFolder))
      : await readFile(host, { path: chosen === "" ? "" : absolute(host, chosen), given: chosen, where });
  const sources = { file, env: host.env, flags };
  const parsed = parseConfig(sources, { dataFolder, absolute: (path) => absolute(host, path) });
  return { ...parsed, config: await withTokensOfFile(host, parsed.config), file: file?.path };
}

/** With the access tokens that stand in a file of their own. */
async function withTokensOfFile(host: Host, config: Config): Promise<Config> {
  const path = config.accessTokensFile;
  if (path === "") return config;
  const text = await host.files.readText(path).catch((error) => {
    const valid = `the path of a file that can be read (${(error as { code?: string }).code ?? String(error)})`;
    throw new ConfigError("access_tokens_file", path, "read for its tokens", valid);
  });
  return { ...config, accessTokens: [...config.accessTokens, ...tokensIn(path, text)] };
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

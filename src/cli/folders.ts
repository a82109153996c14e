import { ConfigError } from "../errors.ts";
import type { Host } from "../host.ts";

type Machine = Pick<Host, "platform" | "env" | "cwd">;

/**
 * The data folder where nobody named one, absolute. Throws ConfigError where the environment tells no home.
 * systemd's own variable comes first; then XDG's, on macOS too, if somebody set it.
 */
export function defaultDataFolder(machine: Machine): string {
  const { env, platform } = machine;
  const state = env.STATE_DIRECTORY?.split(":")[0];
  if (state) return state;
  if (platform === "windows" && env.LOCALAPPDATA) return `${env.LOCALAPPDATA}\\askonce`;
  if (env.XDG_DATA_HOME?.startsWith("/")) return `${env.XDG_DATA_HOME}/askonce`;
  if (!env.HOME) {
    throw new ConfigError("data", "", "default", "--data FOLDER, since the environment names no home folder");
  }
  const folder = platform === "darwin" ? "Library/Application Support" : ".local/share";
  return `${env.HOME}/${folder}/askonce`;
}

/** Where a settings file is looked for, the first that exists counts: the data folder, then the user's settings. */
export function settingsFiles(machine: Machine, dataFolder: string): readonly string[] {
  const { env, platform } = machine;
  const name = "askonce.toml";
  const inData = absolute(machine, `${dataFolder}/${name}`);
  if (platform === "windows") return env.APPDATA ? [inData, `${env.APPDATA}\\askonce\\${name}`] : [inData];
  // systemd's, as STATE_DIRECTORY: where an administrator expects it comes before the data.
  const etc = env.CONFIGURATION_DIRECTORY?.split(":")[0];
  if (etc) return [`${etc}/${name}`, inData];
  if (env.XDG_CONFIG_HOME?.startsWith("/")) return [inData, `${env.XDG_CONFIG_HOME}/askonce/${name}`];
  return env.HOME ? [inData, `${env.HOME}/.config/askonce/${name}`] : [inData];
}

/** A user's path from the working folder, or from the home folder where it begins with `~/`; without `.` and `..`. */
export function absolute({ platform, env, cwd }: Machine, path: string): string {
  if (platform === "windows") {
    return /^([a-z]:[\\/]|\\\\)/i.test(path) ? path : `${cwd}\\${path}`;
  }
  const whole = path.startsWith("~/") && env.HOME ? env.HOME + path.slice(1) : path;
  const parts: string[] = [];
  for (const part of (whole.startsWith("/") ? whole : `${cwd}/${whole}`).split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return `/${parts.join("/")}`;
}

/** What an error of the file system says to a person: its code, or words for the one that they all meet. */
export function spokenCode(error: unknown): string {
  const { code } = error as { code?: string };
  return code === "ENOENT" ? "no such file or folder" : (code ?? String(error));
}

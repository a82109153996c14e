import { type Config, refuseOpenListen } from "../../config.ts";
import { exposureWarnings } from "../../config-exposure.ts";
import { CommandError, UsageError } from "../../errors.ts";
import type { Host } from "../../host.ts";
import { type Command, type Context, option } from "../command.ts";
import { absolute, spokenCode } from "../folders.ts";
import { loadConfig } from "../load.ts";
import { MARK, type Secret, systemUnit, userUnit } from "../unit.ts";

const UNIT = "askonce.service";
const PROGRAM = "/usr/local/bin/askonce";
const SETTINGS = "/etc/askonce/askonce.toml";
const DATA = "/var/lib/askonce";
/** Folders that a service of the system does not see, or that are emptied. */
const UNSEEN = /^\/(?:home|root|tmp|run|var\/tmp|dev\/shm)\//;
/** Settings that are files which only root may read: they become the service's credentials. */
const SECRETS: readonly (Omit<Secret, "path"> & { readonly flag: string })[] = [
  { flag: "--access-tokens-file", variable: "ASKONCE_ACCESS_TOKENS_FILE", id: "access-tokens" },
  { flag: "--tls-cert", variable: "ASKONCE_TLS_CERT", id: "tls-cert" },
  { flag: "--tls-key", variable: "ASKONCE_TLS_KEY", id: "tls-key" },
];

export const service: Command = {
  name: "service",
  operands: "install|uninstall",
  words: { least: 1, most: 1 },
  summary: "run as a service of systemd, from now on and at each start of the machine",
  notes:
    "Settings given as flags become the service's; the rest is read from /etc/askonce/askonce.toml. Installing again " +
    "brings a newer program or other flags in. uninstall keeps the data and the settings.",
  flags: [
    { name: "--user", help: "of this user alone, over the data of this user's commands" },
    { name: "--print", help: "print the unit file and change nothing" },
    { name: "--exec", value: "PATH", help: "the program that the service runs (this one)" },
  ],
  settings: "all",
  examples: [
    ["sudo askonce service install", "a service of the system, on 127.0.0.1:8181"],
    ["askonce service install --user", "a service of this user"],
    ["sudo askonce service install --listen 0.0.0.0:81 --scope shared", "for the local network"],
    ["sudo askonce service uninstall", "ends it; the data stay"],
  ],
  async run(context) {
    const [word] = context.given.words;
    if (word === "install") return await install(context);
    if (word === "uninstall") return await uninstall(context);
    throw new UsageError(`service ${word} is not known: use install or uninstall`);
  },
};

interface Place {
  readonly user: boolean;
  readonly unit: string;
  readonly systemctl: readonly string[];
}

function placeOf({ host, given }: Context): Place {
  if (host.platform !== "linux") throw new CommandError("a service is installed with systemd, on Linux only");
  if (!given.options.has("--user")) {
    return { user: false, unit: `/etc/systemd/system/${UNIT}`, systemctl: ["systemctl"] };
  }
  const { XDG_CONFIG_HOME, HOME } = host.env;
  const folder = XDG_CONFIG_HOME?.startsWith("/") ? XDG_CONFIG_HOME : `${HOME}/.config`;
  return { user: true, unit: `${folder}/systemd/user/${UNIT}`, systemctl: ["systemctl", "--user"] };
}

async function install(context: Context): Promise<number> {
  const { host, screen } = context;
  const place = placeOf(context);
  const config = await settingsOf(context, place);
  const program = programOf(context);
  const print = option(context, "--print") !== undefined;
  const moved = !place.user && UNSEEN.test(program);
  const text = unitText(context, { place, config, program: moved ? PROGRAM : program });
  if (print) {
    await screen.out(text);
    return 0;
  }
  await refuseForeign(host, place);
  if (moved) await copyProgram(host, program);
  await write(host, place.unit, text);
  await control(host, [...place.systemctl, "daemon-reload"]);
  await control(host, [...place.systemctl, "enable", UNIT]);
  // Starts it, or brings the new program in where it runs.
  await control(host, [...place.systemctl, "restart", UNIT]);
  for (const warning of exposureWarnings(config)) screen.say(warning);
  const journal = place.user ? "journalctl --user -u askonce" : "journalctl -u askonce";
  const data = place.user ? config.data : DATA;
  screen.say(`${place.unit} is installed and runs; its data are in ${data}, its output is in ${journal}`);
  return 0;
}

async function uninstall(context: Context): Promise<number> {
  const { host, screen } = context;
  const place = placeOf(context);
  if ((await refuseForeign(host, place)) === undefined) {
    throw new CommandError(`nothing is installed: there is no ${place.unit}`);
  }
  await control(host, [...place.systemctl, "disable", "--now", UNIT]);
  await host.files.remove(place.unit).catch((error) => {
    throw notAllowed(place, error);
  });
  await control(host, [...place.systemctl, "daemon-reload"]);
  screen.say(
    place.user
      ? `${place.unit} is taken away; the data stay where they are`
      : `${place.unit} is taken away; the data stay in ${DATA}, the settings in ${SETTINGS}`,
  );
  return 0;
}

/** The settings as the service will find them. Throws ConfigError for what would not start. */
async function settingsOf({ host, given }: Context, { user }: Place): Promise<Config> {
  const own = Object.fromEntries(Object.entries(host.env).filter(([name]) => !name.startsWith("ASKONCE_")));
  const env = user
    ? own
    : {
        ...own,
        STATE_DIRECTORY: DATA,
        CONFIGURATION_DIRECTORY: SETTINGS.slice(0, SETTINGS.lastIndexOf("/")),
      };
  const { config } = await loadConfig({ ...host, env }, given);
  refuseOpenListen(config);
  return config;
}

function programOf(context: Context): string {
  const { host } = context;
  const chosen = option(context, "--exec");
  if (chosen) return absolute(host, chosen);
  if (host.executable) return host.executable;
  throw new CommandError("name the executable with --exec PATH: this askonce runs from source");
}

function unitText(
  { host, given }: Context,
  { place, config, program }: { place: Place; config: Config; program: string },
): string {
  if (given.flags.some(([flag]) => flag === "--access-tokens")) {
    throw new UsageError(
      "write access tokens into a file and name it with --access-tokens-file: a unit is no secret",
    );
  }
  const last = (flag: string) => given.flags.findLast(([name]) => name === flag)?.[1];
  const secrets = place.user
    ? []
    : SECRETS.flatMap(({ flag, ...secret }) => {
        const path = last(flag);
        return path === undefined ? [] : [{ ...secret, path: absolute(host, path) }];
      });
  const kept = given.flags.filter(([flag]) => place.user || !SECRETS.some((secret) => secret.flag === flag));
  const flags = kept.flatMap(([flag, value]) => [flag, PATHS.has(flag) ? absolute(host, value) : value]);
  return (place.user ? userUnit : systemUnit)({
    command: [program, "serve", ...flags],
    secrets,
    lowPort: [...config.listen, ...config.adminListen].some(({ port }) => port > 0 && port < 1024),
    graceMs: config.shutdownGraceMs,
  });
}

/** Flags whose values are paths, which a service reads from another folder. */
const PATHS: ReadonlySet<string> = new Set([
  ...SECRETS.map(({ flag }) => flag),
  ...["--data", "--config", "--prices"],
]);

/** The unit that is there, undefined for none. Throws CommandError where somebody else wrote it. */
async function refuseForeign(host: Host, { unit }: Place): Promise<string | undefined> {
  const text = await host.files.readText(unit).catch(() => undefined);
  if (text === undefined || text.startsWith(MARK)) return text;
  throw new CommandError(`${unit} was not written by askonce: move it away first`);
}

async function copyProgram({ files }: Host, program: string): Promise<void> {
  try {
    await files.makeFolder(PROGRAM.slice(0, PROGRAM.lastIndexOf("/")));
    await files.replace(PROGRAM, files.read(program));
    await files.makeExecutable(PROGRAM);
  } catch (error) {
    throw new CommandError(`run this as root: ${PROGRAM} cannot be written (${spokenCode(error)})`);
  }
}

async function write({ files }: Host, path: string, text: string): Promise<void> {
  try {
    await files.makeFolder(path.slice(0, path.lastIndexOf("/")));
    await files.replace(path, [new TextEncoder().encode(text)]);
  } catch (error) {
    throw new CommandError(
      `${path} cannot be written (${spokenCode(error)}): run this as root, or with --user`,
    );
  }
}

function notAllowed({ unit }: Place, error: unknown): CommandError {
  return new CommandError(
    `${unit} cannot be removed (${spokenCode(error)}): run this as root, or with --user`,
  );
}

/** Throws CommandError where systemd does not do it; its own words are on stderr by then. */
async function control(host: Host, command: readonly string[]): Promise<void> {
  const said = command.join(" ");
  let code: number;
  try {
    code = await host.spawn(command, { env: host.env, cwd: "/" }).exited;
  } catch (error) {
    throw new CommandError(`${said} cannot be run (${spokenCode(error)}): does this machine run systemd?`);
  }
  if (code !== 0) throw new CommandError(`${said} failed with exit code ${code}`);
}

import { type Config, type ListenAddress, refuseOpenListen } from "../../config.ts";
import { CommandError, UsageError } from "../../errors.ts";
import { providersFor } from "../../providers/table.ts";
import { PassedSignals } from "../child.ts";
import { type Command, type Context, option } from "../command.ts";
import { type PrivateProxy, startPrivateProxy } from "../private-proxy.ts";
import { plural } from "../readable.ts";
import { type Cassette, cassetteAt, load, save } from "../run-cassette.ts";
import { commandEnvironment } from "../run-environment.ts";
import { misses, remarks, summary, unusedLines } from "../run-report.ts";
import { type Upstream, upstreamsIn } from "../upstreams.ts";

export const run: Command = {
  name: "run",
  operands: "-- COMMAND…",
  words: { least: 0, most: 0 },
  summary: "run a command with a cache around it, and say what that saved",
  notes:
    "A proxy of its own on a free port, over the usual store; with --cassette over that cassette alone. Every SDK's base URL is set for the command; one that is set already becomes that provider's address. The exit code is the command's.",
  flags: [
    {
      name: "--cassette",
      value: "FILE|FOLDER/",
      files: true,
      help: "answer from this cassette, and put what is new onto it",
    },
    { name: "--prune", help: "take entries off the cassette that the command did not use" },
    { name: "--times", help: "put the times at which the chunks of streams came onto the cassette" },
    {
      name: "--strict",
      help: "fail if a request missed, and say which recordings were not used",
    },
  ],
  settings: "all",
  rest: true,
  examples: [
    ["askonce run -- pytest", "the second time no provider is called"],
    ["askonce run --cassette tests/llm.ndjson -- pytest", "records onto a cassette to keep in git"],
    [
      "askonce run --cassette tests/llm.ndjson --mode replay --strict -- pytest",
      "in CI: needs no key and no network, and a changed prompt fails",
    ],
  ],
  async run(context) {
    const { host } = context;
    const [program, ...args] = context.given.rest ?? [];
    if (program === undefined) throw new UsageError("run needs a command: askonce run -- COMMAND…");
    const asked = option(context, "--cassette");
    for (const flag of ["--prune", "--times"]) {
      if (asked === undefined && option(context, flag) !== undefined)
        throw new UsageError(`${flag} needs --cassette FILE`);
    }
    const { config } = await context.load();
    const upstreams = upstreamsIn(host.env, config.providers);
    const settings = {
      ...config,
      ...logOf(context, config),
      providers: [...config.providers, ...upstreams.map(({ setting }) => setting)],
    };
    const cassette = asked === undefined ? undefined : await cassetteAt(host, asked);
    const own = cassette && (await host.files.temporaryFolder());
    try {
      const session = {
        context,
        cassette,
        upstreams,
        config: own === undefined ? settings : cassetteSettings(settings, own),
      };
      return await around(session, [program, ...args]);
    } finally {
      if (own !== undefined) await host.files.removeFolder(own);
    }
  },
};

interface Session {
  readonly context: Context;
  readonly config: Config;
  readonly cassette: Cassette | undefined;
  readonly upstreams: readonly Upstream[];
}

/** The log is for those who ask for it: what the settings file says is meant for a server. */
function logOf({ given, host }: Context, { log }: Config): Pick<Config, "admin" | "log"> {
  const asked = given.flags.some(([name]) => name === "--log") || host.env.ASKONCE_LOG !== undefined;
  return { admin: false, log: asked ? log : "off" };
}

/** The exit code after Ctrl-C. */
const INTERRUPTED = 130;
const FOREVER = Number.POSITIVE_INFINITY;

/** A store that holds a cassette and nothing else: nothing in it ages, goes for want of room, or is counted. */
function cassetteSettings(config: Config, data: string): Config {
  return {
    ...config,
    data,
    scope: "shared",
    ttlMs: FOREVER,
    ttlPureMs: FOREVER,
    ttl404Ms: FOREVER,
    inactiveMs: FOREVER,
    maxSize: 2 ** 40,
    journal: false,
    requests: "full",
    searchText: 0,
  };
}

async function around(session: Session, command: readonly string[]): Promise<number> {
  const { context, config, cassette, upstreams } = session;
  const { host } = context;
  const offline = config.mode === "replay";
  if (cassette !== undefined && offline && !cassette.exists)
    throw new CommandError(`record it first, without --mode replay: there is no ${cassette.word}`);
  let proxy: PrivateProxy | undefined;
  let lateSignals = 0;
  const late = () => {
    lateSignals += 1;
    // What is saved is put in place by renaming, so the end can come at any moment.
    if (lateSignals > 1) void host.exit(INTERRUPTED);
    else proxy?.cut();
  };
  const signals = new PassedSignals(host, { late });
  proxy = await startPrivateProxy(host, {
    config,
    address: addressOf(context, config),
    watching: true,
    recording: cassette !== undefined,
  });
  try {
    if (cassette !== undefined) await load(host, proxy.app, cassette);
    const providers = [...providersFor(config.providers).values()];
    const env = commandEnvironment(host, { base: proxy.url, providers, upstreams, offline });
    const code = await signals.run(command, env);
    await proxy.drain();
    return await conclude(session, { proxy, code });
  } finally {
    await proxy.close();
  }
}

function addressOf({ given }: Context, config: Config): ListenAddress {
  const [chosen] = given.flags.some(([name]) => name === "--listen") ? config.listen : [];
  if (chosen === undefined) return { hostname: "127.0.0.1", port: 0 };
  refuseOpenListen(config);
  return chosen;
}

/** Saves the cassette, says what there is to say, and resolves to the exit code. */
async function conclude(
  session: Session,
  { proxy, code }: { proxy: PrivateProxy; code: number },
): Promise<number> {
  const { screen } = session.context;
  const strict = option(session.context, "--strict") !== undefined;
  const watched = proxy.app.watched();
  const unused = await keep(session, { proxy, code });
  const told = [...remarks(watched), ...(strict ? [...misses(watched), ...unusedLines(unused)] : [])];
  for (const text of [summary(watched), ...told]) screen.say(text);
  if (!strict || code !== 0 || watched.missed.length === 0) return code;
  screen.say("failed: --strict, and not every request was answered from what was recorded");
  return 1;
}

/** Resolves to the entries that were not used, in words. */
async function keep(
  { context, cassette }: Session,
  { proxy, code }: { proxy: PrivateProxy; code: number },
): Promise<readonly string[]> {
  if (cassette === undefined) return [];
  const { host, screen } = context;
  const pruning = option(context, "--prune") !== undefined;
  // A command that broke off has not used what it would have.
  const prune = pruning && code === 0;
  if (pruning && !prune) screen.say("the command failed: nothing was pruned");
  const times = option(context, "--times") !== undefined;
  const tape = await proxy.app.recorder.tape({ prune, times });
  if (tape.changed) await save(host, cassette, tape.lines);
  if (tape.recorded > 0)
    screen.say(`recorded ${plural(tape.recorded, "answer")}: ${cassette.word} holds ${tape.entries}`);
  return tape.unused;
}

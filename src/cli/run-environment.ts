import type { Host } from "../host.ts";
import { dummyVariablesOf, keyVariablesOf } from "../providers/client-variables.ts";
import type { Provider } from "../providers/provider.ts";
import type { Upstream } from "./upstreams.ts";
import { pointings, withoutProxy } from "./variables.ts";

/** What stands for a key where no provider is ever called. */
const DUMMY = "askonce-replay";

/** The environment of a command whose SDKs are to find askonce at `base`. */
export function commandEnvironment(
  { env }: Pick<Host, "env">,
  options: {
    readonly base: string;
    readonly providers: readonly Provider[];
    readonly upstreams: readonly Upstream[];
    /** Whether no provider is ever called, so that SDKs which insist on a key get one. */
    readonly offline: boolean;
  },
): Readonly<Record<string, string | undefined>> {
  const { base, providers, upstreams } = options;
  const instead = new Map(upstreams.map(({ setting, instead }) => [setting.name, instead]));
  const variables = pointings(providers).map(({ name, provider, path }) => {
    const other = instead.get(provider);
    return [name, `${base}/${provider}${other?.path === path ? other.told : path}`];
  });
  return {
    ...env,
    ...(options.offline ? dummyKeys(env, providers) : {}),
    ...Object.fromEntries(variables),
    ...withoutProxy(env, new URL(base).hostname),
  };
}

/** One for each key variable of a provider that has no key. */
function dummyKeys(
  env: Readonly<Record<string, string | undefined>>,
  providers: readonly Provider[],
): Readonly<Record<string, string>> {
  const missing = providers
    .map(({ name }) => name)
    .filter((name) => !keyVariablesOf(name).some((variable) => env[variable]));
  return Object.fromEntries(
    missing.flatMap((name) => dummyVariablesOf(name).map((variable) => [variable, DUMMY])),
  );
}

import { clientVariablesOf } from "../providers/client-variables.ts";
import type { Provider } from "../providers/provider.ts";

/** A hint of a provider's that is a variable of another vendor's SDK: `OPENAI_BASE_URL={base}/v1`. */
const HINT = /^([A-Z][A-Z0-9_]*)=\{base\}(\S*)$/;

/** A variable, and what its value is at one provider. */
export interface Pointing {
  readonly name: string;
  /** Of the provider. */
  readonly provider: string;
  /** What follows the provider's base. */
  readonly path: string;
}

/**
 * The variables by which SDKs find these providers, each once. Where several providers share one (OPENAI_BASE_URL),
 * it is its owner's, else the first one's.
 */
export function pointings(providers: readonly Provider[]): readonly Pointing[] {
  const own = providers.flatMap(({ name: provider, variables }) =>
    variables.map(({ name, path }) => ({ name, provider, path })),
  );
  const hinted = providers.flatMap(({ name: provider, clientHints }) =>
    clientHints.flatMap((hint) => {
      const [, name, path] = HINT.exec(hint) ?? [];
      return name === undefined ? [] : [{ name, provider, path: path ?? "" }];
    }),
  );
  const owned = own.filter(({ name, provider }) =>
    clientVariablesOf(provider).some((known) => known.name === name),
  );
  const found = new Map<string, Pointing>();
  for (const one of [...owned, ...own, ...hinted]) if (!found.has(one.name)) found.set(one.name, one);
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Variables by which SDKs find their provider, set to askonce at `base`, with this machine in NO_PROXY. */
export function clientVariables(
  base: string,
  { providers, env }: { providers: readonly Provider[]; env: Readonly<Record<string, string | undefined>> },
): Readonly<Record<string, string>> {
  const variables = Object.fromEntries(
    pointings(providers).map(({ name, provider, path }) => [name, `${base}/${provider}${path}`]),
  );
  return { ...variables, ...withoutProxy(env, new URL(base).hostname) };
}

/** Names of the variables by which an SDK finds its provider. */
export function clientVariableNames(providers: readonly Provider[]): readonly string[] {
  return pointings(providers).map(({ name }) => name);
}

/** The variables that keep calls to this machine from going to a proxy, with what they hold already. */
export function withoutProxy(
  env: Readonly<Record<string, string | undefined>>,
  hostname: string,
): Readonly<Record<string, string>> {
  const known = [env.NO_PROXY, env.no_proxy]
    .flatMap((list) => list?.split(",") ?? [])
    .map((part) => part.trim());
  const own = hostname.replace(/^\[|\]$/g, "");
  const all = [...new Set([...known, "localhost", "127.0.0.1", "::1", own])].filter((part) => part !== "");
  return { NO_PROXY: all.join(","), no_proxy: all.join(",") };
}

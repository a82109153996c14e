import type { Provider } from "../providers/provider.ts";

/** Older names that some clients still read, beside the SDK's own. */
const ALSO: Readonly<Record<string, readonly string[]>> = { OPENAI_BASE_URL: ["OPENAI_API_BASE"] };
const HINT = /^([A-Z][A-Z0-9_]*)=(\{base\}\S*)$/;

/**
 * Variables by which SDKs find their provider, set to askonce at `base`, with this machine in NO_PROXY. Where
 * several providers share a variable (OPENAI_BASE_URL), it is its namesake's, else the first one's.
 */
export function clientVariables(
  base: string,
  { providers, env }: { providers: readonly Provider[]; env: Readonly<Record<string, string | undefined>> },
): Readonly<Record<string, string>> {
  const variables: Record<string, string> = {};
  const hints = providers.flatMap(({ name, clientHints }) =>
    clientHints.flatMap((hint) => {
      const [, variable, value] = HINT.exec(hint) ?? [];
      return variable === undefined ? [] : [{ name, variable, value: value! }];
    }),
  );
  const namesakes = hints.filter(({ name, variable }) => variable.startsWith(`${name.toUpperCase()}_`));
  for (const { name, variable, value } of [...namesakes, ...hints]) {
    for (const one of [variable, ...(ALSO[variable] ?? [])]) {
      variables[one] ??= value.replace("{base}", `${base}/${name}`);
    }
  }
  return { ...sorted(variables), ...withoutProxy(env, new URL(base).hostname) };
}

/** Names of the variables by which an SDK finds its provider. */
export function clientVariableNames(providers: readonly Provider[]): readonly string[] {
  const names = providers.flatMap(({ clientHints }) => clientHints.map((hint) => HINT.exec(hint)?.[1] ?? ""));
  return [...new Set(names.flatMap((name) => (name === "" ? [] : [name, ...(ALSO[name] ?? [])])))].sort();
}

function sorted(variables: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(variables).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function withoutProxy(
  env: Readonly<Record<string, string | undefined>>,
  hostname: string,
): Record<string, string> {
  const known = (env.NO_PROXY ?? env.no_proxy ?? "").split(",").map((part) => part.trim());
  const own = hostname.replace(/^\[|\]$/g, "");
  const all = [...new Set([...known, "localhost", "127.0.0.1", "::1", own])].filter((part) => part !== "");
  return { NO_PROXY: all.join(","), no_proxy: all.join(",") };
}

import type { ProviderSetting } from "../config.ts";
import { baseUrl } from "../config-kinds.ts";
import { ConfigError } from "../errors.ts";
import { type ClientVariable, clientVariablesOf } from "../providers/client-variables.ts";
import { builtinNames } from "../providers/table.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** A provider that the environment already says the address of. */
export interface Upstream {
  readonly setting: ProviderSetting;
  /** The variable that says it. */
  readonly variable: string;
  /**
   * Where its address ends otherwise than the clients' paths begin (`…/v1beta/openai` for `…/v1`): what they are told in
   * place of `path`, so that each path comes out as the client would have sent it.
   */
  readonly instead: { readonly path: string; readonly told: string } | undefined;
}

/** Providers that are there only where somebody says where. */
const BY_ADDRESS = ["azure"];
const OLLAMA_PORT = "11434";

/**
 * The providers whose base URL is already in the environment, each once; those of `configured` have their address from
 * the settings, which outrank it. Throws ConfigError for an address that is none.
 */
export function upstreamsIn(env: Environment, configured: readonly ProviderSetting[]): readonly Upstream[] {
  const settled = new Set(configured.flatMap(({ name, url }) => (url === undefined ? [] : [name])));
  return [...builtinNames, ...BY_ADDRESS].flatMap((provider) => {
    const variable = clientVariablesOf(provider).find(({ name }) => env[name]);
    if (variable === undefined || settled.has(provider)) return [];
    return [upstreamOf(provider, variable, addressIn(env, variable.name))];
  });
}

function upstreamOf(provider: string, { name, path }: ClientVariable, url: string): Upstream {
  const own = new URL(url).pathname.replace(/\/+$/, "");
  const foreign = path !== "" && own !== "" && !own.endsWith(path);
  return {
    setting: {
      name: provider,
      url: foreign ? url.slice(0, url.length - own.length) : url,
      family: undefined,
      auth: undefined,
    },
    variable: name,
    instead: foreign ? { path, told: own } : undefined,
  };
}

function addressIn(env: Environment, name: string): string {
  const text = env[name]!.trim().replace(/\/+$/, "");
  const url = baseUrl.parse(name === "OLLAMA_HOST" ? ollamaAddress(text) : text);
  if (url === null) throw new ConfigError(name, text, "environment", baseUrl.valid);
  return url;
}

/** Ollama takes a host, with or without a port, and an address to listen on for one to call. */
function ollamaAddress(text: string): string {
  if (text.includes("://")) return text;
  const [host = "", ...path] = text.split("/");
  const bare = host.startsWith(":") ? `127.0.0.1${host}` : host;
  const whole = /:\d+$/.test(bare) ? bare : `${bare}:${OLLAMA_PORT}`;
  return `http://${[whole.replace(/^0\.0\.0\.0:/, "127.0.0.1:"), ...path].join("/")}`;
}

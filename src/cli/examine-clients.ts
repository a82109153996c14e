import type { Config } from "../config.ts";
import type { Host } from "../host.ts";
import { keyVariablesOf } from "../providers/client-variables.ts";
import { providersFor } from "../providers/table.ts";
import { baseUrlOf } from "./address.ts";
import type { Check } from "./examination.ts";
import { clientVariableNames } from "./variables.ts";

/** What SDKs started from this shell would do: where they send, through which proxy, with which keys. */
export async function clientChecks(host: Host, config: Config): Promise<readonly Check[]> {
  const base = await baseUrlOf(host, config).catch(() => undefined);
  return [...addressChecks(host, { config, base: base?.url }), ...proxyChecks(host), keyCheck(host, config)];
}

function addressChecks(
  { env }: Host,
  { config, base }: { config: Config; base: string | undefined },
): readonly Check[] {
  const names = clientVariableNames([...providersFor(config.providers).values()]).filter((name) => env[name]);
  const elsewhere = names.filter((name) => !pointsAt(env[name]!, base));
  const here = names.length - elsewhere.length;
  const checks = elsewhere.map(
    (name): Check => ({
      name: "clients",
      status: "warn",
      found: `${name} points elsewhere: ${withoutSecrets(env[name]!)}`,
      todo: 'eval "$(askonce env)" points the SDKs of this shell at askonce',
    }),
  );
  if (checks.length > 0) return checks;
  const found =
    here === 0
      ? 'no SDK of this shell is pointed at askonce by a variable: eval "$(askonce env)" does it'
      : `${here} variables of SDKs point at askonce`;
  return [{ name: "clients", status: "ok", found }];
}

function pointsAt(value: string, base: string | undefined): boolean {
  const given = URL.parse(value.includes("://") ? value : `http://${value}`);
  if (!given || base === undefined) return false;
  const own = new URL(base);
  const loopback = (hostname: string) => /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname);
  const same = given.hostname === own.hostname || (loopback(given.hostname) && loopback(own.hostname));
  return same && given.port === own.port;
}

/** Host and path only: a URL may hold a key. */
function withoutSecrets(value: string): string {
  const url = URL.parse(value);
  return url ? `${url.origin}${url.pathname}` : "no URL";
}

function proxyChecks({ env }: Host): readonly Check[] {
  const set = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"].filter(
    (name) => env[name],
  );
  if (set.length === 0) return [];
  const exempt = (env.NO_PROXY ?? env.no_proxy ?? "").split(",").map((part) => part.trim());
  if (exempt.includes("*") || (exempt.includes("127.0.0.1") && exempt.includes("localhost"))) {
    return [{ name: "proxy", status: "ok", found: `${set.join(", ")}, and this machine is in NO_PROXY` }];
  }
  return [
    {
      name: "proxy",
      status: "warn",
      found: `${set.join(", ")} sends what is meant for askonce to another proxy`,
      todo: "put localhost and 127.0.0.1 into NO_PROXY, as askonce env does",
    },
  ];
}

function keyCheck({ env }: Host, config: Config): Check {
  const names = [...providersFor(config.providers).keys()].flatMap(keyVariablesOf);
  const set = [...new Set(names)].filter((name) => env[name]);
  const found = set.length === 0 ? "no API key is set in this shell" : `set in this shell: ${set.join(", ")}`;
  return { name: "keys", status: "ok", found };
}

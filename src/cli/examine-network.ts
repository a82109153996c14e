import { systemClock } from "../clock.ts";
import type { Config, ListenAddress } from "../config.ts";
import { listenAddress } from "../config-kinds.ts";
import type { Host } from "../host.ts";
import { keyVariablesOf } from "../providers/client-variables.ts";
import type { Provider } from "../providers/provider.ts";
import { providersFor } from "../providers/table.ts";
import { VERSION } from "../version.ts";
import { reachable } from "./address.ts";
import { connect, findInstance, type Instance } from "./api.ts";
import { type Check, codeOf } from "./examination.ts";
import { duration } from "./readable.ts";

const REACHED_WITHIN_MS = 2_000;
const SKEW_MS = 5 * 60_000;

/** The running instance, and the ports that a start would take. */
export async function networkChecks(host: Host, config: Config): Promise<readonly Check[]> {
  const instance = await findInstance(host, config.data);
  const running = instance ? await instanceChecks(host, { config, instance }) : [notRunning];
  const ports = await Promise.all(
    config.listen.map((address) => portCheck(host, { address, config, instance })),
  );
  return [...running, ...ports.flat()];
}

const notRunning: Check = {
  name: "instance",
  status: "ok",
  found: "nothing runs over this data folder just now",
};

async function instanceChecks(
  host: Host,
  { config, instance }: { config: Config; instance: Instance },
): Promise<readonly Check[]> {
  const { url, version, pid } = instance;
  const checks: Check[] = [];
  const other = version === VERSION ? "" : `, version ${version} (this is ${VERSION})`;
  const todo = "restart it to run this version";
  checks.push({
    name: "instance",
    status: other === "" ? "ok" : "warn",
    found: `answers at ${url} (pid ${pid})${other}`,
    ...(other === "" ? {} : { todo }),
  });
  try {
    const api = await connect(host, config, { say: () => {} });
    await api.close();
  } catch (error) {
    checks.push({ name: "admin API", status: "fail", found: (error as Error).message });
  }
  const ready = await answer(host, `${url}/readyz`, "GET");
  if (ready instanceof Response && ready.status !== 200) {
    const { reasons } = (await ready.json().catch(() => ({}))) as { reasons?: readonly string[] };
    const found = `not all of it is ready: ${(reasons ?? []).join("; ") || `status ${ready.status}`}`;
    checks.push({ name: "instance", status: "fail", found, todo: "its output on stderr says more" });
  }
  return checks;
}

async function portCheck(
  host: Host,
  { address, config, instance }: { address: ListenAddress; config: Config; instance: Instance | undefined },
): Promise<readonly Check[]> {
  const shown = listenAddress.format(address);
  if (address.port === 0) return [];
  try {
    const listener = await host.serve({ ...address, handler: () => new Response(null, { status: 503 }) });
    await listener.stop();
    return [{ name: "port", status: "ok", found: `${shown} is free` }];
  } catch (error) {
    const code = codeOf(error);
    const absent = code === "EADDRNOTAVAIL" || code === "EAFNOSUPPORT";
    if (absent && !config.listenChosen)
      return [{ name: "port", status: "ok", found: `this machine has no ${shown}` }];
    if (code !== "EADDRINUSE") {
      return [
        {
          name: "port",
          status: "fail",
          found: `${shown} cannot be listened on (${code})`,
          todo: "choose another with --listen",
        },
      ];
    }
    // With TLS the instance tells the address of its admin API only, and another program could not be asked.
    const own =
      instance !== undefined &&
      (config.tlsCert !== "" || new URL(instance.url).port === String(address.port));
    if (own || (await isAskonce(host, address)))
      return [{ name: "port", status: "ok", found: `${shown} is askonce's` }];
    return [
      {
        name: "port",
        status: "fail",
        found: `${shown} is taken by another program`,
        todo: "end that one, or choose another port with --listen",
      },
    ];
  }
}

async function isAskonce(host: Host, address: ListenAddress): Promise<boolean> {
  const page = await answer(host, reachable(`http://${listenAddress.format(address)}/`), "GET");
  return page instanceof Response && (await page.text()).startsWith("askonce ");
}

/** Whether the providers that somebody means to use can be reached: those configured, or whose key is set. */
export async function providerChecks(host: Host, config: Config): Promise<readonly Check[]> {
  const named = new Set([config.defaultProvider, ...config.providers.map(({ name }) => name)]);
  const all = [...providersFor(config.providers).values()];
  const used = all.filter((provider) => named.has(provider.name) || hasKey(host, provider));
  const skews: number[] = [];
  const checks = await Promise.all(used.map((provider) => providerCheck(host, { provider, skews })));
  const away = skews.filter((skew) => Math.abs(skew) > SKEW_MS);
  const failed = checks.filter(({ status }) => status === "fail");
  const found = `differs from that of the providers by ${duration(Math.abs(away[0] ?? 0))}`;
  return [
    ...(failed.length === used.length && used.length > 1
      ? [
          {
            name: "providers",
            status: "fail",
            found: "none can be reached",
            todo: "is this machine online? askonce --mode replay needs no provider",
          } as const,
        ]
      : []),
    ...checks,
    ...(away.length > 0
      ? [{ name: "clock", status: "warn", found, todo: "set the clock, by NTP for good" } as const]
      : []),
  ];
}

function hasKey({ env }: Host, provider: Provider): boolean {
  return keyVariablesOf(provider.name).some((name) => Boolean(env[name]));
}

async function providerCheck(
  host: Host,
  { provider: { name, baseUrl, local }, skews }: { provider: Provider; skews: number[] },
): Promise<Check> {
  const before = systemClock.monotonic();
  // Any answer will do, a 404 too: it was reached.
  const got = await answer(host, baseUrl, "HEAD");
  const shown = new URL(baseUrl).origin;
  if (got instanceof Response) {
    const date = Date.parse(got.headers.get("date") ?? "");
    if (Number.isFinite(date)) skews.push(date - systemClock.now());
    const found = `${name} answers at ${shown} in ${duration(systemClock.monotonic() - before)}`;
    return { name: "provider", status: "ok", found };
  }
  const todo = local
    ? "start the model server, or give its address with --provider"
    : "check the address (--provider), the name service and the way out of this network";
  return { name: "provider", status: "fail", found: `${name} cannot be reached at ${shown} (${got})`, todo };
}

/** What came, or why nothing did. */
async function answer(host: Host, url: string, method: "GET" | "HEAD"): Promise<Response | string> {
  const signal = AbortSignal.timeout(REACHED_WITHIN_MS);
  try {
    const got = await host.fetch(url, { method, headers: new Headers(), body: undefined, signal });
    if (method === "HEAD") await got.body?.cancel();
    return got;
  } catch (error) {
    return signal.aborted ? `no answer within ${REACHED_WITHIN_MS / 1000} s` : codeOf(error);
  }
}

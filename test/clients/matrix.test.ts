/** Every client library through askonce, twice each: MISS and HIT give it what the provider itself would have. */
import { after, before, test } from "node:test";
import { type Askonce, startAskonce } from "../support/askonce.ts";
import { startProvider } from "../support/provider.ts";
import { Providers } from "../support/session.ts";
import { aiSdk } from "./ai-sdk.ts";
import type { Client } from "./client.ts";
import {
  assertRight,
  Requests,
  type Row,
  type Stand,
  tableOf,
  tryCall,
  tryOwnError,
  tryProviderError,
} from "./matrix.ts";
import { openaiLike } from "./openai-like.ts";
import { startPython } from "./python.ts";
import { answersOf } from "./scripted.ts";
import { vendors } from "./vendors.ts";

const python = await startPython();
const clients: readonly Client[] = [...openaiLike, ...vendors, ...aiSdk, ...python.clients];
const names = [...new Set(clients.map(({ provider }) => provider))];
const rows: Row[] = [];
const servers: Askonce[] = [];
let providers: Providers;
let caching: Requests;

async function start(flags: readonly string[]): Promise<Requests> {
  const server = await startAskonce({ flags });
  servers.push(server);
  return new Requests(server);
}

before(
  async () => {
    providers = await Providers.start(() => {}, names);
    for (const name of names) providers.named(name).handler = answersOf(name);
    caching = await start(providers.flags);
  },
  { timeout: 60_000 },
);
after(
  async () => {
    python.stop();
    for (const server of servers) await server.kill();
    await providers?.close();
    console.log(tableOf(rows));
  },
  { timeout: 60_000 },
);

function standOf(client: Client): Stand {
  return { requests: caching, direct: providers.named(client.provider).url, calls: () => providers.count };
}

for (const client of clients) {
  for (const base of client.bases) {
    test(`${client.name} at ${base || "the root"} reads MISS and HIT as it reads the provider`, async () => {
      const stand = { ...standOf(client), base };
      const tried: Row[] = [];
      const calls = Object.keys(client.connect(`${caching.server.url}${base}`, { retries: false }));
      for (const call of calls) tried.push(await tryCall(client, call, stand));
      for (const status of [400, 429] as const)
        for (const streamed of [false, true])
          tried.push(await tryProviderError(client, status, { ...stand, streamed }));
      rows.push(...tried);
      assertRight(tried);
    });
  }
}

/** All clients at once, each in a namespace of its own that tells its requests apart. */
async function eachClient(
  requests: Requests,
  error: { status: 404 | 424 | 502; saying: RegExp; requests: number; path: (base: string) => string },
): Promise<void> {
  const tried = await Promise.all(
    clients.map((client, i) => {
      const namespace = `@client-${i}/`;
      const base = client.bases[0]!;
      const url = `${requests.server.url}/${namespace}${error.path(base).slice(1)}`;
      return tryOwnError(client, requests, { ...error, url, namespace, base });
    }),
  );
  rows.push(...tried);
  assertRight(tried);
}

test("an unknown provider is each client's own class for 404, asked for once", async () => {
  await eachClient(caching, {
    status: 404,
    saying: /Start the path with a known provider/,
    requests: 1,
    path: (base) => base.replace(/^\/[^/]+/, "/nowhere"),
  });
});

test("a miss in replay is each client's own class for 424, asked for once", async () => {
  const replaying = await start([...providers.flags, "--mode", "replay"]);
  await eachClient(replaying, {
    status: 424,
    saying: /mode replay calls no provider/,
    requests: 1,
    path: (base) => base,
  });
});

test("a provider that is not there is each client's own class for 502, tried again at most five times", async () => {
  const closed = await startProvider(() => {});
  const { url } = closed;
  await closed.close();
  const alone = await start(names.flatMap((name) => ["--provider", `${name}=${url}`]));
  await eachClient(alone, { status: 502, saying: /could not be reached/, requests: 5, path: (base) => base });
});

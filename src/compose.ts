import { type AdminParts, createAdmin } from "./admin/admin.ts";
import { type Recorder, recorder } from "./admin/recorder.ts";
import { keptToken } from "./admin/token.ts";
import { createAdminApp, createHandler } from "./app.ts";
import { Flights } from "./cache/flights.ts";
import { memoryStore } from "./cache/memory.ts";
import { NOTHING_NOTED, noted } from "./cache/noted.ts";
import { purgeAll } from "./cache/purge.ts";
import { tieredStore } from "./cache/tiered.ts";
import { systemClock } from "./clock.ts";
import type { Config, ListenAddress } from "./config.ts";
import { servedProviders } from "./config-exposure.ts";
import { type Crew, shareOf } from "./crew.ts";
import { eventLines, isEvents } from "./crew-events.ts";
import { joinCrew, ownersIn } from "./crew-parts.ts";
import type { Host, Peer, Repeats } from "./host.ts";
import { Quiet } from "./idle.ts";
import { installationSecret, randomHex, requestIds } from "./installation.ts";
import type { Shown } from "./journal/exposition.ts";
import { createJournal } from "./journal/journal.ts";
import { createTraces } from "./journal/otel.ts";
import { createPricing } from "./journal/pricing.ts";
import { isNear } from "./network.ts";
import { PURE_KINDS } from "./providers/provider.ts";
import { enter } from "./proxy/access.ts";
import { Budget } from "./proxy/budget.ts";
import { CredentialReader } from "./proxy/credential.ts";
import { explainer } from "./proxy/explain.ts";
import type { FlightHead } from "./proxy/flight.ts";
import { clientOf } from "./proxy/forwarded.ts";
import { type ProxyParts, UNREAD_LIMIT } from "./proxy/parts.ts";
import { Refreshes } from "./proxy/refresh.ts";
import { rekeyer } from "./proxy/rekey.ts";
import { unpacked } from "./proxy/relay.ts";
import { type KnownHead, RequestMemory } from "./proxy/repeats.ts";
import { Samples } from "./proxy/samples.ts";
import { Verified } from "./proxy/verified.ts";
import { Watch, type Watched } from "./proxy/watch.ts";
import { openArchive } from "./storage/archive.ts";
import { refuseNewerArchive } from "./storage/archive-file.ts";
import { archiveShare } from "./storage/archive-room.ts";
import { faultIn } from "./storage/look.ts";
import { openStore } from "./storage/store.ts";
import { buildName, VERSION } from "./version.ts";

export { combined, ended } from "./journal/combined.ts";
export type { Shown } from "./journal/exposition.ts";

export interface App {
  handler(request: Request, peer: Peer): Response | Promise<Response>;
  /** What it has answered before, for adapters that see a request's bytes. */
  readonly repeats: Repeats;
  /** What answers at `admin_listen`, and nowhere else. */
  adminHandler(request: Request, peer: Peer): Response | Promise<Response>;
  /** What answers at the socket that the other workers know, and nowhere else. */
  sibling(request: Request, worker: Peer): Promise<Response>;
  /** What was counted since the start, for whoever counts on. */
  shown(): Shown;
  /** Asks the admin API from within this process, with a token like everybody. */
  admin(request: Request): Promise<Response>;
  adminToken(): Promise<string>;
  /** Told once the sockets are open. */
  listening(addresses: readonly ListenAddress[]): void;
  /** Takes changed settings; requests under way keep theirs. */
  reload(config: Config): void;
  /** From now on `/readyz` says that this process is going. */
  draining(): void;
  /** Ends what is still under way: the grace is over. */
  cut(): void;
  /** What was asked and answered, of a process that runs one command. */
  watched(): Watched;
  /** The cassette around that command. */
  readonly recorder: Recorder;
  /** Resolves once no answer is under way. */
  settled(): Promise<void>;
  /** Waits for the answers under way to be kept, then closes the store. */
  close(): Promise<void>;
}

export interface ComposeOptions {
  /** Whether requests are looked on for `watched`. */
  readonly watching?: boolean;
  /** Whether the data folder is that of one cassette and its one user: everything complete is kept, in one pool. */
  readonly recording?: boolean;
  /** The workers of which this process is one. */
  readonly crew?: Crew | undefined;
}

/** What is wrong with one of the data folder's databases, in words; undefined where nothing is, or there is none. */
export async function databaseFault(host: Host, path: string): Promise<string | undefined> {
  const bytes = await host.files.size(path);
  return bytes === undefined ? undefined : faultIn(path, { open: host.openDatabase, bytes });
}

/** The only place where parts meet. Rejects with `StartError` where the database is newer than this program. */
export async function compose(
  config: Config,
  host: Host,
  { watching = false, recording = false, crew }: ComposeOptions = {},
): Promise<App> {
  let read = config;
  /** What the admin API changed, until the restart. */
  let changes: Pick<Partial<Config>, "mode" | "ttlMs"> = {};
  const share = (total: number) => shareOf(total, crew);
  let current = config;
  let providers = servedProviders(config);
  const ending = new AbortController();
  const report = (message: string) => host.write("stderr", `askonce: ${message}\n`);
  const clock = systemClock;
  const startedAt = clock.now();
  const durable = await openStore({
    folder: config.data,
    files: host.files,
    openDatabase: host.openDatabase,
    clock,
    limits: () => ({
      maxSize: current.maxSize,
      besideBytes: Math.max(archive.state().bytes, archiveShare(current)),
      inactiveMs: current.inactiveMs,
      ttlMs: (endpoint) => (PURE_KINDS.has(endpoint) ? current.ttlPureMs : current.ttlMs),
    }),
    report,
    tends: crew && (() => crew.sockets().findIndex(Boolean) === crew.index),
  });
  refuseNewerArchive(config.data);
  const tiers = tieredStore({ memory: memoryStore({ maxBytes: share(config.maxMemory) }), durable });
  const { store, notes } = recording ? noted(tiers) : { store: tiers, notes: NOTHING_NOTED };
  const watch = new Watch();
  const quiet = new Quiet(clock, { idle: () => budget.used === 0, collect: () => host.collect() });
  const archive = openArchive({
    folder: config.data,
    startThread: host.startThread,
    clock,
    settings: () => current,
    report,
    // Where the store cannot be written they are told of again after the next start.
    stored: () => durable.settled(),
    emptied: quiet.drained,
    forgotten: (upTo) => void durable.forgotten(upTo).catch(() => {}),
  });
  const pricing = createPricing({
    file: async () => (current.prices === "" ? undefined : await host.files.readText(current.prices)),
    report,
    providers: () => providers,
    clock,
  });
  const journal = createJournal({
    form: () => current.log,
    write: (text) => host.write("stdout", text),
    enabled: () => current.journal,
    archive,
    clock,
    gauges: () => {
      const { entries, bytes, evictions, faults } = store.stats();
      const { bytes: archiveBytes, queued, dropped } = archive.state();
      return {
        inFlight: proxy.flights.size,
        unread: proxy.unread.count,
        storeEntries: entries,
        storeBytes: bytes,
        storeEvictions: evictions,
        storeFaults: faults,
        storeOk: store.health().ok,
        archiveBytes,
        archiveQueued: queued,
        archiveDropped: dropped,
        bufferedBytes: budget.used,
        process: { ...host.usage(), startedAt },
        build: { version: VERSION, runtime: `${host.runtime.name} ${host.runtime.version}` },
      };
    },
  });
  if (watching) journal.follow((event) => watch.answered(event));
  const traces = createTraces({
    endpoint: () => current.otelEndpoint,
    journal,
    fetch: host.fetch,
    report,
    version: VERSION,
  });
  const loopId = crew?.loopId ?? `askonce-${randomHex(8)}`;
  const budget = new Budget(() => share(current.maxBuffered), quiet.drained);
  const hits = {
    host,
    loopFor: (url: string) => (isNear(url) ? loopId : undefined),
    config: () => current,
    providers: () => providers,
    store,
    clock,
    journal,
    verified: new Verified(
      clock,
      () => current.verifyTtlMs,
      (heard) => void crew?.gather("verified", heard),
    ),
    newId: requestIds(),
  };
  const program = buildName(host.mark);
  const proxy: ProxyParts = {
    ...hits,
    memory: new RequestMemory(hits, { maxBytes: share(Math.ceil(config.maxMemory / 2)), program }),
    flights: new Flights<FlightHead>(),
    pricing,
    archive,
    budget,
    credentials: new CredentialReader(await installationSecret(host, config.data, report)),
    samples: new Samples(),
    refreshes: new Refreshes(clock, () => share(current.refreshConcurrency)),
    recording: () => recording,
    watch: watching ? watch : undefined,
    owners: crew && ownersIn(crew, host.askSocket),
    unread: { count: 0, limit: share(UNREAD_LIMIT) },
    loopId,
    report,
  };
  const token = keptToken({ folder: config.data, files: host.files, report });
  const change: AdminParts["change"] = ({ mode, ttlMs }) => {
    changes = { ...changes, ...(mode !== undefined && { mode }), ...(ttlMs !== undefined && { ttlMs }) };
    current = { ...read, ...changes };
  };
  const adminParts: AdminParts = {
    config: () => current,
    change,
    store,
    archive,
    journal,
    explainer: explainer(proxy),
    rekey: rekeyer(proxy, { knownTag: (label) => archive.poolOf(label) }),
    purge: (filter) => purgeAll(proxy, filter),
    token,
    clock,
    version: VERSION,
    runtime: `${host.runtime.name} ${host.runtime.version}`,
    pid: host.pid,
    ending: ending.signal,
    report,
    ...(crew && joinCrew(crew, { ...proxy, journal, askSocket: host.askSocket, change })),
  };
  if (config.admin) await token.current();
  const appParts = {
    proxy,
    ownName: host.hostname.toLowerCase(),
    version: VERSION,
    draining: () => ending.signal.aborted,
    admin: createAdmin(adminParts),
    token,
    crew,
  };
  // Where to listen is settled at the start, whatever is read later.
  const adminHere = config.adminListen.length === 0;
  const answer = createHandler({ ...appParts, adminServed: () => adminHere && current.admin });
  const adminApp = createAdminApp({ ...appParts, adminServed: () => current.admin });
  return {
    repeats: {
      // Who looks on sees requests where they are handled.
      find: (head) => (watching ? undefined : proxy.memory.find(head)),
      answer(known: KnownHead, body, address) {
        quiet.disturbed();
        return proxy.memory.answer(known, body, address);
      },
    } satisfies Repeats<KnownHead> as Repeats,
    handler(request, peer) {
      quiet.disturbed();
      const entered = enter(proxy, request, peer);
      return entered instanceof Response ? entered : answer(entered.request, entered.peer);
    },
    async sibling(request, worker) {
      if (isEvents(request)) return new Response(eventLines(journal, ending.signal));
      const bytes = worker.body ?? new Uint8Array(await request.arrayBuffer());
      const { request: relayed, peer } = unpacked(bytes, { signal: request.signal, worker });
      return answer(relayed, peer);
    },
    shown: () => journal.shown(),
    adminHandler: (request, peer) =>
      adminApp.fetch(request, { peer: clientOf(request.headers, peer, current.trustedProxies) }),
    admin: async (request) => await appParts.admin.fetch(request, { peer: { address: "127.0.0.1" } }),
    adminToken: () => token.current(),
    listening: () => {},
    reload(next) {
      read = next;
      current = { ...next, ...changes };
      providers = servedProviders(current);
      pricing.reload();
      traces.reload();
    },
    draining() {
      ending.abort();
    },
    cut: () => proxy.flights.abort(),
    watched: () => watch.watched(),
    recorder: recorder(adminParts, notes),
    settled: () => proxy.flights.settled(),
    async close() {
      ending.abort();
      await proxy.flights.settled();
      await journal.close();
      await traces.close();
      await archive.close();
      await store.close();
    },
  };
}

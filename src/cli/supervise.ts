import { systemClock } from "../clock.ts";
import { type Config, type ListenAddress, refuseOpenListen } from "../config.ts";
import { exposureWarnings } from "../config-exposure.ts";
import type { Host, WorkerProcess } from "../host.ts";
import { readTls } from "./certificate.ts";
import type { Order, Place, SettingsFile, Word } from "./crew-messages.ts";
import { CLOSE_MS, endSignals, timer } from "./ending.ts";
import { Hub } from "./hub.ts";
import { announce } from "./instance.ts";
import { addressesOf, allOf, type DoorOptions, type Doors, openDoors, ownAddress } from "./listen.ts";
import type { Loaded } from "./load.ts";
import { notifyReady } from "./notify.ts";
import { reload } from "./reread.ts";
import { welcome } from "./welcome.ts";

/** Before a worker that ended is started again; it doubles with each end that comes soon after a start. */
const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 10_000;
/** One that has answered for so long did not fail at its start. */
const STEADY_MS = 30_000;

interface Options {
  readonly load: () => Promise<Loaded>;
  readonly size: number;
}

/**
 * Has `size` workers answer at one port until a signal ends them all; resolves to the exit code. Throws ConfigError
 * and StartError.
 */
export async function supervise(host: Host, { load, size }: Options): Promise<number> {
  const say = (text: string) => host.write("stderr", `askonce: ${text}\n`);
  const loaded = await load();
  const { config, warnings, file } = loaded;
  for (const warning of warnings) say(warning);
  refuseOpenListen(config);
  for (const warning of exposureWarnings(config)) say(warning);
  const crew = { kill: () => {} };
  const signals = endSignals(host, {
    third() {
      crew.kill();
      void host.exit(1);
    },
  });
  const tls = await readTls(host, config);
  const at = await freeAddresses(host, { config, tls, say });
  const folder = await host.files.temporaryFolder();
  const workers = new Workers(host, { size, folder, at, file: fileOf(loaded), say });
  crew.kill = () => workers.kill();
  try {
    const failed = await Promise.race([workers.start(), signals.first]);
    if (failed !== undefined) return failed;
    const instance = await announce(host, { folder: config.data, address: ownAddress(config, at), say });
    host.write("stderr", welcome(host, { config, addresses: at.listen, adminAddresses: at.admin, file }));
    void notifyReady(host, say);
    const current = onReload(host, { config, load, say, workers });
    host.onSignal("SIGUSR2", () => void workers.restart());
    await signals.first;
    await instance.withdraw();
    const grace = timer(current().shutdownGraceMs + 2 * CLOSE_MS);
    const ended = workers.end();
    void signals.second.then(() => workers.end());
    await Promise.race([ended, grace.promise]);
    grace.clear();
    return 0;
  } finally {
    workers.kill();
    await host.files.removeFolder(folder).catch(() => {});
  }
}

function fileOf({ file: path, text }: Loaded): SettingsFile {
  return path === undefined || text === undefined ? undefined : { path, text };
}

/**
 * The addresses with ports that nobody else has. Workers share them, and would share with a stranger's too: so they
 * are taken first by this process alone.
 */
async function freeAddresses(host: Host, options: DoorOptions): Promise<Doors<ListenAddress>> {
  const handler = () => new Response(null, { status: 503 });
  const doors = await openDoors(host, { handler, adminHandler: handler }, options);
  await Promise.all(allOf(doors).map(({ listener }) => listener.stop()));
  return addressesOf(doors);
}

/** On SIGHUP the settings are read here and, where they can be used, by every worker; tells those in force. */
function onReload(
  host: Host,
  options: { config: Config; load: Options["load"]; say: (text: string) => void; workers: Workers },
): () => Config {
  const { load, say, workers } = options;
  let current = options.config;
  let reloading = Promise.resolve();
  host.onSignal("SIGHUP", () => {
    reloading = reloading.then(async () => {
      const next = await reload(current, { load, say });
      if (next === undefined) return;
      current = next.config;
      workers.settings(fileOf(next.loaded));
      say("the settings were read again");
    });
  });
  return () => current;
}

/** One process, from its start to its end. */
interface Hand {
  readonly worker: WorkerProcess;
  readonly socket: string;
  readonly ready: PromiseWithResolvers<boolean>;
  readyAt: number | undefined;
  leaving: boolean;
}

interface Parts extends Omit<Place, "index" | "loopId" | "socket"> {
  readonly say: (text: string) => void;
}

class Workers {
  readonly #host: Host;
  readonly #parts: Parts;
  readonly #hub = new Hub();
  readonly #loopId = `askonce-${crypto.randomUUID().replaceAll("-", "").slice(0, 16)}`;
  /** By index: whose place it is now. */
  readonly #hands: (Hand | undefined)[] = [];
  readonly #alive = new Set<Hand>();
  readonly #failures: number[] = [];
  #file: SettingsFile;
  #started = 0;
  #ending = false;
  #restarting: Promise<void> | undefined;

  constructor(host: Host, parts: Parts) {
    this.#host = host;
    this.#parts = parts;
    this.#file = parts.file;
  }

  /** Resolves once all are ready; to an exit code where one ends before. The first alone: it prepares the store. */
  async start(): Promise<number | undefined> {
    for (const indexes of [[0], Array.from({ length: this.#parts.size - 1 }, (_, at) => at + 1)]) {
      const codes = await Promise.all(
        indexes.map(async (index) => {
          const hand = this.#begin(index);
          return (await hand.ready.promise) ? undefined : await hand.worker.exited;
        }),
      );
      const failed = codes.find((code) => code !== undefined);
      if (failed !== undefined) return typeof failed === "number" && failed > 0 ? failed : 1;
    }
    for (const index of this.#hands.keys()) this.#keep(index);
    return undefined;
  }

  /** Each is replaced by a new one, one after the other: the old one goes once the new one answers. */
  restart(): Promise<void> {
    this.#restarting ??= this.#restart().finally(() => {
      this.#restarting = undefined;
    });
    return this.#restarting;
  }

  async #restart(): Promise<void> {
    const { say, size } = this.#parts;
    say("the workers are restarted one after the other");
    for (let index = 0; index < size && !this.#ending; index++) {
      const old = this.#hands[index];
      if (old === undefined) continue;
      const hand = this.#begin(index, old);
      if (!(await hand.ready.promise)) {
        say(`the new worker ${index + 1} ended at its start: the others stay as they are`);
        return;
      }
      if (this.#ending) return;
      this.#keep(index);
      await old.worker.exited;
    }
    if (!this.#ending) say("the workers were restarted");
  }

  settings(file: SettingsFile): void {
    this.#file = file;
    for (const { worker } of this.#alive) void worker.send({ kind: "settings", file } satisfies Order);
  }

  /** Lets all finish what they are at; said again, they finish at once. Resolves when all are gone. */
  async end(): Promise<void> {
    this.#ending = true;
    for (const { worker } of this.#alive) void worker.send({ kind: "end" } satisfies Order);
    await Promise.all([...this.#alive].map(({ worker }) => worker.exited));
  }

  kill(): void {
    this.#ending = true;
    for (const { worker } of this.#alive) worker.kill();
  }

  /** Starts a process for a place; it is its place once it is ready. */
  #begin(index: number, old?: Hand): Hand {
    const worker = this.#host.startWorker!();
    const { folder, say: _, ...parts } = this.#parts;
    const socket = `${folder}/${index}-${this.#started++}`;
    const ready = Promise.withResolvers<boolean>();
    const hand: Hand = { worker, socket, ready, readyAt: undefined, leaving: false };
    if (old === undefined) this.#hands[index] = hand;
    this.#alive.add(hand);
    worker.onOutput((to, text) => this.#host.write(to, text));
    worker.onMessage((message) => this.#take(hand, { index, word: message as Word }));
    void worker.exited.then(() => {
      this.#alive.delete(hand);
      this.#hub.remove(worker);
      ready.resolve(false);
      this.#tellMembers();
    });
    const place: Place = { ...parts, folder, file: this.#file, index, loopId: this.#loopId, socket };
    void worker.send({ kind: "begin", place } satisfies Order);
    if (this.#ending) void worker.send({ kind: "end" } satisfies Order);
    return hand;
  }

  #take(hand: Hand, { index, word }: { index: number; word: Word }): void {
    if (word.kind === "composed") {
      this.#hub.add(hand.worker);
      void hand.worker.send({ kind: "listen" } satisfies Order);
    } else if (word.kind === "ready") {
      hand.readyAt = systemClock.monotonic();
      const before = this.#hands[index];
      this.#hands[index] = hand;
      this.#tellMembers();
      hand.ready.resolve(true);
      if (before !== undefined && before !== hand) leave(before);
    } else this.#hub.take(hand.worker, word);
  }

  #tellMembers(): void {
    const sockets = this.#hands.map((hand) =>
      hand?.readyAt !== undefined && this.#alive.has(hand) ? hand.socket : undefined,
    );
    for (const { worker } of this.#alive) void worker.send({ kind: "members", sockets } satisfies Order);
  }

  /** Starts a place's process again whenever it ends by itself. */
  #keep(index: number): void {
    const hand = this.#hands[index];
    void hand?.worker.exited.then(async (how) => {
      if (this.#ending || hand.leaving) return;
      const { readyAt } = hand;
      const steady = readyAt !== undefined && systemClock.monotonic() - readyAt > STEADY_MS;
      const failures = steady ? 1 : (this.#failures[index] ?? 0) + 1;
      this.#failures[index] = failures;
      const waitMs = Math.min(FIRST_WAIT_MS * 2 ** (failures - 1), LONGEST_WAIT_MS);
      const why = typeof how === "string" ? `was ended by ${how}` : `ended with exit code ${how}`;
      this.#parts.say(`worker ${index + 1} (pid ${hand.worker.pid}) ${why}: it is started again`);
      await new Promise((resolve) => setTimeout(resolve, waitMs));
      if (this.#ending) return;
      this.#begin(index);
      this.#keep(index);
    });
  }
}

/** Another one is in its place now. */
function leave(hand: Hand): void {
  hand.leaving = true;
  void hand.worker.send({ kind: "leave" } satisfies Order);
}

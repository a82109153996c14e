import { type App, compose } from "../compose.ts";
import type { Crew, Topic } from "../crew.ts";
import type { Channel, Host, Listener } from "../host.ts";
import { followCertificate, readTls } from "./certificate.ts";
import type { Arguments } from "./command.ts";
import type { Order, Place, SettingsFile, Word } from "./crew-messages.ts";
import { close } from "./ending.ts";
import { addressesOf, allOf, type Doors, openDoors } from "./listen.ts";
import { parsedWith } from "./load.ts";
import { reread } from "./reread.ts";

/** How long a worker whose place was taken still answers new connections, telling each to go elsewhere. */
const LEAVING_MS = 1_000;
/** How long requests wait at its end, so that the loop does nothing but accept. */
const HELD_MS = 10;
/** What siblings say is waited for this long where the supervisor does not answer. */
const PATIENCE_MS = 3_000;

/** One of several processes at one port: does what its supervisor says. Resolves to the exit code. */
export async function work(
  host: Host,
  supervisor: Channel,
  { flags }: Pick<Arguments, "flags">,
): Promise<number> {
  const orders = ordersOf(supervisor);
  // What reaches the whole process group is said by the supervisor too, once for all.
  for (const signal of ["SIGTERM", "SIGINT"] as const) host.onSignal(signal, orders.end);
  for (const signal of ["SIGHUP", "SIGUSR2"] as const) host.onSignal(signal, () => {});
  const place = await orders.place;
  if (place === undefined) return 0;
  const read = async (file: SettingsFile) => (await parsedWith(host, { flags, file })).config;
  let config = await read(place.file);
  const crew = new Siblings(supervisor, place);
  orders.handle(crew);
  const app = await compose(config, host, { crew });
  crew.say({ kind: "composed" });
  const end = async (listeners: Parameters<typeof close>[0]["listeners"]) => {
    await close({ app, listeners, config: () => config, second: orders.hurried });
    await crew.say({ kind: "counted", shown: app.shown() });
    if (!crew.supervised) await host.files.removeFolder(place.folder).catch(() => {});
    return 0;
  };
  if (!(await orders.listen)) return end([]);
  const door = new Door(app);
  // What is said of the certificate is said once.
  const say = (text: string) => place.index === 0 && host.write("stderr", `askonce: ${text}\n`);
  const tls = await readTls(host, config);
  const doors = await openDoors(host, door.answering, { config, at: place.at, tls, say, reusePort: true });
  const listener = await openSocket(host, { socket: place.socket, app });
  app.listening(addressesOf(doors).listen);
  const certificate = followCertificate(host, { config: () => config, tls, doors: allOf(doors), say });
  orders.settings = async (file) => {
    config = reread(config, await read(file));
    app.reload(config);
    await certificate.look();
  };
  crew.say({ kind: "ready" });
  if ((await orders.over) === "leave") await door.leave(doors, orders.ended);
  certificate.stop();
  return end([...allOf(doors), { listener }]);
}

/** Where the other workers come in. */
function openSocket(host: Host, { socket, app }: { socket: string; app: App }): Promise<Listener> {
  const handler: App["handler"] = (request, peer) => app.sibling(request, peer);
  return host.serve({ hostname: "localhost", port: 0, unix: socket, handler });
}

/** Where clients come in. On its way out it answers them all, and has each come back by another connection. */
class Door {
  #leaving = false;
  #held: Promise<void> | undefined;

  constructor(readonly app: App) {}

  get answering(): Pick<App, "handler" | "adminHandler" | "repeats"> {
    const { app } = this;
    return {
      adminHandler: app.adminHandler,
      handler: (request, peer) => (this.#leaving ? this.#last(request, peer) : app.handler(request, peer)),
      // They have no room for that word.
      repeats: {
        find: (head) => (this.#leaving ? undefined : app.repeats.find(head)),
        answer: (...asked) => (this.#leaving ? undefined : app.repeats.answer(...asked)),
      },
    };
  }

  /** Has clients go elsewhere, then takes no more of them; resolves once those taken last have asked. */
  async leave(doors: Doors, ended: Promise<void>): Promise<void> {
    this.#leaving = true;
    await Promise.race([after(LEAVING_MS), ended]);
    // What waits to be accepted when a socket closes is reset. While nothing is worked on, next to nothing waits.
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#held = promise;
    await after(HELD_MS);
    for (const { listener } of allOf(doors)) listener.shut?.();
    resolve();
    await Promise.race([after(LEAVING_MS / 2), ended]);
  }

  async #last(...asked: Parameters<App["handler"]>): Promise<Response> {
    await this.#held;
    const answer = await this.app.handler(...asked);
    answer.headers.set("connection", "close");
    return answer;
  }
}

function after(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** What the supervisor says, as what it means here. */
function ordersOf(supervisor: Channel) {
  const place = Promise.withResolvers<Place | undefined>();
  const listen = Promise.withResolvers<boolean>();
  const over = Promise.withResolvers<"leave" | "end">();
  const ended = Promise.withResolvers<void>();
  const hurried = Promise.withResolvers<void>();
  const end = () => {
    // Where these were not said yet, they never will be.
    place.resolve(undefined);
    listen.resolve(false);
    over.resolve("end");
    ended.resolve();
  };
  let ends = 0;
  let reading = Promise.resolve();
  const orders = {
    place: place.promise,
    listen: listen.promise,
    over: over.promise,
    ended: ended.promise,
    hurried: hurried.promise,
    end,
    settings: async (_file: SettingsFile) => {},
    siblings: undefined as Siblings | undefined,
    handle(siblings: Siblings) {
      orders.siblings = siblings;
    },
  };
  supervisor.onClosed(() => {
    if (orders.siblings) orders.siblings.supervised = false;
    end();
  });
  supervisor.onMessage((message) => {
    const order = message as Order;
    if (order.kind === "begin") place.resolve(order.place);
    else if (order.kind === "listen") listen.resolve(true);
    else if (order.kind === "settings") {
      const { file } = order;
      // What the supervisor could read is read, one file after the other; what cannot be read changes nothing.
      reading = reading.then(() => orders.settings(file)).catch(() => {});
    } else if (order.kind === "leave") over.resolve("leave");
    else if (order.kind === "end") {
      if (++ends > 1) hurried.resolve();
      end();
    } else orders.siblings?.take(order);
  });
  return orders;
}

/** The way to the other workers, which leads over the supervisor. */
class Siblings implements Crew {
  readonly index: number;
  readonly size: number;
  readonly loopId: string;
  supervised = true;
  #sockets: readonly (string | undefined)[] = [];
  readonly #handlers = new Map<Topic, (value: never) => unknown>();
  readonly #asking = new Map<number, (values: readonly unknown[]) => void>();
  #asked = 0;

  constructor(
    readonly supervisor: Channel,
    { index, size, loopId }: Place,
  ) {
    this.index = index;
    this.size = size;
    this.loopId = loopId;
  }

  say(word: Word): Promise<void> {
    return this.supervisor.send(word);
  }

  sockets(): readonly (string | undefined)[] {
    return this.#sockets;
  }

  on(topic: Topic, handler: (value: never) => unknown): void {
    this.#handlers.set(topic, handler);
  }

  gather(topic: Topic, value?: unknown): Promise<readonly unknown[]> {
    const id = this.#asked++;
    const { promise, resolve } = Promise.withResolvers<readonly unknown[]>();
    const timer = setTimeout(resolve, PATIENCE_MS, []);
    this.#asking.set(id, resolve);
    void this.say({ kind: "gather", id, topic, value });
    return promise.finally(() => {
      clearTimeout(timer);
      this.#asking.delete(id);
    });
  }

  take(order: Extract<Order, { kind: "members" | "asked" | "gathered" }>): void {
    if (order.kind === "members") this.#sockets = order.sockets;
    else if (order.kind === "gathered") this.#asking.get(order.id)?.(order.values);
    else void this.#answer(order);
  }

  async #answer({ id, topic, value }: Extract<Order, { kind: "asked" }>): Promise<void> {
    const handler = this.#handlers.get(topic) as ((value: unknown) => unknown) | undefined;
    let answer: unknown;
    try {
      answer = await handler?.(value);
    } catch {
      // What it could not do is not waited for by the others.
    }
    await this.say({ kind: "answer", id, value: answer });
  }
}

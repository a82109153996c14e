import { type App, compose } from "../compose.ts";
import type { Config } from "../config.ts";
import type { Crew, Topic } from "../crew.ts";
import type { Channel, Host } from "../host.ts";
import type { Arguments } from "./command.ts";
import type { Order, Place, SettingsFile, Word } from "./crew-messages.ts";
import { close } from "./ending.ts";
import { adminPlaces, listenAll, type Open } from "./listen.ts";
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
  const read = (file: SettingsFile) => parsedWith(host, { flags, file }).config;
  let config = read(place.file);
  const crew = new Siblings(supervisor, place);
  orders.handle(crew);
  const app = await compose(config, host, { crew });
  orders.settings = (file) => {
    config = reread(config, read(file));
    app.reload(config);
  };
  crew.say({ kind: "composed" });
  await orders.listen;
  const door = new Door(app);
  const { open, socket } = await openAll(host, { place, config, app, door });
  const listeners = [...open, socket];
  app.listening(listeners.map(({ address }) => address));
  crew.say({ kind: "ready" });
  if ((await orders.over) === "leave") await door.leave(open, orders.ended);
  await close({ app, listeners, config: () => config, second: orders.hurried });
  await crew.say({ kind: "counted", shown: app.shown() });
  if (!crew.supervised) await host.files.removeFolder(place.folder).catch(() => {});
  return 0;
}

async function openAll(
  host: Host,
  { place, config, app, door }: { place: Place; config: Config; app: App; door: Door },
): Promise<{ readonly open: readonly Open[]; readonly socket: Open }> {
  const { socket, addresses, adminAddresses } = place;
  const unix = { hostname: "localhost", port: 0, unix: socket };
  const listener = await host.serve({ ...unix, handler: (request, peer) => app.sibling(request, peer) });
  const shared = { reusePort: true, listenChosen: true };
  const open = await listenAll(host, { ...shared, ...door.answering, addresses });
  const admin = { ...adminPlaces(config, app), ...shared, addresses: adminAddresses };
  return { open: [...open, ...(await listenAll(host, admin))], socket: { address: unix, listener } };
}

/** Where clients come in. On its way out it answers them all, and has each come back by another connection. */
class Door {
  #leaving = false;
  #held: Promise<void> | undefined;

  constructor(readonly app: App) {}

  get answering(): Pick<App, "handler" | "repeats"> {
    const { app } = this;
    return {
      handler: (request, peer) => (this.#leaving ? this.#last(request, peer) : app.handler(request, peer)),
      // They have no room for that word.
      repeats: {
        find: (head) => (this.#leaving ? undefined : app.repeats.find(head)),
        answer: (...asked) => (this.#leaving ? undefined : app.repeats.answer(...asked)),
      },
    };
  }

  /** Has clients go elsewhere, then takes no more of them; resolves once those taken last have asked. */
  async leave(listeners: readonly Open[], ended: Promise<void>): Promise<void> {
    this.#leaving = true;
    await Promise.race([after(LEAVING_MS), ended]);
    // What waits to be accepted when a socket closes is reset. While nothing is worked on, next to nothing waits.
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#held = promise;
    await after(HELD_MS);
    for (const { listener } of listeners) listener.shut?.();
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
  const place = Promise.withResolvers<Place>();
  const listen = Promise.withResolvers<void>();
  const over = Promise.withResolvers<"leave" | "end">();
  const ended = Promise.withResolvers<void>();
  const hurried = Promise.withResolvers<void>();
  const end = () => {
    over.resolve("end");
    ended.resolve();
  };
  let ends = 0;
  const orders = {
    place: place.promise,
    listen: listen.promise,
    over: over.promise,
    ended: ended.promise,
    hurried: hurried.promise,
    end,
    settings: (_file: SettingsFile) => {},
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
    else if (order.kind === "listen") listen.resolve();
    else if (order.kind === "settings") orders.settings(order.file);
    else if (order.kind === "leave") over.resolve("leave");
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

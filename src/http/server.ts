import type { Clock } from "../clock.ts";
import type { RepeatAnswer, Repeats, ServeOptions } from "../host.ts";
import { Connection } from "./connection.ts";
import { Heads } from "./heads.ts";
import type { Octets } from "./octets.ts";
import { Scratch, type Wire } from "./outlet.ts";

/** Bytes of bodies that are gathered for `Repeats`: of one, and over all connections. */
const MAX_GATHER = 1024 * 1024;
const MAX_GATHERED = 32 * MAX_GATHER;

export interface ServerOptions {
  readonly handler: ServeOptions["handler"];
  readonly repeats?: Repeats | undefined;
  readonly scheme: "http" | "https";
  readonly octets: Octets;
  readonly clock: Clock;
}

/** An HTTP/1.1 server without its sockets: the adapter hands each connection in and carries its bytes. */
export class HttpServer {
  readonly handler: ServeOptions["handler"];
  readonly repeats: Repeats | undefined;
  readonly octets: Octets;
  readonly clock: Clock;
  readonly heads: Heads;
  readonly scratch: Scratch;
  readonly #connections = new Set<Connection>();
  #draining: PromiseWithResolvers<void> | undefined;
  #gathered = 0;
  #second = 0;
  #date = "";

  constructor(options: ServerOptions) {
    this.handler = options.handler;
    this.repeats = options.repeats;
    this.octets = options.octets;
    this.clock = options.clock;
    this.heads = new Heads(options.scheme);
    this.scratch = new Scratch(options.octets);
  }

  get draining(): boolean {
    return this.#draining !== undefined;
  }

  accept(wire: Wire): Connection {
    const connection = new Connection(this, wire);
    this.#connections.add(connection);
    if (this.draining) connection.retire();
    return connection;
  }

  /** The connection is closed. */
  forget(connection: Connection): void {
    this.#connections.delete(connection);
    if (this.#connections.size === 0) this.#draining?.resolve();
  }

  /** Ends idle connections now, busy ones behind their answer; resolves once none is open. */
  drain(): Promise<void> {
    this.#draining ??= Promise.withResolvers<void>();
    for (const connection of [...this.#connections]) connection.retire();
    if (this.#connections.size === 0) this.#draining.resolve();
    return this.#draining.promise;
  }

  /** Cuts what is open. */
  cut(): void {
    for (const connection of [...this.#connections]) connection.cut();
  }

  /** To be called every few seconds: ends what a client began too long ago. */
  sweep(): void {
    const now = this.clock.monotonic();
    for (const connection of [...this.#connections]) connection.sweep(now);
  }

  /** What `Repeats` answers. A fault in it is no answer: the handler meets it too, and reports it. */
  repeated(known: object, body: Uint8Array, address: string): RepeatAnswer | undefined {
    try {
      return this.repeats?.answer(known, body, address);
    } catch {
      return undefined;
    }
  }

  /** Whether a body of that size may be gathered; `letGo` gives its room back. */
  mayGather(size: number): boolean {
    if (size > MAX_GATHER || this.#gathered + size > MAX_GATHERED) return false;
    this.#gathered += size;
    return true;
  }

  letGo(size: number): void {
    this.#gathered -= size;
  }

  /** The `Date` line (RFC 9110 §6.6.1), made once a second. */
  readonly date = (): string => {
    const now = this.clock.now();
    const second = Math.floor(now / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#date = `Date: ${new Date(now).toUTCString()}\r\n`;
    }
    return this.#date;
  };
}

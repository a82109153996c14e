import { Outlet, type Scratch, type Wire } from "./outlet.ts";

/** What a client may still send, and how long, once nothing of it is used any more. */
export const MAX_UNREAD = 256 * 1024;
export const UNREAD_MS = 1_000;

/** One client's socket on its way from open to closed. */
export class Line {
  readonly outlet: Outlet;
  readonly #wire: Wire;
  #state: "open" | "linger" | "closed" = "open";
  #paused = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #unread = 0;

  constructor(wire: Wire, scratch: Scratch) {
    this.#wire = wire;
    this.outlet = new Outlet(wire, scratch);
  }

  get open(): boolean {
    return this.#state === "open";
  }

  get closed(): boolean {
    return this.#state === "closed";
  }

  get address(): string {
    return this.#wire.address;
  }

  /** Makes the client wait. */
  pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#wire.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#wire.resume();
  }

  /** Calls back in `UNREAD_MS` unless `settle` comes first. */
  soon(then: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(then, UNREAD_MS);
  }

  settle(): void {
    if (this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /**
   * Ends it for writing only, and reads on for a while: a socket that is closed with bytes unread resets, and the
   * client would lose its answer (RFC 9112 §9.6).
   */
  linger(): void {
    if (!this.open) return;
    this.#state = "linger";
    this.resume();
    this.#wire.shutdown();
    this.soon(() => this.hangUp());
  }

  /** Bytes that came while it lingers. */
  swallow(bytes: Uint8Array): void {
    this.#unread += bytes.byteLength;
    if (this.#unread > MAX_UNREAD) this.hangUp();
  }

  /** Closes behind what was written. */
  hangUp(): void {
    if (this.#close()) this.#wire.end();
  }

  /** Breaks it. */
  cut(): void {
    this.#close();
    this.#wire.terminate();
  }

  /** The socket is closed already. */
  gone(): void {
    this.#close();
  }

  #close(): boolean {
    this.settle();
    if (this.closed) return false;
    this.#state = "closed";
    this.outlet.close();
    return true;
  }
}

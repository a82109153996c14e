import type { Reader } from "../cache/recording.ts";
import type { Source } from "../host.ts";

/** How the body that a client got came to its end. */
export interface Delivery {
  readonly bytes: number;
  /** Monotonic ms of the first byte handed over; undefined where there was none. */
  readonly firstAt: number | undefined;
  /** Monotonic ms of its end. */
  readonly endedAt: number;
  readonly end: "whole" | "left" | "broken";
}

/** A body handed over in one piece at `now`. */
export function atOnce(bytes: number, now: number): Delivery {
  return { bytes, firstAt: bytes === 0 ? undefined : now, endedAt: now, end: "whole" };
}

export interface CountOptions {
  readonly now: () => number;
  /** Called once, when the body has ended one way or another. */
  readonly ended: (delivery: Delivery) => void;
}

/** Chunks under this are not worth counting. */
const LARGE_CHUNK = 64 * 1024;
/** Bytes handed to sockets in one turn of the loop, over all clients: about 5 ms of reading and writing. */
const TURN_BYTES = 4 * 1024 * 1024;
let turnBytes = 0;
let nextTurn: Promise<void> | undefined;

/**
 * Waits for a turn of the loop that has room for `bytes`. Without it, bodies at hand and sockets that take them
 * would go on in microtasks, and no other request would be heard until they are through.
 */
async function turnFor(bytes: number): Promise<void> {
  while (turnBytes >= TURN_BYTES) await nextTurn;
  tookTurn(bytes);
}

function tookTurn(bytes: number): void {
  turnBytes += bytes;
  nextTurn ??= new Promise((resolve) => {
    setTimeout(() => {
      turnBytes = 0;
      nextTurn = undefined;
      resolve();
    }, 0);
  });
}

/** A body that reads as the client takes it, and tells how it ended. */
export function counted(reader: Reader, options: CountOptions): Source {
  return reader.poll === undefined ? new Counted(reader, options) : new Polled(reader, options);
}

class Counted implements Source {
  protected readonly reader: Reader;
  readonly #options: CountOptions;
  #bytes = 0;
  #firstAt: number | undefined;
  #over = false;

  constructor(reader: Reader, options: CountOptions) {
    this.reader = reader;
    this.#options = options;
  }

  protected get over(): boolean {
    return this.#over;
  }

  async read(): Promise<Uint8Array | undefined> {
    try {
      const chunk = await this.reader.read();
      if (chunk !== undefined && chunk.byteLength >= LARGE_CHUNK) await turnFor(chunk.byteLength);
      return this.count(chunk);
    } catch (error) {
      this.finish("broken");
      throw error;
    }
  }

  leave(): void {
    this.finish("left");
    this.reader.leave();
  }

  protected count(chunk: Uint8Array | undefined): Uint8Array | undefined {
    // The client left while the read was pending.
    if (this.#over) return undefined;
    if (chunk === undefined) {
      this.finish("whole");
      return undefined;
    }
    this.#firstAt ??= this.#options.now();
    this.#bytes += chunk.byteLength;
    return chunk;
  }

  protected finish(end: Delivery["end"]): void {
    if (this.#over) return;
    this.#over = true;
    this.#options.ended({ bytes: this.#bytes, firstAt: this.#firstAt, endedAt: this.#options.now(), end });
  }
}

/** One whose reader can be polled. */
class Polled extends Counted {
  poll(ready: () => void): Uint8Array | undefined | null {
    if (this.over) return undefined;
    if (turnBytes >= TURN_BYTES) {
      void nextTurn?.then(ready);
      return null;
    }
    try {
      const chunk = this.reader.poll?.(ready);
      if (chunk === null) return null;
      if (chunk !== undefined && chunk.byteLength >= LARGE_CHUNK) tookTurn(chunk.byteLength);
      return this.count(chunk);
    } catch (error) {
      this.finish("broken");
      throw error;
    }
  }
}

import type { Wire } from "./outlet.ts";

/** A socket of Bun's as a `Wire`. */
export class SocketWire implements Wire {
  readonly #socket: Bun.Socket<unknown>;
  #address: string | undefined;

  constructor(socket: Bun.Socket<unknown>) {
    this.#socket = socket;
  }

  get address(): string {
    this.#address ??= this.#socket.remoteAddress || "-";
    return this.#address;
  }

  write(bytes: Uint8Array, from: number, to: number): number {
    return this.#socket.write(bytes, from, to - from);
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  shutdown(): void {
    this.#socket.shutdown();
  }

  end(): void {
    this.#socket.end();
  }

  terminate(): void {
    this.#socket.terminate();
  }
}

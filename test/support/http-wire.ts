/** An HTTP server without sockets: what its connection reads and writes is in the test's hands. */
import type { Repeats, ServeOptions } from "../../src/host.ts";
import type { Connection } from "../../src/http/connection.ts";
import { octets } from "../../src/http/octets.node.ts";
import type { Wire } from "../../src/http/outlet.ts";
import { HttpServer } from "../../src/http/server.ts";

/** A client's side: takes at most `room` bytes until it is given more. */
export class TestWire implements Wire {
  readonly address = "192.0.2.1";
  readonly written: Uint8Array[] = [];
  room = Number.POSITIVE_INFINITY;
  paused = false;
  ending: "" | "shutdown" | "end" | "terminate" = "";
  /** Called when this side closes: Bun says so from within `end` where the other side has ended before. */
  onClosed: () => void = () => {};

  write(bytes: Uint8Array, from: number, to: number): number {
    const size = Math.min(this.room, to - from);
    if (size > 0) this.written.push(new Uint8Array(bytes.subarray(from, from + size)));
    this.room -= size;
    return size;
  }
  pause(): void {
    this.paused = true;
  }
  resume(): void {
    this.paused = false;
  }
  shutdown(): void {
    this.ending = "shutdown";
  }
  end(): void {
    this.ending = "end";
    this.onClosed();
  }
  terminate(): void {
    this.ending = "terminate";
    this.onClosed();
  }

  get text(): string {
    return Buffer.concat(this.written).toString("latin1");
  }
  /** Status codes of the answers so far. */
  get statuses(): number[] {
    return [...this.text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
  }
}

export interface TestServer {
  readonly server: HttpServer;
  /** Moves the monotonic clock on. */
  pass(ms: number): void;
  connect(): {
    readonly wire: TestWire;
    readonly connection: Connection;
    send(text: string | Uint8Array): void;
  };
}

export function testServer(handler: ServeOptions["handler"], repeats?: Repeats): TestServer {
  let passed = 0;
  const clock = { now: () => 1_700_000_000_000 + passed, monotonic: () => passed };
  const server = new HttpServer({ handler, repeats, scheme: "http", octets, clock });
  return {
    server,
    pass(ms) {
      passed += ms;
    },
    connect() {
      const wire = new TestWire();
      const connection = server.accept(wire);
      return { wire, connection, send: (data) => connection.data(latin1(data)) };
    },
  };
}

export function latin1(data: string | Uint8Array): Uint8Array {
  return typeof data === "string" ? new Uint8Array(Buffer.from(data, "latin1")) : data;
}

/** Lets everything that is settled go on. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 5));
}

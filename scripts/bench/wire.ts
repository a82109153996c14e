/** A client over plain sockets: one request at a time on a kept connection, its times taken, its answer checked. */
import type { Socket } from "bun";

export interface Answer {
  readonly status: number;
  /** As `X-Cache-Status` has it; empty where there is none. */
  readonly cache: string;
  readonly head: string;
  /** Bytes of the body, without its framing. */
  readonly bytes: number;
  /** The body, where it was asked for. */
  readonly body: Buffer | undefined;
  /** From the call of `ask` on. */
  readonly firstByteMs: number;
  readonly endMs: number;
}

interface Pending {
  readonly began: number;
  readonly keep: boolean;
  firstByteMs: number;
  head: string | undefined;
  /** What came of a head, or of a chunk's size line, that has no end yet. */
  left: Buffer | undefined;
  /** Bytes of the body (or of the chunk and its line end) still to come; -1: the next is a chunk's size line. */
  toCome: number;
  chunked: boolean;
  bytes: number;
  body: Buffer[];
  resolve(answer: Answer): void;
  reject(error: Error): void;
}

export class Connection {
  #socket!: Socket;
  #pending: Pending | undefined;
  #unsent: Uint8Array | undefined;
  #closed = false;

  static async open(port: number): Promise<Connection> {
    const connection = new Connection();
    connection.#socket = await Bun.connect({
      hostname: "127.0.0.1",
      port,
      socket: {
        open: (socket) => void socket.setNoDelay(true),
        data: (_, bytes) => connection.#take(bytes),
        drain: () => connection.#send(),
        close: () => connection.#end(),
        error: () => connection.#end(),
      },
    });
    return connection;
  }

  /** Rejects where the connection ends before the answer does. */
  ask(request: Uint8Array, keep = false): Promise<Answer> {
    if (this.#closed) return Promise.reject(new Error("the connection is closed"));
    return new Promise((resolve, reject) => {
      this.#pending = {
        began: performance.now(),
        keep,
        firstByteMs: 0,
        head: undefined,
        left: undefined,
        toCome: 0,
        chunked: false,
        bytes: 0,
        body: [],
        resolve,
        reject,
      };
      this.#unsent = request;
      this.#send();
    });
  }

  close(): void {
    this.#socket.end();
  }

  #send(): void {
    if (!this.#unsent) return;
    const written = Math.max(0, this.#socket.write(this.#unsent));
    this.#unsent = written < this.#unsent.length ? this.#unsent.subarray(written) : undefined;
  }

  #end(): void {
    this.#closed = true;
    const pending = this.#pending;
    this.#pending = undefined;
    pending?.reject(new Error("the connection ended before the answer did"));
  }

  #take(came: Buffer): void {
    const pending = this.#pending;
    if (!pending) return;
    if (pending.firstByteMs === 0) pending.firstByteMs = performance.now() - pending.began;
    let bytes = pending.left ? Buffer.concat([pending.left, came]) : came;
    pending.left = undefined;
    if (pending.head === undefined) {
      const end = bytes.indexOf("\r\n\r\n");
      if (end < 0) {
        pending.left = Buffer.from(bytes);
        return;
      }
      this.#readHead(pending, bytes.toString("latin1", 0, end));
      bytes = bytes.subarray(end + 4);
    }
    if (pending.chunked ? takeChunks(pending, bytes) : takeLength(pending, bytes)) this.#done(pending);
  }

  #readHead(pending: Pending, head: string): void {
    pending.head = head;
    pending.chunked = /\r\ntransfer-encoding: *chunked/i.test(head);
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
    if (!pending.chunked && length === undefined) throw new Error(`an answer without an end:\n${head}`);
    pending.toCome = pending.chunked ? -1 : Number(length);
  }

  #done(pending: Pending): void {
    this.#pending = undefined;
    const head = pending.head ?? "";
    pending.resolve({
      status: Number(head.slice(9, 12)),
      cache: /\r\nx-cache-status: *(\w+)/i.exec(head)?.[1] ?? "",
      head,
      bytes: pending.bytes,
      body: pending.keep ? Buffer.concat(pending.body) : undefined,
      firstByteMs: pending.firstByteMs,
      endMs: performance.now() - pending.began,
    });
  }
}

function keep(pending: Pending, part: Buffer): void {
  pending.bytes += part.length;
  if (pending.keep && part.length > 0) pending.body.push(Buffer.from(part));
}

/** Whether the body's end has come. */
function takeLength(pending: Pending, bytes: Buffer): boolean {
  keep(pending, bytes);
  pending.toCome -= bytes.length;
  return pending.toCome <= 0;
}

function takeChunks(pending: Pending, came: Buffer): boolean {
  let bytes = came;
  while (bytes.length > 0) {
    if (pending.toCome < 0) {
      const end = bytes.indexOf("\r\n");
      if (end < 0) {
        pending.left = Buffer.from(bytes);
        return false;
      }
      const size = Number.parseInt(bytes.toString("latin1", 0, end), 16);
      if (size === 0) {
        if (bytes.length >= end + 4) return true;
        pending.left = Buffer.from(bytes);
        return false;
      }
      pending.toCome = size + 2;
      bytes = bytes.subarray(end + 2);
    }
    const part = bytes.subarray(0, pending.toCome);
    const data = Math.max(0, Math.min(part.length, pending.toCome - 2));
    keep(pending, part.subarray(0, data));
    pending.toCome -= part.length;
    if (pending.toCome === 0) pending.toCome = -1;
    bytes = bytes.subarray(part.length);
  }
  return false;
}

export function openAll(port: number, connections: number): Promise<readonly Connection[]> {
  return Promise.all(Array.from({ length: connections }, () => Connection.open(port)));
}

/** Asks each of these requests once over so many connections; throws at the first answer that is no 200. */
export async function askAll(
  port: number,
  options: {
    readonly from: number;
    readonly to: number;
    readonly connections: number;
    readonly request: (n: number) => Uint8Array;
    readonly each?: (answer: Answer, n: number) => void;
  },
): Promise<void> {
  let next = options.from;
  const connections = await openAll(port, options.connections);
  const drive = async (connection: Connection) => {
    while (next < options.to) {
      const n = next++;
      const answer = await connection.ask(options.request(n));
      if (answer.status !== 200) throw new Error(`request ${n}: ${answer.head}`);
      options.each?.(answer, n);
    }
  };
  await Promise.all(connections.map(drive));
  for (const connection of connections) connection.close();
}

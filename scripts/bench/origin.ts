/** A provider that costs as little as a server on Bun can: HTTP/1.1 over plain sockets, answers made beforehand. */
import type { Socket } from "bun";

/** What it sends: bytes at once, or chunks written by whoever `starts` them. */
export type Reply = Uint8Array | { readonly afterMs: number; readonly bytes: Uint8Array } | StreamReply;

export interface StreamReply {
  starts(out: Out): void;
}

/** One answer under way. */
export interface Out {
  write(bytes: Uint8Array): void;
  /** Whether the other side has gone. */
  readonly gone: boolean;
}

export interface Asked {
  readonly path: string;
  /** Only where the origin was told to collect bodies. */
  readonly body: Buffer | undefined;
}

export interface Origin {
  readonly port: number;
  /** Requests that came so far. */
  calls: number;
  reply: (asked: Asked) => Reply;
  /** Whether `reply` looks at bodies; large ones are cheaper left unread. */
  collects: boolean;
  stop(): void;
}

interface State {
  /** What came of a head that has no end yet. */
  head: Buffer | undefined;
  path: string;
  /** Bytes of the body still to come; -1 between requests. */
  toCome: number;
  body: Buffer[];
  /** What the socket did not take yet. */
  waiting: Uint8Array[];
  gone: boolean;
}

/** The bytes of a whole answer: 200, with its length. */
export function document(body: string | Uint8Array, type = "application/json"): Uint8Array {
  const bytes = Buffer.from(body as string);
  const head = `HTTP/1.1 200 OK\r\ncontent-type: ${type}\r\ncontent-length: ${bytes.length}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), bytes]);
}

export const STREAM_HEAD = Buffer.from(
  "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n",
);
export const LAST_CHUNK = Buffer.from("0\r\n\r\n");

/** One chunk of a chunked body. */
export function chunk(data: string): Buffer {
  return Buffer.from(`${Buffer.byteLength(data).toString(16)}\r\n${data}\r\n`);
}

export function startOrigin(reply: Origin["reply"]): Origin {
  const origin: Omit<Origin, "port" | "stop"> = { calls: 0, reply, collects: false };
  const listener = Bun.listen<State>({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open(socket) {
        socket.data = { head: undefined, path: "", toCome: -1, body: [], waiting: [], gone: false };
        socket.setNoDelay(true);
      },
      data: (socket, bytes) => take(origin, socket, bytes),
      drain: flush,
      close(socket) {
        socket.data.gone = true;
        socket.data.waiting = [];
      },
      error(socket) {
        socket.data.gone = true;
      },
    },
  });
  return Object.assign(origin, { port: listener.port, stop: () => listener.stop(true) });
}

function take(origin: Omit<Origin, "port" | "stop">, socket: Socket<State>, came: Buffer): void {
  const state = socket.data;
  let bytes = came;
  while (bytes.length > 0) {
    if (state.toCome < 0) {
      const whole = state.head ? Buffer.concat([state.head, bytes]) : bytes;
      const end = whole.indexOf("\r\n\r\n");
      if (end < 0) {
        state.head = Buffer.from(whole);
        return;
      }
      state.head = undefined;
      const head = whole.toString("latin1", 0, end);
      state.path = head.slice(head.indexOf(" ") + 1, head.indexOf(" ", 6));
      const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
      if (length === undefined) throw new Error(`the origin reads lengths only, and this has none:\n${head}`);
      state.toCome = Number(length);
      bytes = whole.subarray(end + 4);
    }
    const part = bytes.subarray(0, state.toCome);
    state.toCome -= part.length;
    if (origin.collects && part.length > 0) state.body.push(Buffer.from(part));
    bytes = bytes.subarray(part.length);
    if (state.toCome > 0) return;
    state.toCome = -1;
    answer(origin, socket);
  }
}

function answer(origin: Omit<Origin, "port" | "stop">, socket: Socket<State>): void {
  const state = socket.data;
  origin.calls++;
  const body = origin.collects ? Buffer.concat(state.body) : undefined;
  state.body = [];
  const reply = origin.reply({ path: state.path, body });
  if (reply instanceof Uint8Array) send(socket, reply);
  else if ("afterMs" in reply) setTimeout(() => send(socket, reply.bytes), reply.afterMs);
  else
    reply.starts({
      write: (bytes) => send(socket, bytes),
      get gone() {
        return state.gone;
      },
    });
}

function send(socket: Socket<State>, bytes: Uint8Array): void {
  const { waiting, gone } = socket.data;
  if (gone) return;
  if (waiting.length > 0) {
    waiting.push(bytes);
    return;
  }
  const written = socket.write(bytes);
  if (written < bytes.length) waiting.push(bytes.subarray(Math.max(0, written)));
}

function flush(socket: Socket<State>): void {
  const { waiting } = socket.data;
  while (waiting.length > 0) {
    const next = waiting[0] as Uint8Array;
    const written = socket.write(next);
    if (written < next.length) {
      waiting[0] = next.subarray(Math.max(0, written));
      return;
    }
    waiting.shift();
  }
}

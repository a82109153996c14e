/** A scripted provider on loopback: every byte it gets is recorded, every byte it sends is the test's. */
import { createHash } from "node:crypto";
import { createServer, type Server, type Socket } from "node:net";
import { bytesOf, concat, type Head, type HeaderPairs, headerOf, WireReader } from "./wire.ts";

/** Called when a request's head has arrived; its body may still be on its way. */
export type Handler = (call: Call) => void | Promise<void>;

export interface Reply {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>> | HeaderPairs;
  readonly body?: string | Uint8Array;
  /** `close`: neither length nor chunks, the end of the connection ends the body. */
  readonly framing?: "length" | "chunked" | "close";
  /** What Content-Length says, where that is not the truth. */
  readonly declaredLength?: number;
}

/** Bytes of one request body that are kept; what comes after is counted and hashed only. */
const KEEP_BYTES = 80 * 1024 * 1024;

export class Call {
  readonly method: string;
  /** As sent: path and query. */
  readonly target: string;
  readonly path: string;
  readonly query: string;
  readonly headers: HeaderPairs;
  readonly rawHead: string;
  bodyBytes = 0;
  /** Whether the body's end has arrived. */
  whole = false;
  /** The client's end of its connection. */
  readonly port: number;
  /** Resolves when the connection is gone, whoever closed it. */
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  readonly #hash = createHash("sha256");
  readonly #parts: Uint8Array[] = [];
  readonly #body = Promise.withResolvers<Uint8Array>();
  readonly #first = Promise.withResolvers<void>();
  #framing: Reply["framing"] = "length";

  constructor(
    head: Head,
    socket: Socket,
    /** Counts connections from 0: equal numbers share one. */
    readonly connection: number,
  ) {
    const [method = "", target = ""] = head.line.split(" ");
    this.method = method;
    this.target = target;
    const mark = target.indexOf("?");
    this.path = mark < 0 ? target : target.slice(0, mark);
    this.query = mark < 0 ? "" : target.slice(mark);
    this.headers = head.headers;
    this.rawHead = head.raw;
    this.#socket = socket;
    this.port = socket.remotePort ?? 0;
    this.#body.promise.catch(() => {});
    this.closed = new Promise((resolve) => {
      if (socket.destroyed) resolve();
      socket.once("close", () => resolve());
    });
    this.closed.then(() => this.#body.reject(new Error(`${this.method} ${this.target}: body broken off`)));
  }

  header(name: string): string | undefined {
    return headerOf(this.headers, name);
  }

  /** Resolves with the first bytes of the body. */
  get begun(): Promise<void> {
    return this.#first.promise;
  }

  /** The whole body; rejects where the connection ended before it. Over 80 MiB only its first part. */
  get body(): Promise<Uint8Array> {
    return this.#body.promise;
  }

  async text(): Promise<string> {
    return new TextDecoder().decode(await this.body);
  }

  // biome-ignore lint/suspicious/noExplicitAny: a test reads whatever it sent itself
  async json(): Promise<any> {
    return JSON.parse(await this.text());
  }

  /** SHA-256 of the whole body, in hex; call it once, after `body`. */
  sha256(): string {
    return this.#hash.digest("hex");
  }

  /** @internal */
  take(bytes: Uint8Array): void {
    if (this.bodyBytes < KEEP_BYTES) this.#parts.push(bytes.slice());
    this.bodyBytes += bytes.byteLength;
    this.#hash.update(bytes);
    this.#first.resolve();
  }

  /** @internal */
  taken(): void {
    this.whole = true;
    this.#body.resolve(concat(this.#parts));
    this.#parts.length = 0;
  }

  /** Raw bytes onto the connection; resolves once they are out of this process, or the connection is gone. */
  async send(data: string | Uint8Array): Promise<void> {
    if (this.#socket.destroyed) return;
    if (this.#socket.write(bytesOf(data))) return;
    await Promise.race([
      new Promise<void>((resolve) => this.#socket.once("drain", () => resolve())),
      this.closed,
    ]);
  }

  /** A status line and headers; without `Content-Length` and with `framing: "length"` none is added. */
  async head(reply: Reply = {}): Promise<void> {
    this.#framing = reply.framing ?? "chunked";
    const given = reply.headers ?? {};
    const pairs = Array.isArray(given) ? (given as HeaderPairs) : Object.entries(given);
    const lines = [
      `HTTP/1.1 ${reply.status ?? 200} Scripted`,
      ...pairs.map(([name, value]) => `${name}: ${value}`),
    ];
    if (reply.declaredLength !== undefined) lines.push(`Content-Length: ${reply.declaredLength}`);
    if (this.#framing === "chunked") lines.push("Transfer-Encoding: chunked");
    if (this.#framing === "close") lines.push("Connection: close");
    await this.send(`${lines.join("\r\n")}\r\n\r\n`);
  }

  /** A piece of the body, in the framing that `head` announced. */
  async chunk(data: string | Uint8Array): Promise<void> {
    const bytes = bytesOf(data);
    if (bytes.byteLength === 0) return;
    if (this.#framing !== "chunked") return this.send(bytes);
    await this.send(concat([bytesOf(`${bytes.byteLength.toString(16)}\r\n`), bytes, bytesOf("\r\n")]));
  }

  /** The body's clean end. */
  async end(): Promise<void> {
    if (this.#framing === "chunked") await this.send("0\r\n\r\n");
    if (this.#framing === "close") this.#socket.end();
  }

  /** A whole answer, by default with its length. */
  async reply(reply: Reply = {}): Promise<void> {
    const body = bytesOf(reply.body ?? "");
    const framing = reply.framing ?? "length";
    const length = framing === "length" ? (reply.declaredLength ?? body.byteLength) : reply.declaredLength;
    const bodiless = this.method === "HEAD" || reply.status === 204 || reply.status === 304;
    await this.head({
      ...reply,
      framing,
      ...(length === undefined || reply.status === 204 ? {} : { declaredLength: length }),
    });
    if (!bodiless && body.byteLength > 0) await this.chunk(body);
    if (!bodiless || framing === "close") await this.end();
  }

  /** Closes the connection as if the answer were over: FIN, whatever was promised. */
  cut(): void {
    this.#socket.end();
  }

  /** Breaks the connection: RST. */
  reset(): void {
    this.#socket.resetAndDestroy();
  }
}

export class Provider {
  readonly calls: Call[] = [];
  /** What handlers threw; `close` throws the first. */
  readonly faults: unknown[] = [];
  connections = 0;
  /** Whether `Expect: 100-continue` is answered at once. */
  continues = true;
  port = 0;
  handler: Handler;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #taken = 0;
  #waiting: ((call: Call) => void)[] = [];

  constructor(handler: Handler) {
    this.handler = handler;
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#serve(socket));
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Calls whose head has arrived. */
  get count(): number {
    return this.calls.length;
  }

  /** The next call that `next` has not handed out yet, waited for. */
  next(): Promise<Call> {
    const call = this.calls[this.#taken];
    this.#taken += 1;
    if (call) return Promise.resolve(call);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Forgets the calls so far. */
  forget(): void {
    this.calls.length = 0;
    this.#taken = 0;
  }

  listen(port = 0): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(port, "127.0.0.1", 4096, () => {
        this.port = (this.#server.address() as { port: number }).port;
        resolve();
      });
    });
  }

  /** Stops listening and breaks every connection. */
  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
    if (this.faults.length > 0) throw this.faults[0];
  }

  #serve(socket: Socket): void {
    const connection = this.connections++;
    // Each call on a connection listens for its end.
    socket.setMaxListeners(0);
    this.#sockets.add(socket);
    let call: Call | undefined;
    const reader = new WireReader("request", {
      head: (head) => {
        call = new Call(head, socket, connection);
        this.#begin(call);
        return false;
      },
      body: (bytes) => call?.take(bytes),
      end: () => call?.taken(),
      broken: (why) => this.faults.push(new Error(`a request to the provider is no HTTP: ${why}`)),
    });
    socket.on("data", (bytes: Uint8Array) => reader.push(bytes));
    socket.on("end", () => socket.end());
    socket.on("error", () => {});
    socket.on("close", () => this.#sockets.delete(socket));
  }

  #begin(call: Call): void {
    this.calls.push(call);
    const waiting = this.#waiting.shift();
    if (waiting) waiting(call);
    if (this.continues && /100-continue/i.test(call.header("expect") ?? ""))
      call.send("HTTP/1.1 100 Continue\r\n\r\n");
    Promise.resolve()
      .then(() => this.handler(call))
      .catch((fault) => {
        if (!/body broken off/.test(String(fault))) this.faults.push(fault);
      });
  }
}

/** A provider on a free port of 127.0.0.1. */
export async function startProvider(handler: Handler): Promise<Provider> {
  const provider = new Provider(handler);
  await provider.listen();
  return provider;
}

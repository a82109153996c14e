/** A client that speaks HTTP/1.1 over a bare socket and returns the exact bytes, with times. */
import { connect, type Socket } from "node:net";
import { bytesOf, concat, type HeaderPairs, headerOf, WireReader } from "./wire.ts";

/** `complete`: ended as its framing says. `cut`: the connection ended before. `closed`: ended before any head. */
export type Ending = "complete" | "cut" | "reset" | "closed" | "timeout";

export interface RawRequest {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>> | HeaderPairs;
  readonly body?: string | Uint8Array;
  /** Milliseconds until the answer counts as `timeout`. */
  readonly timeoutMs?: number;
}

export class RawAnswer {
  status = 0;
  headers: HeaderPairs = [];
  rawHead = "";
  /** Statuses of 1xx answers that came before. */
  readonly interim: number[] = [];
  /** Milliseconds from the request to the head, the first body byte and the end. */
  headMs = Number.NaN;
  firstByteMs = Number.NaN;
  totalMs = Number.NaN;
  ending: Ending = "closed";
  readonly parts: Uint8Array[] = [];

  header(name: string): string | undefined {
    return headerOf(this.headers, name);
  }

  all(name: string): string[] {
    return this.headers.filter(([key]) => key.toLowerCase() === name.toLowerCase()).map(([, value]) => value);
  }

  /** The body, out of its chunks; content codings as they are. */
  get body(): Uint8Array {
    return concat(this.parts);
  }

  get text(): string {
    return new TextDecoder().decode(this.body);
  }

  // biome-ignore lint/suspicious/noExplicitAny: a test reads what it expects and fails where it is not there
  get json(): any {
    return JSON.parse(this.text);
  }

  get cache(): string | undefined {
    return this.header("x-cache-status");
  }
}

export class RawConnection {
  readonly #socket: Socket;
  readonly #reader: WireReader;
  readonly #done: RawAnswer[] = [];
  readonly #begun = performance.now();
  #sentAt = performance.now();
  #current = new RawAnswer();
  #changed = Promise.withResolvers<void>();
  #over: Ending | undefined;
  /** Bytes received in all. */
  received = 0;
  /** The method of the request under way: HEAD answers have no body. */
  method = "POST";

  constructor(socket: Socket) {
    this.#socket = socket;
    this.#reader = this.#makeReader();
    socket.on("data", (bytes: Uint8Array) => {
      this.received += bytes.byteLength;
      this.#reader.push(bytes);
      this.#wake();
    });
    socket.on("end", () => this.#finish("cut"));
    socket.on("error", (error: Error & { code?: string }) =>
      this.#finish(error.code === "ECONNRESET" ? "reset" : "cut"),
    );
    socket.on("close", () => this.#finish("cut"));
  }

  static open(port: number, host = "127.0.0.1"): Promise<RawConnection> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host, allowHalfOpen: true, noDelay: true });
      socket.once("error", reject);
      socket.once("connect", () => {
        socket.off("error", reject);
        resolve(new RawConnection(socket));
      });
    });
  }

  /** Writes bytes as they are; resolves once they left this process, or the connection is gone. */
  async write(data: string | Uint8Array): Promise<void> {
    this.#sentAt = performance.now();
    if (this.#socket.destroyed || this.#socket.write(bytesOf(data))) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        this.#socket.off("drain", done);
        this.#socket.off("close", done);
        resolve();
      };
      this.#socket.once("drain", done);
      this.#socket.once("close", done);
    });
  }

  /** Half-closes: no more bytes from here. */
  end(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Stops reading, so that the other side's buffers fill up. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** The answer under way, as far as it has come. */
  get soFar(): RawAnswer {
    return this.#current;
  }

  /** Resolves when the answer under way satisfies `test`; rejects when the connection ends before. */
  async until(test: (answer: RawAnswer) => boolean): Promise<RawAnswer> {
    while (!test(this.#current)) {
      if (this.#over)
        throw new Error(`connection over (${this.#over}) with ${JSON.stringify(this.#current.text)}`);
      await this.#changed.promise;
    }
    return this.#current;
  }

  /** The next whole answer, or what there was of it when the connection or the time ended. */
  async answer(timeoutMs = 30_000): Promise<RawAnswer> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const answer = this.#done.shift();
      if (answer) return answer;
      const left = deadline - performance.now();
      if (this.#over || left <= 0) {
        this.#current.ending = this.#over
          ? this.#current.status === 0 && this.#over === "cut"
            ? "closed"
            : this.#over
          : "timeout";
        this.#current.totalMs = performance.now() - this.#sentAt;
        return this.#current;
      }
      let timer: ReturnType<typeof setTimeout> | undefined;
      await Promise.race([
        this.#changed.promise,
        new Promise<void>((resolve) => {
          timer = setTimeout(resolve, left);
        }),
      ]);
      clearTimeout(timer);
    }
  }

  /** Milliseconds since the connection was made. */
  get ageMs(): number {
    return performance.now() - this.#begun;
  }

  #makeReader(): WireReader {
    return new WireReader("response", {
      head: (head) => {
        const status = Number(head.line.split(" ")[1]);
        if (status >= 100 && status < 200 && status !== 101) {
          this.#current.interim.push(status);
          return true;
        }
        Object.assign(this.#current, {
          status,
          headers: head.headers,
          rawHead: head.raw,
          headMs: this.#sinceSent(),
        });
        return this.method === "HEAD" || status === 204 || status === 304 || status === 101;
      },
      body: (bytes) => {
        if (this.#current.parts.length === 0) this.#current.firstByteMs = this.#sinceSent();
        this.#current.parts.push(bytes.slice());
      },
      end: () => {
        this.#current.ending = "complete";
        this.#current.totalMs = this.#sinceSent();
        this.#done.push(this.#current);
        this.#current = new RawAnswer();
      },
      broken: () => this.#socket.destroy(),
    });
  }

  #sinceSent(): number {
    return performance.now() - this.#sentAt;
  }

  #finish(ending: Ending): void {
    if (this.#over) return;
    if (ending === "cut") this.#reader.eof();
    this.#over = ending;
    if (!this.#socket.destroyed) this.#socket.end();
    this.#wake();
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }
}

/** A request's bytes: `Host`, `Content-Type: application/json` and `Content-Length` are added where they are missing. */
export function requestBytes(port: number, request: RawRequest): Uint8Array {
  const given = request.headers ?? {};
  const headers: (readonly [string, string])[] = Array.isArray(given)
    ? [...(given as HeaderPairs)]
    : Object.entries(given);
  const body = request.body === undefined ? undefined : bytesOf(request.body);
  if (headerOf(headers, "host") === undefined) headers.unshift(["Host", `127.0.0.1:${port}`]);
  if (body) {
    if (headerOf(headers, "content-type") === undefined) headers.push(["Content-Type", "application/json"]);
    const framed = headerOf(headers, "content-length") ?? headerOf(headers, "transfer-encoding");
    if (framed === undefined) headers.push(["Content-Length", String(body.byteLength)]);
  }
  const method = request.method ?? (body ? "POST" : "GET");
  const lines = [
    `${method} ${request.path} HTTP/1.1`,
    ...headers.map(([name, value]) => `${name}: ${value}`),
  ];
  return concat([bytesOf(`${lines.join("\r\n")}\r\n\r\n`), body ?? new Uint8Array()]);
}

/** Opens a connection and sends one request on it. */
export async function send(port: number, request: RawRequest): Promise<RawConnection> {
  const connection = await RawConnection.open(port);
  connection.method = request.method ?? "POST";
  await connection.write(requestBytes(port, request));
  return connection;
}

/** One request on a connection of its own; answers with what came back. */
export async function ask(port: number, request: RawRequest): Promise<RawAnswer> {
  const connection = await send(port, request);
  const answer = await connection.answer(request.timeoutMs);
  connection.destroy();
  return answer;
}

/** A JSON POST. */
export function post(
  port: number,
  path: string,
  { body, headers = {} }: { body: unknown; headers?: Record<string, string> },
) {
  return ask(port, { path, headers, body: typeof body === "string" ? body : JSON.stringify(body) });
}

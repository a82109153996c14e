import type { Leaving } from "../host.ts";
import type { RequestHead } from "./head.ts";
import type { Intake } from "./intake.ts";
import { copyOf, EMPTY, joined } from "./octets.ts";

/** Methods whose requests have no body for whoever handles them (Fetch §5.4), whatever was sent. */
const BODILESS = new Set(["GET", "HEAD"]);

/**
 * A request as the handler gets it: a `Request` whose parts are made when somebody asks for them. A native one costs
 * several microseconds, most of them for parts that nobody looks at, and refuses methods that have to be answered.
 */
class Incoming implements Leaving {
  readonly #head: RequestHead;
  readonly #intake: Intake | undefined;
  #headers: Headers | undefined;
  #body: ReadableStream<Uint8Array> | null | undefined;
  #used = false;
  #controller: AbortController | undefined;
  #gone = false;
  readonly #watchers = new Set<() => void>();

  constructor(head: RequestHead, intake: Intake | undefined) {
    this.#head = head;
    this.#intake = BODILESS.has(head.method) ? undefined : intake;
  }

  get method(): string {
    return this.#head.method;
  }

  get url(): string {
    return this.#head.url;
  }

  get headers(): Headers {
    this.#headers ??= headersOf(this.#head);
    return this.#headers;
  }

  /** `Leaving`. */
  whenLeft(then: () => void): () => void {
    this.#watchers.add(then);
    if (this.#gone) queueMicrotask(() => this.#watchers.has(then) && then());
    return () => this.#watchers.delete(then);
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#gone && !this.#controller.signal.aborted) this.#controller.abort();
    return this.#controller.signal;
  }

  get body(): ReadableStream<Uint8Array> | null {
    this.#body ??= this.#intake ? streamOf(this.#intake) : null;
    return this.#body;
  }

  get bodyUsed(): boolean {
    return this.#used;
  }

  async bytes(): Promise<Uint8Array> {
    if (this.#used || this.#body?.locked) throw new TypeError("Body is already used");
    this.#used = true;
    const intake = this.#intake;
    if (intake === undefined) return EMPTY;
    const pieces: Uint8Array[] = [];
    let size = 0;
    for (let piece = await intake.read(); piece !== undefined; piece = await intake.read()) {
      pieces.push(piece);
      size += piece.byteLength;
    }
    return joined(pieces, size);
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    const bytes = await this.bytes();
    return copyOf(bytes, 0, bytes.byteLength).buffer;
  }

  async text(): Promise<string> {
    return new TextDecoder().decode(await this.bytes());
  }

  async json(): Promise<unknown> {
    return JSON.parse(await this.text());
  }

  async blob(): Promise<Blob> {
    return (await this.#typed()).blob();
  }

  async formData(): Promise<FormData> {
    return (await this.#typed()).formData();
  }

  clone(): never {
    throw new TypeError("A request in hand cannot be cloned: read it once");
  }

  /** @internal The client is gone. */
  leave(): void {
    this.#gone = true;
    for (const then of [...this.#watchers]) then();
    this.#controller?.abort();
  }

  async #typed(): Promise<Response> {
    const headers = { "content-type": this.headers.get("content-type") ?? "" };
    return new Response((await this.bytes()) as BodyInit, { headers });
  }
}

Object.setPrototypeOf(Incoming.prototype, Request.prototype);

export interface Arrival {
  readonly request: Request;
  /** Aborts the request's signal. */
  leave(): void;
}

export function arrival(head: RequestHead, intake: Intake | undefined): Arrival {
  const incoming = new Incoming(head, intake);
  return { request: incoming as unknown as Request, leave: () => incoming.leave() };
}

/** Requests with the same head share their headers, which nobody changes. */
const made = new WeakMap<RequestHead, Headers>();

function headersOf(head: RequestHead): Headers {
  const known = made.get(head);
  if (known !== undefined) return known;
  const headers = newHeaders(head);
  made.set(head, headers);
  return headers;
}

function newHeaders({ headers }: RequestHead): Headers {
  const made = new Headers();
  for (const [name, value] of headers) {
    // RFC 6265 §5.4: one list, in which a comma is no separator.
    const cookies = name.toLowerCase() === "cookie" ? made.get("cookie") : null;
    if (cookies === null) made.append(name, value);
    else made.set("cookie", `${cookies}; ${value}`);
  }
  return made;
}

function streamOf(intake: Intake): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const bytes = await intake.read();
        if (bytes === undefined) controller.close();
        else controller.enqueue(bytes);
      },
      cancel: () => intake.drop(),
    },
    { highWaterMark: 0 },
  );
}

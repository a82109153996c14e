import { Reply } from "../direct-reply.ts";
import type { Peer, ServeOptions, Source } from "../host.ts";
import { type AnswerLines, answerLines, statusLine } from "./answer-head.ts";
import type { RequestHead } from "./head.ts";
import { type Arrival, arrival } from "./incoming.ts";
import type { Intake } from "./intake.ts";
import { EMPTY } from "./octets.ts";
import type { Outlet } from "./outlet.ts";
import { leave, resumed, sourceOf } from "./sources.ts";

/** How an answer's end is told to its connection. */
export interface ExchangeEnds {
  /** Whether the connection is to end behind this answer, whatever client and handler wish. */
  readonly closing: boolean;
  /** Called once where the answer went out whole; `close`: nothing may follow it on this connection. */
  done(close: boolean): void;
  /** Called instead where the answer broke off: the client must not take it for whole. */
  cut(): void;
}

export interface ExchangeParts {
  readonly server: {
    readonly handler: ServeOptions["handler"];
    /** The `Date` line of now. */
    date(): string;
  };
  readonly line: { readonly outlet: Outlet };
  readonly connection: ExchangeEnds;
}

type Framing = "length" | "chunked" | "until-close";

/** One request that the handler answers, from its head to the last byte of the answer. */
export class Exchange {
  readonly #parts: ExchangeParts;
  readonly #head: RequestHead;
  readonly #intake: Intake | undefined;
  readonly #arrival: Arrival;
  #source: Source | undefined;
  #onPiece: ((bytes: Uint8Array | undefined) => void) | undefined;
  #onBroken: (() => void) | undefined;
  #onReady: (() => void) | undefined;
  #framing: Framing = "length";
  /** Bytes still owed where the answer has a length. */
  #left = 0;
  #close = false;
  #begun = false;
  #ending = false;
  #over = false;

  constructor(head: RequestHead, intake: Intake | undefined, parts: ExchangeParts) {
    this.#head = head;
    this.#intake = intake;
    this.#parts = parts;
    this.#arrival = arrival(head, intake);
  }

  /** Whether all of the answer is at hand, and only the client's socket is waited for. */
  get ending(): boolean {
    return this.#ending;
  }

  /** Whether the answer's head has gone out. */
  get begun(): boolean {
    return this.#begun;
  }

  begin(peer: Peer): void {
    try {
      const answer = this.#parts.server.handler(this.#arrival.request, peer);
      if (answer instanceof Promise)
        answer.then(
          (response) => this.#answer(response),
          () => this.#failed(),
        );
      else this.#answer(answer);
    } catch {
      this.#failed();
    }
  }

  /** The client went away. */
  gone(): void {
    if (this.#over) return;
    this.#over = true;
    this.#arrival.leave();
    this.#intake?.breakOff(new Error("the client broke off"));
    this.#source?.leave();
  }

  #answer(response: Response): void {
    try {
      if (this.#over) leave(response);
      else this.#deliver(response);
    } catch {
      this.#failed();
    }
  }

  #failed(): void {
    if (this.#over) return;
    if (this.#begun) this.#broken();
    else this.#whole(500, { lines: "", length: undefined, close: false, dated: false }, EMPTY);
  }

  #deliver(response: Response): void {
    const { status } = response;
    const lines = answerLines(response.headers);
    if (this.#head.method === "HEAD" || status === 204 || status === 304) {
      leave(response);
      const { length } = lines;
      const told = length === undefined || status === 204 ? "" : `Content-Length: ${length}\r\n`;
      this.#begin(status, lines, told);
      this.#end();
      return;
    }
    const direct = response instanceof Reply ? response.direct : undefined;
    if (direct instanceof Uint8Array) this.#whole(status, lines, direct);
    else if (direct !== undefined) this.#stream(status, lines, direct);
    else if (response.body === null) this.#whole(status, lines, EMPTY);
    else {
      const source = sourceOf(response.body as ReadableStream<Uint8Array>);
      if (lines.length !== undefined) this.#stream(status, lines, source);
      else void this.#shortOrStream(status, lines, source);
    }
  }

  #whole(status: number, lines: AnswerLines, body: Uint8Array): void {
    this.#begin(status, lines, `Content-Length: ${body.byteLength}\r\n`, body);
    this.#end();
  }

  #stream(status: number, lines: AnswerLines, source: Source): void {
    this.#source = source;
    const { length } = lines;
    if (length !== undefined) {
      this.#framing = "length";
      this.#left = length;
    } else this.#framing = this.#head.old ? "until-close" : "chunked";
    if (this.#framing === "until-close") this.#close = true;
    const framing = {
      length: `Content-Length: ${length}\r\n`,
      chunked: "Transfer-Encoding: chunked\r\n",
      "until-close": "",
    };
    this.#begin(status, lines, framing[this.#framing]);
    // Made once for all pieces.
    this.#onPiece = (bytes) => this.#piece(bytes);
    this.#onBroken = () => this.#broken();
    this.#onReady = () => this.#goOn();
    this.#goOn();
  }

  /** Pages and the like, which come at once and whole, get their length; what takes longer is a stream. */
  async #shortOrStream(status: number, lines: AnswerLines, source: Source): Promise<void> {
    this.#source = source;
    const pieces: Uint8Array[] = [];
    let streaming = false;
    const timer = setTimeout(() => {
      if (this.#over) return;
      streaming = true;
      this.#stream(status, lines, resumed(pieces, source, pending));
    }, 0);
    let pending: Promise<Uint8Array | undefined> = source.read();
    try {
      const first = await pending;
      if (streaming || this.#over) return;
      if (first !== undefined) {
        pieces.push(first);
        pending = source.read();
        if ((await pending) !== undefined || streaming || this.#over) return;
      }
      clearTimeout(timer);
      this.#whole(status, lines, first ?? EMPTY);
    } catch {
      clearTimeout(timer);
      if (!streaming) this.#broken();
    }
  }

  /** Sends the head, with the whole body behind it where there is one at hand. */
  #begin(status: number, lines: AnswerLines, framing: string, body: Uint8Array = EMPTY): void {
    const { keep, old } = this.#head;
    const unread = this.#intake !== undefined && !this.#intake.complete && !this.#intake.asked;
    this.#close ||= !keep || lines.close || unread || this.#parts.connection.closing;
    this.#begun = true;
    const connection = this.#close ? "Connection: close\r\n" : old ? "Connection: keep-alive\r\n" : "";
    const date = lines.dated ? "" : this.#parts.server.date();
    this.#parts.line.outlet.whole(
      `${statusLine(status)}${lines.lines}${framing}${date}${connection}\r\n`,
      body,
    );
  }

  /** Takes what the source has until it has no more for now, or the socket takes no more. */
  #goOn(): void {
    const { outlet } = this.#parts.line;
    const source = this.#source as Source;
    while (!this.#over && !this.#ending) {
      if (!outlet.idle) {
        outlet.whenIdle(this.#onReady as () => void);
        return;
      }
      if (source.poll === undefined) {
        source.read().then(this.#onPiece, this.#onBroken);
        return;
      }
      let bytes: Uint8Array | undefined | null;
      try {
        bytes = source.poll(this.#onReady as () => void);
      } catch {
        this.#broken();
        return;
      }
      if (bytes === null) return;
      this.#take(bytes);
    }
  }

  #piece(bytes: Uint8Array | undefined): void {
    if (this.#over) return;
    this.#take(bytes);
    this.#goOn();
  }

  #take(bytes: Uint8Array | undefined): void {
    if (bytes === undefined) this.#sourceEnded();
    else if (bytes.byteLength > 0 && !this.#send(bytes)) this.#broken();
  }

  /** False where there are more bytes than the head said. */
  #send(bytes: Uint8Array): boolean {
    const { outlet } = this.#parts.line;
    if (this.#framing === "chunked") outlet.chunk(bytes);
    else {
      this.#left -= bytes.byteLength;
      if (this.#framing === "length" && this.#left < 0) return false;
      outlet.plain(bytes);
    }
    return true;
  }

  #sourceEnded(): void {
    if (this.#framing === "length" && this.#left > 0) {
      this.#broken();
      return;
    }
    if (this.#framing === "chunked") this.#parts.line.outlet.lastChunk();
    this.#end();
  }

  #broken(): void {
    if (this.#over) return;
    this.#over = true;
    this.#source?.leave();
    this.#intake?.drop();
    this.#parts.connection.cut();
  }

  /** All of the answer is in the outlet. */
  #end(): void {
    this.#ending = true;
    const { outlet } = this.#parts.line;
    if (outlet.idle) this.#finished();
    else outlet.whenIdle(() => this.#finished());
  }

  #finished(): void {
    if (this.#over) return;
    this.#over = true;
    this.#parts.connection.done(this.#close);
  }
}

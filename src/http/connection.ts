import type { Repeats } from "../host.ts";
import { statusLine } from "./answer-head.ts";
import { Backlog } from "./backlog.ts";
import { Exchange } from "./exchange.ts";
import type { RequestHead } from "./head.ts";
import { HeadReader } from "./head-reader.ts";
import type { KnownHead } from "./heads.ts";
import { Intake } from "./intake.ts";
import { Outlet, type Wire } from "./outlet.ts";
import { Refusal, refusals } from "./refusal.ts";
import type { HttpServer } from "./server.ts";

/** Bytes that may wait behind a request under way before the client is made to wait. */
const MAX_BEHIND = 64 * 1024;
/** Bytes of a body that is gathered for `Repeats`. */
const MAX_GATHER = 1024 * 1024;
/** What an answered request's unread body may still bring, and how long, before its connection is closed. */
const MAX_UNREAD = 256 * 1024;
const UNREAD_MS = 1_000;
/** Time for a head from its first byte, and for a body that is gathered. */
const HEAD_MS = 60_000;
const GATHER_MS = 5_000;
const CONTINUE = new TextEncoder().encode("HTTP/1.1 100 Continue\r\n\r\n");

/**
 * `head`: between requests, or in a head. `gather`: a body that may be a repeat's comes in. `busy`: the handler's.
 * `flush`: an answer at hand waits for the socket. `skip`: the rest of an answered request's body comes in.
 * `linger`: closed for writing.
 */
type State = "head" | "gather" | "busy" | "flush" | "skip" | "linger" | "closed";

/** One client's connection: requests are read one after the other and answered in that order. */
export class Connection {
  readonly #server: HttpServer;
  readonly #wire: Wire;
  readonly #outlet: Outlet;
  readonly #backlog: Backlog;
  readonly #reader: HeadReader;
  #state: State = "head";
  #exchange: Exchange | undefined;
  #intake: Intake | undefined;
  #gathering: { readonly known: KnownHead; readonly body: Uint8Array; size: number } | undefined;
  #processing = false;
  #paused = false;
  /** Nothing more is answered on this connection. */
  #last = false;
  /** Monotonic ms since which a head or a gathered body is incomplete. */
  #since: number | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #lingered = 0;

  constructor(server: HttpServer, wire: Wire) {
    this.#server = server;
    this.#wire = wire;
    this.#outlet = new Outlet(wire, server.scratch);
    this.#backlog = new Backlog(server.octets);
    this.#reader = new HeadReader(server.octets, server.heads);
  }

  /** Bytes came, which nobody changes any more. */
  data(bytes: Uint8Array): void {
    if (this.#state === "head") {
      this.#backlog.add(bytes, 0);
      this.#process();
    } else if (this.#state === "gather") this.#gatherMore(bytes);
    else if (this.#state === "busy" || this.#state === "skip") this.#bodyMore(bytes);
    else if (this.#state === "flush") this.#behind(bytes, 0);
    else if (this.#state === "linger") {
      this.#lingered += bytes.byteLength;
      if (this.#lingered > MAX_UNREAD) this.#hangUp();
    }
  }

  /** The socket takes bytes again. */
  drain(): void {
    this.#outlet.flush();
  }

  /** The client sends no more: it goes away, unless an answer at hand is still going out to it. */
  ended(): void {
    this.#last = true;
    if (this.#state === "flush" || this.#exchange?.ending) return;
    this.#hangUp();
  }

  /** The socket is closed. */
  closed(): void {
    this.#release();
    this.#server.forget(this);
  }

  /** Ends now if idle; otherwise it ends behind its answer, since the server is draining. */
  retire(): void {
    if (this.#state === "head" && this.#backlog.size === 0) this.#hangUp();
  }

  cut(): void {
    this.#release();
    this.#wire.terminate();
  }

  sweep(now: number): void {
    if (this.#since === undefined) return;
    const age = now - this.#since;
    if (this.#state === "head" && age > HEAD_MS) this.#refuse(refusals.headTooSlow());
    else if (this.#state === "gather" && age > GATHER_MS) this.#giveUpGathering();
  }

  get #ending(): boolean {
    return this.#last || this.#server.draining;
  }

  #process(): void {
    if (this.#processing) return;
    this.#processing = true;
    try {
      while (this.#state === "head" && this.#backlog.size > 0 && this.#request());
    } finally {
      this.#processing = false;
    }
    this.#backlog.tidy();
  }

  /** Takes the next request; false where its head is incomplete, or nothing may follow. */
  #request(): boolean {
    const backlog = this.#backlog;
    const known = this.#reader.next(backlog);
    if (known === undefined) {
      this.#since ??= this.#server.clock.monotonic();
      return false;
    }
    if (known instanceof Refusal) return this.#refuse(known);
    this.#since = undefined;
    const { repeats } = this.#server;
    if (repeats !== undefined && mayRepeat(known.head)) {
      known.repeat ??= repeats.find(known.head.text);
      const size = known.head.body as number;
      if (known.repeat !== undefined) {
        const end = backlog.at + size;
        if (backlog.end >= end) {
          if (this.#repeat(known, backlog.bytes.subarray(backlog.at, end), repeats)) {
            backlog.at = Math.min(end, backlog.end);
            return true;
          }
        } else if (size <= MAX_GATHER && this.#server.mayGather(size)) {
          this.#beginGathering(known);
          return false;
        }
      }
    }
    return this.#begin(known.head);
  }

  /** Answers what was asked before, without the handler; false where `Repeats` declines. */
  #repeat(known: KnownHead, body: Uint8Array, repeats: Repeats): boolean {
    const answer = repeats.answer(known.repeat as object, body, this.#wire.address);
    if (answer === undefined) {
      known.repeat = undefined;
      return false;
    }
    if (!known.head.keep) this.#last = true;
    const ending = this.#ending;
    const { head, body: bytes } = answer;
    const connection = ending ? "Connection: close\r\n" : "";
    const length = `Content-Length: ${bytes.byteLength}\r\n`;
    this.#outlet.whole(`${head}${length}${this.#server.date()}${connection}\r\n`, bytes);
    if (ending || !this.#outlet.idle) {
      this.#state = "flush";
      this.#outlet.whenIdle(this.#flushed);
    }
    return true;
  }

  readonly #flushed = (): void => {
    if (this.#ending) this.#hangUp();
    else this.#next();
  };

  #beginGathering(known: KnownHead): void {
    const { bytes, at, end } = this.#backlog;
    const body = this.#server.octets.alloc(known.head.body as number);
    body.set(bytes.subarray(at, end), 0);
    this.#gathering = { known, body, size: end - at };
    this.#backlog.clear();
    this.#since = this.#server.clock.monotonic();
    this.#state = "gather";
  }

  #gatherMore(bytes: Uint8Array): void {
    const gathering = this.#gathering;
    const { repeats } = this.#server;
    if (gathering === undefined || repeats === undefined) return;
    const { known, body } = gathering;
    const taken = Math.min(bytes.byteLength, body.byteLength - gathering.size);
    body.set(taken === bytes.byteLength ? bytes : bytes.subarray(0, taken), gathering.size);
    gathering.size += taken;
    if (gathering.size < body.byteLength) return;
    this.#stopGathering();
    this.#backlog.add(bytes, taken);
    if (!this.#repeat(known, body, repeats)) this.#begin(known.head, body);
    this.#process();
  }

  /** A body that does not come on is the handler's, which may wait for it. */
  #giveUpGathering(): void {
    const gathering = this.#gathering;
    if (gathering === undefined) return;
    this.#stopGathering();
    this.#begin(gathering.known.head, gathering.body.subarray(0, gathering.size));
    this.#process();
  }

  #stopGathering(): void {
    if (this.#gathering === undefined) return;
    this.#server.letGo(this.#gathering.body.byteLength);
    this.#gathering = undefined;
    this.#since = undefined;
    this.#state = "head";
  }

  /** Hands a request to the handler, with what has come of its body: `gathered`, or what the backlog begins with. */
  #begin(head: RequestHead, gathered?: Uint8Array): boolean {
    let intake: Intake | undefined;
    if (head.body !== 0) {
      intake = this.#intakeOf(head);
      const { bytes, at, end } = this.#backlog;
      const used = gathered ? intake.push(gathered, 0) : intake.push(bytes.subarray(0, end), at);
      if (used < 0) return this.#refuse(refusals.chunk());
      if (!gathered) this.#backlog.lend(used);
    }
    this.#state = "busy";
    this.#intake = intake;
    this.#exchange = new Exchange(head, intake, {
      handler: this.#server.handler,
      outlet: this.#outlet,
      date: this.#server.date,
      closing: () => this.#ending,
      done: (close) => this.#done(close),
      cut: () => this.cut(),
    });
    const { address } = this.#wire;
    const body = intake?.whole();
    this.#exchange.begin({
      address,
      head: head.text,
      takesDirect: true,
      ...(body !== undefined && { body }),
    });
    return true;
  }

  #intakeOf(head: RequestHead): Intake {
    return new Intake({
      body: head.body,
      wanted: () => {
        if (head.expects && !this.#exchange?.begun) this.#outlet.plain(CONTINUE);
      },
      pause: () => this.#pause(),
      resume: () => this.#resume(),
    });
  }

  /** Bytes while the handler works, or behind its answer: the rest of the body, then further requests. */
  #bodyMore(bytes: Uint8Array): void {
    const intake = this.#intake;
    if (intake === undefined || intake.complete) {
      this.#behind(bytes, 0);
      return;
    }
    if (intake.broken) return;
    const at = intake.push(bytes, 0);
    if (at < 0) {
      this.#last = true;
      intake.breakOff(new Error(refusals.chunk().why));
      if (this.#state === "skip") this.#close();
      return;
    }
    intake.settle();
    if (at < bytes.byteLength) this.#behind(bytes, at);
    if (this.#state !== "skip") return;
    if (intake.complete) this.#next();
    else if (intake.dropped > MAX_UNREAD) this.#close();
  }

  /** Keeps bytes of further requests, and makes the client wait where they are many. */
  #behind(bytes: Uint8Array, from: number): void {
    this.#backlog.add(bytes, from);
    if (this.#backlog.size > MAX_BEHIND) this.#pause();
  }

  /** The answer went out whole. */
  #done(close: boolean): void {
    this.#exchange = undefined;
    const intake = this.#intake;
    if (close || this.#ending) this.#close();
    else if (intake === undefined || intake.complete) this.#next();
    else {
      this.#state = "skip";
      intake.drop();
      this.#timer = setTimeout(() => this.#close(), UNREAD_MS);
    }
  }

  #next(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#intake = undefined;
    this.#state = "head";
    this.#resume();
    this.#process();
  }

  /** Answers in the handler's place and closes; false, as nothing follows. */
  #refuse({ status, why }: Refusal): false {
    const body = new TextEncoder().encode(`${why}\n`);
    const type = "Content-Type: text/plain; charset=utf-8\r\n";
    const rest = `Content-Length: ${body.byteLength}\r\n${this.#server.date()}Connection: close\r\n\r\n`;
    this.#outlet.whole(`${statusLine(status)}${type}${rest}`, body);
    this.#last = true;
    this.#linger();
    return false;
  }

  /** Ends the connection behind an answer that went out. */
  #close(): void {
    const unread = this.#backlog.size > 0 || (this.#intake !== undefined && !this.#intake.complete);
    if (unread) this.#linger();
    else this.#hangUp();
  }

  /**
   * Ends it for writing only, and reads on for a while: a socket that is closed with bytes unread resets, and the
   * client would lose the answer (RFC 9112 §9.6).
   */
  #linger(): void {
    if (this.#state === "closed" || this.#state === "linger") return;
    clearTimeout(this.#timer);
    this.#state = "linger";
    this.#since = undefined;
    this.#intake?.drop();
    this.#backlog.clear();
    this.#resume();
    this.#wire.shutdown();
    this.#timer = setTimeout(() => this.#hangUp(), UNREAD_MS);
  }

  #hangUp(): void {
    if (this.#state === "closed") return;
    this.#release();
    this.#wire.end();
  }

  #release(): void {
    if (this.#state === "closed") return;
    clearTimeout(this.#timer);
    this.#stopGathering();
    this.#state = "closed";
    this.#since = undefined;
    this.#outlet.close();
    this.#exchange?.gone();
    this.#exchange = undefined;
    this.#intake = undefined;
    this.#backlog.clear();
  }

  #pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#wire.pause();
  }

  #resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#wire.resume();
  }
}

/** Whether a request has the form of those that `Repeats` knows. */
function mayRepeat({ method, body, old, expects }: RequestHead): boolean {
  return method === "POST" && typeof body === "number" && body > 0 && !old && !expects;
}

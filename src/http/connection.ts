import { refusalText, repeatText } from "./answer-head.ts";
import { Backlog } from "./backlog.ts";
import { Exchange, type ExchangeEnds } from "./exchange.ts";
import { Gathering } from "./gathering.ts";
import type { RequestHead } from "./head.ts";
import { HeadReader } from "./head-reader.ts";
import type { KnownHead } from "./heads.ts";
import { Intake } from "./intake.ts";
import { Line, MAX_UNREAD } from "./line.ts";
import { EMPTY } from "./octets.ts";
import type { Wire } from "./outlet.ts";
import { Refusal, refusals } from "./refusal.ts";
import type { HttpServer } from "./server.ts";

/** Bytes that may wait behind a request under way before the client is made to wait. */
const MAX_BEHIND = 64 * 1024;
/** Time for a head from its first byte. */
const HEAD_MS = 60_000;

/**
 * `head`: between requests, or in a head. `gather`: a body that may be a repeat's comes in. `busy`: the handler's.
 * `flush`: an answer at hand waits for the socket. `skip`: the rest of an answered request's body comes in.
 */
type State = "head" | "gather" | "busy" | "flush" | "skip";

/** One client's connection: requests are read one after the other and answered in that order. */
export class Connection implements ExchangeEnds {
  readonly #server: HttpServer;
  readonly #line: Line;
  readonly #backlog: Backlog;
  readonly #reader: HeadReader;
  #state: State = "head";
  #exchange: Exchange | undefined;
  #intake: Intake | undefined;
  #gathering: Gathering | undefined;
  #expects = false;
  #processing = false;
  /** Nothing more is answered on this connection. */
  #last = false;
  /** Monotonic ms since which a head is incomplete. */
  #since: number | undefined;

  constructor(server: HttpServer, wire: Wire) {
    this.#server = server;
    this.#line = new Line(wire, server.scratch);
    this.#backlog = new Backlog(server.octets);
    this.#reader = new HeadReader(server.octets, server.heads);
  }

  /** Bytes came, which nobody changes any more. */
  data(bytes: Uint8Array): void {
    if (!this.#line.open) this.#line.swallow(bytes);
    else if (this.#state === "head") {
      this.#backlog.add(bytes, 0);
      this.#process();
    } else if (this.#state === "gather") this.#gatherMore(bytes);
    else if (this.#state === "flush") this.#behind(bytes, 0);
    else this.#bodyMore(bytes);
  }

  /** The socket takes bytes again. */
  drain(): void {
    this.#line.outlet.flush();
  }

  /** The client sends no more: it goes away, unless an answer at hand is still going out to it. */
  ended(): void {
    this.#last = true;
    if (this.#state === "flush" || this.#exchange?.ending) return;
    this.#end(false);
  }

  /** The socket is closed. */
  closed(): void {
    this.#line.gone();
    this.#release();
    this.#server.forget(this);
  }

  /** Ends now if idle; otherwise it ends behind its answer, since the server is draining. */
  retire(): void {
    if (this.#state === "head" && this.#backlog.size === 0) this.#end(false);
  }

  cut(): void {
    this.#line.cut();
    this.#release();
  }

  /** Ends what the client began too long ago. */
  sweep(now: number): void {
    if (!this.#line.open) return;
    if (this.#state === "head" && now - (this.#since ?? now) > HEAD_MS) this.#refuse(refusals.headTooSlow());
    else if (this.#gathering?.overdue(now)) this.#giveUpGathering();
  }

  get closing(): boolean {
    return this.#last || this.#server.draining;
  }

  /** Somebody asks for a body that has not come whole. */
  readonly #wanted = (): void => {
    if (this.#expects && !this.#exchange?.begun) this.#line.outlet.proceed();
  };

  #process(): void {
    if (this.#processing) return;
    this.#processing = true;
    try {
      while (this.#line.open && this.#state === "head" && this.#backlog.size > 0 && this.#request());
    } finally {
      this.#processing = false;
    }
    this.#backlog.tidy();
    // Only now that the request is off the backlog: what is left there tells how to close.
    if (this.#state === "flush" && this.#line.open) {
      this.#line.outlet.whenIdle(() => (this.closing ? this.#close() : this.#next()));
    }
  }

  /** Takes the next request; false where its head is incomplete, or nothing may follow. */
  #request(): boolean {
    const backlog = this.#backlog;
    const known = this.#reader.next(backlog);
    if (known === undefined) {
      // An empty line begins no request.
      if (backlog.size > 0) this.#since ??= this.#server.clock.monotonic();
      return false;
    }
    if (known instanceof Refusal) return this.#refuse(known);
    this.#since = undefined;
    return this.#tryRepeat(known) ?? this.#begin(known.head);
  }

  /** True where the request was answered, false where its body is waited for; undefined: it is the handler's. */
  #tryRepeat(known: KnownHead): boolean | undefined {
    const { size } = known;
    if (size === undefined) return undefined;
    known.repeat ??= this.#server.repeats?.find(known.head.text);
    if (known.repeat === undefined) return undefined;
    const backlog = this.#backlog;
    const end = backlog.at + size;
    if (backlog.end >= end) {
      if (!this.#repeat(known, backlog.bytes.subarray(backlog.at, end))) return undefined;
      backlog.at = end;
      return true;
    }
    if (!this.#server.mayGather(size)) return undefined;
    this.#beginGathering(known, size);
    return false;
  }

  /** Answers what was asked before, without the handler; false where `Repeats` declines. */
  #repeat(known: KnownHead, body: Uint8Array): boolean {
    // Another connection's request with this head may have been declined while this one's body came in.
    const answer = known.repeat && this.#server.repeated(known.repeat, body, this.#line.address);
    if (answer === undefined) {
      known.repeat = undefined;
      return false;
    }
    if (!known.head.keep) this.#last = true;
    const ending = this.closing;
    const head = repeatText(answer, { date: this.#server.date(), close: ending });
    this.#line.outlet.whole(head, answer.body);
    if (ending || !this.#line.outlet.idle) this.#state = "flush";
    return true;
  }

  #beginGathering(known: KnownHead, size: number): void {
    const { octets, clock } = this.#server;
    this.#gathering = new Gathering(known, { room: octets.alloc(size), since: clock.monotonic() });
    this.#gathering.add(this.#backlog.rest(), 0);
    this.#backlog.clear();
    this.#state = "gather";
  }

  #gatherMore(bytes: Uint8Array): void {
    const gathering = this.#gathering as Gathering;
    const used = gathering.add(bytes, 0);
    if (!gathering.complete) return;
    const { known, body } = gathering;
    this.#stopGathering();
    this.#backlog.add(bytes, used);
    if (!this.#repeat(known, body)) this.#begin(known.head, body);
    this.#process();
  }

  /** A body that does not come on is the handler's, which may wait for it. */
  #giveUpGathering(): void {
    const { known, soFar } = this.#gathering as Gathering;
    this.#stopGathering();
    this.#begin(known.head, soFar);
  }

  #stopGathering(): void {
    if (this.#gathering === undefined) return;
    this.#server.letGo(this.#gathering.body.byteLength);
    this.#gathering = undefined;
    this.#state = "head";
  }

  /** Hands a request to the handler, with what has come of its body: `gathered`, or what the backlog begins with. */
  #begin(head: RequestHead, gathered?: Uint8Array): boolean {
    let intake: Intake | undefined;
    if (head.body !== 0) {
      intake = new Intake(head.body, { line: this.#line, wanted: this.#wanted, octets: this.#server.octets });
      const used = intake.push(gathered ?? this.#backlog.rest(), 0);
      if (used < 0) return this.#refuse(refusals.chunk());
      if (!gathered) this.#backlog.lend(used);
    }
    this.#state = "busy";
    this.#intake = intake;
    this.#expects = head.expects;
    this.#exchange = new Exchange(head, intake, { server: this.#server, line: this.#line, connection: this });
    const peer = { address: this.#line.address, head: head.text, takesDirect: true };
    const body = intake?.whole();
    this.#exchange.begin(body === undefined ? peer : { ...peer, body });
    return true;
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
    this.#behind(bytes, at);
    if (this.#state !== "skip") return;
    if (intake.complete) this.#next();
    else if (intake.dropped > MAX_UNREAD) this.#close();
  }

  /** Keeps bytes of further requests, and makes the client wait where they are many. */
  #behind(bytes: Uint8Array, from: number): void {
    this.#backlog.add(bytes, from);
    if (this.#backlog.size > MAX_BEHIND) this.#line.pause();
  }

  /** The answer went out whole. */
  done(close: boolean): void {
    this.#exchange = undefined;
    const intake = this.#intake;
    if (close || this.closing) this.#close();
    else if (intake === undefined || intake.complete) this.#next();
    else {
      this.#state = "skip";
      intake.drop();
      this.#line.soon(() => this.#close());
    }
  }

  #next(): void {
    this.#line.settle();
    this.#intake = undefined;
    this.#state = "head";
    this.#line.resume();
    this.#process();
  }

  /** Answers in the handler's place and closes; false, as nothing follows. */
  #refuse(refusal: Refusal): false {
    this.#line.outlet.whole(refusalText(refusal, this.#server.date()), EMPTY);
    this.#last = true;
    this.#end(true);
    return false;
  }

  /** Ends the connection behind an answer that went out. */
  #close(): void {
    const unread = this.#backlog.size > 0 || (this.#intake !== undefined && !this.#intake.complete);
    this.#end(unread);
  }

  /** Closes; where bytes may be unread, in the way that lets the client read its answer. */
  #end(unread: boolean): void {
    if (unread) this.#line.linger();
    else this.#line.hangUp();
    this.#release();
  }

  /** Lets go of what was under way. */
  #release(): void {
    this.#stopGathering();
    this.#exchange?.gone();
    this.#exchange = undefined;
    this.#intake?.drop();
    this.#intake = undefined;
    this.#backlog.clear();
  }
}

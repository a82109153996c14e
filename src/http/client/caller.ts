import type { Fetched } from "../../host.ts";
import { ChunkDecoder, dataOf } from "../chunked.ts";
import { joined } from "../octets.ts";
import { Outlet, type Scratch, type Wire } from "../outlet.ts";
import { AnswerBody, type BodyEnds } from "./answer-body.ts";
import { type AnswerHead, MAX_ANSWER_HEAD, parseAnswerHead } from "./answer-head.ts";

/** A request as it goes out. */
export interface Outgoing {
  readonly method: string;
  /** Request line and header lines, each with its line end, and the empty line; Latin-1. */
  readonly head: string;
  readonly body: Uint8Array;
}

export interface CallerParts {
  readonly wire: Wire;
  readonly scratch: Scratch;
  /** The connection may carry another request, and is kept for `keepMs` at most where its provider says so. */
  readonly idle: (caller: Caller, keepMs: number | undefined) => void;
  /** It carries none any more. Called once. */
  readonly gone: (caller: Caller) => void;
}

/** `code` is the system's where it has one. `silent`: nothing of an answer had come. */
export class Broken extends Error {
  override name = "Broken";
  constructor(
    readonly code: string,
    readonly silent: boolean,
  ) {
    super(`the connection broke off: ${code}`);
  }
}

type State = "idle" | "head" | "body" | "over";

/** One connection to a provider, which carries one request after the other. */
export class Caller implements BodyEnds {
  readonly #parts: CallerParts;
  readonly #outlet: Outlet;
  #state: State = "idle";
  /** Which of its requests it is at. */
  turn = 0;
  #paused = false;
  #method = "";
  #answered: PromiseWithResolvers<Fetched> | undefined;
  #held: Uint8Array | undefined;
  #heard = false;
  #body: AnswerBody | undefined;
  #decoder: ChunkDecoder | undefined;
  /** Bytes of the body that are still to come, where it has a length. */
  #left: number | undefined;
  #keep = false;
  #keepMs: number | undefined;

  constructor(parts: CallerParts) {
    this.#parts = parts;
    this.#outlet = new Outlet(parts.wire, parts.scratch);
  }

  get open(): boolean {
    return this.#state !== "over";
  }

  /** Resolves with the answer's head. Rejects with `Broken`, or with what is wrong with the head. */
  ask({ method, head, body }: Outgoing): Promise<Fetched> {
    this.#state = "head";
    this.turn++;
    this.#method = method;
    this.#heard = false;
    const answered = Promise.withResolvers<Fetched>();
    this.#answered = answered;
    this.#outlet.whole(head, body);
    return answered.promise;
  }

  /** Gives the request up: nobody wants its answer. */
  abort(why: Error): void {
    if (this.#state === "over" || this.#state === "idle") return;
    this.#parts.wire.terminate();
    this.#over(why);
  }

  /** Makes the provider wait: what came is not read. */
  pause(): void {
    if (this.#paused || this.#state !== "body") return;
    this.#paused = true;
    this.#parts.wire.pause();
  }

  resume(): void {
    if (!this.#paused || this.#state === "over") return;
    this.#paused = false;
    this.#parts.wire.resume();
  }

  /** Nobody reads the rest of the body. */
  leave(): void {
    this.abort(new Broken("left", false));
  }

  /** Ends an idle connection. */
  retire(): void {
    if (this.#state !== "idle") return;
    this.#parts.wire.end();
    this.#over(undefined);
  }

  /** Bytes came, which nobody changes any more. */
  data(bytes: Uint8Array): void {
    this.#heard = true;
    if (this.#state === "body") this.#take(bytes, 0);
    else if (this.#state === "head") this.#headMore(bytes);
    else if (this.#state === "idle") {
      // An answer to nothing: what else this connection brings cannot be trusted.
      this.#parts.wire.terminate();
      this.#over(undefined);
    }
  }

  /** The socket takes bytes again. */
  drain(): void {
    this.#outlet.flush();
  }

  /** The provider sends no more. */
  ended(): void {
    if (this.#state === "over") return;
    const clean = this.#state === "body" && this.#left === undefined && this.#decoder === undefined;
    this.#parts.wire.end();
    if (clean) this.#body?.end();
    this.#over(clean ? undefined : new Broken("ECONNRESET", !this.#heard));
  }

  /** The socket is closed, by the fault named where it was one. */
  closed(code?: string): void {
    this.#over(new Broken(code ?? "ECONNRESET", !this.#heard));
  }

  #headMore(bytes: Uint8Array): void {
    const held = this.#held;
    const all = held === undefined ? bytes : joined([held, bytes], held.byteLength + bytes.byteLength);
    this.#held = undefined;
    const end = headEnd(this.#parts.scratch, all, Math.max(0, (held?.byteLength ?? 0) - 3));
    if (end === undefined) {
      if (all.byteLength > MAX_ANSWER_HEAD) this.#fail(new Broken("answer head too large", false));
      else this.#held = all;
      return;
    }
    let head: AnswerHead;
    try {
      const text = this.#parts.scratch.octets.latin1(all, 0, end.at);
      head = parseAnswerHead(text, this.#method);
      if (head.status === 101) throw new Broken("status 101", false);
    } catch (error) {
      this.#fail(error as Error);
      return;
    }
    // RFC 9110 §15.2: interim answers say nothing that is waited for.
    if (head.status < 200) {
      if (end.behind < all.byteLength) this.#headMore(all.subarray(end.behind));
      return;
    }
    this.#begin(head);
    this.#take(all, end.behind);
  }

  #begin({ status, headers, framing, keep, keepMs }: AnswerHead): void {
    this.#state = "body";
    this.#keep = keep && framing !== "until-close";
    this.#keepMs = keepMs;
    this.#left = typeof framing === "number" ? framing : undefined;
    this.#decoder = framing === "chunked" ? new ChunkDecoder() : undefined;
    this.#body = framing === 0 ? undefined : new AnswerBody(this);
    this.#answered?.resolve({
      status,
      ok: status >= 200 && status < 300,
      headers,
      body: this.#body ?? null,
    });
    this.#answered = undefined;
  }

  /** Bytes of the body, from `from` on. */
  #take(bytes: Uint8Array, from: number): void {
    let at = from;
    const decoder = this.#decoder;
    if (decoder !== undefined) {
      const { data, end } = dataOf(decoder, bytes, { from: at, octets: this.#parts.scratch.octets });
      at = end;
      if (data !== undefined) this.#body?.push(data);
      // Whoever is told of bytes may give the call up there and then.
      if (this.#state !== "body") return;
      if (at < 0) {
        this.#fail(new Broken("malformed chunk", false));
        return;
      }
      if (!decoder.complete) return;
    } else if (this.#left !== undefined) {
      const size = Math.min(this.#left, bytes.byteLength - at);
      if (size > 0)
        this.#body?.push(at === 0 && size === bytes.byteLength ? bytes : bytes.subarray(at, at + size));
      if (this.#state !== "body") return;
      this.#left -= size;
      at += size;
      if (this.#left > 0) return;
    } else {
      this.#body?.push(at === 0 ? bytes : bytes.subarray(at));
      return;
    }
    this.#complete(at === bytes.byteLength);
  }

  /** The answer is whole; `alone`: nothing came behind it, which nobody asked for. */
  #complete(alone: boolean): void {
    const body = this.#body;
    if (this.#keep && alone && this.#outlet.idle) {
      this.#state = "idle";
      this.#body = undefined;
      this.#decoder = undefined;
      this.#left = undefined;
      this.resume();
      body?.end();
      this.#parts.idle(this, this.#keepMs);
      return;
    }
    this.#parts.wire.end();
    body?.end();
    this.#over(undefined);
  }

  #fail(error: Error): void {
    this.#parts.wire.terminate();
    this.#over(error);
  }

  /** Tells whoever waits; nothing follows. */
  #over(error: Error | undefined): void {
    if (this.#state === "over") return;
    this.#state = "over";
    this.#outlet.close();
    if (error !== undefined) {
      this.#answered?.reject(error);
      this.#body?.end(error);
    }
    this.#answered = undefined;
    this.#body = undefined;
    this.#held = undefined;
    this.#parts.gone(this);
  }
}

/** Where a head ends and what stands behind it begins. Lines may end in a bare LF (RFC 9112 §2.2). */
function headEnd(
  { octets }: Scratch,
  bytes: Uint8Array,
  from: number,
): { at: number; behind: number } | undefined {
  const strict = octets.headEnd(bytes, from);
  const first = bytes.indexOf(10);
  if (first > 0 && bytes[first - 1] === 13) {
    return strict < 0 ? undefined : { at: strict, behind: strict + 4 };
  }
  if (first < 0) return undefined;
  for (let at = first; at >= 0 && at + 1 < bytes.byteLength; at = bytes.indexOf(10, at + 1)) {
    if (bytes[at + 1] === 10) return { at, behind: at + 2 };
    if (bytes[at + 1] === 13 && bytes[at + 2] === 10) return { at, behind: at + 3 };
  }
  return undefined;
}

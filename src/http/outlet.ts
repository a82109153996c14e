import { copyOf, type Octets } from "./octets.ts";

/** One client's socket, as the adapter shows it. */
export interface Wire {
  /** The client's IP address, "-" where unknown. */
  readonly address: string;
  /** Hands the bytes from `from` to `to` over; answers how many were taken, 0 or less where none. */
  write(bytes: Uint8Array, from: number, to: number): number;
  pause(): void;
  resume(): void;
  /** Says that no more bytes follow; reading goes on. */
  shutdown(): void;
  /** Closes, after what was taken has gone out. */
  end(): void;
  /** Closes so that the client sees a break (RST), never a clean end. */
  terminate(): void;
}

/** Bytes of a head and a body, or of a chunk, that go out behind each other in one write. */
const SCRATCH = 512 * 1024;
/** Bytes of a body that are copied behind its head, since one write is cheaper than two. */
const BEHIND_HEAD = 64 * 1024;
/** Bytes that one answer at hand may write in one turn of the loop. */
const TURN = 1024 * 1024;
const PIECE = 256 * 1024;
const CRLF = new Uint8Array([13, 10]);
const CONTINUE = new TextEncoder().encode("HTTP/1.1 100 Continue\r\n\r\n");
const LAST_CHUNK = new Uint8Array([48, 13, 10, 13, 10]);
const HEX = new TextEncoder().encode("0123456789abcdef");

/** What goes out is put together here; nobody holds it over a turn. */
export class Scratch {
  readonly bytes: Uint8Array;

  constructor(readonly octets: Octets) {
    this.bytes = octets.alloc(SCRATCH);
  }

  /** One chunk with its framing, where it fits; answers its bytes, 0 where it does not. */
  chunk(data: Uint8Array): number {
    const { bytes } = this;
    if (data.byteLength + 16 > SCRATCH) return 0;
    let at = sizeLine(bytes, data.byteLength);
    bytes.set(data, at);
    at += data.byteLength;
    bytes[at++] = 13;
    bytes[at++] = 10;
    return at;
  }
}

/** Writes a chunk's size and CRLF at the beginning; answers their length. */
function sizeLine(bytes: Uint8Array, size: number): number {
  let digits = 1;
  for (let rest = size >>> 4; rest > 0; rest >>>= 4) digits++;
  let rest = size;
  for (let at = digits - 1; at >= 0; at--) {
    bytes[at] = HEX[rest & 15] as number;
    rest >>>= 4;
  }
  bytes[digits] = 13;
  bytes[digits + 1] = 10;
  return digits + 2;
}

/** Writes to one client, in order. What the socket does not take waits here until it does. */
export class Outlet {
  readonly #wire: Wire;
  readonly #scratch: Scratch;
  #waiting: Uint8Array[] = [];
  #drained: (() => void) | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(wire: Wire, scratch: Scratch) {
    this.#wire = wire;
    this.#scratch = scratch;
  }

  /** Whether all has been taken. */
  get idle(): boolean {
    return this.#waiting.length === 0;
  }

  /** A head and the whole body behind it, which stays as it is. */
  whole(head: string, body: Uint8Array): void {
    const { octets } = this.#scratch;
    const room = head.length + BEHIND_HEAD;
    const bytes = room <= SCRATCH ? this.#scratch.bytes : octets.alloc(room);
    const at = octets.writeLatin1(bytes, head, 0);
    const { byteLength } = body;
    if (byteLength <= BEHIND_HEAD) {
      bytes.set(body, at);
      this.#copied(bytes, at + byteLength);
      return;
    }
    bytes.set(body.subarray(0, BEHIND_HEAD), at);
    this.#copied(bytes, at + BEHIND_HEAD);
    const idle = this.idle;
    this.#waiting.push(body.subarray(BEHIND_HEAD));
    if (idle) this.flush();
  }

  /** One piece of a body in chunks. */
  chunk(data: Uint8Array): void {
    const size = this.#scratch.chunk(data);
    if (size > 0) {
      this.#copied(this.#scratch.bytes, size);
      return;
    }
    const line = sizeLine(this.#scratch.bytes, data.byteLength);
    this.#copied(this.#scratch.bytes, line);
    this.plain(data);
    this.plain(CRLF);
  }

  /** Asks the client for the body that it holds back (`Expect: 100-continue`). */
  proceed(): void {
    this.plain(CONTINUE);
  }

  /** The end of a body in chunks. */
  lastChunk(): void {
    this.plain(LAST_CHUNK);
  }

  /** Bytes as they are, which stay as they are. */
  plain(bytes: Uint8Array): void {
    if (bytes.byteLength === 0) return;
    const idle = this.idle;
    this.#waiting.push(bytes);
    if (idle) this.flush();
  }

  /** Calls back once all has been taken; at once where it has. */
  whenIdle(then: () => void): void {
    if (this.idle) then();
    else this.#drained = then;
  }

  /** The socket takes bytes again. */
  flush(): void {
    if (this.#timer !== undefined) return;
    let turn = 0;
    for (;;) {
      const first = this.#waiting[0];
      if (first === undefined) break;
      const size = Math.min(first.byteLength, PIECE);
      const taken = Math.max(0, this.#wire.write(first, 0, size));
      turn += taken;
      if (taken < first.byteLength) this.#waiting[0] = first.subarray(taken);
      else this.#waiting.shift();
      if (taken < size) return;
      if (turn >= TURN && !this.idle) {
        this.#later();
        return;
      }
    }
    const drained = this.#drained;
    this.#drained = undefined;
    drained?.();
  }

  /** Nothing goes out any more. */
  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#waiting = [];
    this.#drained = undefined;
  }

  /** Bytes that are only borrowed. */
  #copied(bytes: Uint8Array, size: number): void {
    let taken = 0;
    if (this.idle) {
      taken = Math.max(0, this.#wire.write(bytes, 0, size));
      if (taken >= size) return;
    }
    this.#waiting.push(copyOf(bytes, taken, size));
  }

  /** A client that takes all at once would keep the loop to itself. */
  #later(): void {
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.flush();
    }, 0);
  }
}

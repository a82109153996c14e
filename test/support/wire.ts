/** Reads HTTP/1.1 messages off a socket byte by byte as they are, so that tests see what really travelled. */

export type HeaderPairs = readonly (readonly [name: string, value: string])[];

export interface Head {
  /** Request line or status line. */
  readonly line: string;
  /** Names in the case and order in which they came. */
  readonly headers: HeaderPairs;
  /** The head's bytes, as latin1, blank line included. */
  readonly raw: string;
}

export interface WireSink {
  /** Returns whether the message has no body whatever its headers say (HEAD, 204, 304, 1xx). */
  head(head: Head): boolean;
  body(bytes: Uint8Array): void;
  end(): void;
  /** The bytes are no HTTP. */
  broken(why: string): void;
}

type State = "head" | "length" | "chunk-size" | "chunk" | "chunk-end" | "trailer" | "until-close" | "broken";

const latin1 = new TextDecoder("latin1");
const BLANK = "\r\n\r\n";

export function headerOf(headers: HeaderPairs, name: string): string | undefined {
  const wanted = name.toLowerCase();
  return headers.find(([key]) => key.toLowerCase() === wanted)?.[1];
}

/** Bytes of a text, one byte a character: what latin1 writes. */
export function bytesOf(data: string | Uint8Array): Uint8Array {
  return typeof data === "string" ? new TextEncoder().encode(data) : data;
}

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.byteLength;
  }
  return whole;
}

export class WireReader {
  #state: State = "head";
  #line = "";
  #left = 0;

  constructor(
    readonly kind: "request" | "response",
    readonly sink: WireSink,
  ) {}

  /** True between two messages, with nothing of the next one read. */
  get idle(): boolean {
    return this.#state === "head" && this.#line === "";
  }

  push(bytes: Uint8Array): void {
    let rest = bytes;
    while (rest.byteLength > 0 && this.#state !== "broken") rest = this.#step(rest);
  }

  /** Tells the end of the connection; answers whether the message under way was whole. */
  eof(): boolean {
    if (this.#state === "until-close") {
      this.#state = "head";
      this.sink.end();
      return true;
    }
    return this.idle;
  }

  #step(bytes: Uint8Array): Uint8Array {
    switch (this.#state) {
      case "head":
        return this.#readHead(bytes);
      case "length":
      case "chunk":
        return this.#readBody(bytes);
      case "until-close":
        this.sink.body(bytes);
        return bytes.subarray(bytes.byteLength);
      default:
        return this.#readLine(bytes);
    }
  }

  #readHead(bytes: Uint8Array): Uint8Array {
    const before = this.#line.length;
    const text = this.#line + latin1.decode(bytes.subarray(0, 1 << 20));
    const end = text.indexOf(BLANK, Math.max(0, before - 3));
    if (end < 0) {
      this.#line = text;
      return bytes.subarray(text.length - before);
    }
    this.#line = "";
    this.#takeHead(text.slice(0, end + BLANK.length));
    return bytes.subarray(end + BLANK.length - before);
  }

  #takeHead(raw: string): void {
    const [line = "", ...lines] = raw.slice(0, -BLANK.length).split("\r\n");
    const headers = lines.map((text): [string, string] => {
      const colon = text.indexOf(":");
      return [text.slice(0, colon), text.slice(colon + 1).trim()];
    });
    const empty = this.sink.head({ line, headers, raw });
    const length = headerOf(headers, "content-length");
    const interim = this.kind === "response" && /^HTTP\/1\.\d 1(?!01)\d\d/.test(line);
    if (interim) return;
    if (empty) this.#finish();
    else if (/chunked/i.test(headerOf(headers, "transfer-encoding") ?? "")) this.#state = "chunk-size";
    else if (length !== undefined) this.#startLength(Number(length));
    else if (this.kind === "response") this.#state = "until-close";
    else this.#finish();
  }

  #startLength(length: number): void {
    this.#left = length;
    if (length === 0) this.#finish();
    else this.#state = "length";
  }

  #readBody(bytes: Uint8Array): Uint8Array {
    const part = bytes.subarray(0, this.#left);
    this.#left -= part.byteLength;
    this.sink.body(part);
    if (this.#left === 0) {
      if (this.#state === "length") this.#finish();
      else this.#state = "chunk-end";
    }
    return bytes.subarray(part.byteLength);
  }

  #readLine(bytes: Uint8Array): Uint8Array {
    const newline = bytes.indexOf(10);
    this.#line += latin1.decode(newline < 0 ? bytes : bytes.subarray(0, newline + 1));
    if (newline < 0) return bytes.subarray(bytes.byteLength);
    const line = this.#line.trim();
    this.#line = "";
    if (this.#state === "chunk-end") this.#state = "chunk-size";
    else if (this.#state === "chunk-size") this.#startChunk(line);
    else if (line === "") this.#finish();
    return bytes.subarray(newline + 1);
  }

  #startChunk(line: string): void {
    if (!/^[0-9a-f]+(;.*)?$/i.test(line)) {
      this.#state = "broken";
      this.sink.broken(`chunk size ${JSON.stringify(line)}`);
      return;
    }
    this.#left = Number.parseInt(line, 16);
    this.#state = this.#left === 0 ? "trailer" : "chunk";
  }

  #finish(): void {
    this.#state = "head";
    this.#line = "";
    this.sink.end();
  }
}

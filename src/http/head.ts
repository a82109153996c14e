import { trimmed } from "./blanks.ts";
import { type Refusal, refusals } from "./refusal.ts";

/** A request's head, read once; requests with the same head share it. */
export interface RequestHead {
  /** The request line and the header lines as they came, without the empty line. */
  readonly text: string;
  readonly method: string;
  readonly url: string;
  /** Names as they came. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** HTTP/1.0: knows neither chunks nor interim answers. */
  readonly old: boolean;
  /** Whether the client wants the connection for another request. */
  readonly keep: boolean;
  /** How the body is framed: its length (0 for none), or in chunks. */
  readonly body: number | "chunked";
  /** Waits for `100 Continue` before it sends its body. */
  readonly expects: boolean;
}

/** Bytes of a head. */
export const MAX_HEAD = 256 * 1024;
const MAX_LINES = 500;

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** RFC 9110 §5.5: visible characters, blanks, tabs and bytes from 0x80 on. */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
const TARGET = /^[\x21-\x7e\x80-\xff]+$/;
const HOST = /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~!$&'()*+,;=%-]*)(?::\d*)?$/;
const ABSOLUTE = /^https?:\/\/([^/?#]*)(.*)$/i;
/** What the runtimes' clients can send on; they turn others into GET, or throw. */
const METHODS = new Set([
  ...["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE"],
  ...["PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK", "SEARCH", "REPORT"],
]);

/**
 * Reads a head strictly as RFC 9112 has it: whatever two readers could understand in two ways is refused, since a
 * request smuggled past one of them starts with that. `scheme` is the connection's.
 */
export function parseHead(text: string, scheme: "http" | "https"): RequestHead | Refusal {
  const lines = text.split("\r\n");
  const [method, target, version, ...more] = (lines[0] as string).split(" ");
  if (!method || !target || version === undefined || more.length > 0) return refusals.requestLine();
  if (!TOKEN.test(method) || !TARGET.test(target)) return refusals.requestLine();
  if (version !== "HTTP/1.1" && version !== "HTTP/1.0") {
    return /^HTTP\/\d+(?:\.\d+)?$/.test(version) ? refusals.version() : refusals.requestLine();
  }
  if (!METHODS.has(method)) return refusals.method();
  if (lines.length - 1 > MAX_LINES) return refusals.headTooLarge();
  const fields = new Fields();
  for (let i = 1; i < lines.length; i++) {
    const refusal = fields.add(lines[i] as string);
    if (refusal) return refusal;
  }
  const old = version === "HTTP/1.0";
  const { host } = fields;
  if (fields.hosts > 1 || (host === undefined ? !old : !HOST.test(host))) return refusals.host();
  const body = fields.framing(old);
  if (typeof body === "object") return body;
  const url = urlOf(method, target, { scheme, fields });
  if (typeof url === "object") return url;
  const { expect } = fields;
  if (expect !== undefined && expect.toLowerCase() !== "100-continue") return refusals.expectation();
  const options = fields.connection.toLowerCase().split(",").map(trimmed);
  const keep = old ? options.includes("keep-alive") : !options.includes("close");
  const expects = expect !== undefined && !old && body !== 0;
  return { text, method, url, headers: fields.list, old, keep, body, expects };
}

/** The header lines, and of them what the connection itself goes by. */
class Fields {
  readonly list: [string, string][] = [];
  host: string | undefined;
  hosts = 0;
  expect: string | undefined;
  connection = "";
  #length: string | undefined;
  #coding: string | undefined;

  add(line: string): Refusal | undefined {
    const colon = line.indexOf(":");
    const name = line.slice(0, Math.max(colon, 0));
    const raw = line.slice(colon + 1);
    // No name, a blank before the colon, a folded line: none of them is a token before a colon.
    if (!TOKEN.test(name) || !VALUE.test(raw)) return refusals.line();
    const value = trimmed(raw);
    switch (name.toLowerCase()) {
      case "host":
        this.hosts += 1;
        this.host = value;
        break;
      case "content-length":
        if (!/^\d{1,15}$/.test(value)) return refusals.length();
        if (this.#length === value) return undefined;
        if (this.#length !== undefined) return refusals.length();
        this.#length = value;
        break;
      case "transfer-encoding":
        this.#coding = this.#coding === undefined ? value : `${this.#coding},${value}`;
        break;
      case "connection":
        this.connection += `,${value}`;
        break;
      case "expect":
        this.expect = value;
        break;
    }
    this.list.push([name, value]);
    return undefined;
  }

  framing(old: boolean): number | "chunked" | Refusal {
    if (this.#coding === undefined) return Number(this.#length ?? 0);
    if (this.#length !== undefined) return refusals.twoFramings();
    if (old) return refusals.oldCoding();
    return this.#coding.toLowerCase() === "chunked" ? "chunked" : refusals.coding();
  }

  /** RFC 9112 §3.2.2: of a whole URL the authority counts, whatever Host says. */
  setHost(host: string): void {
    const at = this.list.findIndex(([name]) => name.toLowerCase() === "host");
    if (at >= 0) this.list[at] = ["Host", host];
    else this.list.push(["Host", host]);
  }
}

/** The request's URL. Its path has the bytes that were sent, those beyond ASCII percent-encoded. */
function urlOf(
  method: string,
  target: string,
  { scheme, fields }: { scheme: string; fields: Fields },
): string | Refusal {
  const authority = fields.host || "localhost";
  if (method === "CONNECT") return HOST.test(target) ? `${scheme}://${target}/` : refusals.target();
  if (target === "*") return method === "OPTIONS" ? `${scheme}://${authority}/*` : refusals.target();
  if (target.startsWith("/")) return `${scheme}://${authority}${encoded(target)}`;
  const [, named, rest = ""] = ABSOLUTE.exec(target) ?? [];
  if (!named || !HOST.test(named)) return refusals.target();
  fields.setHost(named);
  return `${scheme}://${named}${rest.startsWith("/") ? "" : "/"}${encoded(rest)}`;
}

function encoded(target: string): string {
  return target.replace(/[\x80-\xff]/g, (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase()}`);
}

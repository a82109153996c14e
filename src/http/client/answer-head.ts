import { trimmed } from "../blanks.ts";

/** What a provider's head says: its status, its headers, and how its body is framed. */
export interface AnswerHead {
  readonly status: number;
  readonly headers: Headers;
  /** Its length (0 for none), in chunks, or up to the connection's end. */
  readonly framing: number | "chunked" | "until-close";
  /** Whether the connection may carry another request afterwards. */
  readonly keep: boolean;
  /** Ms that the provider says it keeps an idle connection for. */
  readonly keepMs: number | undefined;
}

/** Bytes of a head, interim answers not counted. */
export const MAX_ANSWER_HEAD = 256 * 1024;

const STATUS_LINE = /^HTTP\/1\.([01]) (\d{3})(?: |$)/;
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const LENGTH = /^\d{1,15}$/;
/** RFC 9110 §6.4.1: these have no body, whatever their headers say. */
const BODILESS = new Set([204, 304]);

/**
 * Reads an answer's head (Latin-1, without the empty line) to a request of `method`. Throws where two readers could
 * take it for two things: a body that is framed wrongly would run into the next answer on its connection.
 */
export function parseAnswerHead(text: string, method: string): AnswerHead {
  const lines = text.split("\n");
  const [, minor, code] = STATUS_LINE.exec(bare(lines[0] as string)) ?? [];
  if (code === undefined) throw malformed("status line");
  const status = Number(code);
  const headers = new Headers();
  let length: string | undefined;
  let coding: string | undefined;
  let connection = "";
  let keepMs: number | undefined;
  for (let i = 1; i < lines.length; i++) {
    const line = bare(lines[i] as string);
    const colon = line.indexOf(":");
    const name = line.slice(0, Math.max(colon, 0)).toLowerCase();
    if (!TOKEN.test(name)) throw malformed("header line");
    const value = trimmed(line.slice(colon + 1));
    if (name === "content-length") {
      if (!LENGTH.test(value) || (length !== undefined && length !== value))
        throw malformed("Content-Length");
      if (length === value) continue;
      length = value;
    } else if (name === "transfer-encoding") coding = coding === undefined ? value : `${coding}, ${value}`;
    else if (name === "connection") connection += `,${value.toLowerCase()}`;
    else if (name === "keep-alive") keepMs = keptFor(value);
    headers.append(name, value);
  }
  const options = connection.split(",").map((option) => option.trim());
  const persistent = minor === "1" ? !options.includes("close") : options.includes("keep-alive");
  // RFC 9112 §6.3: the coding counts, but who sends both is not to be trusted with another request.
  const keep = persistent && !(coding !== undefined && length !== undefined);
  const none = method === "HEAD" || BODILESS.has(status) || status < 200;
  return { status, headers, framing: none ? 0 : framingOf(coding, length), keep, keepMs };
}

function framingOf(coding: string | undefined, length: string | undefined): AnswerHead["framing"] {
  if (coding === undefined) return length === undefined ? "until-close" : Number(length);
  if (coding.toLowerCase() === "chunked") return "chunked";
  if (/^identity$/i.test(coding)) return length === undefined ? "until-close" : Number(length);
  throw malformed("Transfer-Encoding");
}

/** `timeout=5, max=100` */
function keptFor(value: string): number | undefined {
  const [, seconds] = /(?:^|[,\s])timeout=(\d{1,6})/i.exec(value) ?? [];
  return seconds === undefined ? undefined : Number(seconds) * 1000;
}

function bare(line: string): string {
  return line.endsWith("\r") ? line.slice(0, -1) : line;
}

function malformed(what: string): Error {
  return Object.assign(new Error(`malformed answer: ${what}`), { code: "malformed answer" });
}

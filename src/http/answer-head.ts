import { headerCase } from "../header-case.ts";
import type { RepeatAnswer } from "../host.ts";
import type { Refusal } from "./refusal.ts";

const REASONS: Readonly<Record<number, string>> = {
  100: "Continue",
  200: "OK",
  201: "Created",
  202: "Accepted",
  203: "Non-Authoritative Information",
  204: "No Content",
  205: "Reset Content",
  206: "Partial Content",
  300: "Multiple Choices",
  301: "Moved Permanently",
  302: "Found",
  303: "See Other",
  304: "Not Modified",
  307: "Temporary Redirect",
  308: "Permanent Redirect",
  400: "Bad Request",
  401: "Unauthorized",
  402: "Payment Required",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  406: "Not Acceptable",
  407: "Proxy Authentication Required",
  408: "Request Timeout",
  409: "Conflict",
  410: "Gone",
  411: "Length Required",
  412: "Precondition Failed",
  413: "Content Too Large",
  414: "URI Too Long",
  415: "Unsupported Media Type",
  416: "Range Not Satisfiable",
  417: "Expectation Failed",
  421: "Misdirected Request",
  422: "Unprocessable Content",
  423: "Locked",
  424: "Failed Dependency",
  425: "Too Early",
  426: "Upgrade Required",
  428: "Precondition Required",
  429: "Too Many Requests",
  431: "Request Header Fields Too Large",
  451: "Unavailable For Legal Reasons",
  500: "Internal Server Error",
  501: "Not Implemented",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
  505: "HTTP Version Not Supported",
  507: "Insufficient Storage",
  508: "Loop Detected",
};

/** Those that belong to the connection and are written by it alone. */
const OWN = new Set(["connection", "keep-alive", "transfer-encoding", "content-length", "trailer", "te"]);

export function statusLine(status: number): string {
  return `HTTP/1.1 ${status} ${REASONS[status] ?? ""}\r\n`;
}

/** The whole answer to a refused request, behind which the connection ends. */
export function refusalText({ status, why }: Refusal, date: string): string {
  const type = "Content-Type: text/plain; charset=utf-8\r\n";
  const rest = `Content-Length: ${why.length + 1}\r\n${date}Connection: close\r\n\r\n`;
  return `${statusLine(status)}${type}${rest}${why}\n`;
}

/** A repeat's head, whole. */
export function repeatText(
  { head, body }: RepeatAnswer,
  { date, close }: { readonly date: string; readonly close: boolean },
): string {
  return `${head}Content-Length: ${body.byteLength}\r\n${date}${close ? "Connection: close\r\n" : ""}\r\n`;
}

/** What an answer's headers say, and what of them the connection has to know. */
export interface AnswerLines {
  /** Header lines, each with its line end, without those that frame the body or belong to the connection. */
  readonly lines: string;
  /** Content-Length; undefined for none. */
  readonly length: number | undefined;
  /** Whether the handler wants the connection closed behind the answer. */
  readonly close: boolean;
  readonly dated: boolean;
}

export function answerLines(headers: Headers): AnswerLines {
  let lines = "";
  let length: number | undefined;
  let close = false;
  let dated = false;
  for (const [name, value] of headers) {
    if (OWN.has(name)) {
      if (name === "content-length" && /^\d{1,15}$/.test(value)) length = Number(value);
      else if (name === "connection") close = /(?:^|,)\s*close\s*(?:,|$)/i.test(value);
      continue;
    }
    if (name === "date") dated = true;
    lines += `${headerCase(name)}: ${isClean(value) ? value : cleaned(value)}\r\n`;
  }
  return { lines, length, close, dated };
}

/** RFC 9110 §5.5; what is not of these would end the line, or be cut to a byte that does. */
const UNCLEAN = /[^\t\x20-\x7e\x80-\xff]/;
const isClean = (value: string) => !UNCLEAN.test(value);
const cleaned = (value: string) => value.replace(/[^\t\x20-\x7e\x80-\xff]+/g, " ");

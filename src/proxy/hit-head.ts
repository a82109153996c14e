import type { Entry } from "../cache/entry.ts";
import { headerCase } from "../header-case.ts";

/** Reason phrases of what is stored. */
const REASONS: Readonly<Record<number, string>> = { 200: "OK", 404: "Not Found" };
/** What RFC 9110 §5.1 and §5.5 allow in a name and a value, which a cassette may have been edited to break. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/**
 * The head of a hit as `replyEntry` and `respond` give it, as text, less what each one says anew: its age, its
 * `Cache-Status` and its id. Undefined where that is not all there is to it.
 */
export function headText({ status, headers, key }: Entry): string | undefined {
  const reason = REASONS[status];
  if (reason === undefined) return undefined;
  let text = `HTTP/1.1 ${status} ${reason}\r\n`;
  for (const [name, value] of headers) {
    if (ANEW.has(name) || !TOKEN.test(name) || !VALUE.test(value)) return undefined;
    text += `${headerCase(name)}: ${value}\r\n`;
  }
  return `${text}X-Cache-Status: HIT\r\nX-Cache-Key: ${key}\r\n`;
}

/** Names that `respond` sets, or that only the connection knows: no stored answer has them. */
const ANEW = new Set([
  "x-cache-status",
  "x-cache-key",
  "cache-status",
  "age",
  "x-request-id",
  "set-cookie",
  "content-length",
  "transfer-encoding",
  "connection",
  "date",
]);

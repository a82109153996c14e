import type { Entry } from "../cache/entry.ts";
import { headerCase } from "../header-case.ts";

/** Reason phrases of what is stored. */
const REASONS: Readonly<Record<number, string>> = { 200: "OK", 404: "Not Found" };
/** What RFC 9110 §5.1 and §5.5 allow in a name and a value, which a cassette may have been edited to break. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** A hit's head and what it was written from. Never the entry: its body would outlive its place in the store. */
export interface WrittenHead extends Pick<Entry, "key" | "status" | "headers"> {
  readonly text: string;
}

/** Characters of a head that is held. */
const MAX_WRITTEN = 4096;

/** `headText`, written anew only where it was last written from something else. */
export function writtenHead(holder: { head: WrittenHead | undefined }, entry: Entry): string | undefined {
  const { key, status, headers } = entry;
  const { head } = holder;
  if (head?.headers === headers && head.key === key && head.status === status) return head.text;
  const text = headText(entry);
  if (text !== undefined && text.length <= MAX_WRITTEN) holder.head = { key, status, headers, text };
  return text;
}

/**
 * The head of a hit as `replyEntry` and `respond` give it, as text, less what each one says anew: its age, its
 * `Cache-Status` and its id. Undefined where that is not all there is to it.
 */
function headText({ status, headers, key }: Entry): string | undefined {
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

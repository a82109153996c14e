import { elements } from "./json-spans.ts";
import { type JsonPath, stringIn, walkStrings } from "./json-walk.ts";
import type { KeptBody } from "./kept.ts";
import { CONVERSATION, INSTRUCTIONS } from "./members.ts";
import { membersOf } from "./parts.ts";

/**
 * The texts of a request as they are searched: the newest message first, so that a bound cuts the old ones; then
 * instructions. At most `maxBytes` of UTF-8, roughly; names of members, roles, ids and encoded data are none.
 */
export function textsOf(body: KeptBody, maxBytes: number): string {
  const taken: string[] = [];
  let left = maxBytes;
  for (const text of eachText(body)) {
    if (left <= 0) break;
    // A character takes at most three bytes for each of its units: cut by units, judged by bytes.
    const cut = text.length > left ? text.slice(0, left) : text;
    const bytes = ENCODER.encode(cut);
    taken.push(bytes.byteLength > left ? DECODER.decode(bytes.subarray(0, left)) : cut);
    left -= bytes.byteLength + 1;
  }
  return taken.join("\n");
}

/** The beginning of the last thing asked, on one line; undefined where nothing was asked in words. */
export function promptOf(body: KeptBody, maxLength = 200): string | undefined {
  const said = lastAsked(body);
  // Of most texts a little more than is shown is enough; of one that begins with much white space it is not.
  const near = oneLine(said?.slice(0, maxLength * 2));
  const asked =
    near !== undefined && near.length > maxLength ? near : oneLine(said?.slice(0, maxLength * 20));
  if (asked === undefined || asked === "") return undefined;
  if (asked.length <= maxLength) return asked;
  const cut = asked.slice(0, maxLength - 1);
  // Not through the middle of a character of two units.
  return `${/[\ud800-\udbff]$/.test(cut) ? cut.slice(0, -1) : cut}…`;
}

function oneLine(text: string | undefined): string | undefined {
  return text?.replaceAll(/\s+/g, " ").trim();
}

/** The text of the last message that a person wrote, else of the last thing that holds text. */
export function lastAsked(body: KeptBody): string | undefined {
  if (body.form !== "json") return first(eachText(body));
  const text = ENCODER.encode(body.text);
  const turns = conversationOf(text);
  let fallback: string | undefined;
  for (let at = turns.length - 1; at >= 0 && at > turns.length - MOST_TURNS_BACK; at--) {
    const turn = turns[at] as Uint8Array;
    const said = first(textsIn(turn));
    if (said === undefined || said.trim() === "") continue;
    if (isPersons(turn)) return said;
    fallback ??= said;
  }
  return fallback ?? first(eachText(body));
}

/** The elements of the list that grows with a conversation, or the one text that is asked. */
export function conversationOf(text: Uint8Array): Uint8Array[] {
  const members = membersOf(text);
  if (members === undefined) return [text];
  for (const name of CONVERSATION) {
    const found = members.find((member) => member.name === name);
    if (found === undefined) continue;
    const { start, end } = found.value;
    if (text[start] !== OPEN_LIST) return [text.subarray(start, end)];
    return Array.from(elements(text, start), (element) => text.subarray(element.start, element.end));
  }
  return [];
}

function* eachText(body: KeptBody): Generator<string> {
  if (body.form === "text") yield body.text;
  if (body.form === "fields") for (const field of body.fields) if (field.text !== undefined) yield field.text;
  if (body.form !== "json") return;
  const text = ENCODER.encode(body.text);
  const members = membersOf(text);
  if (members === undefined) {
    yield* textsIn(text);
    return;
  }
  for (const name of [...CONVERSATION, ...INSTRUCTIONS]) {
    for (const { value } of members.filter((member) => member.name === name)) {
      if (text[value.start] !== OPEN_LIST) yield* textsIn(text.subarray(value.start, value.end));
      else
        for (const { start, end } of [...elements(text, value.start)].reverse())
          yield* textsIn(text.subarray(start, end));
    }
  }
}

function* textsIn(value: Uint8Array): Generator<string> {
  const found: string[] = [];
  walkStrings(value, (path, start, end) => {
    if (isNoText(path)) return;
    const text = stringIn(value, start, end);
    if (!isEncoded(text)) found.push(text);
  });
  yield* found;
}

function isNoText(path: JsonPath): boolean {
  const name = path.at(-1);
  return typeof name === "string" && (NO_TEXT.has(name) || /_id$|Id$/.test(name));
}

function isEncoded(text: string): boolean {
  if (text.length < 200) return false;
  const run = /^(?:data:[^,]{0,200};base64,)?([A-Za-z0-9+/_=-]{200})/.exec(text)?.[1];
  return run !== undefined && (text.startsWith("data:") || (/[A-Z]/.test(run) && /[0-9]/.test(run)));
}

/** Whether a turn is a person's: no role, or one that says so. */
function isPersons(turn: Uint8Array): boolean {
  if (turn[0] !== OPEN_OBJECT) return true;
  const role = membersOf(turn)?.find((member) => member.name === "role");
  if (role === undefined) return true;
  return PERSONS.has(stringIn(turn, role.value.start, role.value.end).toLowerCase());
}

function first(texts: Iterable<string>): string | undefined {
  for (const text of texts) return text;
  return undefined;
}

const MOST_TURNS_BACK = 20;
const PERSONS: ReadonlySet<string> = new Set(["user", "human"]);
const NO_TEXT: ReadonlySet<string> = new Set([
  "role",
  "type",
  "id",
  "detail",
  "url",
  "data",
  "media_type",
  "mimeType",
  "mime_type",
  "signature",
  "thoughtSignature",
  "thought_signature",
  "encrypted_content",
  "status",
  "format",
  "ttl",
]);
const OPEN_LIST = 0x5b;
const OPEN_OBJECT = 0x7b;
const ENCODER = new TextEncoder();
const DECODER = new TextDecoder();

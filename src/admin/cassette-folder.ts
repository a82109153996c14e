/**
 * The folder form of a cassette: a file for each line, the same JSON with a line for each member, and a text of several
 * lines as the list of them. Pure: who reads and writes files hands their names and texts in.
 */
import { CassetteError } from "../errors.ts";
import { afterSpace, compacted, isJson, laidOut, membersAt, tokenEnd, valueEnd } from "./cassette-json.ts";

export interface CassetteFile {
  /** For example `openai-gpt-4o-mini-what-is-the-capital-3f9ab1c27d.json`. */
  readonly name: string;
  readonly text: string;
}

/** `{"$lines":["a","b"]}` stands for `"a\nb"`; a member that is called so has one more `$` here. */
const LINES = '"$lines"';
const LIKE_LINES = /^"(\$+)lines"$/;

/**
 * The file of one line, the line feed at its end or not. The name tells provider, model and what was asked, and ends in
 * digits of the request alone: another answer leaves it as it is. Undefined for the note that ends a cassette.
 */
export function cassetteFile(line: string): CassetteFile | undefined {
  const text = line.trim();
  if (!isJson(text)) throw new CassetteError("invalid_cassette", "not valid JSON");
  const value = JSON.parse(text) as Named;
  if (value?.request === undefined) return undefined;
  return {
    name: `${nameOf(text, value)}.json`,
    text: `${laidOut(withLists(compacted(text)), { indent: "  " })}\n`,
  };
}

/** The files of a cassette's lines, each name once. */
export function folderFiles(lines: Iterable<string>): CassetteFile[] {
  const files: CassetteFile[] = [];
  const taken = new Map<string, number>();
  for (const line of lines) {
    const file = line.trim() === "" ? undefined : cassetteFile(line);
    if (file === undefined) continue;
    const times = (taken.get(file.name) ?? 0) + 1;
    taken.set(file.name, times);
    files.push(times === 1 ? file : { ...file, name: file.name.replace(/\.json$/, `-${times}.json`) });
  }
  return files;
}

/** The line of one file, with its line feed. Throws `CassetteError` that names the file where it is no JSON. */
export function readCassetteFile(name: string, text: string): string {
  const plain = text.replace(/^\ufeff/, "").trim();
  if (!isJson(plain)) throw new CassetteError("invalid_cassette", `${name}: not valid JSON`);
  return `${withoutLists(compacted(plain), name)}\n`;
}

/** An error's message with the file's name for `line N`; `names` are those of the files in the order of the lines. */
export function namingFile(message: string, names: readonly string[]): string {
  return message.replace(/\bline (\d+)/g, (line, number: string) => names[Number(number) - 1] ?? line);
}

function withLists(text: string): string {
  const out: string[] = [];
  for (let at = 0; at < text.length; ) {
    const end = tokenEnd(text, at);
    const token = text.slice(at, end);
    const isName = text[end] === ":";
    if (isName && LIKE_LINES.test(token)) out.push(`"$${token.slice(1)}`);
    else if (!isName && token.startsWith('"') && token.includes("\\n")) out.push(listOf(token));
    else out.push(token);
    at = end;
  }
  return out.join("");
}

/** A string token as the list of its lines, each with its escapes as they were. */
function listOf(token: string): string {
  const lines: string[] = [];
  let from = 1;
  for (let at = token.indexOf("\\"); at >= 0; at = token.indexOf("\\", at + 2)) {
    if (token[at + 1] !== "n") continue;
    lines.push(`"${token.slice(from, at)}"`);
    from = at + 2;
  }
  if (lines.length === 0) return token;
  lines.push(`"${token.slice(from, -1)}"`);
  return `{${LINES}:[${lines.join(",")}]}`;
}

function withoutLists(text: string, file: string): string {
  const out: string[] = [];
  for (let at = 0; at < text.length; ) {
    const end = tokenEnd(text, at);
    const token = text.slice(at, end);
    if (token === "{" && text.startsWith(`${LINES}:`, end)) {
      const after = valueEnd(text, at);
      out.push(joined(text.slice(at, after), file));
      at = after;
      continue;
    }
    out.push(text[end] === ":" && LIKE_LINES.test(token) ? `"${token.slice(2)}` : token);
    at = end;
  }
  return out.join("");
}

/** The string that `{"$lines":[…]}` stands for. */
function joined(object: string, file: string): string {
  const members = [...membersAt(object, 0)];
  const value: unknown =
    members.length === 1 ? (JSON.parse(object) as { $lines: unknown }).$lines : undefined;
  if (!Array.isArray(value) || !value.every((line) => typeof line === "string")) {
    throw new CassetteError(
      "invalid_cassette",
      `${file}: $lines must be a list of texts, and alone in its object`,
    );
  }
  const list = object.slice(members[0]?.value.start, -1);
  const lines: string[] = [];
  for (let at = 1; at < list.length - 1; ) {
    const start = afterSpace(list, at);
    const end = tokenEnd(list, start);
    if (list[start] === '"') lines.push(list.slice(start + 1, end - 1));
    at = end;
  }
  return `"${lines.join("\\n")}"`;
}

/** What of a line its file is named by. */
interface Named {
  readonly request?: { readonly provider?: unknown; readonly json?: unknown };
  readonly model?: unknown;
}

const MODEL_LENGTH = 32;
const WORDS_LENGTH = 40;

function nameOf(line: string, { request, model }: Named): string {
  const asked = promptOf(request?.json);
  return [
    slug(String(request?.provider ?? ""), MODEL_LENGTH),
    slug(String(model ?? ""), MODEL_LENGTH),
    slug(asked, WORDS_LENGTH),
    fingerprint(requestOf(line)),
  ]
    .filter((part) => part !== "")
    .join("-");
}

/** Letters, digits and dots of file systems everywhere; whole words where they fit. */
function slug(text: string, length: number): string {
  const words = text
    .slice(0, 400)
    .normalize("NFKD")
    .toLowerCase()
    .replace(/\p{M}+/gu, "")
    .replace(/[^a-z0-9.]+/g, "-")
    .replace(/^[-.]+|[-.]+$/g, "");
  if (words.length <= length) return words;
  const cut = words.slice(0, length + 1).replace(/-[^-]*$/, "");
  return cut.slice(0, length).replace(/[-.]+$/, "");
}

/** The request of a line as it stands there. */
function requestOf(line: string): string {
  for (const { name, value } of membersAt(line, afterSpace(line, 0))) {
    if (name === "request") return compacted(line.slice(value.start, value.end));
  }
  return "";
}

/** 40 bits that tell requests apart, in hex; nothing depends on nobody finding two that are alike. */
function fingerprint(text: string): string {
  let one = 0xdeadbeef;
  let other = 0x41c6ce57;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    one = Math.imul(one ^ code, 2654435761);
    other = Math.imul(other ^ code, 1597334677);
  }
  one = Math.imul(one ^ (one >>> 16), 2246822507) ^ Math.imul(other ^ (other >>> 13), 3266489909);
  other = Math.imul(other ^ (other >>> 16), 2246822507) ^ Math.imul(one ^ (one >>> 13), 3266489909);
  const hex = (half: number) => (half >>> 0).toString(16).padStart(8, "0");
  return `${hex(other)}${hex(one)}`.slice(0, 10);
}

/** The beginning of the last thing that a person said or asked for, as far as the API's shape is known. */
function promptOf(body: unknown): string {
  if (typeof body !== "object" || body === null) return "";
  const asked = body as Record<string, unknown>;
  for (const name of ["messages", "input", "contents", "prompt", "query", "text", "inputs"]) {
    const text = textIn(asked[name]);
    if (text !== "") return text;
  }
  return "";
}

/** The first text of the last turn that is a user's, or of the first element where there are no turns. */
function textIn(value: unknown): string {
  if (typeof value === "string") return value;
  if (!Array.isArray(value)) {
    const { content, parts, text } = (value ?? {}) as Record<string, unknown>;
    return value instanceof Object ? textIn(content ?? parts ?? text) : "";
  }
  const turn = value.findLast((one) => (one as { role?: unknown } | null)?.role === "user");
  if (turn !== undefined) return textIn(turn);
  for (const one of value) {
    const text = textIn(one);
    if (text !== "") return text;
  }
  return "";
}

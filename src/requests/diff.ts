import { paired } from "./align.ts";
import { elements, type Span } from "./json-spans.ts";
import { type JsonPath, pathText } from "./json-walk.ts";
import type { Difference, KeptBody, KeptField, KeptRequest } from "./kept.ts";
import { membersOf } from "./parts.ts";
import { around } from "./shorten.ts";

export interface Differences {
  readonly differences: readonly Difference[];
  /** Those beyond the ones named. */
  readonly more: number;
}

const MOST_NAMED = 20;
/** Differences looked for; beyond it `more` is what was found until then. */
const MOST_FOUND = 1000;
/** Deeper down a whole value is named. */
const DEPTH = 64;

/**
 * What differs between a request that is asked about and a stored one, both as `keptOf` makes them: what stands beside
 * the body first, then the body by JSON path. The order of members counts only where nothing else differs.
 */
export function diffRequests(asked: KeptRequest, stored: KeptRequest): Differences {
  const found = new Found();
  diffHeads(found, asked, stored);
  if (asked.body === undefined || stored.body === undefined) {
    if (asked.head.digest !== stored.head.digest)
      found.add(["body"], { asked: wordsFor(asked.body), stored: wordsFor(stored.body) });
  } else diffBodies(found, asked.body, stored.body);
  return found.result();
}

function wordsFor(body: KeptBody | undefined): string {
  return body === undefined ? "(not remembered)" : "(another body)";
}

class Found {
  readonly #named: Difference[] = [];
  #count = 0;
  /** The first object whose members stand in another order. */
  order: JsonPath | undefined;

  get full(): boolean {
    return this.#count >= MOST_FOUND;
  }

  add(path: JsonPath, { asked, stored }: { asked: string | undefined; stored: string | undefined }): void {
    this.#count++;
    if (this.#named.length >= MOST_NAMED) return;
    const short = around(asked, stored);
    this.#named.push({ path: pathText(path), ...short });
  }

  result(): Differences {
    if (this.#count === 0 && this.order !== undefined) {
      const path = pathText(this.order);
      const words = "(the same members in another order)";
      return { differences: [{ path, asked: words, stored: words }], more: 0 };
    }
    return { differences: this.#named, more: this.#count - this.#named.length };
  }
}

function diffHeads(found: Found, { head: asked }: KeptRequest, { head: stored }: KeptRequest): void {
  const plain = ["method", "provider", "namespace", "sample", "path"] as const;
  for (const name of plain) {
    if (asked[name] === stored[name]) continue;
    const text = (value: string | number) => (value === "" ? undefined : String(value));
    found.add([name], { asked: text(asked[name]), stored: text(stored[name]) });
  }
  diffMaps(found, { name: "query", asked: queryOf(asked.query), stored: queryOf(stored.query) });
  diffMaps(found, { name: "headers", asked: linesOf(asked.headers), stored: linesOf(stored.headers) });
  if (mediaType(asked.contentType) !== mediaType(stored.contentType)) {
    const values = { asked: asked.contentType || undefined, stored: stored.contentType || undefined };
    // A JSON or form body counts as what it is, whatever it is called.
    if (asked.digest.startsWith("raw:") || stored.digest.startsWith("raw:"))
      found.add(["headers", "content-type"], values);
  }
}

function diffMaps(
  found: Found,
  maps: { name: string; asked: ReadonlyMap<string, string>; stored: ReadonlyMap<string, string> },
): void {
  for (const name of new Set([...maps.asked.keys(), ...maps.stored.keys()])) {
    const values = { asked: maps.asked.get(name), stored: maps.stored.get(name) };
    if (values.asked !== values.stored) found.add([maps.name, name], values);
  }
}

function queryOf(query: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(query)) {
    const before = found.get(name);
    found.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  return found;
}

function linesOf(lines: readonly string[]): Map<string, string> {
  return new Map(lines.map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)]));
}

function mediaType(contentType: string): string {
  return (contentType.split(";")[0] as string).trim().toLowerCase();
}

function diffBodies(found: Found, asked: KeptBody, stored: KeptBody): void {
  if (asked.form === "json" && stored.form === "json") {
    new JsonDiff(found, ENCODER.encode(asked.text), ENCODER.encode(stored.text)).run();
  } else if (asked.form === "fields" && stored.form === "fields") {
    diffFields(found, asked.fields, stored.fields);
  } else {
    const text = (body: KeptBody) => {
      if (body.form === "text" || body.form === "json") return body.text;
      return body.form === "fields" ? "(a form)" : `(${body.size} bytes, SHA-256 ${body.sha256})`;
    };
    if (asked.form !== stored.form || text(asked) !== text(stored))
      found.add(["body"], { asked: text(asked), stored: text(stored) });
  }
}

function diffFields(found: Found, asked: readonly KeptField[], stored: readonly KeptField[]): void {
  const text = (field: KeptField | undefined) =>
    field && (field.text ?? `(${field.size} bytes, SHA-256 ${field.sha256})`);
  const names = new Set([...asked, ...stored].map((field) => field.name));
  for (const name of names) {
    const these = asked.filter((field) => field.name === name);
    const those = stored.filter((field) => field.name === name);
    for (let at = 0; at < Math.max(these.length, those.length); at++) {
      const path = these.length > 1 || those.length > 1 ? ["fields", name, at] : ["fields", name];
      const [one, other] = [these[at], those[at]];
      if (text(one) !== text(other)) found.add(path, { asked: text(one), stored: text(other) });
      else if (one?.headers.join() !== other?.headers.join())
        found.add([...path, "headers"], {
          asked: one?.headers.join("\n"),
          stored: other?.headers.join("\n"),
        });
    }
  }
}

/** Two compact JSON texts side by side. Only what is not equal byte for byte is gone into. */
class JsonDiff {
  constructor(
    readonly found: Found,
    readonly asked: Uint8Array,
    readonly stored: Uint8Array,
  ) {}

  run(): void {
    this.#value([], { start: 0, end: this.asked.byteLength }, { start: 0, end: this.stored.byteLength });
  }

  #value(path: JsonPath, asked: Span, stored: Span): void {
    if (this.found.full || this.#same(asked, stored)) return;
    const open = this.asked[asked.start];
    const alike = open === this.stored[stored.start] && path.length < DEPTH;
    if (alike && open === OPEN_OBJECT) this.#objects(path, asked, stored);
    else if (alike && open === OPEN_LIST) this.#lists(path, asked, stored);
    else this.found.add(path.length === 0 ? ["body"] : path, this.#values(asked, stored));
  }

  #objects(path: JsonPath, asked: Span, stored: Span): void {
    const these = membersAt(this.asked, asked);
    const those = membersAt(this.stored, stored);
    let different = false;
    for (const name of new Set([...these.keys(), ...those.keys()])) {
      const [one, other] = [these.get(name), those.get(name)];
      if (one !== undefined && other !== undefined && this.#same(one, other)) continue;
      different = true;
      if (this.found.full) return;
      if (one !== undefined && other !== undefined) this.#value([...path, name], one, other);
      else this.found.add([...path, name], this.#values(one, other));
    }
    if (!different) this.found.order ??= path.length === 0 ? ["body"] : path;
  }

  #lists(path: JsonPath, asked: Span, stored: Span): void {
    const these = Array.from(elements(this.asked, asked.start));
    const those = Array.from(elements(this.stored, stored.start));
    const pairs = paired({ asked: these.length, stored: those.length }, (a, s) =>
      this.#same(these[a] as Span, those[s] as Span),
    );
    for (const pair of pairs) {
      const one = pair.asked === undefined ? undefined : these[pair.asked];
      const other = pair.stored === undefined ? undefined : those[pair.stored];
      const here = [...path, pair.asked ?? pair.stored ?? 0];
      if (one !== undefined && other !== undefined) this.#value(here, one, other);
      else this.found.add(here, this.#values(one, other));
      if (this.found.full) return;
    }
  }

  #same(asked: Span, stored: Span): boolean {
    const length = asked.end - asked.start;
    if (length !== stored.end - stored.start) return false;
    for (let at = 0; at < length; at++) {
      if (this.asked[asked.start + at] !== this.stored[stored.start + at]) return false;
    }
    return true;
  }

  #values(asked: Span | undefined, stored: Span | undefined) {
    return {
      asked: asked && DECODER.decode(this.asked.subarray(asked.start, asked.end)),
      stored: stored && DECODER.decode(this.stored.subarray(stored.start, stored.end)),
    };
  }
}

/** By name; of a name that stands twice each but the first has its number behind it. */
function membersAt(text: Uint8Array, { start, end }: Span): Map<string, Span> {
  const found = new Map<string, Span>();
  for (const { name, value } of membersOf(text.subarray(start, end)) ?? []) {
    let unique = name;
    for (let n = 2; found.has(unique); n++) unique = `${name} (${n})`;
    found.set(unique, { start: start + value.start, end: start + value.end });
  }
  return found;
}

const OPEN_OBJECT = 0x7b;
const OPEN_LIST = 0x5b;
const ENCODER = new TextEncoder();
const DECODER = new TextDecoder("utf-8", { ignoreBOM: true });

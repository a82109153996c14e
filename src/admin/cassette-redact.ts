/** What is masked when a cassette is written: values by JSON path, wherever they stand in a request or an answer. */
import { CassetteError } from "../errors.ts";
import { afterSpace, elementsAt, isJson, membersAt, type Span } from "./cassette-json.ts";

export const REDACTED = "[redacted]";
const MASK = JSON.stringify(REDACTED);

/** One step of a path; `any`: whatever member or element, `deep`: any number of them, none included. */
type Step = { readonly name: string } | { readonly index: number } | "any" | "deep";

interface Pattern {
  /** As it was given. */
  readonly path: string;
  readonly side: "request" | "response";
  readonly steps: readonly Step[];
}

const STEP = /\.(\*\*|\*|[^.[\]*"]+)|\[(\*|\d+|"(?:[^"\\]|\\.)*")\]/y;

/**
 * Masks one side of one line.
 *
 * - `document` and `stream` take the text as it is and put `"[redacted]"` for each value that a path names; the rest
 *   stays as it was.
 * - Where paths are given, what can't be looked into is masked as a whole rather than shown.
 * - `hits` are the paths that found something.
 */
export class Redactor {
  readonly hits = new Set<string>();
  readonly #patterns: readonly Pattern[];

  constructor(patterns: readonly Pattern[]) {
    this.#patterns = patterns;
  }

  /** Whether there is anything to look for. */
  get active(): boolean {
    return this.#patterns.length > 0;
  }

  document(text: string): string {
    if (!this.active) return text;
    if (!isJson(text)) return this.whole();
    const out: string[] = [];
    const start = afterSpace(text, 0);
    let from = 0;
    this.#walk(text, start, this.#begin(), (span) => {
      out.push(text.slice(from, span.start), MASK);
      from = span.end;
    });
    return out.length === 0 ? text : `${out.join("")}${text.slice(from)}`;
  }

  /** Lines of JSON, or an event stream with JSON behind each `data:`. */
  stream(text: string): string {
    if (!this.active) return text;
    return text.replace(/[^\r\n]+/g, (line) => {
      const [, field = "", value = ""] = /^(data:[ \t]*)?(.*)$/s.exec(line) ?? [];
      if (field === "" && /^(?::|event:|id:|retry:)/.test(line)) return line;
      if (value.trim() === "" || value.trim() === "[DONE]") return line;
      return field + this.document(value);
    });
  }

  /** Stands for what can't be looked into. */
  whole(): string {
    for (const { path } of this.#patterns) this.hits.add(path);
    return REDACTED;
  }

  /** Whether a path names this member of the top level. */
  names(name: string): boolean {
    return this.#step(this.#begin(), name).some((at) => this.#reached(at));
  }

  /** Where each path stands before its first step: pattern and step, as one number. */
  #begin(): readonly number[] {
    return this.#patterns.flatMap((_, at) => this.#settle(at * PLACES));
  }

  /** A place, and those behind it that need no step. */
  #settle(place: number): readonly number[] {
    const step = this.#stepAt(place);
    return step === "deep" ? [place, ...this.#settle(place + 1)] : [place];
  }

  #stepAt(place: number): Step | undefined {
    return this.#patterns[Math.floor(place / PLACES)]?.steps[place % PLACES];
  }

  #reached(place: number): boolean {
    if (this.#stepAt(place) !== undefined) return false;
    this.hits.add((this.#patterns[Math.floor(place / PLACES)] as Pattern).path);
    return true;
  }

  #step(places: readonly number[], child: string | number): readonly number[] {
    const next: number[] = [];
    for (const place of places) {
      const step = this.#stepAt(place);
      if (step === "deep") next.push(...this.#settle(place));
      else if (step === "any") next.push(...this.#settle(place + 1));
      else if (step !== undefined && ("name" in step ? step.name : step.index) === child)
        next.push(...this.#settle(place + 1));
    }
    return [...new Set(next)];
  }

  #walk(text: string, at: number, places: readonly number[], mask: (span: Span) => void, depth = 0): void {
    const visit = (span: Span, child: string | number) => {
      const here = this.#step(places, child);
      if (here.length === 0) return;
      // Deeper than any API goes: what might be meant is masked unseen.
      if (here.filter((place) => this.#reached(place)).length > 0 || depth > DEPTH_LIMIT) mask(span);
      else this.#walk(text, span.start, here, mask, depth + 1);
    };
    if (depth === 0 && places.filter((place) => this.#reached(place)).length > 0) {
      mask({ start: at, end: text.trimEnd().length });
    } else if (text[at] === "{") {
      for (const { name, value } of membersAt(text, at)) visit(value, name);
    } else if (text[at] === "[") {
      let index = 0;
      for (const span of elementsAt(text, at)) visit(span, index++);
    }
  }
}

/** More steps than a path can have. */
const PLACES = 1024;
const DEPTH_LIMIT = 100;

/**
 * Reads paths such as `request.messages[*].content`: members by name (`.name`, `["name"]`), elements by number,
 * `*` for any one of them, `**` for any number of levels. Throws `CassetteError` for what is none.
 */
export function redaction(paths: readonly string[]): {
  request(): Redactor;
  response(): Redactor;
} {
  const patterns = paths.map(readPath);
  const of = (side: Pattern["side"]) => new Redactor(patterns.filter((pattern) => pattern.side === side));
  return { request: () => of("request"), response: () => of("response") };
}

function readPath(path: string): Pattern {
  const refuse = () =>
    new CassetteError(
      "invalid_redaction",
      `${JSON.stringify(path.slice(0, 100))} is no path to redact: use one such as request.messages[*].content or response.**.content`,
    );
  const side = /^(?:request|response)(?=[.[]|$)/.exec(path)?.[0] as Pattern["side"] | undefined;
  if (side === undefined || path.length > 1000) throw refuse();
  const steps: Step[] = [];
  for (STEP.lastIndex = side.length; STEP.lastIndex < path.length; ) {
    const found = STEP.exec(path);
    if (found === null) throw refuse();
    const [, member, bracket] = found;
    const said = member ?? (bracket as string);
    if (said === "**" || said === "*") {
      // One that follows itself says no more, and would be tried in many ways.
      if (said === "*" || steps.at(-1) !== "deep") steps.push(said === "*" ? "any" : "deep");
    } else if (member !== undefined) steps.push({ name: member });
    else if (said.startsWith('"') && isJson(said)) steps.push({ name: JSON.parse(said) as string });
    else if (/^\d+$/.test(said)) steps.push({ index: Number(said) });
    else throw refuse();
  }
  return { path, side, steps };
}

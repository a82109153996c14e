/** What a provider may do to a call, drawn at random, and what clients may then have seen of it. */
import assert from "node:assert/strict";
import { openai } from "./answers.ts";
import type { Chance } from "./json-tree.ts";

export interface Script {
  readonly id: number;
  readonly status: number;
  readonly type: string;
  /** The body in the pieces in which it comes. */
  readonly pieces: readonly string[];
  /** How the body ends; `refused`: there is no answer at all. */
  readonly end: "clean" | "cut" | "refused";
  /** Whether it is an answer worth keeping. */
  readonly well: boolean;
}

const FAILURES = [429, 401, 500, 503];

/** A third ends well; the rest breaks in every way that the proxy tells apart. */
export function drawScript(chance: Chance, id: number): Script {
  const marker = `call-${id}-`;
  const kind = chance.below(12);
  if (kind === 0) return { id, status: 0, type: "", pieces: [], end: "refused", well: false };
  if (kind <= 3) {
    const text = JSON.stringify({ [marker]: 1, error: { message: "no" } });
    return {
      id,
      status: chance.one(FAILURES),
      type: JSON_TYPE,
      pieces: pieces(text, chance),
      end: "clean",
      well: false,
    };
  }
  const streams = chance.maybe(60);
  const events = [`: ${marker}\n\n`, ...openai.events(`q${"x".repeat(chance.below(400))}`)];
  const text = streams ? events.join("") : JSON.stringify({ [marker]: 1, ...openai.document("q") });
  const type = streams ? "text/event-stream" : JSON_TYPE;
  const script = { id, status: 200, type };
  if (kind <= 7) return { ...script, pieces: pieces(text, chance), end: "clean", well: true };
  const length = streams && kind === 8 ? text.lastIndexOf("data:") : chance.below(text.length - 2);
  const cut = text.slice(0, length).replace(/[\ud800-\udbff]$/, "");
  // A document that ends too soon is no JSON, a stream has no end marker.
  return { ...script, pieces: pieces(cut, chance), end: kind === 8 ? "clean" : "cut", well: false };
}

const JSON_TYPE = "application/json";

function pieces(text: string, chance: Chance): string[] {
  const found: string[] = [];
  // Not inside a character: a piece is a text. Bytes are cut anywhere by other tests.
  const characters = [...text];
  for (let at = 0; at < characters.length; ) {
    const length = 1 + chance.below(chance.one([3, 40, 400]));
    found.push(characters.slice(at, at + length).join(""));
    at += length;
  }
  return found;
}

/** A call of the provider, with what it was asked for. */
export interface Made {
  readonly script: Script;
  readonly question: string;
  readonly credential: string;
}

/** What one client got. */
export interface Got {
  readonly question: string;
  readonly credential: string;
  readonly status: number;
  readonly word: string | undefined;
  readonly text: string;
  /** `left`: it went away itself. */
  readonly end: "whole" | "broken" | "left";
}

/** Holds what a client got against what the provider did. */
export function checkGot(got: Got, made: readonly Made[]): void {
  const mine = made.filter(({ question }) => question === got.question);
  const told = () =>
    JSON.stringify({ got, mine: mine.map(({ script, credential }) => ({ ...script, credential })) });
  if (got.status === 499 || got.status === 0) {
    assert.equal(got.end, "left", told());
    return;
  }
  if (got.status === 502) {
    assert.ok(
      mine.some(
        ({ script }) => script.end === "refused" || (script.end === "cut" && script.pieces.join("") === ""),
      ),
      `unreachable, though every call had an answer: ${told()}`,
    );
    return;
  }
  const own = mine.find(({ script }) => got.text.includes(`call-${script.id}-`));
  const sources = own ? [own] : mine.filter(({ script }) => script.status === got.status);
  // Too few bytes to tell whose they are may be any call's.
  assert.ok(
    sources.some((source) => fits(got, source)),
    `no call of the provider explains what a client got: ${told()}`,
  );
}

/** Its bytes, or their beginning; a clean end only where the provider ended so, with all of them; a break likewise. */
function fits(got: Got, { script, credential }: Made): boolean {
  const text = script.pieces.join("");
  if (script.status !== got.status || !text.startsWith(got.text)) return false;
  // Another credential's failure is nobody else's.
  if ([401, 429].includes(got.status) && credential !== got.credential) return false;
  if (got.end === "whole") return script.end === "clean" && got.text === text;
  return got.end === "left" || script.end === "cut";
}

/** Follows which calls are open, so that two for one key at a time are seen. */
export class Open {
  readonly #open = new Map<string, number>();

  begin(key: string, id: number): void {
    const other = this.#open.get(key);
    assert.equal(other, undefined, `call ${id} began while call ${other} for the same key was under way`);
    this.#open.set(key, id);
  }

  end(key: string, id: number): void {
    if (this.#open.get(key) === id) this.#open.delete(key);
  }
}

import type { KeptRequest } from "./kept.ts";
import type { Sha256 } from "./remember.ts";
import { conversationOf, lastAsked } from "./words.ts";

/** A mark that close requests share: `value` fits 48 bits, `weight` says how much having it in common tells. */
export interface Feature {
  readonly value: number;
  readonly weight: number;
}

/**
 * At most 14 marks of a request, by which those close to it are found without looking at all: its body as a whole; its
 * conversation as a whole, less its last turns and cut at powers of two; its last turn; and some minima of hashes over
 * the words of the last thing asked (A. Broder, "On the resemblance and containment of documents", 1997). Requests of
 * another endpoint or model share none.
 */
export function featuresOf({ head, body }: KeptRequest, sha256: Sha256): Feature[] {
  const scope = `${head.endpoint}\n${head.model ?? ""}\n`;
  const features = new Map<number, number>();
  const add = (name: string, weight: number) => {
    const value = hash48(scope + name);
    features.set(value, Math.max(weight, features.get(value) ?? 0));
  };
  add(`body ${head.digest}`, 100);
  if (body === undefined) return listOf(features);
  const turns = body.form === "json" ? conversationOf(ENCODER.encode(body.text)) : [];
  for (const { name, weight } of chainFeatures(turns, sha256)) add(name, weight);
  const asked = lastAsked(body);
  // A single question has nothing else to be found by.
  const count = turns.length > 1 ? MINIMA : SEEDS.length;
  if (asked !== undefined) for (const name of minima(asked, count)) add(name, 5);
  return listOf(features);
}

function* chainFeatures(turns: readonly Uint8Array[], sha256: Sha256) {
  const { length } = turns;
  if (length === 0) return;
  // Only hashes of what came before go into the next: the chain is as long as the conversation.
  let chain = 0;
  const chains = [0];
  for (const turn of turns) {
    const digest = sha256(turn);
    chain = hash48(`${chain} ${digest}`);
    chains.push(chain);
  }
  for (const less of [0, 1, 2, 3]) {
    if (less < length) yield { name: `chain ${chains[length - less]}`, weight: 60 - 5 * less };
  }
  let power = 2 ** Math.floor(Math.log2(Math.max(1, length - 4)));
  for (let taken = 0; taken < 3 && power >= 1 && length > 4; taken++, power /= 2) {
    yield { name: `chain ${chains[power]}`, weight: 20 - 3 * taken };
  }
  if (length > 1) yield { name: `last ${sha256(turns[length - 1] as Uint8Array)}`, weight: 30 };
}

/** Least hashes over words, and over pairs of words: texts that have most of them in common share most minima. */
function minima(text: string, count: number): string[] {
  const hashes = wordHashes(text.slice(0, MINIMA_CHARACTERS).toLowerCase());
  if (hashes.length === 0) return [];
  // By index and in signed 32 bits: this runs for each word of each request, and an iterator's pairs or numbers beyond
  // 31 bits take several times as long as the hashes. With the top bit turned round, order is that of the unsigned.
  const least = new Int32Array(count).fill(0x7fffffff);
  let before = 0;
  for (let word = 0; word < hashes.length; word++) {
    const own = hashes[word] as number;
    const pair = Math.imul(before ^ own, 0x85ebca6b) ^ (own >>> 13);
    for (let at = 0; at < count; at++) {
      const value = mixed((at % 3 === 0 ? own : pair) ^ (SEEDS[at] as number)) ^ TOP_BIT;
      if (value < (least[at] as number)) least[at] = value;
    }
    before = Math.imul(own, 31);
  }
  return Array.from(least, (value, at) => `least ${at} ${(value ^ TOP_BIT) >>> 0}`);
}

/** A hash for each word of a lower-case text, in its order. */
function wordHashes(text: string): readonly number[] {
  // Unicode's classes make a match, and a text of its own, of each word: far slower than a walk over the units.
  if (/[\u0080-\uffff]/.test(text))
    return (text.match(/[\p{L}\p{N}]+/gu) ?? []).map((word) => mixed(fnv(word, 0)));
  const hashes: number[] = [];
  let hash = FNV_START;
  let inside = false;
  for (let at = 0; at <= text.length; at++) {
    const unit = text.charCodeAt(at);
    if ((unit >= 0x61 && unit <= 0x7a) || (unit >= 0x30 && unit <= 0x39)) {
      hash = Math.imul(hash ^ unit, FNV_PRIME);
      inside = true;
    } else if (inside) {
      hashes.push(mixed(hash));
      hash = FNV_START;
      inside = false;
    }
  }
  return hashes;
}

/** How much two texts have in common, 0 to 1: the share of words that stand in both. */
export function likeness(one: string, other: string): number {
  if (one === other) return 1;
  const a = wordSet(one);
  const b = wordSet(other);
  if (a.size === 0 || b.size === 0) return 0;
  let both = 0;
  for (const word of a) if (b.has(word)) both++;
  return both / (a.size + b.size - both);
}

function wordSet(text: string): Set<string> {
  return new Set(
    text
      .slice(0, MINIMA_CHARACTERS)
      .toLowerCase()
      .match(/[\p{L}\p{N}]+/gu) ?? [],
  );
}

function listOf(features: ReadonlyMap<number, number>): Feature[] {
  return Array.from(features, ([value, weight]) => ({ value, weight }));
}

/** 48 bits of two 32-bit hashes with different seeds. */
function hash48(text: string): number {
  return (hash32(text, 0x9e3779b1) & 0xffff) * 2 ** 32 + scramble(hash32(text, 0x51ed270b));
}

function hash32(text: string, seed: number): number {
  return scramble(fnv(text, seed));
}

/** FNV-1a over the text's units. */
function fnv(text: string, seed: number): number {
  let hash = FNV_START ^ seed;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), FNV_PRIME);
  return hash;
}

function scramble(value: number): number {
  return mixed(value) >>> 0;
}

/** The end of MurmurHash3: every bit of the input moves half of the output's. Signed. */
function mixed(value: number): number {
  let hash = value;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

const TOP_BIT = 0x80000000 | 0;
const FNV_START = 0x811c9dc5;
const FNV_PRIME = 0x01000193;
const MINIMA_CHARACTERS = 32_000;
const MINIMA = 5;
const SEEDS = [0x1b873593, 0x38b34ae5, 0x6c1b3f27, 0x0cc9e2d1, 0x27d4eb2f, 0x165667b1];
const ENCODER = new TextEncoder();

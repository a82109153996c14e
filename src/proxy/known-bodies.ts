import { LRUCache } from "lru-cache";
import { SeenLately } from "../cache/seen-lately.ts";
import { fingerprint, sameBytes } from "./digest.ts";
import type { WrittenHead } from "./hit-head.ts";
import type { Gist, Keys } from "./job.ts";

/** A request body that was read before, and what came of it. */
export interface KnownBody {
  readonly context: number;
  readonly bytes: Uint8Array;
  readonly gist: Gist;
  /** The keys that it had last. */
  keys: KeysOfRepeat | undefined;
  /** The answer's head as it was written last, and the stored one's parts that it was written from. */
  head: WrittenHead | undefined;
}

/** Keys of a body, and what else they were made of. */
export interface KeysOfRepeat extends Pick<Keys, "plan" | "key" | "ownKey"> {
  readonly under: Keys["keyParts"];
}

/** Objects, map slots and strings beside a body's bytes. */
const OVERHEAD_BYTES = 1024;
/** Bytes of the texts of contexts. */
const CONTEXTS_BYTES = 4 * 1024 * 1024;
const CONTEXT_OVERHEAD_BYTES = 128;
const FINGERPRINTS = 2 ** 32;
/** With the fingerprints they make numbers up to 2^52; contexts may share a slot. */
const CONTEXT_SLOTS = 2 ** 20;

/**
 * Bodies by their exact bytes. A fast hash finds the candidate and the comparison of the whole decides, so a body
 * that was seen before is neither parsed nor digested. Of two bodies with one fingerprint the later one stays.
 *
 * What is remembered is the body's part only: never a key by itself, since namespace, sample, scope and headers are
 * each request's own.
 */
export class KnownBodies {
  readonly #bodies: LRUCache<number, KnownBody>;
  readonly #contexts = new LRUCache<string, number>({
    maxSize: CONTEXTS_BYTES,
    sizeCalculation: (_number, text) => 2 * text.length + CONTEXT_OVERHEAD_BYTES,
  });
  #nextContext = 0;
  readonly #largest: number;
  readonly #seen = new SeenLately();

  constructor({ maxBytes }: { readonly maxBytes: number }) {
    this.#largest = maxBytes / 8;
    this.#bodies = new LRUCache({
      maxSize: Math.max(1, maxBytes),
      sizeCalculation: ({ bytes }) => bytes.byteLength + OVERHEAD_BYTES,
    });
  }

  /**
   * A number for all that decides what a body's bytes mean, beside themselves. It never stands for another text: a
   * text that was forgotten gets a new one, and whoever still has the old one finds old bodies or none.
   */
  contextOf(text: string): number {
    const known = this.#contexts.get(text);
    if (known !== undefined) return known;
    const number = this.#nextContext++;
    this.#contexts.set(text, number);
    return number;
  }

  find(context: number, bytes: Uint8Array): KnownBody | undefined {
    const known = this.#bodies.get(slot(context, bytes));
    return known?.context === context && sameBytes(known.bytes, bytes) ? known : undefined;
  }

  /** Remembers a copy; a body that would push out many others is not remembered. */
  add(context: number, bytes: Uint8Array, gist: Gist): KnownBody {
    const added = known(context, new Uint8Array(bytes), gist);
    if (bytes.byteLength <= this.#largest) this.#bodies.set(slot(context, bytes), added);
    return added;
  }

  /** Whether a body that is not known came lately; from now on it did. */
  cameLately(bytes: Uint8Array): boolean {
    return bytes.byteLength <= this.#largest && this.#seen.again(fingerprint(bytes));
  }

  /** Of many that may never come again: as one that is known, remembered where it came before lately (`again`). */
  met(context: number, bytes: Uint8Array, { gist, again }: { gist: Gist; again: boolean }): KnownBody {
    const met = known(context, again ? new Uint8Array(bytes) : bytes, gist);
    if (again) this.#bodies.set(slot(context, bytes), met);
    return met;
  }

  clear(): void {
    this.#bodies.clear();
    this.#contexts.clear();
  }
}

function known(context: number, bytes: Uint8Array, { digest, model, accountBound }: Gist): KnownBody {
  // A question holds its decoded body and document as well, which are many times its bytes.
  return { context, bytes, gist: { digest, model, accountBound }, keys: undefined, head: undefined };
}

function slot(context: number, bytes: Uint8Array): number {
  return (context % CONTEXT_SLOTS) * FINGERPRINTS + fingerprint(bytes);
}

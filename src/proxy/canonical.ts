import type { Shape } from "../providers/shape.ts";
import { CanonicalWriter } from "./canonical-writer.ts";
import type { Mask } from "./mask.ts";

/**
 * The canonical form of a JSON body, over the raw bytes of its text: nothing is parsed into values, so no digit of
 * a number is lost and no two names are merged.
 *
 * White space goes; a string is written with the fewest escapes (`\u00e9` and `é` are one, a lone surrogate stays
 * an escape); a number stays as it was written (`1` and `1.0` are two). Members are sorted only in the objects that
 * `shape` names as the API's own; all others keep their order, since a model may read it. An object with a name
 * twice keeps its order too: providers differ in which one they take.
 *
 * `mask` may leave parts of texts out, for the key only.
 *
 * What is not safely one thing is not canonical: bad JSON, invalid UTF-8, a byte order mark, nesting over 1,000,
 * objects of more than 50,000 members.
 */

/** Bytes read before the loop gets a turn: about 10 ms. */
const STEP_BYTES = 1024 * 1024;

export interface CanonicalOptions {
  readonly shape: Shape | undefined;
  /** Top-level members that don't count. */
  readonly ignore: ReadonlySet<string>;
  /** What of the texts doesn't count; undefined: everything does. */
  readonly mask?: Mask | undefined;
}

/** Undefined where the text has no safe canonical form: it then counts byte for byte. */
export async function canonicalJson(
  text: Uint8Array,
  options: CanonicalOptions,
): Promise<Uint8Array | undefined> {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const writer = new CanonicalWriter(text, options);
  try {
    for (let at = 0; at < text.byteLength; at += STEP_BYTES) {
      decoder.decode(text.subarray(at, at + STEP_BYTES), { stream: true });
      if (!writer.step(at + STEP_BYTES)) return undefined;
      if (at + STEP_BYTES < text.byteLength) await new Promise((resolve) => setTimeout(resolve, 0));
    }
    decoder.decode();
  } catch {
    return undefined;
  }
  return writer.finish();
}

/** The same for a text that is read at once; the caller sees to it that it is short. */
export function canonicalNow(text: Uint8Array, options: CanonicalOptions): Uint8Array | undefined {
  const writer = new CanonicalWriter(text, options);
  try {
    new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(text);
  } catch {
    return undefined;
  }
  return writer.step(text.byteLength) ? writer.finish() : undefined;
}

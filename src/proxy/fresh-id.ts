import type { Reader } from "../cache/recording.ts";

/** Where the answer's own id is looked for: it stands at the beginning in every family. */
const LOOK_BYTES = 16 * 1024;
const ID = /"(?:id|responseId|response_id|generation_id)"\s*:\s*"([A-Za-z0-9_.:-]{6,128})"/;

/**
 * Gives a replayed answer another id, the same in all its events and of the same length: letters and digits behind
 * the id's prefix are drawn anew. Undefined where no id is found.
 */
export class FreshId {
  readonly #old: Uint8Array;
  readonly #fresh: Uint8Array;

  private constructor(old: string, fresh: string) {
    this.#old = new TextEncoder().encode(old);
    this.#fresh = new TextEncoder().encode(fresh);
  }

  static of(beginning: Uint8Array): FreshId | undefined {
    const text = new TextDecoder("latin1").decode(beginning.subarray(0, LOOK_BYTES));
    const old = ID.exec(text)?.[1];
    return old === undefined ? undefined : new FreshId(old, drawnAnew(old));
  }

  /** A copy with the id replaced. */
  replace(bytes: Uint8Array): Uint8Array {
    const copy = new Uint8Array(bytes);
    const [first = 0] = this.#old;
    for (let at = copy.indexOf(first); at >= 0; at = copy.indexOf(first, at + 1)) {
      if (this.#matches(copy, at)) copy.set(this.#fresh, at);
    }
    return copy;
  }

  /** The same over a body in pieces: an id may lie across two of them, so the end of each waits for the next. */
  reader(source: Reader): Reader {
    const overlap = this.#old.byteLength - 1;
    let held: Uint8Array = new Uint8Array(0);
    let over = false;
    return {
      read: async () => {
        while (!over) {
          const piece = await source.read();
          over = piece === undefined;
          const bytes = this.replace(piece === undefined ? held : concat(held, piece));
          const ready = over ? bytes.byteLength : bytes.byteLength - overlap;
          if (ready <= 0) {
            held = bytes;
            continue;
          }
          held = bytes.subarray(ready);
          return bytes.subarray(0, ready);
        }
        return undefined;
      },
      leave: () => source.leave(),
    };
  }

  #matches(bytes: Uint8Array, at: number): boolean {
    return this.#old.every((byte, i) => bytes[at + i] === byte);
  }
}

function drawnAnew(id: string): string {
  const prefix = /^.*[-_.:]/.exec(id)?.[0] ?? "";
  const kept = prefix.length < id.length - 3 ? prefix : "";
  const random = crypto.getRandomValues(new Uint8Array(id.length));
  const draw = (from: string, at: number) => from[(random[at] ?? 0) % from.length] ?? "0";
  return (
    kept +
    [...id.slice(kept.length)]
      .map((char, at) => {
        if (/\d/.test(char)) return draw("0123456789", at);
        if (/[a-f]/.test(char)) return draw("abcdef", at);
        if (/[a-z]/.test(char)) return draw("abcdefghijklmnopqrstuvwxyz", at);
        return /[A-Z]/.test(char) ? draw("ABCDEFGHIJKLMNOPQRSTUVWXYZ", at) : char;
      })
      .join("")
  );
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  const whole = new Uint8Array(a.byteLength + b.byteLength);
  whole.set(a);
  whole.set(b, a.byteLength);
  return whole;
}

import type { Reader } from "../cache/recording.ts";
import { OwnIds } from "./own-ids.ts";

/**
 * Gives a replayed answer another id, of the same length and the same at all its places (`OwnIds`): letters and
 * digits behind the id's prefix are drawn anew. Nothing else in it changes, and an answer without an id does not.
 */
export class FreshId {
  readonly #places: OwnIds;
  #old: string | undefined;
  #fresh: Uint8Array = NOTHING;
  /** An id's beginning at a piece's end, which waits for the rest. */
  #held: Uint8Array = NOTHING;

  private constructor(form: "events" | "json") {
    this.#places = new OwnIds(form);
  }

  /** By an answer's media type; undefined where its ids are not to be told from what else it holds. */
  static of(type: string): FreshId | undefined {
    if (type === "text/event-stream") return new FreshId("events");
    return /json/.test(type) ? new FreshId("json") : undefined;
  }

  /** A copy of a whole body with the id replaced. */
  replace(bytes: Uint8Array): Uint8Array {
    return concat(this.#take(bytes), this.#held);
  }

  /** The same over a body in pieces. */
  reader(source: Reader): Reader {
    let over = false;
    return {
      read: async () => {
        while (!over) {
          const piece = await source.read();
          over = piece === undefined;
          const ready = piece === undefined ? this.#held : this.#take(piece);
          if (ready.byteLength > 0) return ready;
        }
        return undefined;
      },
      leave: () => source.leave(),
    };
  }

  #take(piece: Uint8Array): Uint8Array {
    const bytes = concat(this.#held, piece);
    const open = this.#places.find(bytes, (start, end) => this.#renew(bytes, { start, end }));
    this.#held = bytes.subarray(open);
    return bytes.subarray(0, open);
  }

  #renew(bytes: Uint8Array, { start, end }: { start: number; end: number }): void {
    const id = String.fromCharCode(...bytes.subarray(start, end));
    if (this.#old === undefined && ID.test(id)) {
      this.#old = id;
      this.#fresh = new TextEncoder().encode(drawnAnew(id));
    }
    if (id === this.#old) bytes.set(this.#fresh, start);
  }
}

const ID = /^[A-Za-z0-9_.:-]{6,128}$/;
const NOTHING = new Uint8Array(0);

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

import { parseHead, type RequestHead } from "./head.ts";
import { Refusal } from "./refusal.ts";

/** Bytes of heads that are remembered, with what hangs on each, and of the largest text that is. */
const MAX_BYTES = 16 * 1024 * 1024;
const MAX_ONE = 16 * 1024;
/** The lines that were read, and what `Repeats` gave. */
const OVERHEAD_BYTES = 4 * 1024;

/** A head that was read, and what is known of requests with it. */
export interface KnownHead {
  readonly head: RequestHead;
  /** Bytes of the body where a request has the form of those that `Repeats` knows. */
  readonly size: number | undefined;
  /** What `Repeats.find` gave, until `answer` declines. */
  repeat: object | undefined;
}

/** Heads that came before: a client sends the same one again and again, so each is read once. */
export class Heads {
  readonly #known = new Map<string, KnownHead>();
  readonly #scheme: "http" | "https";
  #bytes = 0;

  constructor(scheme: "http" | "https") {
    this.#scheme = scheme;
  }

  find(text: string): KnownHead | Refusal {
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    const head = parseHead(text, this.#scheme);
    if (head instanceof Refusal) return head;
    const made = { head, size: repeatable(head), repeat: undefined };
    if (text.length <= MAX_ONE) this.#keep(text, made);
    return made;
  }

  #keep(text: string, known: KnownHead): void {
    this.#known.set(text, known);
    this.#bytes += text.length + OVERHEAD_BYTES;
    while (this.#bytes > MAX_BYTES) {
      const [oldest = ""] = this.#known.keys();
      this.#known.delete(oldest);
      this.#bytes -= oldest.length + OVERHEAD_BYTES;
    }
  }
}

function repeatable({ method, body, old, expects }: RequestHead): number | undefined {
  if (method !== "POST" || body === "chunked" || body === 0 || old || expects) return undefined;
  return body;
}

import type { Near } from "../requests/kept.ts";
import type { Found } from "./job.ts";
import { isPast, pastTtl } from "./words.ts";

const LENGTH = 300;
/** As many digits of a key as people need to tell entries apart. */
const KEY_DIGITS = 6;

/** Why one request is answered as it is: collected on its way, written on its answer as `X-Cache-Explain`. */
export class Reason {
  #found: Found | undefined;
  #near: Promise<Near | null | undefined> | undefined;
  #written = false;

  /** Another worker has answered, and written it. */
  told(): void {
    this.#written = true;
  }

  /** What was there for it, and what is near it. */
  looked(found: Found | undefined, near: Promise<Near | null | undefined> | undefined): void {
    this.#found = found;
    this.#near = near;
  }

  async write(headers: Headers): Promise<void> {
    if (!this.#written) headers.set("x-cache-explain", headerText(await this.#line(headers)));
  }

  async #line(headers: Headers): Promise<string> {
    const said = headers.get("cache-status") ?? "";
    const own = said.slice(said.lastIndexOf("askonce"));
    const found = this.#found;
    const past = found && isPast(found.fresh) ? pastTtl(found.fresh) : "older than was asked for";
    switch (headers.get("x-cache-status")) {
      case "HIT":
        return "hit";
      case "STALE":
        return own.includes("fwd=stale") ? `stale: the provider failed, ${past}` : `stale: ${past}`;
      case "UPDATING":
        return `stale: ${past}, a refresh is running`;
      case "EXPIRED":
        return `expired: ${past}`;
      case "PARTIAL":
        return "partial: some of its inputs are stored";
      case "BYPASS":
        return `bypass: ${/detail=([\w-]+)/.exec(own)?.[1] ?? "method"}`;
    }
    if (own.includes("; collapsed")) return "miss: joined a call under way";
    if (own.includes("fwd=request")) return "miss: a fresh answer was asked for";
    return missed(await this.#near);
  }
}

function missed(near: Near | null | undefined): string {
  if (near === undefined) return "miss";
  const path = near?.differences[0]?.path;
  if (near === null || path === undefined) return "miss: nothing near is stored";
  return `miss: differs from ${near.key.slice(0, KEY_DIGITS)}... at ${path}`;
}

/** A header's value is ASCII. */
function headerText(text: string): string {
  const ascii = text.replace(
    /[^\x20-\x7e]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return ascii.length <= LENGTH ? ascii : `${ascii.slice(0, LENGTH - 3)}...`;
}

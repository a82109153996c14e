/** Bytes of bodies in flight, over all requests: past the limit new bodies stream through unkept. */
export class Budget {
  #used = 0;
  readonly #limit: () => number;

  constructor(limit: () => number) {
    this.#limit = limit;
  }

  get used(): number {
    return this.#used;
  }

  /** Takes `bytes` where they fit and says whether they did. */
  take(bytes: number): boolean {
    if (this.#used + bytes > this.#limit()) return false;
    this.#used += bytes;
    return true;
  }

  give(bytes: number): void {
    this.#used -= bytes;
  }
}

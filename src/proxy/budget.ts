/** Bytes of bodies in flight, over all requests: past the limit new bodies stream through unkept. */
export class Budget {
  #used = 0;
  #peak = 0;
  readonly #limit: () => number;
  readonly #drained: (peak: number) => void;

  /** `drained` is told whenever nothing is in flight any more, with the most there was since the last time. */
  constructor(limit: () => number, drained: (peak: number) => void = () => {}) {
    this.#limit = limit;
    this.#drained = drained;
  }

  get used(): number {
    return this.#used;
  }

  /** Takes `bytes` where they fit and says whether they did. */
  take(bytes: number): boolean {
    if (this.#used + bytes > this.#limit()) return false;
    this.#used += bytes;
    this.#peak = Math.max(this.#peak, this.#used);
    return true;
  }

  give(bytes: number): void {
    this.#used -= bytes;
    if (this.#used > 0 || bytes === 0) return;
    this.#drained(this.#peak);
    this.#peak = 0;
  }
}

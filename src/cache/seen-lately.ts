/** 128 KiB. */
const SLOTS = 2 ** 15;

/**
 * Tells what comes a second time within some ten thousand others, by a number of 32 bits: what memory can hold comes
 * again before that, what it cannot hold does not. So a working set larger than memory is read from disk without each
 * answer pushing out another that was kept in vain (of a hit's 60 us that took 25, most of it the collector's).
 *
 * A guess: of numbers that share a slot the later one stays.
 */
export class SeenLately {
  readonly #slots = new Uint32Array(SLOTS);

  /** Whether this number came lately; from now on it did. */
  again(number: number): boolean {
    const at = number % SLOTS;
    // An empty slot is no number's.
    const stamp = number === 0 ? 1 : number;
    if (this.#slots[at] === stamp) return true;
    this.#slots[at] = stamp;
    return false;
  }
}

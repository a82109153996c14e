const LEAST = 1024;
/** 8 MiB. */
const MOST = 512 * 1024;
/** Slots that are looked at for one number. */
const NEAR = 64;

/**
 * Places of entries (see `Entry.place`) by numbers of 52 bits, in flat arrays: some 250,000 of them, the later in the
 * stead of an earlier one where there is no room. A guess: whoever finds one sees for himself what stands there.
 */
export class AskedPlaces {
  #numbers = new Float64Array(LEAST);
  #places = new Float64Array(LEAST);
  #size = 0;

  find(number: number): number | undefined {
    const slot = this.#slotOf(number);
    // 0 is no place: it stands where nothing does.
    return this.#numbers[slot] === number ? this.#places[slot] || undefined : undefined;
  }

  add(number: number, place: number): void {
    if (number === 0) return;
    const slot = this.#slotOf(number);
    if (this.#numbers[slot] === 0) this.#size++;
    this.#numbers[slot] = number;
    this.#places[slot] = place;
    if (2 * this.#size > this.#numbers.length && this.#numbers.length < MOST) this.#grow();
  }

  /** The number's own slot, else an empty one, else where it began to look. */
  #slotOf(number: number): number {
    const numbers = this.#numbers;
    const slots = numbers.length;
    const first = number % slots;
    for (let nth = 0; nth < NEAR; nth++) {
      const slot = (first + nth) % slots;
      if (numbers[slot] === number || numbers[slot] === 0) return slot;
    }
    return first;
  }

  #grow(): void {
    const [numbers, places] = [this.#numbers, this.#places];
    this.#numbers = new Float64Array(2 * numbers.length);
    this.#places = new Float64Array(2 * numbers.length);
    this.#size = 0;
    for (let slot = 0; slot < numbers.length; slot++)
      if (numbers[slot] !== 0) this.add(numbers[slot] as number, places[slot] as number);
  }
}

/** Slots to begin with, a power of two as ever. */
const LEAST = 1024;
/** Spreads what lies side by side: 2^32 over the golden ratio. */
const SPREAD = 0x9e3779b1;

/** Hits of entries in the order of their places. */
export interface UsesInOrder {
  readonly places: Float64Array;
  readonly hits: Uint32Array;
  /** When each was last hit (epoch ms). */
  readonly times: Float64Array;
}

/**
 * Hits by place (see `Entry.place`, never 0), in flat arrays with open addressing: a map of as many objects is gone
 * over at each of the collector's rounds, which took a tenth of a hit from disk.
 */
export class UseTable {
  #places: Float64Array;
  #hits: Uint32Array;
  #times: Float64Array;
  #size = 0;

  /** `expected`: how many there will be, roughly. */
  constructor(expected = 0) {
    let slots = LEAST;
    while (slots < 2 * expected) slots *= 2;
    this.#places = new Float64Array(slots);
    this.#hits = new Uint32Array(slots);
    this.#times = new Float64Array(slots);
  }

  get size(): number {
    return this.#size;
  }

  has(place: number): boolean {
    return this.#places[this.#slotOf(place)] === place;
  }

  /** Notes a hit, or some of which `time` is the last. */
  add(place: number, time: number, hits = 1): void {
    this.#put(place, hits, time);
    if (2 * this.#size > this.#places.length) this.#grow();
  }

  inOrder(): UsesInOrder {
    const places = new Float64Array(this.#size);
    let taken = 0;
    for (const place of this.#places) if (place !== 0) places[taken++] = place;
    places.sort();
    const hits = new Uint32Array(taken);
    const times = new Float64Array(taken);
    for (let at = 0; at < taken; at++) {
      const slot = this.#slotOf(places[at] as number);
      hits[at] = this.#hits[slot] as number;
      times[at] = this.#times[slot] as number;
    }
    return { places, hits, times };
  }

  #put(place: number, hits: number, time: number): void {
    const slot = this.#slotOf(place);
    if (this.#places[slot] === 0) {
      this.#places[slot] = place;
      this.#size++;
    }
    this.#hits[slot] = (this.#hits[slot] as number) + hits;
    this.#times[slot] = Math.max(time, this.#times[slot] as number);
  }

  /** The place's own slot, or the empty one where it would stand. */
  #slotOf(place: number): number {
    const places = this.#places;
    const last = places.length - 1;
    let slot = (Math.imul(place, SPREAD) >>> 8) & last;
    while (places[slot] !== place && places[slot] !== 0) slot = (slot + 1) & last;
    return slot;
  }

  #grow(): void {
    const [places, hits, times] = [this.#places, this.#hits, this.#times];
    this.#places = new Float64Array(2 * places.length);
    this.#hits = new Uint32Array(2 * places.length);
    this.#times = new Float64Array(2 * places.length);
    this.#size = 0;
    for (let slot = 0; slot < places.length; slot++) {
      if (places[slot] !== 0) this.#put(places[slot] as number, hits[slot] as number, times[slot] as number);
    }
  }
}

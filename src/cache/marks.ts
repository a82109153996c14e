import type { ChunkMark } from "./entry.ts";

/** Marks that there is room for at first. */
const FIRST = 64;
const NONE = new Float64Array(0);

/**
 * The marks of a body under way, as numbers in turn: the collector would look at each object of thousands of streams,
 * and at an array of numbers each time that it was written to.
 */
export class Marks {
  #numbers = NONE;
  #used = 0;

  add(end: number, atMs: number): void {
    if (this.#used === this.#numbers.length) this.#grow();
    this.#numbers[this.#used++] = end;
    this.#numbers[this.#used++] = atMs;
  }

  clear(): void {
    this.#numbers = NONE;
    this.#used = 0;
  }

  list(): ChunkMark[] {
    const marks: ChunkMark[] = [];
    for (let i = 0; i < this.#used; i += 2) {
      marks.push({ end: this.#numbers[i] as number, atMs: this.#numbers[i + 1] as number });
    }
    return marks;
  }

  #grow(): void {
    const grown = new Float64Array(Math.max(2 * FIRST, 2 * this.#used));
    grown.set(this.#numbers);
    this.#numbers = grown;
  }
}

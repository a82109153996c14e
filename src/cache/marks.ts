import type { ChunkMark } from "./entry.ts";

/** The marks of a body under way, as numbers in turn: the collector would look at each object of thousands of streams. */
export class Marks {
  #numbers: number[] = [];

  add(end: number, atMs: number): void {
    this.#numbers.push(end, atMs);
  }

  clear(): void {
    this.#numbers = [];
  }

  list(): ChunkMark[] {
    const marks: ChunkMark[] = [];
    for (let i = 0; i < this.#numbers.length; i += 2) {
      marks.push({ end: this.#numbers[i] as number, atMs: this.#numbers[i + 1] as number });
    }
    return marks;
  }
}

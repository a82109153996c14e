/** What of a process's stream is used here. */
interface Sink {
  write(text: string, written: (error?: Error | null) => void): boolean;
  on(event: "error", handler: () => void): unknown;
}

/** Text waiting for a reader that has stopped reading; beyond it lines are dropped and counted. */
const MAX_WAITING = 8 * 1024 * 1024;

/**
 * One of the process's output streams. Lines of one turn of the loop go out in one write; a reader that has gone
 * away or stands still costs nothing but its lines.
 */
export class Output {
  readonly #sink: Sink;
  #waiting = "";
  #dropped = 0;
  #closed = false;
  #writing: Promise<void> | undefined;

  constructor(sink: Sink) {
    this.#sink = sink;
    sink.on("error", () => {
      this.#closed = true;
      this.#waiting = "";
    });
  }

  write(text: string): void {
    if (this.#closed) return;
    if (this.#waiting.length + text.length > MAX_WAITING) {
      this.#dropped += 1;
      return;
    }
    this.#waiting += text;
    this.#writing ??= this.#drain();
  }

  /** Resolves once everything taken has been written, or cannot be. */
  async flush(): Promise<void> {
    await this.#writing;
  }

  async #drain(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#waiting !== "" && !this.#closed) {
      const note =
        this.#dropped > 0 ? `askonce: ${this.#dropped} lines were dropped, nobody read them\n` : "";
      const text = this.#waiting + note;
      this.#waiting = "";
      this.#dropped = 0;
      await new Promise<void>((resolve) => {
        this.#sink.on("error", resolve);
        this.#sink.write(text, () => resolve());
      });
    }
    this.#writing = undefined;
  }
}

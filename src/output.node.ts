/** What of a process's stream is used here. */
export interface Sink {
  write(text: string | Uint8Array, written: (error?: Error | null) => void): boolean;
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
  readonly #missed: (lines: number) => void;
  #waiting = "";
  #dropped = 0;
  #closed = false;
  #writing: Promise<void> | undefined;

  /** `missed` is told how many lines were dropped, once the reader reads again. */
  constructor(sink: Sink, missed: (lines: number) => void) {
    this.#sink = sink;
    this.#missed = missed;
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

  /** Writes behind what was taken so far; resolves once the reader has it, rejects (`EPIPE`) where there is none. */
  async print(bytes: Uint8Array): Promise<void> {
    await this.#writing;
    if (!this.#closed) {
      await new Promise<void>((resolve) => {
        this.#sink.write(bytes, (error) => {
          this.#closed ||= Boolean(error);
          resolve();
        });
      });
    }
    if (this.#closed) throw Object.assign(new Error("nobody reads the output"), { code: "EPIPE" });
  }

  /** Resolves once everything taken has been written, or cannot be. */
  async flush(): Promise<void> {
    await this.#writing;
  }

  async #drain(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#waiting !== "" && !this.#closed) {
      const text = this.#waiting;
      this.#waiting = "";
      await new Promise<void>((resolve) => {
        this.#sink.write(text, () => resolve());
      });
      if (this.#dropped > 0) this.#missed(this.#dropped);
      this.#dropped = 0;
    }
    this.#writing = undefined;
  }
}

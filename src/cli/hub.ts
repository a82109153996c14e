import { combined, ended, type Shown } from "../compose.ts";
import type { Topic } from "../crew.ts";
import type { WorkerProcess } from "../host.ts";
import type { Order, Word } from "./crew-messages.ts";

/** What workers say to each other goes through here, so that all hear it in one order. */
export class Hub {
  /** Those that hear what all hear. */
  readonly #members = new Map<WorkerProcess, { shown: Shown | undefined }>();
  readonly #gatherings = new Map<number, Gathering>();
  #count = 0;
  /** What workers that are no more had counted. */
  #past: Shown | undefined;
  #changes: object = {};

  /** From now on it hears everything; what was changed before it is told first. */
  add(worker: WorkerProcess): void {
    this.#members.set(worker, { shown: undefined });
    this.#ask(worker, { id: this.#count++, topic: "change", value: this.#changes });
  }

  remove(worker: WorkerProcess): void {
    const shown = this.#members.get(worker)?.shown;
    if (shown !== undefined)
      this.#past = this.#past ? combined([this.#past, ended(shown)]) : combined([ended(shown)]);
    this.#members.delete(worker);
    for (const gathering of this.#gatherings.values()) gathering.without(worker);
  }

  take(worker: WorkerProcess, word: Extract<Word, { kind: "gather" | "answer" | "counted" }>): void {
    const member = this.#members.get(worker);
    if (word.kind === "counted") {
      if (member) member.shown = word.shown;
    } else if (word.kind === "gather") this.#gather(worker, word);
    else {
      const gathering = this.#gatherings.get(word.id);
      if (gathering?.topic === "metrics" && member) member.shown = word.value as Shown;
      gathering?.answer(worker, word.value);
    }
  }

  #gather(from: WorkerProcess, { id: asked, topic, value }: Extract<Word, { kind: "gather" }>): void {
    if (topic === "change") this.#changes = { ...this.#changes, ...given(value as object) };
    const id = this.#count++;
    const gathering = new Gathering(topic, [...this.#members.keys()], (values) => {
      this.#gatherings.delete(id);
      const past = topic === "metrics" && this.#past !== undefined ? [this.#past] : [];
      void from.send({ kind: "gathered", id: asked, values: [...values, ...past] } satisfies Order);
    });
    this.#gatherings.set(id, gathering);
    for (const member of this.#members.keys()) this.#ask(member, { id, topic, value });
    gathering.begin();
  }

  #ask(worker: WorkerProcess, asked: { id: number; topic: Topic; value: unknown }): void {
    void worker.send({ kind: "asked", ...asked } satisfies Order);
  }
}

/** Members that are not undefined. */
function given(change: object): object {
  return Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined));
}

/** A worker that is held up is not waited for any longer. */
const PATIENCE_MS = 2_000;

class Gathering {
  readonly #waiting: Set<WorkerProcess>;
  readonly #values: unknown[] = [];
  readonly #timer: ReturnType<typeof setTimeout>;
  #over = false;

  constructor(
    readonly topic: Topic,
    members: readonly WorkerProcess[],
    readonly done: (values: readonly unknown[]) => void,
  ) {
    this.#waiting = new Set(members);
    this.#timer = setTimeout(() => this.#end(), PATIENCE_MS);
  }

  begin(): void {
    if (this.#waiting.size === 0) this.#end();
  }

  answer(worker: WorkerProcess, value: unknown): void {
    if (this.#waiting.has(worker) && value !== undefined) this.#values.push(value);
    this.without(worker);
  }

  without(worker: WorkerProcess): void {
    this.#waiting.delete(worker);
    if (this.#waiting.size === 0) this.#end();
  }

  #end(): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#timer);
    this.done(this.#values);
  }
}

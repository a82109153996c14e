import type { Entry } from "../cache/entry.ts";
import type { RequestEvent } from "../journal/event.ts";
import { sameModel, splitAnswer, unitForm, type Vector } from "./batch-answer.ts";
import { knownPart, partJob, placedUnits, usable, wholeOf, withParts } from "./batch-parts.ts";
import { replyVectors } from "./batch-reply.ts";
import { type Batch, readBatch, type Unit } from "./batch-request.ts";
import type { Call } from "./call.ts";
import { ClientGone, whileConnected } from "./connected.ts";
import type { Delivery } from "./counted.ts";
import { readDocument } from "./document.ts";
import type { Job, Outcome } from "./flight.ts";
import { joined } from "./gather.ts";
import { liveHeaders } from "./headers.ts";
import type { Found } from "./job.ts";
import type { ProxyParts } from "./parts.ts";
import type { Freshness } from "./policy.ts";
import type { Question } from "./question.ts";
import type { ReplyStatus } from "./reply.ts";
import { tell, tellRefresh } from "./report.ts";
import { deliver, type Joined, join } from "./share.ts";
import { spentTogether } from "./spent.ts";
import { serve } from "./stored.ts";
import { type Turns, turnsOf } from "./turns.ts";

/** An embeddings request that no stored answer is good enough for as a whole. */
export interface InputsOptions {
  readonly job: Job;
  readonly question: Question;
  /** An old answer to the whole, which is not patched with new parts: it is refreshed. */
  readonly found: Found | undefined;
  readonly allowedOrigins: readonly string[];
}

/**
 * An embeddings request's answer from the inputs that are known, asking the provider for the others only; or the job
 * to go on with, which keeps the answer to each input. It is asked as it stands where it can't be taken apart, where
 * no input is known, where some are and no provider may be called, where the same request is under way already, and
 * where what the provider says to a part can't be joined with the rest.
 */
export async function answerInputs(
  parts: ProxyParts,
  call: Call,
  options: InputsOptions,
): Promise<Response | Job> {
  const { job } = options;
  const batch = await readBatch(options.question, turnsOf(parts.clock));
  if (batch === undefined) return job;
  const answer = await fromInputs(parts, call, { ...options, batch });
  return answer ?? withParts(parts, job, { form: batch.form, placed: placedUnits(batch) });
}

type DeskOptions = InputsOptions & { readonly batch: Batch };

async function fromInputs(
  parts: ProxyParts,
  call: Call,
  options: DeskOptions,
): Promise<Response | undefined> {
  const { plan, key } = options.job;
  const now = parts.clock.monotonic();
  if (!plan.read) return undefined;
  if (plan.join && parts.flights.find(key, { now, patienceMs: plan.joinPatienceMs })) return undefined;
  const desk = new Desk(parts, call, options);
  try {
    return await desk.answer();
  } finally {
    desk.leave();
  }
}

/** One request at work: what it knows, and the memory that it has taken for it. */
class Desk {
  readonly #parts: ProxyParts;
  readonly #call: Call;
  readonly #options: DeskOptions;
  readonly #turns: Turns;
  /** By unit. */
  readonly #vectors: (Vector | undefined)[] = [];
  /** Entries that vectors came from: by unit those of one input, and what held the rest. */
  readonly #known = new Map<number, Entry>();
  #rest: Entry | undefined;
  #ageMs = 0;
  #leftMs = Number.POSITIVE_INFINITY;
  #reserved = 0;

  constructor(parts: ProxyParts, call: Call, options: DeskOptions) {
    this.#parts = parts;
    this.#call = call;
    this.#options = options;
    this.#turns = turnsOf(parts.clock);
  }

  async answer(): Promise<Response | undefined> {
    const { batch, found, job } = this.#options;
    if (!(await this.#recall())) return undefined;
    const missing = [...batch.units.keys()].filter((number) => this.#vectors[number] === undefined);
    if (missing.length === 0) return this.#hit();
    if (missing.length === batch.units.length || found !== undefined || job.plan.offline !== undefined)
      return undefined;
    return await this.#complete(missing);
  }

  /** Gives back what no answer has taken over. */
  leave(): void {
    this.#parts.budget.give(this.#reserved);
    this.#reserved = 0;
  }

  /** Looks up each input; false where they do not fit into memory. */
  async #recall(): Promise<boolean> {
    const { batch, job } = this.#options;
    const form = unitForm(batch.form);
    for (const [number, unit] of batch.units.entries()) {
      const known = knownPart(this.#parts, this.#call, { job, unit });
      if (known !== undefined) {
        const { body } = known.entry;
        if (!this.#take(body.size)) return false;
        const text = await wholeOf(body, this.#turns);
        const found = text && (await splitAnswer(text, { form, weights: [unit.weight], turns: this.#turns }));
        if (found !== undefined) this.#learn(number, found[0] as Vector, known);
      }
      const turn = this.#turns();
      if (turn) await turn;
    }
    return true;
  }

  #learn(number: number, vector: Vector, from: { entry: Entry; fresh: Freshness }): void {
    this.#vectors[number] = vector;
    this.#known.set(number, from.entry);
    this.#aged(from.fresh);
  }

  /** An answer is as old as its oldest part. */
  #aged(fresh: Freshness): void {
    this.#ageMs = Math.max(this.#ageMs, fresh.ageMs);
    this.#leftMs = Math.min(this.#leftMs, fresh.leftMs);
  }

  #take(bytes: number): boolean {
    const fits = this.#parts.budget.take(bytes);
    if (fits) this.#reserved += bytes;
    return fits;
  }

  #hit(): Response | undefined {
    const [first] = this.#entries();
    if (first === undefined || !sameModel(this.#found())) return undefined;
    for (const entry of this.#entries()) this.#parts.store.touch(entry);
    const ttl = Number.isFinite(this.#leftMs) ? `; ttl=${Math.floor(this.#leftMs / 1000)}` : "";
    return this.#reply(new Headers(first.headers as [string, string][]), {
      word: "HIT",
      cacheStatus: `; hit${ttl}`,
      ageMs: this.#ageMs,
    });
  }

  /** Gets the inputs that are not known, in one call, and puts all together. */
  async #complete(missing: readonly number[]): Promise<Response | undefined> {
    const { batch, job, allowedOrigins } = this.#options;
    const { store, budget } = this.#parts;
    const ways = { job, found: undefined, allowedOrigins };
    const wanted = await partJob(this.#parts, job, { batch, missing });
    if (wanted === undefined) return undefined;
    // From here to the join nothing is awaited: who finds no such call under way finds its answer in the store.
    const stored = store.get(wanted.key) ?? store.get(wanted.ownKey);
    const fresh = stored && usable(this.#parts, this.#call, { job, entry: stored });
    if (stored !== undefined && fresh !== undefined) {
      budget.give(wanted.reserved);
      if (stored.status !== 200) {
        const found: Found = { entry: stored, fresh, standing: "fresh" };
        return serve(this.#parts, this.#call, { plan: job.plan, found, word: "HIT", allowedOrigins });
      }
      const text = this.#take(stored.body.size) ? await wholeOf(stored.body, this.#turns) : undefined;
      if (!(await this.#merge(missing, text))) return undefined;
      this.#rest = stored;
      this.#aged(fresh);
      return this.#hit();
    }
    const answer = await join(this.#parts, this.#call, { ...ways, job: wanted });
    if (answer instanceof Response) return answer;
    const { status, headers, decoded } = answer.head;
    if (status !== 200) return await deliver(this.#parts, this.#call, { ...ways, ...answer });
    const text = await this.#read(answer).catch((error: unknown) => {
      if (answer.leads && error instanceof ClientGone) error.led = { flight: answer.flight, job };
      throw error;
    });
    if (!(await this.#merge(missing, text))) {
      // It has to be paid for, and the request tells of the call that it will be answered with.
      if (answer.leads) tellRefresh(this.#parts, wanted, answer.flight);
      return undefined;
    }
    for (const entry of this.#entries()) store.touch(entry);
    const head = liveHeaders(headers, { decoded, cacheable: true, keepLength: false });
    // They speak of a body that the client does not get.
    for (const name of ["etag", "last-modified", "content-digest", "content-md5"]) head.delete(name);
    return this.#reply(head, {
      word: "PARTIAL",
      cacheStatus: `; fwd=partial${answer.leads ? "" : "; collapsed"}`,
      call: answer,
    });
  }

  /** The whole body of a call; undefined where it is no document or too much to hold. */
  async #read({ head, reader }: Joined): Promise<Uint8Array | undefined> {
    const { request } = this.#call;
    const { maxEntry } = this.#options.job.plan;
    const chunks: Uint8Array[] = [];
    let size = 0;
    try {
      while (!head.stream && size <= maxEntry) {
        const chunk = await whileConnected(request, reader.read(), () => reader.leave());
        if (request.signal.aborted) throw new ClientGone("the client went away");
        if (chunk === undefined) return joined(chunks, size);
        if (!this.#take(chunk.byteLength)) return undefined;
        chunks.push(chunk);
        size += chunk.byteLength;
      }
      return undefined;
    } finally {
      reader.leave();
    }
  }

  /** Takes the vectors of a part's answer; false where they can't stand beside those that are known. */
  async #merge(missing: readonly number[], text: Uint8Array | undefined): Promise<boolean> {
    const { batch, job } = this.#options;
    const document = text && (await readDocument([text], text.byteLength));
    if (text === undefined || document === undefined) return false;
    if (job.family.judge(job.asked, document.value, document.shortened).refusal !== undefined) return false;
    const weights = missing.map((number) => (batch.units[number] as Unit).weight);
    const found = await splitAnswer(text, { form: batch.form, weights, turns: this.#turns });
    if (found === undefined) return false;
    for (const [at, number] of missing.entries()) this.#vectors[number] = found[at];
    return sameModel(this.#found());
  }

  #found(): Vector[] {
    return this.#vectors.filter((vector) => vector !== undefined);
  }

  #entries(): Entry[] {
    const known = [...this.#known].sort(([a], [b]) => a - b).map(([, entry]) => entry);
    return this.#rest === undefined ? known : [...known, this.#rest];
  }

  /** What those inputs would have taken that were known, each as often as it was asked for. */
  #saved(): RequestEvent["saved"] {
    const { order } = this.#options.batch;
    const asked = order.map((number) => this.#known.get(number)).filter((entry) => entry !== undefined);
    const all = this.#rest === undefined ? asked : [...asked, this.#rest];
    return {
      ...spentTogether(all.map((entry) => entry.spent)),
      ms: all.reduce((longest, { durationMs }) => Math.max(longest, durationMs), 0),
    };
  }

  #reply(
    headers: Headers,
    said: Omit<ReplyStatus, "key"> & { readonly call?: Pick<Joined, "flight" | "leads"> },
  ): Response {
    const { batch, job, allowedOrigins } = this.#options;
    const parts = this.#parts;
    const { word, call } = said;
    const reserved = this.#reserved;
    this.#reserved = 0;
    const saved = this.#saved();
    const add = (delivery: Delivery) => (ended: Outcome | undefined) =>
      tell(parts, this.#call, {
        status: 200,
        word,
        outcome: call === undefined ? "hit" : "partial",
        detail: call?.leads === false ? "collapsed" : undefined,
        delivery,
        key: job.key,
        model: job.facts.model,
        saved,
        ...(call?.leads ? { led: ended } : { shared: ended?.spent }),
      });
    return replyVectors(
      this.#call,
      { headers, vectors: batch.order.map((number) => this.#vectors[number] as Vector), form: batch.form },
      {
        status: { ...said, key: job.key },
        allowedOrigins,
        now: () => parts.clock.monotonic(),
        ended: (delivery) => {
          parts.budget.give(reserved);
          if (call === undefined) add(delivery)(undefined);
          else void call.flight.done.then(add(delivery));
        },
      },
    );
  }
}

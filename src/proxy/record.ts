import { Recording } from "../cache/recording.ts";
import type { Fetched } from "../host.ts";
import type { Finding, RefusalReason, Watcher } from "../providers/provider.ts";
import { eachChunk } from "./chunks.ts";
import type { AnswerFlight, FlightHead, Job, Outcome } from "./flight.ts";
import { contentCoding, mediaType } from "./headers.ts";
import { inTime } from "./in-time.ts";
import { judgeAnswer, refused } from "./judge.ts";
import { type End, keepAnswer } from "./keep.ts";
import type { ProxyParts } from "./parts.ts";
import { Upstream } from "./upstream.ts";

/** The end of an answer is held back for its entry's commit at most this long. */
const HOLD_MS = 1000;
/** A stream's head goes out before its first bytes are looked into, if its client takes it within this time. */
const HEAD_FIRST_MS = 20;
/** How often the readers of a pipe are looked at; the second look at the same laggard breaks it off. */
const LAGGARD_MS = 30_000;

/** Starts one provider call and follows it to its end, whoever is still reading. */
export function launch(parts: ProxyParts, job: Job): AnswerFlight {
  const run = new Run(parts, job);
  const flight: AnswerFlight = {
    recording: run.recording,
    keys: [job.key, job.ownKey],
    facts: job.facts,
    credential: job.credential,
    heardAt: () => run.heardAt,
    abort: () => run.abort(),
    dismiss: () => run.dismiss(),
    bound: () => run.bound,
    head: run.head,
    done: run.done,
  };
  if (job.plan.join) parts.flights.enter(job.key, flight);
  parts.flights.track(flight);
  run.start(() => parts.flights.leave(job.key, flight));
  return flight;
}

/** By what the end of a body is known, beside its transport's. */
interface Receiving {
  readonly watcher: Watcher | undefined;
  readonly length: number | undefined;
}

class Run {
  readonly recording = new Recording();
  bound = false;
  readonly head: Promise<FlightHead>;
  readonly done: Promise<Outcome>;
  readonly #parts: ProxyParts;
  readonly #job: Job;
  readonly #upstream: Upstream;
  readonly #startedAt: number;
  readonly #began: number;
  readonly #headSettled = Promise.withResolvers<FlightHead>();
  readonly #outcome = Promise.withResolvers<Outcome>();
  #leave: () => void = () => {};
  #refusal: RefusalReason | undefined;
  #reserved: number;
  /** Until the head is there: what the request asked for. */
  #stream: boolean;
  /** What the end is held back for, once it is. */
  #held: "judging" | "keeping" | "shown" | undefined;
  /** Whether an answer has begun that is no error. */
  #begun = false;
  #unread = false;
  #dismissed = false;
  #finished = false;
  #firstByteMs = 0;
  #timers = new Set<ReturnType<typeof setTimeout>>();

  constructor(parts: ProxyParts, job: Job) {
    this.#parts = parts;
    this.#job = job;
    this.#reserved = job.reserved;
    this.#stream = job.wantsStream;
    this.#startedAt = parts.clock.now();
    this.#began = parts.clock.monotonic();
    this.#upstream = new Upstream({
      provider: job.provider,
      timeoutMs: job.plan.upstreamTimeoutMs,
      clock: parts.clock,
    });
    this.head = this.#headSettled.promise;
    this.done = this.#outcome.promise;
    // A head that fails is told to those who wait for it; that nobody waits is no fault.
    this.head.catch(() => {});
    this.recording.onAbandoned = () => this.#abandoned();
  }

  get heardAt(): number {
    return this.#upstream.heardAt;
  }

  abort(): void {
    this.#upstream.abort();
  }

  dismiss(): void {
    this.#dismissed = true;
    this.#leave();
  }

  start(leave: () => void): void {
    this.#leave = leave;
    this.#run().then(
      (outcome) => this.#finish(outcome),
      (error: unknown) => {
        leave();
        this.#headSettled.reject(error);
        this.recording.fail(error instanceof Error ? error : new Error("recording failed"));
        this.#finish({
          kept: false,
          refusal: this.#refusal ?? "incomplete",
          key: undefined,
          usage: undefined,
          spent: undefined,
          paid: this.#begun && !this.#job.local,
          model: undefined,
        });
      },
    );
  }

  async #run(): Promise<End> {
    const { plan } = this.#job;
    const answer = await this.#upstream.call(this.#parts.host, this.#job.request);
    const { status, headers } = answer.response;
    this.#begun = answer.response.ok;
    const type = mediaType(headers);
    const coding = contentCoding(headers, this.#parts.host.decodes);
    const watcher =
      status === 200 && coding !== "unknown" ? this.#job.family.watch(this.#job.asked, type) : undefined;
    this.#stream = watcher !== undefined || type === "text/event-stream";
    this.#firstByteMs = this.#elapsed();
    if (status !== 200 && !(status === 404 && plan.ttl404Ms)) this.#refusal = "status";
    else if (!plan.write) this.#refusal = "read-only";
    else if (coding === "unknown") this.#refusal = "coding";
    if (this.#job.claim && (status === 401 || status === 403)) this.#parts.verified.refuse(this.#job.claim);
    // A failure is nobody's to join, and must be out of the map before anyone hears of it.
    if (status !== 200) this.#leave();
    this.#headSettled.resolve({ status, headers, decoded: coding === "decoded", stream: this.#stream });
    if (this.#stream) await inTime(this.recording.asked(), HEAD_FIRST_MS);
    const receiving = { watcher, length: coding === "none" ? contentLength(headers) : undefined };
    await eachChunk(answer, {
      take: (chunk) => this.#take(chunk, receiving),
      room: () => (this.recording.piped ? this.recording.room() : undefined),
    });
    this.#hold();
    const finding = await this.#judge(answer.response, watcher);
    this.bound ||= finding.accountBound;
    const outcome = await this.#keep(answer.response, finding);
    this.#leave();
    this.recording.end();
    return outcome;
  }

  #take(chunk: Uint8Array, { watcher, length }: Receiving): void {
    const { recording } = this;
    this.#admit(chunk.byteLength);
    let ends = length !== undefined && recording.size + chunk.byteLength >= length;
    if (watcher) {
      watcher.chunk(chunk);
      // Before any reader sees the chunk that says so.
      this.bound ||= watcher.accountBound;
      ends ||= watcher.ended;
    }
    const hide = ends && this.#refusal === undefined;
    const shown = hide ? (watcher?.endsAt ?? 0) : 0;
    const atMs = this.#elapsed();
    // What stands before the end waits for nothing, be it in the same chunk.
    if (shown > 0) recording.append(chunk.subarray(0, shown), { atMs });
    const rest = shown > 0 ? chunk.subarray(shown) : chunk;
    recording.append(rest, { atMs, hide, mark: this.#stream && !recording.piped });
    // A document's transport ends with it; a stream's may stay open behind its last event.
    if (hide && watcher) this.#hold();
  }

  /** What the answer is worth. One that is not kept is looked into all the same, for what it took. */
  async #judge(response: Fetched, watcher: Watcher | undefined): Promise<Finding> {
    const refusal = this.#refusal;
    const unread = response.status !== 200 || refusal === "coding" || (!watcher && this.recording.piped);
    if (refusal !== undefined && unread) return refused(refusal);
    const { recording } = this;
    const { http2 } = this.#parts.host;
    const finding = await judgeAnswer(this.#job, { response, recording, watcher, http2 });
    return refusal === undefined ? finding : { ...finding, refusal };
  }

  /** Past its bounds a recording goes on as a plain pipe, and is not kept. */
  #admit(bytes: number): void {
    if (this.recording.piped) return;
    const tooLarge = this.recording.size + bytes > this.#job.plan.maxEntry;
    const fits = !tooLarge && this.#parts.budget.take(bytes);
    if (fits) {
      this.#reserved += bytes;
      return;
    }
    this.#refusal ??= tooLarge ? "too-large" : "memory";
    this.#leave();
    this.recording.becomePipe();
    if (this.recording.readers === 0) this.#upstream.abort();
    this.#watchLaggards();
  }

  #watchLaggards(): void {
    this.#after(LAGGARD_MS, () => {
      this.recording.dropLaggards();
      if (!this.#finished) this.#watchLaggards();
    });
  }

  /** Readers are kept waiting for the end neither by the judgement nor by the commit beyond a second each. */
  #hold(): void {
    if (this.#held !== undefined) return;
    this.#held = "judging";
    this.#after(HOLD_MS, () => {
      if (this.#held === "keeping") this.recording.end();
      else this.recording.reveal();
      this.#held = "shown";
    });
  }

  #keep(response: Fetched, finding: Finding): Promise<End> {
    if (this.#held === "shown") this.#after(HOLD_MS, () => this.recording.end());
    else this.#held = "keeping";
    return keepAnswer(this.#parts, this.#job, {
      finding,
      response,
      recording: this.recording,
      stream: this.#stream,
      startedAt: this.#startedAt,
      firstByteMs: this.#firstByteMs,
      durationMs: this.#elapsed(),
      dismissed: () => this.#dismissed,
    });
  }

  /**
   * Nobody reads any more. An answer that is being paid for goes on for those who come tomorrow: a whole one to its
   * end, a stream as long as the setting says.
   */
  #abandoned(): void {
    if (this.#finished) this.#giveBack();
    if (this.#finished || this.#unread || this.recording.state !== "open") return;
    const { onDisconnectMs } = this.#job.plan;
    const worthless =
      this.recording.piped ||
      this.#dismissed ||
      (this.#refusal !== undefined && this.#refusal !== "store-fault");
    if (worthless || onDisconnectMs === 0 || this.#parts.unread.count >= this.#parts.unread.limit) {
      this.#upstream.abort();
      return;
    }
    this.#unread = true;
    this.#parts.unread.count++;
    if (onDisconnectMs === Number.POSITIVE_INFINITY) return;
    this.#after(onDisconnectMs, () => {
      if (this.#stream && this.recording.readers === 0 && this.recording.state === "open")
        this.#upstream.abort();
    });
  }

  #finish(end: End): void {
    this.#finished = true;
    this.#upstream.abort();
    for (const timer of this.#timers) clearTimeout(timer);
    if (this.#unread) this.#parts.unread.count--;
    if (this.recording.readers === 0) this.#giveBack();
    this.#outcome.resolve({ ...end, unread: this.#unread });
  }

  #giveBack(): void {
    this.#parts.budget.give(this.#reserved);
    this.#reserved = 0;
  }

  #elapsed(): number {
    return this.#parts.clock.monotonic() - this.#began;
  }

  #after(ms: number, action: () => void): void {
    const timer = setTimeout(
      () => {
        this.#timers.delete(timer);
        action();
      },
      Math.min(ms, 2 ** 31 - 1),
    );
    this.#timers.add(timer);
  }
}

function contentLength(headers: Headers): number | undefined {
  const text = headers.get("content-length");
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

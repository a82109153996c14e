import type { Reader } from "../cache/recording.ts";
import type { CacheWord } from "../journal/event.ts";
import { PIECE } from "./bypass.ts";
import type { Call } from "./call.ts";
import { ClientGone, whileConnected } from "./connected.ts";
import type { AnswerFlight, FlightHead, Job, Outcome } from "./flight.ts";
import { foreignReader } from "./foreign-reader.ts";
import { joined } from "./gather.ts";
import { inTime } from "./in-time.ts";
import type { Found } from "./job.ts";
import type { ProxyParts } from "./parts.ts";
import type { Plan } from "./policy.ts";
import { launch } from "./record.ts";
import { type ReplyOptions, replyLive, replyWhole } from "./reply.ts";
import { tell } from "./report.ts";
import { learn, serve } from "./stored.ts";

/** After so many calls a failure that is nobody's in particular goes to all who wait. */
const ROUNDS = 3;

/** A provider call that this request leads or has joined, whose head is there. */
export interface Joined {
  readonly flight: AnswerFlight;
  readonly head: FlightHead;
  readonly reader: Reader;
  readonly leads: boolean;
}

export interface ShareOptions {
  readonly job: Job;
  /** What is stored, past its time: served where the provider fails. */
  readonly found: Found | undefined;
  readonly allowedOrigins: readonly string[];
}

/** Answers with what one provider call brings, be it another request's. */
export async function share(parts: ProxyParts, call: Call, options: ShareOptions): Promise<Response> {
  const joined = await join(parts, call, options);
  return joined instanceof Response ? joined : deliver(parts, call, { ...options, ...joined });
}

/**
 * Joins the call that is under way for this request, or leads one. A call that failed before anything was shared
 * is its leader's: of the others one leads anew, by being the first to look again, and the rest join it. Begins in the tick in
 * which it is called. Where the provider fails and something is stored, that is the answer.
 */
export async function join(parts: ProxyParts, call: Call, options: ShareOptions): Promise<Joined | Response> {
  const { job, found, allowedOrigins } = options;
  const { plan } = job;
  let { reserved } = job;
  try {
    for (let round = 1; ; round++) {
      const now = parts.clock.monotonic();
      const running = joinable(parts, job, now);
      const leads = running === undefined;
      const flight = (running as AnswerFlight | undefined) ?? launch(parts, { ...job, reserved });
      if (leads) {
        reserved = 0;
        if (found) learn(parts, job, flight);
      }
      let reader = flight.recording.reader();
      let head: FlightHead;
      try {
        head = await whileConnected(call.request, flight.head, () => reader.leave());
      } catch (error) {
        reader.leave();
        if (found && !(error instanceof ClientGone)) {
          const led = leads ? flight : undefined;
          return serve(parts, call, { plan, found, word: "STALE", why: "; fwd=stale", led, allowedOrigins });
        }
        if (leads && error instanceof ClientGone) error.led = { flight, job };
        if (leads || error instanceof ClientGone || round >= ROUNDS) throw error;
        continue;
      }
      if (found && (head.status === 429 || head.status >= 500)) {
        reader.leave();
        const why = `; fwd=stale; fwd-status=${head.status}`;
        const led = leads ? flight : undefined;
        return serve(parts, call, { plan, found, word: "STALE", why, led, allowedOrigins });
      }
      const own = leads || flight.credential === job.credential;
      if (own && (leads || sharable(head, { own, round }))) return { flight, head, reader, leads };
      if (!own && sharable(head, { own, round })) {
        if (head.stream) return { flight, head, reader: foreignReader(flight, head, reader), leads };
        // Whether a document is bound to an account is known at its end; nothing of it is read before.
        reader.leave();
        await whileConnected(call.request, flight.done, () => {});
        if (!flight.bound() && flight.recording.joinable) {
          reader = flight.recording.reader();
          return { flight, head, reader, leads };
        }
        continue;
      }
      reader.leave();
    }
  } finally {
    parts.budget.give(reserved);
  }
}

/** The call under way that this request may join. */
function joinable(parts: ProxyParts, job: Job, now: number): AnswerFlight | undefined {
  if (!job.plan.join) return undefined;
  const running = parts.flights.find(job.key, { now, patienceMs: job.plan.joinPatienceMs });
  const foreign = running !== undefined && running.credential !== job.credential;
  return foreign && running.bound() ? undefined : (running as AnswerFlight | undefined);
}

/**
 * Whether a head is for all who wait. A refusal says nothing about what another credential would get, in whatever status
 * it comes: a key that is not valid is a 400 at Google, credit that has run out one at Anthropic, Cohere has a 498.
 */
function sharable({ status }: FlightHead, { own, round }: { own: boolean; round: number }): boolean {
  if (status >= 500) return round >= ROUNDS;
  return own || status === 200;
}

/** Answers with what a call brings, as it is. */
export async function deliver(
  parts: ProxyParts,
  call: Call,
  options: ShareOptions & Joined,
): Promise<Response> {
  const { job, flight, head, leads } = options;
  const outcome = head.stream ? undefined : await wholeSoon(flight, head);
  const word: CacheWord = options.found ? "EXPIRED" : "MISS";
  const replyOptions: ReplyOptions = {
    status: {
      word,
      cacheStatus: `; fwd=${forwardReason(job.plan, options.found !== undefined)}${forwardDetail(outcome, leads)}`,
      key: outcome?.key ?? job.key,
    },
    allowedOrigins: options.allowedOrigins,
    now: () => parts.clock.monotonic(),
    ended: (delivery) => {
      const add = (ended: Outcome) =>
        tell(parts, call, {
          status: head.status,
          word,
          outcome: leads ? "miss" : "joined",
          detail: leads ? ended.refusal : "collapsed",
          delivery,
          key: ended.key ?? job.key,
          model: job.facts.model,
          ...(leads ? { led: ended } : { shared: ended.spent }),
        });
      // What the call took is known at its end, be it after the client left.
      if (outcome === undefined) void flight.done.then(add);
      else add(outcome);
    },
  };
  const own = leads || flight.credential === job.credential;
  if (outcome === undefined) return replyLive(call, head, { ...replyOptions, own, reader: options.reader });
  const bytes = joined([...flight.recording.chunks()], flight.recording.size);
  options.reader.leave();
  return replyWhole(call, head, { ...replyOptions, own, bytes });
}

/**
 * How the call for a document ended, where that is known soon: then it goes out in one piece, with its length. Undefined
 * where it is long, slow or broken off, or its commit takes longer than a client waits: then it goes out as it comes.
 */
async function wholeSoon(flight: AnswerFlight, head: FlightHead): Promise<Outcome | undefined> {
  if (Number(head.headers.get("content-length") ?? 0) > PIECE.maxBytes) return undefined;
  const outcome = await inTime(flight.done, PIECE.patienceMs);
  const { state, size, piped } = flight.recording;
  return state === "ended" && size <= PIECE.maxBytes && !piped ? outcome : undefined;
}

function forwardReason(plan: Plan, stale: boolean): string {
  if (!plan.read && !plan.unproven) return "request";
  return stale ? "stale" : "uri-miss";
}

function forwardDetail(outcome: Outcome | undefined, leads: boolean): string {
  if (!leads) return "; collapsed";
  if (outcome === undefined) return "";
  return outcome.kept ? "; stored" : `; detail=${outcome.refusal}`;
}

import type { Reader } from "../cache/recording.ts";
import type { Call } from "./call.ts";
import { ClientGone, whileConnected } from "./connected.ts";
import type { ProxyParts } from "./parts.ts";
import { type AnswerFlight, type FlightHead, type Job, launch } from "./record.ts";

/** After so many calls a failure that is nobody's in particular goes to all who wait. */
const ROUNDS = 3;
/** Failures of one credential: they say nothing about what another one would get. */
const OWN_FAILURES = new Set([401, 402, 403, 404, 429]);

/** A provider call that this request leads or has joined, whose head is there. */
export interface Joined {
  readonly flight: AnswerFlight;
  readonly head: FlightHead;
  readonly reader: Reader;
  readonly leads: boolean;
}

/**
 * Joins the call that is under way for this request, or leads one. A call that failed before anything was shared
 * is its leader's: of the others one leads anew, by being the first to look again, and the rest join it.
 */
export async function join(parts: ProxyParts, call: Call, job: Job): Promise<Joined> {
  const { plan } = job;
  let { reserved } = job;
  try {
    for (let round = 1; ; round++) {
      const now = parts.clock.monotonic();
      const running = plan.join
        ? parts.flights.find(job.key, { now, patienceMs: plan.joinPatienceMs })
        : undefined;
      const leads = running === undefined;
      const flight = (running as AnswerFlight | undefined) ?? launch(parts, { ...job, reserved });
      if (leads) reserved = 0;
      const reader = flight.recording.reader();
      let head: FlightHead;
      try {
        head = await whileConnected(call.request, flight.head, () => reader.leave());
      } catch (error) {
        reader.leave();
        if (leads || error instanceof ClientGone || round >= ROUNDS) throw error;
        continue;
      }
      if (leads || sharable(head, { own: flight.credential === job.credential, round })) {
        return { flight, head, reader, leads };
      }
      reader.leave();
    }
  } finally {
    parts.budget.give(reserved);
  }
}

function sharable(head: FlightHead, options: { own: boolean; round: number }): boolean {
  if (OWN_FAILURES.has(head.status)) return options.own;
  return head.status < 500 || options.round >= ROUNDS;
}

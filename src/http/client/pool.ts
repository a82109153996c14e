import type { Clock } from "../../clock.ts";
import type { Fetched, GivingUp } from "../../host.ts";
import { EMPTY } from "../octets.ts";
import { Broken, type Caller, type Outgoing } from "./caller.ts";
import { type Place, placeOf, requestHead, type Sent } from "./request-head.ts";

/** Idle connections kept for one server, and how long each where it does not say: many servers end them after 5 s. */
const IDLE_MOST = 256;
const IDLE_MS = 4_000;
const LONGEST_IDLE_MS = 60_000;
/** What a provider's own limit is undercut by: a request must not cross the end of its connection. */
const MARGIN_MS = 1_000;
/** Methods whose requests may be sent again (RFC 9110 §9.2.2). A POST may have been read, and would be paid for twice. */
const IDEMPOTENT = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE"]);

/** How a caller of the pool's tells what becomes of its connection. */
export interface PoolEnds {
  readonly idle: (caller: Caller, keepMs: number | undefined) => void;
  readonly gone: (caller: Caller) => void;
}

/** Opens a connection; rejects with the system's error (`code`). `giving` gives it up. */
export type Dial = (place: Place, ends: PoolEnds, giving: GivingUp) => Promise<Caller>;

/** Connections to providers, used again as long as they last. */
export class Pool {
  readonly #dial: Dial;
  readonly #clock: Clock;
  readonly #idle = new Map<string, { readonly caller: Caller; readonly until: number }[]>();

  constructor(options: { dial: Dial; clock: Clock }) {
    this.#dial = options.dial;
    this.#clock = options.clock;
  }

  /** Calls a provider at an `http:` URL. Rejects where there is no answer's head. */
  async fetch(url: string, { giving, ...sent }: Sent & { giving: GivingUp }): Promise<Fetched> {
    if (giving.given) throw aborted();
    const place = placeOf(url);
    const outgoing = {
      method: sent.method,
      head: requestHead(place, sent),
      body: sent.body ?? EMPTY,
    };
    const used = this.#take(place);
    if (used !== undefined) {
      const answered = ask(used, outgoing, giving);
      if (!IDEMPOTENT.has(sent.method)) return answered;
      try {
        return await answered;
      } catch (error) {
        // Its end crossed the request.
        if (!(error instanceof Broken && error.silent) || giving.given) throw error;
      }
    }
    const caller = await this.#dial(place, this.#endsFor(place), giving);
    if (!giving.given) return ask(caller, outgoing, giving);
    caller.retire();
    throw aborted();
  }

  /** Ends connections that were idle too long; to be called every few seconds. */
  sweep(): void {
    const now = this.#clock.monotonic();
    for (const [authority, list] of this.#idle) {
      const old = list.filter(({ until }) => until <= now);
      for (const { caller } of old) caller.retire();
      if (list.length === 0) this.#idle.delete(authority);
    }
  }

  /** The one that was used last: the others may end of their own. */
  #take({ authority }: Place): Caller | undefined {
    const list = this.#idle.get(authority);
    const now = this.#clock.monotonic();
    for (let kept = list?.pop(); kept !== undefined; kept = list?.pop()) {
      if (kept.caller.open && kept.until > now) return kept.caller;
      kept.caller.retire();
    }
    return undefined;
  }

  #endsFor({ authority }: Place): PoolEnds {
    return {
      idle: (caller, keepMs) => {
        const list = this.#idle.get(authority) ?? [];
        this.#idle.set(authority, list);
        const ms = keepMs === undefined ? IDLE_MS : Math.min(LONGEST_IDLE_MS, keepMs - MARGIN_MS);
        if (ms <= 0 || list.length >= IDLE_MOST) caller.retire();
        else list.push({ caller, until: this.#clock.monotonic() + ms });
      },
      gone: (caller) => {
        const list = this.#idle.get(authority);
        const at = list?.findIndex((kept) => kept.caller === caller) ?? -1;
        if (at >= 0) list?.splice(at, 1);
      },
    };
  }
}

function ask(caller: Caller, outgoing: Outgoing, giving: GivingUp): Promise<Fetched> {
  const answered = caller.ask(outgoing);
  const { turn } = caller;
  // It outlives the head: whoever gives up later ends the body. Later still the connection is another request's.
  giving.onGiven = () => {
    if (caller.turn === turn) caller.abort(aborted());
  };
  return answered;
}

export function aborted(): Error {
  return new DOMException("the call was given up", "AbortError");
}

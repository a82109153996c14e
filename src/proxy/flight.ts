import type { CacheKey, Entry, EntryFacts, Spent } from "../cache/entry.ts";
import type { Flight } from "../cache/flights.ts";
import type { PutOptions } from "../cache/store.ts";
import type { Asked, Family, RefusalReason, Usage } from "../providers/provider.ts";
import type { KeyParts } from "./key.ts";
import type { Plan } from "./policy.ts";
import type { Claim } from "./verified.ts";

export interface FlightHead {
  readonly status: number;
  /** As the provider sent them. */
  readonly headers: Headers;
  readonly decoded: boolean;
  /** Whether the body is a stream of events, to be passed on as it comes. */
  readonly stream: boolean;
}

/** How a call ended, for the log and the counters. */
export interface Outcome {
  readonly kept: boolean;
  /** Why it was not kept; undefined where it was. */
  readonly refusal: RefusalReason | undefined;
  readonly usage: Usage | undefined;
  /** The same with its price. */
  readonly spent: Spent | undefined;
  /** Whether it brought an answer that is paid for, whole or not; an error costs nothing. */
  readonly paid: boolean;
  /** Whether it went on after every reader had left. */
  readonly unread: boolean;
  readonly model: string | undefined;
  /** The key it was kept under. */
  readonly key: CacheKey | undefined;
}

export type AnswerFlight = Flight<FlightHead> & { readonly done: Promise<Outcome> };

/** A request's body as it counts for its key. */
export interface Content {
  readonly contentType: string;
  /** The coding it goes up in, "" for none. */
  readonly coding: string;
  readonly digest: string;
  /** Top-level members and form fields that don't count. */
  readonly ignored: ReadonlySet<string>;
}

/** One provider call to be made: what goes up, how its answer is judged, and where it is kept. */
export interface Job {
  readonly plan: Plan;
  readonly family: Family;
  readonly asked: Asked;
  readonly facts: Omit<EntryFacts, "stream">;
  /** Under which key the answer is looked for, and under which if it turns out to be the credential's own. */
  readonly key: CacheKey;
  readonly ownKey: CacheKey;
  readonly credential: string;
  readonly credentialLabel: string;
  /** Under scope `verified`: what the answer says about the credential. */
  readonly claim: Claim | undefined;
  /** Whether the request asks for a stream. */
  readonly wantsStream: boolean;
  readonly request: { url: string; method: string; headers: Headers; body: Uint8Array | undefined };
  /** What is known of that body. */
  readonly content: Content;
  readonly provider: string;
  /** Whether that is a server of one's own, which costs nothing. */
  readonly local: boolean;
  /** Bytes already taken from the budget for the request's body. */
  readonly reserved: number;
  /** What its keys are made of, but for pool and body. */
  readonly keyParts: Omit<KeyParts, "partition" | "body">;
  /** What the request's name begins with, where it has one: see `asked.ts`. Of this key and this body alone. */
  readonly askedIn: Uint8Array | undefined;
  /** What else is to be done with an entry once it is committed, before readers see the end. Never rejects. */
  readonly kept?: (entry: Entry, options: PutOptions) => Promise<void>;
}

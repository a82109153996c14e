import { LRUCache } from "lru-cache";
import type { Config } from "../config.ts";
import type { RepeatAnswer, Repeats } from "../host.ts";
import type { Provider } from "../providers/provider.ts";
import { askedIn, askedOf } from "./asked.ts";
import type { Call, CallFacts } from "./call.ts";
import { atOnce } from "./counted.ts";
import { clientOf, forwardedOf } from "./forwarded.ts";
import { gistNow } from "./gist.ts";
import { sentUp, upstreamHeaders } from "./headers.ts";
import { type WrittenHead, writtenHead } from "./hit-head.ts";
import { claimOf, type Found, type Gist, judged, type Keys, keyPartsOf, keyUnder, lookUp } from "./job.ts";
import { type KeysOfRepeat, KnownBodies, type KnownBody } from "./known-bodies.ts";
import type { ProxyParts } from "./parts.ts";
import type { Plan } from "./policy.ts";
import { hitStatus } from "./reply.ts";
import { eventOf, factsOf, savedBy } from "./report.ts";

/** What the handler worked out for requests with one head: a function of that head and of the settings alone. */
export interface KnownHead {
  readonly config: Config;
  readonly providers: ReadonlyMap<string, Provider>;
  readonly call: SameCall;
  readonly plan: Plan;
  /** What its keys are made of; with sample 0 where each request takes a number of its own. */
  readonly keyParts: Keys["keyParts"];
  /** What goes up with its body. */
  readonly upstream: Headers;
  /** What its bodies mean. */
  readonly context: number;
  readonly contentType: string;
  /** Which program worked it out. */
  readonly program: string;
  readonly facts: CallFacts;
  /** What it says of whom a proxy speaks for; undefined where no proxy is believed. */
  readonly forwarded: Headers | undefined;
  /** Whether its bodies come in a content coding. */
  readonly coded: boolean;
  /** Whether equal requests get equal answers for as long as an entry is fresh, whoever reads them and how. */
  readonly repeats: boolean;
}

/** What is stored for a request, and where the head of its answer is kept as it was written. */
interface Met {
  readonly found: Found;
  readonly holder: { head: WrittenHead | undefined };
}

/** A call less what is each request's own. */
export type SameCall = Omit<Call, "request" | "peer" | "at" | "began" | "id">;

const HEADS_BYTES = 8 * 1024 * 1024;
const HEAD_OVERHEAD_BYTES = 2048;
/** The share of hits from which it pays to read an unknown body at once, and over how many it is taken. */
const LIKELY = 0.7;
const LUCK_OVER = 32;

type Parts = Pick<
  ProxyParts,
  "config" | "providers" | "store" | "clock" | "verified" | "journal" | "newId" | "host" | "loopFor"
>;

/**
 * Requests that came before. Of a head the handler's decisions are remembered, of a body that was answered from the
 * store its digest; an equal request then takes a comparison, a look into the store and a line in the journal.
 *
 * Nothing here outlives a change of the settings, and nothing that time or other requests decide is remembered: the
 * entry, its freshness and a credential's standing are looked up each time.
 */
export class RequestMemory implements Repeats<KnownHead> {
  readonly #parts: Parts;
  readonly #program: string;
  readonly #bodies: KnownBodies;
  readonly #heads = new LRUCache<string, KnownHead>({
    maxSize: HEADS_BYTES,
    sizeCalculation: (_known, head) => 2 * head.length + HEAD_OVERHEAD_BYTES,
  });
  /** Of the requests whose body was not known lately, the share that the store answered. */
  #luck = 0;
  #config: Config | undefined;
  #providers: ReadonlyMap<string, Provider> | undefined;

  /** `program`: its version, since another one may take the same request for another. */
  constructor(parts: Parts, options: { readonly maxBytes: number; readonly program: string }) {
    this.#parts = parts;
    this.#program = options.program;
    this.#bodies = new KnownBodies(options);
  }

  find(head: string): KnownHead | undefined {
    const known = this.#heads.get(head);
    return known?.repeats ? known : undefined;
  }

  /** What was worked out for this head under today's settings. */
  seen(head: string | undefined): KnownHead | undefined {
    if (head === undefined) return undefined;
    this.#settle();
    return this.#heads.get(head);
  }

  answer(known: KnownHead, body: Uint8Array, address: string): RepeatAnswer | undefined {
    const parts = this.#parts;
    const { facts } = known;
    if (known.config !== parts.config() || known.providers !== parts.providers()) return undefined;
    const at = parts.clock.now();
    const began = parts.clock.monotonic();
    const knownBody = this.#bodies.find(known.context, body);
    const met = knownBody ? this.#under(known, knownBody) : this.#meet(known, { body, at });
    if (met?.found.standing !== "fresh") return undefined;
    const { entry, fresh } = met.found;
    const { bytes } = entry.body;
    const head = bytes && writtenHead(met.holder, entry);
    if (bytes === undefined || head === undefined) return undefined;
    parts.store.touch(entry);
    const id = parts.newId();
    parts.journal.add(
      eventOf(
        facts,
        { at, began, id, remote: remoteOf(known, address) },
        {
          status: entry.status,
          word: "HIT",
          outcome: "hit",
          detail: undefined,
          delivery: atOnce(bytes.byteLength, parts.clock.monotonic()),
          key: entry.key,
          model: entry.facts.model,
          saved: savedBy(entry),
        },
      ),
    );
    const age = Math.floor(fresh.ageMs / 1000);
    return {
      head: `${head}Cache-Status: askonce${hitStatus(fresh)}; key="${entry.key}"\r\nAge: ${age}\r\nX-Request-Id: ${id}\r\n`,
      body: bytes,
    };
  }

  /** What is stored for a body that was read. */
  #under(known: KnownHead, body: KnownBody): Met | undefined {
    const parts = this.#parts;
    const { plan, call } = known;
    const claim = claimOf(call, { plan, gist: body.gist });
    if (claim !== undefined && !parts.verified.has(claim)) return undefined;
    const found = lookUp(parts, call.controls, keysFor(known, body));
    return found && { found, holder: body };
  }

  /**
   * What is stored for a body that is not known, where that is likely to answer it, as after a restart: most bodies that
   * were not known of late were found in the store. It is found by its bytes, or read; where it is not found, all is
   * read again by the handler.
   */
  #meet(known: KnownHead, { body, at }: { body: Uint8Array; at: number }): Met | undefined {
    if (this.#luck < LIKELY || known.coded) return undefined;
    const again = this.#bodies.cameLately(body);
    // Memory is to have what comes again, by what it says.
    const found = again ? undefined : this.#asked(known, { body, at });
    if (found !== undefined) return { found, holder: { head: undefined } };
    const gist = gistNow(known.call.route, body, known.config);
    return gist && this.#under(known, this.#bodies.met(known.context, body, { gist, again }));
  }

  /** What is stored for the very same request, where that is known at once. */
  #asked(known: KnownHead, { body, at }: { body: Uint8Array; at: number }): Found | undefined {
    const { store } = this.#parts;
    const prefix = store.find && askedIn(known);
    const asked = prefix && askedOf(prefix, body);
    const entry = asked && store.find?.(asked);
    if (!entry) return undefined;
    const found = judged(entry, { plan: known.plan, controls: known.call.controls, now: at });
    return found.standing === "fresh" ? found : undefined;
  }

  /** Notes whether a request whose body was not known was found in the store. */
  noted(found: boolean): void {
    this.#luck += ((found ? 1 : 0) - this.#luck) / LUCK_OVER;
  }

  /**
   * What a cacheable request's head comes to under the settings that it was planned by; remembered for the next one
   * with the same, unless they changed meanwhile: its body may have come in slowly.
   */
  head(call: Call, plan: Plan, config: Config): KnownHead {
    this.#settle();
    const { request, peer: _peer, at: _at, began: _began, id: _id, ...same } = call;
    const { provider, url } = call.route;
    const facts = factsOf(call);
    const known: KnownHead = {
      config,
      providers: this.#parts.providers(),
      call: { ...same, facts },
      plan,
      keyParts: keyPartsOf(call, config.keyHeaders),
      upstream: upstreamHeaders(request.headers, {
        decodes: this.#parts.host.decodes,
        dropCacheControl: true,
        whole: true,
        loop: this.#parts.loopFor(url),
        provider: provider.name,
      }),
      context: this.#contextOf(call),
      contentType: sentUp(request.headers, "content-type") ?? "",
      program: this.#program,
      facts,
      coded: sentUp(request.headers, "content-encoding") !== null,
      repeats: repeats(call, plan),
      forwarded: config.trustedProxies.length > 0 ? forwardedOf(request.headers) : undefined,
    };
    const { head } = call.peer;
    if (head !== undefined && !plan.lookUp && config === this.#config) this.#heads.set(head, known);
    return known;
  }

  /** What a body says that was read before; undefined where it has to be read. */
  gistOf(head: KnownHead, body: Uint8Array): Gist | undefined {
    return head.config === this.#config ? this.#bodies.find(head.context, body)?.gist : undefined;
  }

  /** Remembers the body of a request that was answered with a fresh entry. */
  learn(head: KnownHead, body: Uint8Array, gist: Gist): void {
    if (this.gistOf(head, body) === undefined && head.config === this.#config)
      this.#bodies.add(head.context, body, gist);
  }

  /** Digests depend on the settings, so other settings begin with nothing. */
  #settle(): void {
    const [config, providers] = [this.#parts.config(), this.#parts.providers()];
    if (config === this.#config && providers === this.#providers) return;
    this.#config = config;
    this.#providers = providers;
    this.#bodies.clear();
    this.#heads.clear();
  }

  #contextOf({ route, request: { headers } }: Call): number {
    return this.#bodies.contextOf(
      [
        route.provider.name,
        route.endpoint?.kind,
        route.upstreamPath,
        route.query,
        sentUp(headers, "content-type"),
        sentUp(headers, "content-encoding"),
      ].join("\n"),
    );
  }
}

function remoteOf({ forwarded, config }: KnownHead, address: string): string {
  return forwarded === undefined ? address : clientOf(forwarded, { address }, config.trustedProxies).address;
}

function repeats({ method, controls, request }: Call, plan: Plan): boolean {
  return (
    method === "POST" &&
    plan.read &&
    plan.pace.kind === "instant" &&
    !plan.freshIds &&
    controls.sample !== "auto" &&
    !controls.explain &&
    request.headers.get("origin") === null
  );
}

/** Of the two keys the credential's own is worked out only where it is asked for, which a plain hit never does. */
function keysFor({ keyParts, plan }: KnownHead, body: KnownBody): KeysOfRepeat {
  if (body.keys?.under === keyParts) return body.keys;
  const { ownPool } = plan;
  const pool = body.gist.accountBound ? ownPool : plan.pool;
  const key = keyUnder(keyParts, pool, body.gist);
  let own = pool === ownPool ? key : undefined;
  const keys: KeysOfRepeat = {
    under: keyParts,
    plan,
    key,
    get ownKey() {
      own ??= keyUnder(keyParts, ownPool, body.gist);
      return own;
    },
  };
  body.keys = keys;
  return keys;
}

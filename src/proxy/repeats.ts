import { LRUCache } from "lru-cache";
import type { Config } from "../config.ts";
import type { RepeatAnswer, Repeats } from "../host.ts";
import type { Provider } from "../providers/provider.ts";
import type { Call } from "./call.ts";
import type { Controls } from "./controls.ts";
import { headText } from "./hit-head.ts";
import { type Gist, type Keys, keysIn, lookUp } from "./job.ts";
import type { KeyParts } from "./key.ts";
import { type KnownBody, KnownBodies } from "./known-bodies.ts";
import type { ProxyParts } from "./parts.ts";
import type { Plan } from "./policy.ts";
import { atOnce, hitStatus } from "./reply.ts";
import { type CallFacts, eventOf, factsOf, savedBy } from "./report.ts";

/** What the handler decided for requests with one head: a function of that head and of the settings alone. */
export interface KnownHead {
  readonly config: Config;
  readonly providers: ReadonlyMap<string, Provider>;
  readonly plan: Plan;
  readonly controls: Controls;
  readonly keyParts: Omit<KeyParts, "partition" | "body">;
  /** What its bodies mean. */
  readonly context: number;
  readonly facts: CallFacts;
}

const HEADS_BYTES = 8 * 1024 * 1024;
const HEAD_OVERHEAD_BYTES = 2048;

type Parts = Pick<
  ProxyParts,
  "config" | "providers" | "store" | "clock" | "verified" | "journal" | "newId" | "samples"
>;

/**
 * Requests that were answered from the store before. Of a head the handler's decisions are remembered, of a body its
 * digest; an equal request then takes a comparison, a look into the store and a line in the journal.
 *
 * Nothing here outlives a change of the settings, and nothing that time or other requests decide is remembered: the
 * entry, its freshness and a credential's standing are looked up each time.
 */
export class RequestMemory implements Repeats<KnownHead> {
  readonly #parts: Parts;
  readonly #bodies: KnownBodies;
  readonly #heads = new LRUCache<string, KnownHead>({
    maxSize: HEADS_BYTES,
    sizeCalculation: (_known, head) => 2 * head.length + HEAD_OVERHEAD_BYTES,
  });
  #config: Config | undefined;
  #providers: ReadonlyMap<string, Provider> | undefined;

  constructor(parts: Parts, options: { readonly maxBytes: number }) {
    this.#parts = parts;
    this.#bodies = new KnownBodies(options);
  }

  find(head: string): KnownHead | undefined {
    return this.#heads.get(head);
  }

  answer(known: KnownHead, body: Uint8Array, address: string): RepeatAnswer | undefined {
    const parts = this.#parts;
    const { plan, facts } = known;
    if (known.config !== parts.config() || known.providers !== parts.providers()) return undefined;
    const at = parts.clock.now();
    const began = parts.clock.monotonic();
    const knownBody = this.#bodies.find(known.context, body);
    if (knownBody === undefined) return undefined;
    const { gist } = knownBody;
    if (
      plan.proves &&
      !parts.verified.has({ provider: facts.provider ?? "", model: gist.model ?? "", tag: plan.ownPool })
    )
      return undefined;
    const found = lookUp(parts, known.controls, { plan, ...keysFor(known, knownBody) });
    if (found?.standing !== "fresh") return undefined;
    const { entry, fresh } = found;
    const { bytes } = entry.body;
    const head = knownBody.head?.entry === entry ? knownBody.head.text : headText(entry);
    if (bytes === undefined || head === undefined) return undefined;
    if (knownBody.head?.entry !== entry) knownBody.head = { entry, text: head };
    parts.store.touch(entry.key);
    const id = parts.newId();
    parts.journal.add(
      eventOf(
        { ...facts, remote: address },
        { at, began, id },
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

  /** What a body says that was read before; undefined where it has to be read. */
  gistOf(call: Call, body: Uint8Array): Gist | undefined {
    this.#settle();
    return this.#bodies.find(this.#contextOf(call), body)?.gist;
  }

  /** Remembers a request that was answered with a fresh entry. */
  learn(
    call: Call,
    { plan, keys, gist, body }: { plan: Plan; keys: Keys; gist: Gist; body: Uint8Array },
  ): void {
    this.#settle();
    const context = this.#contextOf(call);
    if (this.#bodies.find(context, body) === undefined) this.#bodies.add(context, body, gist);
    const { head } = call.peer;
    if (head === undefined || !repeats(call, plan) || this.#isKnown(head)) return;
    this.#heads.set(head, {
      config: this.#parts.config(),
      providers: this.#parts.providers(),
      plan,
      controls: call.controls,
      keyParts: keys.keyParts,
      context,
      facts: factsOf(call),
    });
  }

  #isKnown(head: string): boolean {
    const known = this.#heads.peek(head);
    return known !== undefined && known.config === this.#config && known.providers === this.#providers;
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
        headers.get("content-type"),
        headers.get("content-encoding"),
      ].join("\n"),
    );
  }
}

/** Whether equal requests get equal answers for as long as the entry is fresh, whoever reads them and how. */
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

function keysFor({ keyParts, plan }: KnownHead, body: KnownBody) {
  if (body.keys?.under !== keyParts) body.keys = { under: keyParts, in: keysIn(keyParts, plan, body.gist) };
  return body.keys.in;
}

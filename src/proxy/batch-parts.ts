import { type Body, type CacheKey, type Entry, memoryBody } from "../cache/entry.ts";
import type { PutOptions } from "../cache/store.ts";
import type { BatchForm } from "../providers/embeddings.ts";
import { joinVectors, splitAnswer, unitForm, type Vector } from "./batch-answer.ts";
import { type Batch, type Unit, unitBodies } from "./batch-request.ts";
import type { Call } from "./call.ts";
import type { Job } from "./flight.ts";
import { joined } from "./gather.ts";
import { isFresh } from "./keep.ts";
import { keyOf } from "./key.ts";
import type { ProxyParts } from "./parts.ts";
import { type Freshness, freshness, standing } from "./policy.ts";
import { plainBody, remember } from "./remember.ts";
import { spentShares } from "./spent.ts";
import { type Turns, turnsOf } from "./turns.ts";

/** Parts put at a time: the rest stays uncopied meanwhile, and more at once would compete with the loop for the CPU. */
const WAVE = 4;
/** Of a longer batch the request as a whole is remembered: one for each input would crowd out all others. */
const MOST_REMEMBERED = 256;

/** Where the answer to one input alone is looked for, and where it lies if it is the credential's own. */
export function partKeys(job: Job, unit: Unit): { readonly shared: CacheKey; readonly own: CacheKey } {
  const { plan, keyParts, key, ownKey } = job;
  const keyIn = (partition: string) => keyOf({ ...keyParts, partition, path: unit.path, body: unit.digest });
  const own = keyIn(plan.ownPool);
  return { shared: key === ownKey ? own : keyIn(plan.pool), own };
}

/** The stored answer to one input, where it counts as known: what is past its time does not. */
export function knownPart(
  parts: ProxyParts,
  call: Call,
  { job, unit }: { job: Job; unit: Unit },
): { readonly entry: Entry; readonly fresh: Freshness } | undefined {
  const keys = partKeys(job, unit);
  const entry =
    parts.store.get(keys.shared) ?? (keys.own === keys.shared ? undefined : parts.store.get(keys.own));
  const fresh = entry?.status === 200 ? usable(parts, call, { job, entry }) : undefined;
  return entry && fresh && { entry, fresh };
}

/** The freshness of an entry that is fresh enough. */
export function usable(
  parts: ProxyParts,
  call: Call,
  { job, entry }: { job: Job; entry: Entry },
): Freshness | undefined {
  const fresh = freshness(entry, job.plan, parts.clock.now());
  return standing(fresh, job.plan, call.controls) === "fresh" ? fresh : undefined;
}

/** The job, which then keeps each input's answer beside its own: `placed` says which input each place asks for. */
export function withParts(
  parts: ProxyParts,
  job: Job,
  asked: { form: BatchForm; placed: readonly Unit[] },
): Job {
  return { ...job, kept: (entry, put) => keepParts(parts, job, { ...asked, entry, put }) };
}

/**
 * The job of asking for some units of a batch alone, which is that of any request with such a body; undefined where
 * there is no memory for it.
 */
export async function partJob(
  parts: ProxyParts,
  job: Job,
  { batch, missing }: { batch: Batch; missing: readonly number[] },
): Promise<Job | undefined> {
  const { plan } = job;
  const { body, digest } = await batch.only(missing);
  if (!parts.budget.take(body.byteLength)) return undefined;
  const headers = new Headers(job.request.headers);
  // What was decoded to be split goes up as it is.
  headers.delete("content-encoding");
  const keyIn = (partition: string) => keyOf({ ...job.keyParts, partition, body: digest });
  const ownKey = keyIn(plan.ownPool);
  const placed = missing.map((number) => batch.units[number] as Unit);
  const wanted: Job = {
    ...job,
    // Judged by as many inputs as go up.
    asked: { ...job.asked, json: { ...job.asked.json, [batch.form.shape.inputs]: placed } },
    key: job.key === job.ownKey ? ownKey : keyIn(plan.pool),
    ownKey,
    content: { ...job.content, digest, coding: "" },
    request: { ...job.request, headers, body },
    reserved: body.byteLength,
  };
  return withParts(parts, wanted, { form: batch.form, placed });
}

/** The inputs of a batch in the request's order. */
export function placedUnits({ units, order }: Batch): readonly Unit[] {
  return order.map((number) => units[number] as Unit);
}

/** Keeps the answer to each input of a batch that was just kept whole. What can't be split stays whole. Never rejects. */
async function keepParts(
  parts: ProxyParts,
  job: Job,
  options: { form: BatchForm; placed: readonly Unit[]; entry: Entry; put: PutOptions },
): Promise<void> {
  const { form, placed, entry, put } = options;
  const { size } = entry.body;
  if (entry.status !== 200 || !parts.budget.take(size)) return;
  const turns = turnsOf(parts.clock);
  try {
    const text = await wholeOf(entry.body, turns);
    const weights = placed.map((unit) => unit.weight);
    const vectors = text && (await splitAnswer(text, { form, weights, turns }));
    if (vectors === undefined) return;
    const spent = spentShares(entry.spent, weights);
    const remembers = job.plan.remembers && placed.length <= MOST_REMEMBERED;
    const bodies = remembers ? await partBodies(parts, job, { form, turns }) : undefined;
    const done = new Set<string>();
    const wave: Promise<void>[] = [];
    for (const [at, unit] of placed.entries()) {
      if (done.has(unit.digest)) continue;
      done.add(unit.digest);
      const part = { ...entry, spent: spent[at] };
      wave.push(
        keepPart(parts, job, {
          form,
          unit,
          entry: part,
          put,
          vector: vectors[at] as Vector,
          request: bodies?.(at),
        }),
      );
      const turn = turns();
      if (turn) await turn;
      if (wave.length >= WAVE) await Promise.all(wave.splice(0));
    }
    await Promise.all(wave);
  } catch (error) {
    parts.report(`keeping the parts of an answer failed: ${String(error)}`);
  } finally {
    parts.budget.give(size);
  }
}

async function keepPart(
  parts: ProxyParts,
  job: Job,
  part: {
    form: BatchForm;
    unit: Unit;
    entry: Entry;
    put: PutOptions;
    vector: Vector;
    request: Uint8Array | undefined;
  },
): Promise<void> {
  const { form, unit, entry, put, vector, request } = part;
  const keys = partKeys(job, unit);
  const key = entry.key === job.ownKey ? keys.own : keys.shared;
  if (job.plan.unproven && isFresh(parts, job, key)) return;
  const pieces = [...joinVectors([vector], unitForm(form))];
  const size = pieces.reduce((sum, piece) => sum + piece.byteLength, 0);
  // The store counts its faults itself, and the whole answer is kept already.
  const kept = await parts.store.put({ ...entry, key, body: memoryBody(joined(pieces, size)) }, put).then(
    () => true,
    () => false,
  );
  if (kept && request !== undefined) {
    remember(parts, job, { key, part: { path: unit.path, digest: unit.digest, body: request } });
  }
}

/** The request for each input alone, by its place; undefined where they are not to be remembered. */
async function partBodies(
  parts: ProxyParts,
  job: Job,
  options: { form: BatchForm; turns: Turns },
): Promise<((place: number) => Uint8Array | undefined) | undefined> {
  const plain = await plainBody(parts, job);
  return plain && (await unitBodies(plain, options.form, options.turns));
}

/** A stored body in one piece; undefined where it can't be read. */
export async function wholeOf(body: Body, turns: Turns): Promise<Uint8Array | undefined> {
  if (body.bytes !== undefined) return body.bytes;
  const release = body.hold();
  try {
    const whole = new Uint8Array(body.size);
    for (let at = 0; at < body.size; ) {
      const slice = body.slice(at);
      whole.set(slice, at);
      at += slice.byteLength;
      const turn = turns();
      if (turn) await turn;
    }
    return whole;
  } catch {
    return undefined;
  } finally {
    release();
  }
}

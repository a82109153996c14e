import type { Reader } from "../cache/recording.ts";
import { PIECE } from "./bypass.ts";
import type { Call } from "./call.ts";
import { ClientGone, whileConnected } from "./connected.ts";
import { counted } from "./counted.ts";
import type { Job } from "./flight.ts";
import { gather } from "./gather.ts";
import { mediaType } from "./headers.ts";
import type { Found } from "./job.ts";
import { keyOf } from "./key.ts";
import type { ProxyParts } from "./parts.ts";
import type { Reason } from "./reason.ts";
import { packed } from "./relay.ts";
import { replyOf } from "./reply.ts";

/** The workers that answer at the same port. */
export interface Owners {
  /** The one whose provider calls for `name` are, by its socket; undefined where it is this one. */
  of(name: string): string | undefined;
  /** Hands a packed request to one of them; resolves to its answer's head, rejects where it is not there. */
  ask(owner: string, request: Uint8Array, signal: AbortSignal): Promise<Response>;
}

/**
 * The answer of the worker whose provider calls for this request are, where that is another one and a call may be
 * needed: so identical requests that came to different workers share one call. That worker journals it; here nothing
 * is told of it. Undefined where it is answered here, and so does the promise where that worker is not there: then
 * one call may become two. What was handed on is never handed on again.
 */
export function answerElsewhere(
  parts: ProxyParts,
  call: Call,
  options: { job: Job; found: Found | undefined; body: Uint8Array; reason: Reason | undefined },
): Promise<Response | undefined> | undefined {
  const { owners } = parts;
  const { job, found, body, reason } = options;
  if (owners === undefined || call.peer.relayed !== undefined) return undefined;
  // Who neither joins nor is joined has nobody to meet there.
  if (!job.plan.join || job.plan.offline !== undefined) return undefined;
  // Of identical requests in a run each counts: one place counts them all.
  if (found?.standing === "fresh" && call.controls.sample !== "auto") return undefined;
  const owner = owners.of(ownedBy(job));
  return owner === undefined ? undefined : ask(parts, call, { owners, owner, body, reason });
}

/** Whether another worker may be the one that counts this request's samples: what is stored says nothing before. */
export function numberedElsewhere({ owners }: Pick<ProxyParts, "owners">, { controls, peer }: Call): boolean {
  return owners !== undefined && controls.sample === "auto" && peer.relayed === undefined;
}

/**
 * Whose work it is: samples of one question lie together, since `auto` counts over them, and so do the embeddings
 * of one model, since any two batches may lack the same inputs.
 */
function ownedBy(job: Job): string {
  const { facts, keyParts, content } = job;
  if (facts.endpoint === "embeddings")
    return [facts.provider, keyParts.path, facts.model, facts.namespace, facts.pool].join("\n");
  if (keyParts.sample === 0) return job.key;
  return keyOf({ ...keyParts, sample: 0, partition: facts.pool, body: content.digest });
}

async function ask(
  parts: ProxyParts,
  call: Call,
  {
    owners,
    owner,
    body,
    reason,
  }: { owners: Owners; owner: string; body: Uint8Array; reason: Reason | undefined },
): Promise<Response | undefined> {
  const gone = new AbortController();
  const { request, method, at, began, peer } = call;
  const head = {
    method,
    url: request.url,
    headers: [...request.headers],
    client: {
      address: peer.address,
      ...(peer.behindProxy && { behindProxy: true }),
      ...(peer.secure && { secure: true }),
    },
    at,
    waitedMs: parts.clock.monotonic() - began,
  };
  let response: Response;
  try {
    const asking = owners.ask(owner, packed(head, body), gone.signal);
    response = await whileConnected(request, asking, () => gone.abort());
  } catch (error) {
    // The owner has heard of it too, and tells it.
    if (error instanceof ClientGone) return new Response(null, { status: 499 });
    return undefined;
  }
  reason?.told();
  return passedBack(parts, call, { response, leave: () => gone.abort() });
}

/** Written anew by each server. */
const OF_THE_CONNECTION = ["connection", "keep-alive", "transfer-encoding", "content-length", "date"];

/** Another worker's answer as it is: a stream as it comes, a small document in one piece with its length. */
async function passedBack(
  parts: ProxyParts,
  { peer }: Call,
  { response, leave }: { response: Response; leave: () => void },
): Promise<Response> {
  const { status } = response;
  const headers = new Headers(response.headers);
  const short = headers.has("content-length") && mediaType(headers) !== "text/event-stream";
  for (const name of OF_THE_CONNECTION) headers.delete(name);
  if (response.body === null) return replyOf(peer, undefined, { status, headers });
  const from = response.body.getReader();
  const reader: Reader = { read: async () => (await from.read()).value, leave };
  const whole = short ? await gather(reader, PIECE) : reader;
  const body =
    whole instanceof Uint8Array
      ? whole
      : counted(whole, { now: () => parts.clock.monotonic(), ended: () => {} });
  return replyOf(peer, body, { status, headers });
}

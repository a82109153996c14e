import type { Body, Entry } from "../cache/entry.ts";
import type { Reader } from "../cache/recording.ts";
import type { Pace } from "../config-pace.ts";
import { directReply, Reply } from "../direct-reply.ts";
import type { Peer, Source } from "../host.ts";
import type { CacheWord } from "../journal/event.ts";
import type { Call } from "./call.ts";
import { atOnce, type CountOptions, counted } from "./counted.ts";
import type { FlightHead } from "./flight.ts";
import { FreshId } from "./fresh-id.ts";
import { liveHeaders, mediaType } from "./headers.ts";
import { isKnownOrigin } from "./origin.ts";
import { paced } from "./pace.ts";

export interface ReplyStatus {
  readonly word: CacheWord;
  /** What follows `askonce` in `Cache-Status`, for example `; hit; ttl=300`. */
  readonly cacheStatus: string;
  readonly key: string | undefined;
  readonly ageMs?: number;
}

export interface ReplyOptions extends CountOptions {
  readonly status: ReplyStatus;
  readonly allowedOrigins: readonly string[];
}

const NO_BODY = new Set([101, 103, 204, 205, 304]);

/** A stored answer: at once, with its status and headers. */
export function replyEntry(
  call: Call,
  entry: Entry,
  options: ReplyOptions & { pace: Pace; freshIds: boolean },
): Response {
  const headers = new Headers(entry.headers as [string, string][]);
  const { status, body } = entry;
  // What a look-up tells has the ids of models.
  const renews = options.freshIds && call.method === "POST" && body.size > 0;
  const id = renews ? FreshId.of(mediaType(headers)) : undefined;
  const slow = options.pace.kind !== "instant" && entry.chunks !== undefined;
  if (slow || body.bytes === undefined) {
    const plain = bodyReader(body);
    const renewed = id?.reader(plain) ?? plain;
    const source = paced(entry, renewed, options) ?? renewed;
    if (id === undefined && call.peer.takesDirect) headers.set("content-length", String(body.size));
    return respond(call, { status, headers, body: counted(source, options) }, options);
  }
  options.ended(atOnce(body.size, options.now()));
  return respond(call, { status, headers, body: id?.replace(body.bytes) ?? body.bytes }, options);
}

/** An answer under way, from its first byte. */
export function replyLive(
  call: Call,
  head: FlightHead,
  options: ReplyOptions & { reader: Reader; own: boolean },
): Response {
  const headers = headersOf(head, options);
  return respond(call, { status: head.status, headers, body: counted(options.reader, options) }, options);
}

/** An answer that has arrived whole, in one piece. */
export function replyWhole(
  call: Call,
  head: FlightHead,
  options: ReplyOptions & { bytes: Uint8Array; own: boolean },
): Response {
  const headers = headersOf(head, options);
  options.ended(atOnce(options.bytes.byteLength, options.now()));
  return respond(call, { status: head.status, headers, body: options.bytes }, options);
}

/** `own`: whether the client's own credential asked for it. */
function headersOf({ headers, decoded, status }: FlightHead, { own }: { own: boolean }): Headers {
  const shared = own ? {} : ({ shared: status >= 500 ? "failure" : "answer" } as const);
  return liveHeaders(headers, { decoded, cacheable: true, keepLength: false, ...shared });
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** A source is one that `counted` made. */
  readonly body: Uint8Array | Source | undefined;
}

/** What `Cache-Status` says of an answer from the store. */
export function hitStatus({ leftMs }: { readonly leftMs: number }): string {
  return Number.isFinite(leftMs) ? `; hit; ttl=${Math.floor(leftMs / 1000)}` : "; hit";
}

/** Adds what askonce says on every answer. */
export function respond(call: Call, answer: Answer, options: Omit<ReplyOptions, "now" | "ended">): Response {
  const { headers } = answer;
  const { status } = options;
  headers.set("x-cache-status", status.word);
  // RFC 9211 §2: each cache adds itself after those nearer to the origin.
  const before = headers.get("cache-status");
  const key = status.key === undefined ? "" : `; key="${status.key}"`;
  const own = `askonce${status.cacheStatus}${key}`;
  headers.set("cache-status", before === null ? own : `${before}, ${own}`);
  if (status.key !== undefined) headers.set("x-cache-key", status.key);
  if (status.ageMs !== undefined) headers.set("age", String(Math.floor(status.ageMs / 1000)));
  if (!headers.has("x-request-id")) headers.set("x-request-id", call.id);
  crossOrigin(headers, { origin: call.request.headers.get("origin"), allowed: options.allowedOrigins });
  const bare = NO_BODY.has(answer.status) || call.method === "HEAD";
  const body = bare ? undefined : answer.body;
  if (bare && answer.body !== undefined && !(answer.body instanceof Uint8Array)) answer.body.leave();
  return replyOf(call.peer, body, { status: answer.status, headers });
}

/** A response in the form that the client's adapter takes best. */
export function replyOf(
  peer: Peer,
  direct: Uint8Array | Source | undefined,
  init: { status: number; headers: Headers },
): Reply {
  if (peer.takesDirect) return directReply(direct, init);
  if (direct === undefined) return new Reply(direct, init);
  const body = direct instanceof Uint8Array ? (direct as BodyInit) : streamOf(direct);
  return new Reply(direct, { ...init, body });
}

/** What a page may read of an answer; another site's page gets what its provider allows. */
export function crossOrigin(
  headers: Headers,
  options: { origin: string | null; allowed: readonly string[] },
): void {
  const { origin, allowed } = options;
  if (origin === null) return;
  if (!isKnownOrigin(origin, allowed)) {
    if (headers.has("access-control-allow-origin")) headers.append("access-control-expose-headers", EXPOSED);
    return;
  }
  headers.set("access-control-allow-origin", origin);
  headers.set("access-control-expose-headers", "*");
  headers.append("access-control-expose-headers", EXPOSED);
  headers.append("vary", "Origin");
}

export const EXPOSED = "X-Cache-Status, Cache-Status, X-Cache-Key, X-Request-Id, X-Cache-Explain, Age";

/** The same as a stream, for adapters that take nothing else. */
function streamOf(source: Source): ReadableStream<Uint8Array> {
  let left = false;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const chunk = await source.read();
          // Cancelled while the read was pending: an enqueue would throw.
          if (left) return;
          if (chunk === undefined) controller.close();
          else controller.enqueue(chunk);
        } catch (error) {
          if (!left) controller.error(error);
        }
      },
      cancel() {
        left = true;
        source.leave();
      },
    },
    { highWaterMark: 0 },
  );
}

/** What a stalled client's socket may hold back of a stored body: the runtime copies each chunk it is handed. */
const HIT_CHUNK = 64 * 1024;

/** A stored body, pulled a chunk at a time, which it holds until the reader is through or gone. */
function bodyReader(body: Body): Reader {
  const release = body.hold();
  let slice: Uint8Array = new Uint8Array(0);
  let offset = 0;
  return {
    async read() {
      if (offset >= body.size) {
        release();
        return undefined;
      }
      try {
        if (slice.byteLength === 0) slice = body.slice(offset);
        const chunk = slice.subarray(0, HIT_CHUNK);
        slice = slice.subarray(chunk.byteLength);
        offset += chunk.byteLength;
        return chunk;
      } catch (error) {
        release();
        throw error;
      }
    },
    leave: release,
  };
}

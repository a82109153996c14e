import type { Reader } from "../cache/recording.ts";
import { proxyErrors } from "../errors.ts";
import { declaredLength, Upload } from "./body.ts";
import type { Call } from "./call.ts";
import { whileConnected } from "./connected.ts";
import { atOnce, counted } from "./counted.ts";
import { gather } from "./gather.ts";
import { contentCoding, liveHeaders, mediaType, upstreamHeaders } from "./headers.ts";
import type { ProxyParts } from "./parts.ts";
import type { Plan } from "./policy.ts";
import { type ReplyOptions, respond } from "./reply.ts";
import { tell } from "./report.ts";
import { Upstream } from "./upstream.ts";

/** A document up to this size goes out in one piece where it comes within this time. */
export const PIECE = { maxBytes: 1024 * 1024, patienceMs: 250 };

/** Passes a request on and its answer back, both as they come; nothing is kept. */
export async function bypass(
  parts: ProxyParts,
  call: Call,
  options: {
    plan: Plan;
    detail: string;
    /** What the client sent, as far as it is at hand. */
    body: Uint8Array | ReadableStream<Uint8Array> | null;
    maxBody: number | undefined;
    allowedOrigins: readonly string[];
  },
): Promise<Response> {
  const { plan, detail, body } = options;
  if (plan.offline === "replay")
    throw proxyErrors.replayMiss(`this kind of request is not stored (${detail})`);
  if (plan.offline === "only-if-cached") throw proxyErrors.onlyIfCachedMiss();
  const { provider, endpoint, url } = call.route;
  const headers = upstreamHeaders(call.request.headers, {
    decodes: parts.host.decodes,
    dropCacheControl: endpoint !== undefined,
    whole: false,
    loop: parts.loopFor(url),
    provider: provider.name,
  });
  const length = declaredLength(call.request.headers);
  if (length !== undefined && options.maxBody !== undefined && length > options.maxBody) {
    throw proxyErrors.tooLarge(options.maxBody);
  }
  const upload = body instanceof ReadableStream ? new Upload(body, options.maxBody) : undefined;
  if (upload && length !== undefined) headers.set("content-length", String(length));
  const upstream = new Upstream({
    provider: provider.name,
    timeoutMs: plan.upstreamTimeoutMs,
    clock: parts.clock,
  });
  const sent = upload?.stream ?? (body as Uint8Array | null) ?? undefined;
  const calling = upstream
    .call(parts.host, { url, method: call.method, headers, body: sent })
    .catch((error) => {
      throw upload?.fault ?? error;
    });
  const { response, read, poll } = await whileConnected(call.request, calling, () => upstream.abort());
  if (plan.proves && (response.status === 401 || response.status === 403)) {
    parts.verified.refuse({ provider: provider.name, tag: plan.ownPool, model: "" });
  }
  const decoded = contentCoding(response.headers, parts.host.decodes) === "decoded";
  const reply: ReplyOptions = {
    status: {
      word: "BYPASS",
      cacheStatus: detail === "method" ? "; fwd=method" : `; fwd=bypass; detail=${detail}`,
      key: undefined,
    },
    allowedOrigins: options.allowedOrigins,
    now: () => parts.clock.monotonic(),
    ended: (delivery) =>
      tell(parts, call, {
        status: response.status,
        word: "BYPASS",
        outcome: "bypassed",
        detail,
        delivery,
        paid: response.ok && call.method === "POST" && !provider.local,
      }),
  };
  const head = liveHeaders(response.headers, {
    decoded,
    cacheable: endpoint !== undefined && call.method === "POST",
    keepLength: call.method === "HEAD",
  });
  const source: Reader = { read, leave: () => upstream.abort(), ...(poll && { poll }) };
  if (response.body === null || call.method === "HEAD") {
    upstream.abort();
    reply.ended(atOnce(0, reply.now()));
    return respond(call, { status: response.status, headers: head, body: undefined }, reply);
  }
  const short = response.headers.has("content-length") && mediaType(response.headers) !== "text/event-stream";
  const whole = short ? await gather(source, PIECE) : source;
  if (!(whole instanceof Uint8Array)) {
    return respond(call, { status: response.status, headers: head, body: counted(whole, reply) }, reply);
  }
  reply.ended(atOnce(whole.byteLength, reply.now()));
  return respond(call, { status: response.status, headers: head, body: whole }, reply);
}

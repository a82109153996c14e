import { ProxyError, proxyErrors } from "../errors.ts";
import type { Budget } from "./budget.ts";
import type { Call } from "./call.ts";
import { joined } from "./gather.ts";

/** A request body: whole, or too much to hold and so still a stream (what was read of it, then the rest). */
export type RequestBody =
  | { readonly kind: "whole"; readonly bytes: Uint8Array; readonly reserved: number }
  | {
      readonly kind: "stream";
      readonly stream: ReadableStream<Uint8Array>;
      readonly why: "too-large" | "memory";
    };

export interface BodyBounds {
  /** Over this a body is not held. */
  readonly maxRequest: number;
  /** Over this it is refused (`request_too_large`); undefined: no limit. */
  readonly maxBody: number | undefined;
  readonly budget: Budget;
}

/** Bodies up to this size are awaited in one piece, which is quicker. */
const READ_WHOLE = 256 * 1024;
const EMPTY = new Uint8Array(0);

/** Content-Length of a request, undefined for none or a chunked one. */
export function declaredLength(headers: Headers): number | undefined {
  const text = headers.get("content-length");
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/** Reads a body that may be cached. Rejects where the client breaks off. `reserved` bytes are taken from the budget. */
export async function readBody(
  { request, peer }: Pick<Call, "request" | "peer">,
  bounds: BodyBounds,
): Promise<RequestBody> {
  const length = declaredLength(request.headers);
  if (length !== undefined && bounds.maxBody !== undefined && length > bounds.maxBody) {
    throw proxyErrors.tooLarge(bounds.maxBody);
  }
  const { body } = peer;
  if (body !== undefined && body.byteLength <= bounds.maxRequest) {
    if (bounds.maxBody !== undefined && body.byteLength > bounds.maxBody)
      throw proxyErrors.tooLarge(bounds.maxBody);
    if (bounds.budget.take(body.byteLength)) return { kind: "whole", bytes: body, reserved: body.byteLength };
  }
  if (request.body === null) return { kind: "whole", bytes: EMPTY, reserved: 0 };
  if (length !== undefined && length > bounds.maxRequest) {
    return { kind: "stream", stream: request.body, why: "too-large" };
  }
  // What a client announces and does not send must not take the room of others: bytes count as they come.
  if (length === undefined || length > READ_WHOLE) return readUnknown(request.body, bounds);
  if (!bounds.budget.take(length)) return { kind: "stream", stream: request.body, why: "memory" };
  try {
    return { kind: "whole", bytes: new Uint8Array(await request.arrayBuffer()), reserved: length };
  } catch {
    bounds.budget.give(length);
    throw brokenOff();
  }
}

const brokenOff = () => proxyErrors.invalidRequest("The request body broke off before its end.");

async function readUnknown(body: ReadableStream<Uint8Array>, bounds: BodyBounds): Promise<RequestBody> {
  const reader = body.getReader();
  const chunks: Uint8Array[] = [];
  let size = 0;
  let reserved = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return { kind: "whole", bytes: joined(chunks, size), reserved };
      chunks.push(value);
      size += value.byteLength;
      if (bounds.maxBody !== undefined && size > bounds.maxBody) throw proxyErrors.tooLarge(bounds.maxBody);
      const fits = size <= bounds.maxRequest && bounds.budget.take(value.byteLength);
      if (fits) {
        reserved += value.byteLength;
        continue;
      }
      bounds.budget.give(reserved);
      return {
        kind: "stream",
        stream: resumed(chunks, reader),
        why: size > bounds.maxRequest ? "too-large" : "memory",
      };
    }
  } catch (error) {
    bounds.budget.give(reserved);
    throw error instanceof ProxyError ? error : brokenOff();
  }
}

/** What was read already, then the rest. */
function resumed(
  chunks: Uint8Array[],
  reader: ReadableStreamDefaultReader<Uint8Array>,
): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const held = chunks.shift();
        if (held !== undefined) return controller.enqueue(held);
        const { done, value } = await reader.read();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}

/** A request body on its way up, unread: its stream, and why it broke off if it did. */
export class Upload {
  readonly stream: ReadableStream<Uint8Array>;
  /** Set once the client, and not the provider, is what ended the upload. */
  fault: ProxyError | undefined;

  /** Past `limit` bytes it breaks with `request_too_large`; undefined: no limit. */
  constructor(body: ReadableStream<Uint8Array>, limit: number | undefined) {
    const reader = body.getReader();
    let size = 0;
    this.stream = new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          try {
            const { done, value } = await reader.read();
            if (done) return controller.close();
            size += value.byteLength;
            if (limit !== undefined && size > limit) throw proxyErrors.tooLarge(limit);
            controller.enqueue(value);
          } catch (error) {
            this.fault = error instanceof ProxyError ? error : brokenOff();
            controller.error(this.fault);
          }
        },
        cancel: (reason) => reader.cancel(reason),
      },
      { highWaterMark: 0 },
    );
  }
}

import type { Entry } from "../cache/entry.ts";

/**
 * A stored body for an operator. It may be anything that a provider sent, HTML included, so no browser may run it, nor
 * guess what it is.
 */
export function bodyResponse(entry: Entry, { head }: { head: boolean }): Response {
  const type = entry.headers.find(([name]) => name.toLowerCase() === "content-type")?.[1];
  const headers = {
    "content-type": type ?? "application/octet-stream",
    "content-length": String(entry.body.size),
    "content-security-policy": "sandbox; default-src 'none'",
    "x-content-type-options": "nosniff",
    "x-askonce-status": String(entry.status),
  };
  if (head) return new Response(null, { headers });
  return new Response(entry.body.size === 0 ? null : sliced(entry), { headers });
}

/** Reads as the client pulls, and keeps the slices from going until it has all of them or is gone. */
function sliced({ body }: Entry): ReadableStream<Uint8Array> {
  const release = body.hold();
  let at = 0;
  return new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        try {
          const slice = body.slice(at);
          at += slice.byteLength;
          controller.enqueue(slice.slice());
        } catch (error) {
          release();
          controller.error(error);
          return;
        }
        if (at < body.size) return;
        release();
        controller.close();
      },
      cancel: release,
    },
    { highWaterMark: 0 },
  );
}

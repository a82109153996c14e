import { request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { PassThrough, pipeline, Readable } from "node:stream";
import type { ReadableStream as NodeReadableStream } from "node:stream/web";
import { createBrotliDecompress, createGunzip } from "node:zlib";
import type { UpstreamInit } from "./host.ts";

type Upload = UpstreamInit & { readonly body: ReadableStream<Uint8Array> };

/**
 * Sends a body of known length as it is read, on a connection of its own, with its Content-Length. Redirects are
 * not followed; an answer under gzip or br arrives decoded. Rejects when the connection or the body breaks off.
 */
export function upload(url: string, { method, headers, body, signal }: Upload): Promise<Response> {
  return new Promise((resolve, reject) => {
    const send = url.startsWith("https:") ? requestHttps : requestHttp;
    const outgoing = send(
      url,
      { method, headers: Object.fromEntries(headers), signal, agent: false },
      (incoming) => {
        const answered = new Headers();
        for (let at = 0; at < incoming.rawHeaders.length; at += 2) {
          answered.append(incoming.rawHeaders[at]!, incoming.rawHeaders[at + 1]!);
        }
        const coding = answered.get("content-encoding");
        const decoder =
          coding === "gzip" ? createGunzip() : coding === "br" ? createBrotliDecompress() : new PassThrough();
        pipeline(incoming, decoder, () => {});
        const status = incoming.statusCode!;
        const empty = [204, 205, 304].includes(status);
        resolve(
          new Response(empty ? null : (Readable.toWeb(decoder) as unknown as ReadableStream<Uint8Array>), {
            status,
            statusText: incoming.statusMessage ?? "",
            headers: answered,
          }),
        );
      },
    );
    outgoing.on("error", reject);
    pipeline(Readable.fromWeb(body as unknown as NodeReadableStream), outgoing, (error) => {
      if (error) reject(error);
    });
  });
}

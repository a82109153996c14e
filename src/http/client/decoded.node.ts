import type { Transform } from "node:stream";
import {
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createInflateRaw,
  createZstdDecompress,
} from "node:zlib";
import type { Fetched, Source } from "../../host.ts";
import { ZstdEnd } from "../../zstd-end.ts";

const DECODERS: Readonly<Record<string, (first: number) => Transform>> = {
  gzip: () => createGunzip(),
  // RFC 9110 §8.4.1.3: the same.
  "x-gzip": () => createGunzip(),
  br: () => createBrotliDecompress(),
  zstd: () => wholeZstd(),
  // RFC 9110 §8.4.1.2: zlib's format, which some servers leave the wrapper off.
  deflate: (first) => ((first & 15) === 8 ? createInflate() : createInflateRaw()),
};

/** The runtime's decoder takes a frame that was cut off for a whole one. */
function wholeZstd(): Transform {
  const end = new ZstdEnd();
  const decoder = createZstdDecompress();
  const write = decoder._transform.bind(decoder);
  const flush = decoder._flush.bind(decoder);
  decoder._transform = (chunk, encoding, done) => {
    end.take(chunk);
    write(chunk, encoding, done);
  };
  decoder._flush = (done) => (end.whole ? flush(done) : done(new Error("the zstd frame is cut off")));
  return decoder;
}

/** The same answer with its body decoded, where its coding is one of these. */
export function decoded(answer: Fetched): Fetched {
  const coding = answer.headers.get("content-encoding")?.trim().toLowerCase();
  const decoder = coding === undefined ? undefined : DECODERS[coding];
  if (decoder === undefined || answer.body === null || "getReader" in answer.body) return answer;
  return { ...answer, body: decodedSource(answer.body, decoder) };
}

function decodedSource(source: Source, decoder: (first: number) => Transform): Source {
  let left = false;
  const pieces = decode(source, decoder);
  return {
    async read() {
      if (left) return undefined;
      const { value } = await pieces.next();
      return left ? undefined : value;
    },
    leave() {
      left = true;
      source.leave();
      void pieces.return(undefined);
    },
  };
}

async function* decode(
  source: Source,
  decoder: (first: number) => Transform,
): AsyncGenerator<Uint8Array, undefined> {
  const first = await source.read();
  // No bytes are no damage: a HEAD's like, or an answer without content.
  if (first === undefined) return undefined;
  const transform = decoder(first[0] ?? 0);
  const feeding = feed(source, first, transform);
  feeding.catch((error: Error) => transform.destroy(error));
  try {
    for await (const piece of transform) if (piece.byteLength > 0) yield piece as Uint8Array;
    await feeding;
  } finally {
    transform.destroy();
  }
  return undefined;
}

async function feed(source: Source, first: Uint8Array, transform: Transform): Promise<void> {
  for (let piece: Uint8Array | undefined = first; piece !== undefined; piece = await source.read()) {
    if (!transform.write(piece)) {
      await new Promise<void>((resolve) => {
        transform.once("drain", resolve);
        transform.once("close", resolve);
      });
    }
    if (transform.destroyed) return;
  }
  transform.end();
}

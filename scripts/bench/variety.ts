/** Requests of many kinds, and a provider that answers each with something of its own: what comes back can be told. */
import { CHAT, EMBEDDINGS, prose, requestBytes, streamEnd, streamEvent } from "./bodies.ts";
import { type Asked, chunk, document, LAST_CHUNK, type Out, type Reply, STREAM_HEAD } from "./origin.ts";

export interface Kind {
  /** Of a hundred requests. */
  readonly share: number;
  readonly prompt: number;
  readonly answer: number;
  /** A stream of so many chunks. */
  readonly chunks?: number;
  /** A batch of so many inputs, of which one is new. */
  readonly inputs?: number;
  /** How long the provider thinks about a document; not at all where not given. */
  readonly afterMs?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The request of a kind that carries this name; the same name, the same bytes. */
export function requestOf(kind: Kind, name: string): Buffer {
  const { prompt, answer, chunks = 0, inputs, afterMs = 0, headers = {} } = kind;
  if (inputs !== undefined) {
    const input = [name, ...Array.from({ length: inputs - 1 }, (_, n) => prose(60, n + 1))];
    return requestBytes(EMBEDDINGS, JSON.stringify({ model: "text-embedding-3-small", input }), headers);
  }
  const content = `${name} ${prose(prompt)}`;
  const stream = chunks === 0 ? {} : { stream: true };
  const model = `gpt-${chunks}-${answer}-${afterMs}`;
  const body = { model, ...stream, messages: [{ role: "user", content }] };
  return requestBytes(CHAT, JSON.stringify(body), headers);
}

/** The kind of the n-th of requests that keep to the shares. */
export function kindAt(kinds: readonly Kind[], n: number): Kind {
  let place = (n * 37) % 100;
  for (const kind of kinds) {
    if (place < kind.share) return kind;
    place -= kind.share;
  }
  return kinds[0] as Kind;
}

/** What the provider says: the name comes back in the answer. The origin must collect bodies. */
export function replyTo({ path, body }: Asked): Reply {
  if (path === EMBEDDINGS) return vectors(String(body));
  const text = String(body);
  const [, chunks = "0", answer = "0", afterMs = "0"] = /"model":"gpt-(\d+)-(\d+)-(\d+)"/.exec(text) ?? [];
  const name = /"content":"(\S+)/.exec(text)?.[1] ?? "";
  if (Number(chunks) > 0) return { starts: (out) => void speak(name, Number(chunks), out) };
  const message = { role: "assistant", content: `${name} ${prose(Number(answer))}` };
  const bytes = document(
    JSON.stringify({
      id: "chatcmpl-1",
      object: "chat.completion",
      model: "gpt-5-mini",
      choices: [{ index: 0, message, finish_reason: "stop" }],
      usage: { prompt_tokens: 40, completion_tokens: 100, total_tokens: 140 },
    }),
  );
  return Number(afterMs) > 0 ? { afterMs: Number(afterMs), bytes } : bytes;
}

function vectors(body: string): Uint8Array {
  const { input } = JSON.parse(body) as { input: string | string[] };
  const all = typeof input === "string" ? [input] : input;
  const data = all.map((text, index) => ({
    object: "embedding",
    index,
    embedding: Array.from({ length: 32 }, (_, n) => ((Bun.hash.crc32(text) + n * 7919) % 10_007) / 10_007),
  }));
  const usage = { prompt_tokens: 20 * all.length, total_tokens: 20 * all.length };
  return document(JSON.stringify({ object: "list", data, model: "text-embedding-3-small", usage }));
}

async function speak(name: string, chunks: number, out: Out): Promise<void> {
  out.write(STREAM_HEAD);
  for (let n = 0; n < chunks && !out.gone; n++) {
    out.write(chunk(streamEvent(`${name} word ${n} `)));
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  out.write(Buffer.concat([chunk(streamEnd()), LAST_CHUNK]));
}

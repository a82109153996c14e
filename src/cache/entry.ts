/** What is kept: one complete answer under its key. No HTTP, no provider, no SQL. */

declare const keyBrand: unique symbol;
/** SHA-256 in lower-case hex, 64 characters. Made by `proxy/key.ts` only; `asCacheKey` reads one back. */
export type CacheKey = string & { readonly [keyBrand]: true };

/** The shape of the stored rows. A row with another version is a miss. */
export const ENTRY_VERSION = 1;

/** A body up to this many bytes is held in one piece; a larger one is kept and read in slices of it. */
export const SLICE_BYTES = 256 * 1024;

const KEY = /^[0-9a-f]{64}$/;

/** Reads a key from outside; undefined for anything but 64 lower-case hex digits. */
export function asCacheKey(text: string): CacheKey | undefined {
  return KEY.test(text) ? (text as CacheKey) : undefined;
}

export type HeaderList = readonly (readonly [name: string, value: string])[];

/** The bytes of an answer, which never change under one `Body`. */
export interface Body {
  /** Bytes in all. */
  readonly size: number;
  /** The whole, where it is at hand in one piece (`size <= SLICE_BYTES`); never modify it. */
  readonly bytes: Uint8Array | undefined;
  /**
   * The bytes from `offset` (0 <= offset < size) to the end of the stored slice that holds it.
   * Throws where a slice is gone or fails its checksum.
   */
  slice(offset: number): Uint8Array;
  /** Keeps the slices from being freed until the returned function is called (once; later calls do nothing). */
  hold(): () => void;
}

/** One chunk as the provider sent it: where it ends in the body, and when it came. */
export interface ChunkMark {
  /** Offset after the chunk's last byte. */
  readonly end: number;
  /** ms after the request was sent to the provider. */
  readonly atMs: number;
}

export interface EntryFacts {
  readonly provider: string;
  /** Endpoint kind as `providers/provider.ts` names it, for example `chat`. */
  readonly endpoint: string;
  /** Model named by the request, else undefined. */
  readonly model: string | undefined;
  /** Namespace, "" for none. */
  readonly namespace: string;
  /** Which pool its key is made under: "all", or a credential's tag. */
  readonly pool: string;
  /** Whether the answer is an event stream (or NDJSON) and not one document. */
  readonly stream: boolean;
}

/** What an answer took, as far as it is known; absent means not known, never zero. */
export interface Spent {
  /** All input and all output tokens. */
  readonly inputTokens?: number | undefined;
  readonly outputTokens?: number | undefined;
  /** Of the input, read from the provider's prompt cache; of the output, reasoning. */
  readonly cacheReadTokens?: number | undefined;
  readonly reasoningTokens?: number | undefined;
  /** US dollars; absent where the price is not known. */
  readonly costUsd?: number | undefined;
}

export interface Entry {
  readonly key: CacheKey;
  readonly status: number;
  /** Those worth replaying (`proxy/headers.ts` decides), in the provider's order. */
  readonly headers: HeaderList;
  readonly body: Body;
  readonly facts: EntryFacts;
  /** Epoch ms at which the request that fetched it began: a put replaces only what began before it. */
  readonly startedAt: number;
  /** Epoch ms at which the answer was complete; its age counts from here. */
  readonly storedAt: number;
  /** Set only by a request or the admin API; undefined: today's settings judge. Infinity: never expires. */
  readonly ttlMs: number | undefined;
  /** ms from the call to the provider's head, and to its last byte. */
  readonly firstByteMs: number;
  readonly durationMs: number;
  /** Chunk times of a stream; undefined for one document. */
  readonly chunks: readonly ChunkMark[] | undefined;
  /** What it took to get it; undefined where nothing is known. */
  readonly spent?: Spent | undefined;
  /** Came from a cassette: never goes for being unused. */
  readonly imported?: boolean | undefined;
  /**
   * Names the request that fetched it by its bytes and all that decides what they mean (`proxy/asked.ts`): whoever asks
   * so has this entry's key. SHA-256 in hex; undefined where more than that decides it.
   */
  readonly asked?: string | undefined;
  /** Where the store that it comes from has it: what `Store.touch` takes, and nobody else's matter. */
  readonly place?: number | undefined;
}

/** A `Body` over bytes in memory. */
export function memoryBody(bytes: Uint8Array): Body {
  return {
    size: bytes.byteLength,
    bytes,
    slice: (offset) => bytes.subarray(offset, offset + SLICE_BYTES),
    hold: () => () => {},
  };
}

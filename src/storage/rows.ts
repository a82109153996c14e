import {
  type Body,
  type CacheKey,
  type ChunkMark,
  ENTRY_VERSION,
  type Entry,
  type HeaderList,
  memoryBody,
  type Spent,
} from "../cache/entry.ts";
import { checksum, type Packed, unpack } from "./packing.ts";

/** An answer as `statements.answer` reads it. */
export interface AnswerRow {
  readonly id: number;
  readonly adminTtlMs: number | null;
  readonly head: string;
  readonly chunks: Uint8Array | null;
  readonly crc: number;
  readonly coding: number;
  readonly body: Uint8Array | null;
}

/** A row of `answers` less its id. */
export interface NewAnswer {
  readonly head: string;
  readonly chunks: Uint8Array | null;
  readonly crc: number;
  readonly coding: number;
  readonly body: Uint8Array | null;
}

/**
 * All of an entry but its chunks and bytes, in one string, so that one checksum covers what is served. Infinity is
 * "forever", absence null; the body's id is null where the body lies beside the head. Members are only ever appended,
 * and rows written before lack them.
 */
type Head = readonly [
  version: number,
  key: CacheKey,
  status: number,
  headers: HeaderList,
  provider: string,
  endpoint: string,
  model: string | null,
  namespace: string,
  stream: boolean,
  startedAt: number,
  storedAt: number,
  ttlMs: number | "forever" | null,
  firstByteMs: number,
  durationMs: number,
  size: number,
  bodyId: number | null,
  pool: string,
  spent: SpentRow | null,
  imported: boolean,
  asked: string | null,
];

/** The members of `Spent` in their order; null for what is not known. */
type SpentRow = readonly (number | null)[];

/** `body` is the packed whole, or the id of a body in slices. */
export function answerOf(entry: Entry, body: Packed | number): NewAnswer {
  const { facts, ttlMs } = entry;
  const head: Head = [
    ENTRY_VERSION,
    entry.key,
    entry.status,
    entry.headers,
    facts.provider,
    facts.endpoint,
    facts.model ?? null,
    facts.namespace,
    facts.stream,
    entry.startedAt,
    entry.storedAt,
    ttlMs === undefined ? null : ttlMs === Infinity ? "forever" : ttlMs,
    entry.firstByteMs,
    entry.durationMs,
    entry.body.size,
    typeof body === "number" ? body : null,
    facts.pool,
    entry.spent === undefined ? null : SPENT.map((name) => entry.spent?.[name] ?? null),
    entry.imported === true,
    entry.asked ?? null,
  ];
  const text = JSON.stringify(head);
  const chunks = entry.chunks === undefined ? null : marksToBytes(entry.chunks);
  const whole = typeof body === "number" ? null : (entry.body.bytes ?? null);
  const crc = checksum(0, text, chunks, whole);
  if (typeof body === "number") return { head: text, chunks, crc, coding: 0, body: null };
  return { head: text, chunks, crc, coding: body.coding, body: body.bytes };
}

/**
 * The entry in a row, or undefined where its version is another one. Throws where the row is not what was written.
 * `key`: under which it was found, where it was found by one. `sliced` makes the body of an entry whose bytes lie in
 * slices.
 */
export function entryOf(
  key: CacheKey | undefined,
  row: AnswerRow,
  { place, sliced }: { place: number; sliced: (bodyId: number, size: number) => Body },
): Entry | undefined {
  const head = JSON.parse(row.head) as Head;
  const [version, storedKey, status, headers, provider, endpoint, model, namespace, stream] = head;
  if (version !== ENTRY_VERSION) return undefined;
  const [
    ,
    ,
    ,
    ,
    ,
    ,
    ,
    ,
    ,
    startedAt,
    storedAt,
    ttl,
    firstByteMs,
    durationMs,
    size,
    bodyId,
    pool,
    spent,
    imported,
    asked,
  ] = head;
  if (key !== undefined && storedKey !== key) throw new Error("the row holds another key");
  const whole = bodyId === null ? unpack({ coding: row.coding, bytes: row.body ?? EMPTY }, size) : null;
  if (checksum(0, row.head, row.chunks, whole) !== row.crc) throw new Error("checksum mismatch");
  const ttlMs = row.adminTtlMs ?? (ttl === "forever" ? Infinity : ttl);
  return {
    key: storedKey,
    status,
    headers,
    body: whole === null ? sliced(bodyId as number, size) : memoryBody(whole),
    facts: { provider, endpoint, model: model ?? undefined, namespace, pool: pool ?? "all", stream },
    startedAt,
    storedAt,
    ttlMs: ttlMs ?? undefined,
    firstByteMs,
    durationMs,
    chunks: row.chunks === null ? undefined : marksFromBytes(row.chunks),
    place,
    ...(spent && { spent: spentOf(spent) }),
    ...(imported && { imported }),
    ...(asked && { asked }),
  };
}

const SPENT = [
  "inputTokens",
  "outputTokens",
  "cacheReadTokens",
  "reasoningTokens",
  "costUsd",
] as const satisfies (keyof Spent)[];

function spentOf(row: SpentRow): Spent {
  const known = SPENT.map((name, at) => [name, row[at]] as const).filter(([, value]) => value != null);
  return Object.fromEntries(known);
}

const EMPTY = new Uint8Array(0);

/** What listings show of an entry's cost; numbers that no column takes are left out. */
export function spentColumns({ spent }: Entry) {
  const count = (value: number | undefined) =>
    value !== undefined && value >= 0 && value <= Number.MAX_SAFE_INTEGER ? Math.round(value) : null;
  const costUsd = spent?.costUsd;
  return {
    inputTokens: count(spent?.inputTokens),
    outputTokens: count(spent?.outputTokens),
    costUsd: costUsd !== undefined && Number.isFinite(costUsd) ? costUsd : null,
  };
}

/** The number by which `entries` tells entries apart by their `asked`: 52 bits of it. */
export function askedNumber(asked: string): number {
  return Number.parseInt(asked.slice(0, 13), 16);
}

export function keyBytes(key: CacheKey): Buffer {
  return Buffer.from(key, "hex");
}

export function keyOfBytes(bytes: Uint8Array): CacheKey {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex") as CacheKey;
}

/** The first and the last key that begin with these hex digits. */
export function keyRange(prefix: string): { first: Buffer; last: Buffer } {
  const bound = (digit: string) => Buffer.from(prefix.padEnd(64, digit), "hex");
  return { first: bound("0"), last: bound("f") };
}

/** Two varints a chunk: bytes and whole ms since the chunk before. A time that runs backwards counts as none. */
export function marksToBytes(marks: readonly ChunkMark[]): Uint8Array {
  const bytes: number[] = [];
  let end = 0;
  let at = 0;
  for (const mark of marks) {
    pushVarint(bytes, mark.end - end);
    const delta = Math.max(0, Math.round(mark.atMs) - at);
    pushVarint(bytes, delta);
    end = mark.end;
    at += delta;
  }
  return Uint8Array.from(bytes);
}

export function marksFromBytes(bytes: Uint8Array): ChunkMark[] {
  const marks: ChunkMark[] = [];
  let end = 0;
  let atMs = 0;
  let position = 0;
  const next = () => {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = bytes[position++];
      if (byte === undefined) throw new Error("chunk marks end early");
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
    }
  };
  while (position < bytes.byteLength) {
    end += next();
    atMs += next();
    marks.push({ end, atMs });
  }
  return marks;
}

function pushVarint(bytes: number[], value: number): void {
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest % 128) | 0x80);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
}

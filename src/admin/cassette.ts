/** Cassettes: stored answers with their requests as lines of JSON (docs/cassettes.md), out of the store and into it. */

import type { Rekeyed } from "../cache/archive.ts";
import { type CacheKey, type Entry, memoryBody } from "../cache/entry.ts";
import type { EntryFilter } from "../cache/store.ts";
import type { Clock } from "../clock.ts";
import { CassetteError } from "../errors.ts";
import type { KeptRequest, NewRequest } from "../requests/kept.ts";
import type { AdminParts } from "./admin.ts";
import { lineOf, noteText, type ReadLine, readLine } from "./cassette-line.ts";
import { linesOf, type Pieces } from "./cassette-lines.ts";
import { redaction } from "./cassette-redact.ts";

export type CassetteParts = Pick<AdminParts, "store" | "archive" | "rekey" | "clock"> & {
  readonly config: () => { readonly scope: string };
};

export interface ExportOptions {
  readonly filter: EntryFilter;
  /** Paths of what is masked: `request.messages[*].content`. */
  readonly redact?: readonly string[] | undefined;
  /** Whether the times of a stream's chunks go along: they differ from one recording to the next. */
  readonly times?: boolean | undefined;
  /** Entries that are left out. */
  readonly without?: ReadonlySet<CacheKey> | undefined;
  /** The line of an entry that is written as it stands, with or without its line feed. */
  readonly as?: ((key: CacheKey) => string | undefined) | undefined;
}

/** Why an entry is not written. */
type SkipReason = "not_remembered" | "masked";

/** Entries whose requests are asked for at once. */
const PAGE = 16;

/**
 * A cassette, line by line, each with its line feed. Entries that vanish meanwhile are left out; those whose request is
 * not remembered, or held a credential, are counted in a last line of its own. Throws `CassetteError` for a path that
 * is none, at once and not when it is read.
 */
export function exportLines(parts: CassetteParts, options: ExportOptions): AsyncGenerator<string> {
  return whole(exportPieces(parts, options));
}

/** The same in pieces: a long line comes in several of them, so that none is large. */
export function exportPieces(parts: CassetteParts, options: ExportOptions): AsyncGenerator<string> {
  const redactor = redaction(options.redact ?? []);
  return exported(parts, { ...options, redactor });
}

async function* whole(pieces: AsyncIterable<string>): AsyncGenerator<string> {
  let begun: string[] = [];
  for await (const piece of pieces) {
    begun.push(piece);
    if (!piece.endsWith("\n")) continue;
    yield begun.join("");
    begun = [];
  }
}

async function* exported(
  parts: CassetteParts,
  options: ExportOptions & { redactor: ReturnType<typeof redaction> },
): AsyncGenerator<string> {
  const { store, archive, config } = parts;
  const turn = turns(parts.clock);
  const skipped: Partial<Record<SkipReason, number>> = {};
  const { without, as } = options;
  const keys = (await archive.sorted(options.filter)).filter((key) => without?.has(key) !== true);
  for (let at = 0; at < keys.length; at += PAGE) {
    const page = keys.slice(at, at + PAGE);
    const requests = await archive.requests(page);
    for (const [index, key] of page.entries()) {
      await turn();
      const entry = store.get(key);
      if (entry === undefined) continue;
      const line = as?.(key);
      if (line !== undefined) {
        yield `${line.trimEnd()}\n`;
        continue;
      }
      const kept = requests[index];
      const reason = skipReason(kept);
      if (kept === undefined || reason !== undefined) {
        const why = reason ?? "not_remembered";
        skipped[why] = (skipped[why] ?? 0) + 1;
        continue;
      }
      yield* lineOf(entry, kept, {
        request: options.redactor.request(),
        response: options.redactor.response(),
        times: options.times ?? false,
        apart: config().scope === "credential",
        turn,
      });
    }
  }
  if (Object.keys(skipped).length > 0) yield noteText(skipped);
}

function skipReason(kept: KeptRequest | undefined): SkipReason | undefined {
  if (kept === undefined) return "not_remembered";
  if (kept.masked.length > 0) return "masked";
  return kept.body === undefined && kept.head.method !== "GET" ? "not_remembered" : undefined;
}

export interface ImportOptions {
  /** Label of the credential whose pool the entries go to that need one; undefined: the one that each line names. */
  readonly credential?: string | undefined;
  /** Reads and checks everything, and stores nothing. */
  readonly dryRun?: boolean | undefined;
  /** Of the whole; default 1 GiB. */
  readonly maxBytes?: number | undefined;
  /** Told of each entry with its line, once all of them are stored. */
  readonly taken?: ((key: CacheKey, line: string) => void) | undefined;
}

export interface Imported {
  /** Entries of the cassette. */
  readonly imported: number;
  /** Of these, those that took the place of a stored one. */
  readonly replaced: number;
}

const GIB = 1024 * 1024 * 1024;

/**
 * Takes a cassette in, whole or not at all: throws `CassetteError` that names the first wrong line, and `StoreFault`
 * where it can't be stored. `pieces` are whole lines where they are text, and bytes cut anywhere. Entries replace what stands under their keys and never
 * expire.
 */
export async function importLines(
  parts: CassetteParts,
  pieces: Pieces,
  options: ImportOptions = {},
): Promise<Imported> {
  const { store, clock } = parts;
  const turn = turns(clock);
  const taken = new Map<CacheKey, Taken>();
  for await (const { number, text } of linesOf(pieces, { maxBytes: options.maxBytes ?? GIB, turn })) {
    await turn();
    const one = await take(parts, { number, text }, { ...options, turn });
    if (one === undefined) continue;
    const before = taken.get(one.key);
    if (before !== undefined) throw at(number, `it answers the same request as line ${before.number}`);
    taken.set(one.key, one);
  }
  let replaced = 0;
  for (const key of taken.keys()) {
    await turn();
    if (store.get(key) !== undefined) replaced++;
  }
  if (!options.dryRun) {
    const now = clock.now();
    await store.putAll(
      [...taken.values()].map(({ key, entry }) => ({ ...entry, key, startedAt: now, storedAt: now })),
    );
    await remember(parts, [...taken.values()]);
  }
  for (const { key, text } of taken.values()) options.taken?.(key, text);
  return { imported: taken.size, replaced };
}

interface Taken {
  readonly number: number;
  readonly text: string;
  readonly key: CacheKey;
  readonly entry: Omit<Entry, "key" | "startedAt" | "storedAt">;
  readonly request: NewRequest;
}

async function take(
  parts: CassetteParts,
  { number, text }: { number: number; text: string },
  options: ImportOptions & { turn: () => Promise<void> },
): Promise<Taken | undefined> {
  let line: ReadLine | undefined;
  try {
    line = await readLine(text, options.turn);
  } catch (error) {
    throw error instanceof CassetteError ? at(number, error.message) : error;
  }
  if (line === undefined) return undefined;
  const { request, answer } = line;
  const found = await keyFor(parts, line, options.credential ?? line.credential);
  if ("refused" in found) throw at(number, found.refused);
  const { stream, bytes, ...rest } = answer;
  const { head } = found;
  return {
    number,
    text,
    key: found.key,
    entry: {
      ...rest,
      body: memoryBody(bytes),
      facts: { ...found.facts, stream },
      ttlMs: Number.POSITIVE_INFINITY,
      imported: true,
    },
    request:
      request.bytes === undefined
        ? { head, body: new Uint8Array(0), ignored: [], kept: request.kept.body }
        : { head, body: request.bytes, ignored: [] },
  };
}

/**
 * Where not every credential has a pool of its own, an answer goes into one only where it was bound to its account, or
 * where there is no other place for its request.
 */
async function keyFor(
  { rekey, config }: CassetteParts,
  { request, bound }: ReadLine,
  credential: string | undefined,
): Promise<Rekeyed> {
  const own = bound || config().scope === "credential";
  const found = await rekey(request.kept, { credential: own ? credential : undefined, own: bound });
  if (own || credential === undefined || !("refused" in found)) return found;
  return await rekey(request.kept, { credential });
}

/** The archive drops what does not fit into its queue: it gets no more at once than it surely takes. */
const REMEMBER_COUNT = 1000;
const REMEMBER_BYTES = 16 * 1024 * 1024;

async function remember({ archive }: CassetteParts, taken: readonly Taken[]): Promise<void> {
  let count = 0;
  let bytes = 0;
  for (const { key, request } of taken) {
    if (count >= REMEMBER_COUNT || bytes + request.body.byteLength > REMEMBER_BYTES) {
      await archive.settled();
      count = 0;
      bytes = 0;
    }
    archive.keep(key, request.body.byteLength, () => request);
    count++;
    bytes += request.body.byteLength;
  }
  await archive.settled();
}

function at(number: number, why: string): CassetteError {
  return new CassetteError("invalid_cassette", `line ${number}: ${why}`);
}

/** Work on the loop between two turns of it, ms. */
const SLICE_MS = 8;

function turns(clock: Clock): () => Promise<void> {
  let began = clock.monotonic();
  return async () => {
    if (clock.monotonic() - began < SLICE_MS) return;
    await new Promise((resolve) => setTimeout(resolve, 0));
    began = clock.monotonic();
  };
}

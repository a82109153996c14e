/** Text that arrives in pieces, read line by line. */
import { CassetteError } from "../errors.ts";

const MIB = 1024 * 1024;
/** Of one line. */
const LINE_LIMIT = 128 * MIB;
const LF = 0x0a;

/** Bytes may be cut anywhere; a text is a line or several, with a line feed at its end or without. */
export type Pieces = AsyncIterable<string | Uint8Array> | ReadableStream<Uint8Array>;

export interface TextLine {
  /** From 1. */
  readonly number: number;
  readonly text: string;
}

/**
 * The lines that are not blank. A byte order mark in front and carriage returns at the ends don't count. Throws
 * `CassetteError` for a line that is too long or no UTF-8, and past `maxBytes` in all.
 */
export async function* linesOf(
  pieces: Pieces,
  options: { maxBytes: number; turn: () => Promise<void> },
): AsyncGenerator<TextLine> {
  let number = 0;
  let bytes = 0;
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  const line = async (last: Uint8Array) => {
    number++;
    const text = await decoded([...held, last], { number, turn: options.turn });
    held = [];
    heldBytes = 0;
    return /\S/.test(text) ? [{ number, text }] : [];
  };
  for await (const piece of iterated(pieces)) {
    const chunk =
      typeof piece === "string" ? new TextEncoder().encode(`${piece.replace(/\n$/, "")}\n`) : piece;
    bytes += chunk.byteLength;
    if (bytes > options.maxBytes) {
      throw new CassetteError(
        "cassette_too_large",
        `a cassette may have ${options.maxBytes / MIB} MiB at most`,
      );
    }
    let from = 0;
    for (let end = chunk.indexOf(LF); end >= 0; end = chunk.indexOf(LF, from)) {
      yield* await line(chunk.subarray(from, end));
      from = end + 1;
    }
    if (from === chunk.byteLength) continue;
    // A piece may be a view of a buffer that its source fills again.
    held.push(chunk.slice(from));
    heldBytes += chunk.byteLength - from;
    if (heldBytes > LINE_LIMIT) throw invalid(number + 1, `is longer than ${LINE_LIMIT / MIB} MiB`);
  }
  if (heldBytes > 0) yield* await line(new Uint8Array(0));
}

async function decoded(
  pieces: readonly Uint8Array[],
  { number, turn }: { number: number; turn: () => Promise<void> },
): Promise<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: number !== 1 });
  try {
    let text = "";
    for (const piece of pieces) {
      text += decoder.decode(piece, { stream: true });
      await turn();
    }
    return text + decoder.decode();
  } catch {
    throw invalid(number, "not valid UTF-8");
  }
}

function invalid(number: number, why: string): CassetteError {
  return new CassetteError("invalid_cassette", `line ${number}: ${why}`);
}

async function* iterated(pieces: Pieces): AsyncGenerator<string | Uint8Array> {
  if (!(pieces instanceof ReadableStream)) {
    yield* pieces;
    return;
  }
  const reader = pieces.getReader();
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
  } finally {
    await reader.cancel().catch(() => {});
  }
}

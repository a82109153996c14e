import type { CacheKey } from "../cache/entry.ts";
import type { Notes } from "../cache/noted.ts";
import type { KeptRequest } from "../requests/kept.ts";
import { type CassetteParts, exportLines, importLines } from "./cassette.ts";
import type { Pieces } from "./cassette-lines.ts";

/** A cassette around one command: loaded before it, written anew after it where that would change anything. */
export interface Recorder {
  /** Takes a cassette in, whole or not at all; resolves to the number of its entries. Throws `CassetteError`. */
  load(pieces: Pieces): Promise<number>;
  /** What the command left. */
  tape(options: TapeOptions): Promise<Tape>;
}

export interface TapeOptions {
  /** Whether entries that answered nothing go. */
  readonly prune: boolean;
  /** Whether the chunk times of new streams go along. */
  readonly times: boolean;
}

export interface Tape {
  /** Whether what is written would differ from what was loaded. */
  readonly changed: boolean;
  readonly entries: number;
  /** Entries that were recorded, or recorded anew. */
  readonly recorded: number;
  /** Entries that answered nothing, in words. */
  readonly unused: readonly string[];
  /** The lines in their order. Those that were loaded and not recorded anew are as they were, to the byte. */
  readonly lines: AsyncIterable<string>;
}

/** Requests asked for at once. */
const PAGE = 64;
const WORDS_LENGTH = 80;

export function recorder(parts: CassetteParts, notes: Notes): Recorder {
  const loaded = new Map<CacheKey, string>();
  return {
    async load(pieces) {
      const taken = (key: CacheKey, text: string) => void loaded.set(key, text);
      return (await importLines(parts, pieces, { taken })).imported;
    },
    async tape({ prune, times }) {
      await parts.archive.settled();
      const keys = await parts.archive.sorted({});
      const recorded = keys.filter((key) => notes.put.has(key)).length;
      const unused = await unusedOf(parts, notes, keys);
      const dropped = new Set(prune ? unused.keys() : []);
      return {
        changed: recorded > 0 || dropped.size > 0,
        entries: keys.length - dropped.size,
        recorded,
        unused: [...unused.values()],
        lines: exportLines(parts, {
          filter: {},
          times,
          without: dropped,
          as: (key) => (notes.put.has(key) ? undefined : loaded.get(key)),
        }),
      };
    },
  };
}

/** Entries that answered nothing. An input of an embeddings batch has answered where the batch has. */
async function unusedOf(
  { archive }: CassetteParts,
  { used }: Notes,
  keys: readonly CacheKey[],
): Promise<ReadonlyMap<CacheKey, string>> {
  const idle = keys.filter((key) => !used.has(key));
  const unused = new Map<CacheKey, string>();
  const inputs =
    idle.length === 0
      ? new Set<string>()
      : await inputsOf(
          archive,
          keys.filter((key) => used.has(key)),
        );
  for await (const [key, kept] of requestsOf(archive, idle)) {
    const own = kept?.head.endpoint === "embeddings" ? embedded(kept) : [];
    if (own.length === 0 || !own.every((input) => inputs.has(input))) unused.set(key, described(kept));
  }
  return unused;
}

type Requests = Pick<CassetteParts["archive"], "requests">;

async function* requestsOf(
  archive: Requests,
  keys: readonly CacheKey[],
): AsyncGenerator<readonly [CacheKey, KeptRequest | undefined]> {
  for (let at = 0; at < keys.length; at += PAGE) {
    const page = keys.slice(at, at + PAGE);
    const kept = await archive.requests(page);
    for (const [index, key] of page.entries()) yield [key, kept[index]];
  }
}

async function inputsOf(archive: Requests, keys: readonly CacheKey[]): Promise<Set<string>> {
  const inputs = new Set<string>();
  for await (const [, kept] of requestsOf(archive, keys)) {
    if (kept?.head.endpoint !== "embeddings") continue;
    for (const input of embedded(kept)) inputs.add(input);
  }
  return inputs;
}

/** What a request wants embedded, each with whom it asks. */
function embedded({ head, body }: KeptRequest): readonly string[] {
  if (body?.form !== "json") return [];
  const asked = JSON.parse(body.text) as Record<string, unknown>;
  const requests = Array.isArray(asked.requests) ? (asked.requests as { content?: unknown }[]) : undefined;
  const value =
    requests?.map(({ content }) => content) ?? asked.input ?? asked.inputs ?? asked.prompt ?? asked.content;
  const inputs = Array.isArray(value) && typeof value[0] !== "number" ? value : [value];
  return inputs.map((input) => JSON.stringify([head.provider, head.namespace, head.model, input]));
}

/** `chat of openai, model m-1: "What is…"` */
function described(kept: KeptRequest | undefined): string {
  if (kept === undefined) return "a request that is not remembered";
  const { endpoint, provider, model, method, path } = kept.head;
  const what = method === "GET" ? `GET ${path}` : endpoint;
  const text = kept.body !== undefined && "text" in kept.body ? kept.body.text : "";
  const words = text.length <= WORDS_LENGTH ? text : `${text.slice(0, WORDS_LENGTH)}…`;
  return `${what} of ${provider}, model ${model ?? "-"}${words === "" ? "" : `: ${words}`}`;
}

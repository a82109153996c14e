import type { EntryFilter } from "../cache/store.ts";
import { StoreFault } from "../errors.ts";
import type { AdminParts } from "./admin.ts";

/** The lines of a cassette, one entry each. */
export async function* exportLines(
  _parts: AdminParts,
  _options: { filter: EntryFilter; redact: readonly string[]; times: boolean },
): AsyncGenerator<string> {
  yield* [];
  throw new StoreFault("cassettes are not there");
}

/** Takes all entries in, or none and rejects. */
export async function importLines(
  _parts: AdminParts,
  lines: AsyncIterable<string>,
  _options: { credential: string | undefined },
): Promise<{ imported: number; replaced: number }> {
  for await (const _line of lines);
  throw new StoreFault("cassettes are not there");
}

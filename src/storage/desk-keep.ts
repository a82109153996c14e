import type { CacheKey } from "../cache/entry.ts";
import { StoreFault } from "../errors.ts";
import type { KeptRequest } from "../requests/kept.ts";
import { keptOf } from "../requests/remember.ts";
import type { ArchiveSettings } from "./archive.ts";
import type { Entries } from "./archive-entries.ts";
import type { ArchiveFile } from "./archive-file.ts";
import { sha256 } from "./archive-requests.ts";
import { archiveFileBytes, archiveWalBytes } from "./archive-room.ts";
import type { Keepable } from "./desk-batch.ts";
import type { Tending } from "./desk-tend.ts";

export interface KeepParts {
  readonly file: ArchiveFile;
  /** Throws `StoreFault` where the main database cannot be read. */
  readonly entries: () => Entries;
  readonly tending: Tending;
  readonly settings: ArchiveSettings;
}

/** Remembers requests, about a WAL's length in one transaction. Resolves to how many could not be. */
export async function keepBatch(batch: readonly Keepable[], parts: KeepParts): Promise<number> {
  const { file, settings } = parts;
  const { requests } = settings;
  if (requests === "off") return 0;
  let kept = 0;
  try {
    const walBytes = archiveWalBytes(settings);
    await file.boundWal(walBytes);
    for (const group of inGroups(batch, walBytes)) {
      await keepGroup(group, { ...parts, requests });
      kept += group.length;
      await parts.tending.bound(settings, () => true).catch(() => {});
    }
  } catch (error) {
    if (!(error instanceof StoreFault)) throw error;
  }
  return batch.length - kept;
}

async function keepGroup(
  group: readonly Keepable[],
  { file, entries, settings, requests }: KeepParts & { readonly requests: "full" | "hash" },
): Promise<void> {
  const { searchText } = settings;
  // One that would push out most of the others is known by its digests alone.
  const largest = archiveFileBytes(settings) / 4;
  const ready: { key: CacheKey; request: KeptRequest; how: typeof requests }[] = [];
  for (const { key, request } of group) {
    const how = request.body.byteLength > largest ? "hash" : requests;
    ready.push({ key, request: await keptOf(request, sha256), how });
  }
  await file.write((opened) => {
    const stored = entries();
    opened.requests.together(() => {
      for (const { key, request, how } of ready) {
        const id = stored.idOf(key);
        if (id !== undefined) opened.requests.keep({ id, key }, request, { requests: how, searchText });
      }
    });
  });
}

/** As they come, about so many bytes at a time. */
function* inGroups(batch: readonly Keepable[], bytes: number): Generator<readonly Keepable[]> {
  let from = 0;
  let sum = 0;
  for (const [at, { request }] of batch.entries()) {
    sum += request.body.byteLength;
    if (sum < bytes && at < batch.length - 1) continue;
    yield batch.slice(from, at + 1);
    from = at + 1;
    sum = 0;
  }
}

import { at, holds, isObject } from "./json.ts";

/** Visited before giving up: about 10 ms. What is too big to look through counts as bound, which only costs sharing. */
const NODE_LIMIT = 200_000;

/** Members whose value names something that one account holds at its provider, wherever in a body they stand. */
const NAMES = new Set([
  "file_id",
  "file_ids",
  "fileId",
  "file_data_id",
  "vector_store_ids",
  "encrypted_content",
  "container",
  "container_id",
  "previous_response_id",
  "cachedContent",
  "cached_content",
  "document_ids",
]);

/** Values of `type` that say the same of the object they stand in. */
const TYPES = new Set([
  "item_reference",
  "reasoning.encrypted",
  "container_upload",
  "container_file_citation",
]);

/** Files kept at Google's API for one key; other URIs (Cloud Storage, YouTube) are anybody's. */
const GOOGLE_FILE = /(?:^|\/)files\/[^/]+$/;

/** Whether a value names files, containers, encrypted reasoning or the like, which belong to one account. */
export function namesAccountState(value: unknown): boolean {
  const open: unknown[] = [value];
  for (let visited = 0; open.length > 0; visited++) {
    if (visited > NODE_LIMIT) return true;
    const here = open.pop();
    if (Array.isArray(here)) {
      for (const item of here) if (typeof item === "object") open.push(item);
      continue;
    }
    if (!isObject(here)) continue;
    for (const name of Object.keys(here)) {
      const inner = here[name];
      if (NAMES.has(name) && (typeof inner === "string" || isIdHolder(inner)) && holds(inner)) return true;
      if (name === "type" && typeof inner === "string" && TYPES.has(inner)) return true;
      if ((name === "fileUri" || name === "file_uri") && typeof inner === "string" && GOOGLE_FILE.test(inner))
        return true;
      if (typeof inner === "object") open.push(inner);
    }
  }
  return false;
}

/** A list of ids, or an object that has one: unlike a JSON schema whose property happens to have such a name. */
function isIdHolder(value: unknown): boolean {
  if (Array.isArray(value)) return value.every((item) => typeof item === "string");
  return typeof at(value, "id") === "string";
}

/** A cheap look at an event's text, before it is walked: none of the words, nothing to find. */
const HINT =
  /"(?:file_ids?|fileId|vector_store_ids|encrypted_content|container(?:_id)?|fileUri|file_uri|item_reference)"|"(?:reasoning\.encrypted|container_upload|container_file_citation)"/;

export function eventNamesAccountState(text: string, value: unknown): boolean {
  return HINT.test(text) && namesAccountState(value);
}

import type { Config } from "../config.ts";
import { bodyShape } from "../providers/body-shape.ts";
import type { Endpoint, Provider } from "../providers/provider.ts";
import { volatileNames } from "../providers/volatile.ts";
import { formBoundary, formParts, type Part } from "../requests/multipart.ts";
import { canonicalJson } from "./canonical.ts";
import { sha256, sha256Bytes } from "./digest.ts";
import { maskOf } from "./mask.ts";

/** What the settings add to askonce's own tables, and take from them. */
export type KeySettings = Pick<Config, "cacheAnyway" | "keyIgnore" | "keyKeep" | "keyMask">;

export interface BodyDigest {
  /** The form that was digested and its SHA-256: `json:…`, `form:…` or `raw:…`, so that no two forms collide. */
  readonly digest: string;
  /** The canonical form, where the body is JSON that has one. */
  readonly canonical?: Uint8Array;
  /** The parts of a form; undefined for anything else. */
  readonly parts: readonly Part[] | undefined;
}

/** Digests a decoded request body in its canonical form; what has none counts byte for byte, with its type. */
export async function digestBody(
  body: Uint8Array,
  options: {
    contentType: string;
    provider: Provider;
    endpoint: Endpoint;
    path: string;
    json: boolean;
    settings: KeySettings;
  },
): Promise<BodyDigest> {
  const { contentType, provider, endpoint, path, settings } = options;
  const ignore = ignoredNames(volatileNames({ provider, kind: endpoint.kind, path }), settings);
  if (options.json) {
    const shape = bodyShape(endpoint.kind, path);
    // A vector is that of its whole text.
    const mask = endpoint.kind === "embeddings" ? undefined : maskOf(settings.keyMask);
    const canonical = await canonicalJson(body, { shape, ignore, mask });
    if (canonical !== undefined) {
      return { digest: `json:${await sha256Bytes(canonical)}`, canonical, parts: undefined };
    }
  }
  const boundary = formBoundary(contentType);
  const parts = boundary === undefined ? undefined : await formParts(body, boundary);
  if (parts !== undefined) {
    const fields: string[] = [];
    for (const { headers, content, name, isFile } of parts) {
      if (isFile || !ignore.has(name)) fields.push(headers.join("\r\n"), await sha256Bytes(content));
    }
    return { digest: `form:${sha256(fields)}`, parts };
  }
  return { digest: `raw:${sha256([contentType.toLowerCase(), await sha256Bytes(body)])}`, parts: undefined };
}

/** Names of top-level members and form fields that don't count; what is to be kept is kept. */
function ignoredNames(known: ReadonlySet<string>, settings: KeySettings): ReadonlySet<string> {
  const { keyIgnore, keyKeep } = settings;
  if (keyIgnore.length === 0 && keyKeep.length === 0) return known;
  return new Set([...known, ...keyIgnore].filter((name) => !keyKeep.includes(name)));
}

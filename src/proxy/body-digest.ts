import { bodyShape } from "../providers/body-shape.ts";
import type { Endpoint, Provider } from "../providers/provider.ts";
import { volatileNames } from "../providers/volatile.ts";
import { canonicalJson } from "./canonical.ts";
import { sha256, sha256Bytes } from "./digest.ts";
import { formBoundary, formParts, type Part } from "./multipart.ts";

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
  options: { contentType: string; provider: Provider; endpoint: Endpoint; path: string; json: boolean },
): Promise<BodyDigest> {
  const { contentType, provider, endpoint, path } = options;
  if (options.json) {
    const canonical = await canonicalJson(body, {
      shape: bodyShape(endpoint.kind, path),
      ignore: volatileNames(provider, endpoint.kind),
    });
    if (canonical !== undefined) {
      return { digest: `json:${await sha256Bytes(canonical)}`, canonical, parts: undefined };
    }
  }
  const boundary = formBoundary(contentType);
  const parts = boundary === undefined ? undefined : formParts(body, boundary);
  if (parts !== undefined) {
    const fields: string[] = [];
    for (const { headers, content } of parts) fields.push(headers.join("\r\n"), await sha256Bytes(content));
    return { digest: `form:${sha256(fields)}`, parts };
  }
  return { digest: `raw:${sha256([contentType.toLowerCase(), await sha256Bytes(body)])}`, parts: undefined };
}

import type { Config } from "../config.ts";
import { bodyShape } from "../providers/body-shape.ts";
import type { Endpoint, Provider } from "../providers/provider.ts";
import { volatileNames } from "../providers/volatile.ts";
import { formBoundary, formParts, isLabel, type Part } from "../requests/multipart.ts";
import { type CanonicalOptions, canonicalJson } from "./canonical.ts";
import { compactPieces } from "./compact.ts";
import { sha256, sha256Bytes, sha256Texts } from "./digest.ts";
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
  /** Names of top-level members and form fields that don't count. */
  readonly ignored: ReadonlySet<string>;
}

/** Digests a decoded request body in its canonical form; what has none counts byte for byte, with its type. */
export async function digestBody(
  body: Uint8Array,
  options: {
    contentType: string;
    provider: Provider;
    endpoint: Endpoint;
    path: string;
    /** The body read, where it is JSON; `text` where all of it was. */
    json: { readonly value: unknown; readonly text?: string | undefined } | undefined;
    settings: KeySettings;
  },
): Promise<BodyDigest> {
  const { contentType } = options;
  const rules = jsonRules(options);
  const ignored = rules.ignore;
  if (options.json !== undefined) {
    const compact = compactPieces(body, options.json, rules);
    if (compact !== undefined && !(compact instanceof Uint8Array)) return compactDigest(compact, ignored);
    const canonical = compact ?? (await canonicalJson(body, rules));
    if (canonical !== undefined) {
      return { digest: `json:${await sha256Bytes(canonical)}`, canonical, parts: undefined, ignored };
    }
  }
  const boundary = formBoundary(contentType);
  const parts = boundary === undefined ? undefined : await formParts(body, boundary);
  if (parts !== undefined) {
    const fields: FormField[] = [];
    for (const part of parts) {
      const sha256 = await sha256Bytes(part.content);
      fields.push({ ...part, sha256, isLabel: isLabel(part, part.content) });
    }
    return { digest: formDigest(fields, ignored), parts, ignored };
  }
  return { digest: rawDigest(contentType, await sha256Bytes(body)), parts: undefined, ignored };
}

/** Its bytes are made for the few who want them. */
function compactDigest(texts: readonly string[], ignored: ReadonlySet<string>): BodyDigest {
  let bytes: Uint8Array | undefined;
  return {
    digest: `json:${sha256Texts(texts)}`,
    get canonical() {
      bytes ??= ENCODER.encode(texts.join(""));
      return bytes;
    },
    parts: undefined,
    ignored,
  };
}

const ENCODER = new TextEncoder();

/** What does not count in a JSON body, by where it goes. */
export function jsonRules({
  provider,
  endpoint,
  path,
  settings,
}: {
  provider: Provider;
  endpoint: Endpoint;
  path: string;
  settings: KeySettings;
}): CanonicalOptions {
  return {
    shape: bodyShape(endpoint.kind, path),
    ignore: ignoredNames(volatileNames({ provider, kind: endpoint.kind, path }), settings),
    // A vector is that of its whole text.
    mask: endpoint.kind === "embeddings" ? undefined : maskOf(settings.keyMask),
  };
}

export interface FormField {
  readonly headers: readonly string[];
  readonly name: string;
  /** Whether it can be left out: see `isLabel`. */
  readonly isLabel: boolean;
  /** Of its content, hex. */
  readonly sha256: string;
}

/** A form's digest; a file counts whatever its field is called, and so does what is no label to every parser. */
export function formDigest(fields: readonly FormField[], ignored: ReadonlySet<string>): string {
  const counted = fields.filter((field) => !field.isLabel || !ignored.has(field.name));
  return `form:${sha256(counted.flatMap((field) => [field.headers.join("\r\n"), field.sha256]))}`;
}

/** The digest of a body that counts byte for byte, from that of its bytes. */
export function rawDigest(contentType: string, bytesSha256: string): string {
  // The case of a boundary decides what a multipart body says.
  const type = /^multipart\//i.test(contentType) ? contentType : contentType.toLowerCase();
  return `raw:${sha256([type, bytesSha256])}`;
}

/** Names of top-level members and form fields that don't count; what is to be kept is kept. */
export function ignoredNames(
  known: ReadonlySet<string>,
  settings: Pick<KeySettings, "keyIgnore" | "keyKeep">,
): ReadonlySet<string> {
  const { keyIgnore, keyKeep } = settings;
  if (keyIgnore.length === 0 && keyKeep.length === 0) return known;
  return new Set([...known, ...keyIgnore].filter((name) => !keyKeep.includes(name)));
}

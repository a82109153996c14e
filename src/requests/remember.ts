import { compactJson } from "./compact.ts";
import type { KeptBody, KeptField, KeptRequest, NewRequest, RequestHead } from "./kept.ts";
import { formBoundary, formParts, isLabel, type Part } from "./multipart.ts";
import { concat, membersOf } from "./parts.ts";
import { isSecretName, MASKED, maskSecrets } from "./secrets.ts";

/** SHA-256 in lower-case hex. */
export type Sha256 = (bytes: Uint8Array) => string;

/**
 * What is remembered of a request: without the members that do not count, credentials masked. A JSON text comes out
 * without white space and with the fewest escapes, so that two requests of one canonical form differ in nothing but
 * the order of members.
 */
export async function keptOf(request: NewRequest, sha256: Sha256): Promise<KeptRequest> {
  const { body, masked } = request.kept ? { body: request.kept, masked: [] } : await bodyOf(request, sha256);
  // The boundary of a form that was read is gone with its bytes; where it was not read it counts.
  const contentType =
    body?.form === "fields" ? withoutBoundary(request.head.contentType) : request.head.contentType;
  const head: RequestHead = { ...request.head, contentType };
  return { head, body, masked };
}

async function bodyOf(
  { head, body, ignored }: NewRequest,
  sha256: Sha256,
): Promise<{ body: KeptBody; masked: readonly string[] }> {
  if (head.digest.startsWith("json:")) {
    const { text, paths } = maskSecrets(withoutMembers(compactJson(body), new Set(ignored)));
    return { body: { form: "json", text: DECODER.decode(text) }, masked: paths };
  }
  const boundary = formBoundary(head.contentType);
  const parts = boundary === undefined ? undefined : await formParts(body, boundary);
  if (parts !== undefined) return fieldsOf(parts, { ignored: new Set(ignored), sha256 });
  // In a form of pairs credentials can't be told from the rest.
  const pairs = /^application\/x-www-form-urlencoded\b/i.test(head.contentType.trim());
  const text = pairs ? undefined : plainText(body);
  if (text !== undefined) return { body: { form: "text", text }, masked: [] };
  return { body: { form: "bytes", sha256: sha256(body), size: body.byteLength }, masked: [] };
}

function withoutMembers(text: Uint8Array, ignored: ReadonlySet<string>): Uint8Array {
  const members = membersOf(text);
  if (members === undefined || !members.some(({ name }) => ignored.has(name))) return text;
  const pieces: Uint8Array[] = [];
  for (const { name, named, value } of members) {
    if (ignored.has(name)) continue;
    pieces.push(pieces.length === 0 ? OPEN : COMMA, text.subarray(named.start, value.end));
  }
  pieces.push(pieces.length === 0 ? EMPTY : CLOSE);
  return concat(pieces);
}

function fieldsOf(
  parts: readonly Part[],
  { ignored, sha256 }: { ignored: ReadonlySet<string>; sha256: Sha256 },
): { body: KeptBody; masked: readonly string[] } {
  const masked: string[] = [];
  const fields: KeptField[] = [];
  for (const part of parts) {
    const { headers: sent, name, isFile, content } = part;
    if (ignored.has(name) && isLabel(part, content)) continue;
    const headers = sent.map((line) => {
      const field = line.slice(0, Math.max(0, line.indexOf(":")));
      if (!isSecretName(field)) return line;
      masked.push(`${name}.${field}`);
      return `${field}: ${MASKED}`;
    });
    const size = content.byteLength;
    const text = isFile ? undefined : plainText(content);
    if (!isFile && isSecretName(name)) {
      masked.push(name);
      // Not even its digest: a short secret could be guessed from it.
      fields.push({ headers, name, size: 0, sha256: "", text: MASKED });
    } else fields.push({ headers, name, size, sha256: sha256(content), text });
  }
  return { body: { form: "fields", fields }, masked };
}

/** Text that is no JSON and no list of values, in which credentials could not be told from the rest. */
function plainText(body: Uint8Array): string | undefined {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body);
  } catch {
    return undefined;
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they tell bytes from text
  if (/[\x00-\x08\x0e-\x1f]/.test(text) || /^[\s\ufeff]*[[{]/.test(text)) return undefined;
  return /^[^\s=&]+=[^\s]*$/.test(text) ? undefined : text;
}

function withoutBoundary(contentType: string): string {
  return contentType.replace(/\s*;\s*boundary=(?:"[^"]*"|[^\s;]*)/i, "");
}

const ENCODER = new TextEncoder();
const OPEN = ENCODER.encode("{");
const COMMA = ENCODER.encode(",");
const CLOSE = ENCODER.encode("}");
const EMPTY = ENCODER.encode("{}");
const DECODER = new TextDecoder("utf-8", { ignoreBOM: true });

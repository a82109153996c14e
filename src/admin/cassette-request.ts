/** A request as a member of a cassette's line, and back. */
import type { KeptBody, KeptField, KeptRequest, RequestHead } from "../requests/kept.ts";
import { embeddable, membersText, quoted } from "./cassette-body.ts";
import { compacted, isJson } from "./cassette-json.ts";
import { REDACTED, type Redactor } from "./cassette-redact.ts";
import type { RequestLine } from "./cassette-schema.ts";

/** Characters of a request that is written as JSON: twice an answer's, since most of it is text and quickly read. */
const JSON_LENGTH = 1024 * 1024;
const JSON_TYPE = "application/json";
const FORM_TYPE = "multipart/form-data";

/** The request of a line as JSON text. `credential` is the label of the pool that it lies in. */
export function requestText(
  { head, body }: KeptRequest,
  { redactor, credential }: { redactor: Redactor; credential: string | undefined },
): string {
  const written = head.method === "GET" || body === undefined ? undefined : bodyText(head, body, redactor);
  return `{${membersText([
    ["method", quoted(head.method)],
    ["provider", quoted(head.provider)],
    ["path", quoted(head.path)],
    ["query", head.query === "" ? undefined : quoted(head.query)],
    ["namespace", head.namespace === "" ? undefined : quoted(head.namespace)],
    ["sample", head.sample === 0 ? undefined : String(head.sample)],
    ["credential", credential === undefined ? undefined : quoted(credential)],
    ["headers", head.headers.length === 0 ? undefined : headersText(head.headers)],
    ["content_type", contentTypeText(head, written)],
    ...(written?.members ?? []),
  ])}}`;
}

interface Written {
  readonly members: readonly (readonly [string, string])[];
  /** The content type that goes without saying. */
  readonly type: string;
}

function bodyText(head: RequestHead, body: KeptBody, redactor: Redactor): Written {
  switch (body.form) {
    case "json":
    case "text": {
      const text = redactor.document(body.text);
      // White space may go where the key does not count it.
      const compact =
        head.digest.startsWith("json:") && text.length <= JSON_LENGTH && isJson(text)
          ? compacted(text)
          : undefined;
      const readable = compact?.startsWith("{") === true && embeddable(compact);
      return { type: JSON_TYPE, members: [readable ? ["json", compact] : ["text", quoted(text)]] };
    }
    case "fields":
      return {
        type: FORM_TYPE,
        members: [["fields", `[${body.fields.map((field) => fieldText(field, redactor)).join(",")}]`]],
      };
    case "bytes":
      return {
        type: "",
        members: [
          ["size", String(body.size)],
          ["sha256", quoted(body.sha256)],
        ],
      };
  }
}

function contentTypeText(head: RequestHead, written: Written | undefined): string | undefined {
  const plain = written?.type ?? "";
  let type = head.contentType;
  // Parameters of JSON and the boundary of a form are no part of the key.
  if (plain === FORM_TYPE && type.toLowerCase().startsWith(FORM_TYPE)) type = FORM_TYPE;
  if (head.digest.startsWith("json:") && type.split(";", 1)[0]?.trim().toLowerCase() === JSON_TYPE)
    type = JSON_TYPE;
  return type === plain ? undefined : quoted(type);
}

function headersText(lines: readonly string[]): string {
  return `{${membersText(
    lines.map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon), quoted(line.slice(colon + 1).trim())] as const;
    }),
  )}}`;
}

const plainHead = (name: string) => `content-disposition: form-data; name="${name}"`;

function fieldText({ name, headers, size, sha256, text }: KeptField, redactor: Redactor): string {
  const masked = redactor.active && redactor.names(name);
  const shown = masked ? REDACTED : text;
  const plain = headers.length === 1 && headers[0] === plainHead(name);
  return `{${membersText([
    ["name", quoted(name)],
    ["headers", plain ? undefined : `[${headers.map(quoted).join(",")}]`],
    ["text", shown === undefined ? undefined : quoted(shown)],
    ["size", shown === undefined ? String(size) : undefined],
    ["sha256", shown === undefined ? quoted(sha256) : undefined],
  ])}}`;
}

/** A request read back: what is remembered of it, and its body's bytes where they are at hand. */
export interface ReadRequest {
  readonly kept: KeptRequest;
  readonly bytes: Uint8Array | undefined;
}

/** `json` is the compact text of the member of that name. Its head has no digest: that is worked out elsewhere. */
export async function readRequest(
  line: RequestLine,
  options: { json: string | undefined; endpoint: string; model: string | undefined },
): Promise<ReadRequest> {
  const body = await keptBody(line, options.json);
  const plainType =
    line.method === "GET" || line.sha256 !== undefined ? "" : line.fields ? FORM_TYPE : JSON_TYPE;
  const said = line.json instanceof Object && "model" in line.json ? line.json.model : undefined;
  const head: RequestHead = {
    method: line.method,
    provider: line.provider,
    endpoint: options.endpoint,
    model: typeof said === "string" ? said : options.model,
    namespace: line.namespace,
    sample: line.sample,
    path: line.path,
    query: line.query,
    headers: Object.entries(line.headers)
      .map(([name, value]) => `${name.toLowerCase()}: ${value}`)
      .sort(),
    contentType: line.content_type ?? plainType,
    digest: "",
  };
  const text = body === undefined ? "" : "text" in body ? body.text : undefined;
  return {
    kept: { head, body, masked: [] },
    bytes: text === undefined ? undefined : new TextEncoder().encode(text),
  };
}

async function keptBody(line: RequestLine, json: string | undefined): Promise<KeptBody | undefined> {
  if (line.method === "GET") return undefined;
  if (line.sha256 !== undefined) return { form: "bytes", sha256: line.sha256, size: line.size ?? 0 };
  if (line.fields !== undefined) {
    const fields: KeptField[] = [];
    for (const field of line.fields) fields.push(await readField(field));
    return { form: "fields", fields };
  }
  const text = json ?? line.text ?? "";
  return { form: json !== undefined || (/^\s*\{/.test(text) && isJson(text)) ? "json" : "text", text };
}

async function readField(field: NonNullable<RequestLine["fields"]>[number]): Promise<KeptField> {
  const { name, text } = field;
  const headers = field.headers ?? [plainHead(name)];
  if (text === undefined) {
    return { name, headers, text, size: field.size ?? 0, sha256: field.sha256 ?? "" };
  }
  const bytes = new TextEncoder().encode(text);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return { name, headers, text, size: bytes.byteLength, sha256: digest.toHex() };
}
